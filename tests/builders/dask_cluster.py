"""A Dask scheduler and workers from the command line, in a folder that is not the client's."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

DEATHS = 1  # of workers that an item is tried on before it is given up


class DaskCluster:
    """`dask scheduler` and two times `dask worker`, on free ports; their streams go to `folder`.

    No RENDER_TOKEN is in their environment.
    """

    def __init__(self, folder, memory_limit="900MB", threads=(1, 2), deaths=DEATHS):
        self.folder = folder
        self.memory_limit = memory_limit
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("RENDER_")}
        self.environment["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = str(deaths - 1)
        self.environment["PYTHONPATH"] = str(Path(__file__).parent)
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "scheduler.json"
        words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.scheduler = self._start("scheduler", *words, "--scheduler-file", str(self.file))
        self._wait(self.file.exists)
        self.address = json.loads(self.file.read_text())["address"]
        self.workers = [self.add_worker(f"worker{k}", n) for k, n in enumerate(threads)]
        self.wait_for_workers(len(threads))

    def _start(self, verb, *words, name=None, env=None):
        with (self.folder / f"{name or verb}.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", verb, *words],
                cwd=self.folder,
                env=self.environment | (env or {}),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait(self, ready, seconds=60):
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, self.logs()
            assert self.scheduler.poll() is None, self.logs()
            time.sleep(0.05)

    def add_worker(self, name, threads=1, env=None):
        """Start a worker with its nanny."""
        words = ["--host", "127.0.0.1", "--nthreads", str(threads), "--no-dashboard"]
        words += ["--memory-limit", self.memory_limit, "--local-directory", str(self.folder)]
        return self._start("worker", self.address, "--name", name, *words, name=name, env=env)

    def wait_for_workers(self, number):
        """Wait until there are so many."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            self._wait(lambda: len(client.nthreads()) == number)

    def task_prefixes(self):
        """What the dashboard has called the tasks that there were, and how many there are now."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            names, left = client.run_on_scheduler(_prefixes)
        return names, left

    def logs(self):
        """All that the processes have written."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    @staticmethod
    def kill(process, how=signal.SIGKILL):
        """End a process with its children: a worker with its nanny."""
        if process.poll() is None:
            os.killpg(process.pid, how)
        process.wait(60)

    def end(self):
        """End all processes."""
        for process in [*self.workers, self.scheduler]:
            self.kill(process)


def _prefixes(dask_scheduler):
    return sorted(dask_scheduler.task_prefixes), len(dask_scheduler.tasks)
