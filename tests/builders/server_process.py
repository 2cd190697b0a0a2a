"""`renderapps serve` as a process of its own."""

import os
import re
import resource
import signal
import subprocess
import sys


class ServerProcess:
    """A service on a free port and on a store below `folder`, or at the address of a database; the
    folder also gets its error stream. Drawing is loaded when it is needed, unless `warm_up`."""

    def __init__(
        self,
        folder,
        *options,
        store="render.db",
        image_roots=None,
        env=None,
        warm_up=False,
        **popen,
    ):
        self.folder = folder
        command = [sys.executable, "-m", "renderapps", "serve", "--port", "0"]
        command += [] if warm_up else ["--no-warm-up"]
        command += ["--store", store if "://" in store else str(folder / store)]
        for root in [folder] if image_roots is None else image_roots:
            command += ["--image-root", str(root)]
        environment = {**os.environ, **(env or {})}
        if env is None or "RENDER_TOKEN" not in env:
            environment.pop("RENDER_TOKEN", None)
        with (folder / "stderr.txt").open("a") as errors:
            self.process = subprocess.Popen(
                [*command, *options],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                **popen,
            )
        self.lines = [self.process.stdout.readline()]
        found = re.search(r"http://127\.0\.0\.1:\d+", self.lines[0])
        assert found, self.errors
        self.base = found[0]
        self.port = int(self.base.rpartition(":")[2])

    @property
    def errors(self):
        return (self.folder / "stderr.txt").read_text()

    def end(self, how=signal.SIGTERM):
        """Send a signal and wait; gives the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(60)
        self.process.stdout.close()
        return status


def limited_memory(size=4 << 30):
    """Options of a `ServerProcess` that limit its address space, in bytes."""
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))}
