"""Debian's PostgreSQL, started for the tests: a cluster in a temporary folder, on a socket of its
own, without TCP, as a user without rights where the tests run as root.

One server for each process that runs tests; each store is a schema of its database.
"""

import atexit
import functools
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

UNSAFE = ("fsync=off", "full_page_writes=off", "synchronous_commit=on")
QUICK = ("shared_buffers=64MB", "max_connections=80", "max_wal_size=256MB", "logging_collector=off")
_names = itertools.count()


def programs():
    """Folder of the newest programs of PostgreSQL; None where there are none."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    found = [folder for folder in folders if (folder / "initdb").is_file()]
    return max(found, key=lambda folder: float(folder.parent.name), default=None)


class PostgresServer:
    """A running server and its database `render`."""

    def __init__(self, *settings):
        self.bin = programs()
        self.settings = [*QUICK, *settings]  # the last one holds
        self.folder = Path(tempfile.mkdtemp(prefix="pg_", dir="/tmp"))
        self._as = _unprivileged()
        if self._as:
            shutil.chown(self.folder, self._as["user"])
        self.folder.chmod(0o755)
        self.data, self.log = self.folder / "data", self.folder / "log"
        self._run("initdb", "-D", self.data, "-U", "render", "-A", "trust", "-E", "UTF8",
                  "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip
        self.process = None
        self.start()
        self._run("createdb", "-h", self.folder, "-U", "render", "render")

    def start(self):
        """Start the server and wait until it answers."""
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}"]
        options += [part for setting in self.settings for part in ("-c", setting)]
        command = [self.bin / "postgres", "-D", self.data, *options]
        log = self.log.open("a")
        with log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, **self._as
            )
        for _ in range(600):
            try:
                psycopg.connect(host=str(self.folder), user="render", dbname="postgres").close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
        raise AssertionError(f"PostgreSQL does not answer: {self.log.read_text()}")

    def stop(self, how="fast"):
        """Stop the server: `fast` ends what runs, `immediate` is as if it crashed."""
        if self.process is not None and self.process.poll() is None:
            self._run("pg_ctl", "stop", "-D", self.data, "-m", how, "-w")
            self.process.wait(60)

    def end(self):
        """Stop it and remove its folder."""
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, schema=None, user="render"):
        """Address of a store of its own."""
        schema = schema or f"store{next(_names)}"
        host = str(self.folder).replace("/", "%2F")
        return f"postgresql://{user}@{host}/render?schema={schema}"

    def execute(self, sql, *parameters):
        """Rows of a statement that the administrator executes."""
        with psycopg.connect(
            host=str(self.folder), user="render", dbname="render", autocommit=True
        ) as connection:
            cursor = connection.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def _run(self, program, *arguments):
        command = [self.bin / program, *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **self._as)
        assert done.returncode == 0, done.stdout + done.stderr


def _unprivileged():
    """Options of a process that runs as somebody else than root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": name, "group": user.pw_gid, "extra_groups": []}
    return pytest.skip("PostgreSQL refuses root, and there is no other user")


def postgres_server():
    """The server of this process; skips where PostgreSQL is not installed."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return _shared()


@functools.cache
def _shared():
    server = PostgresServer(*UNSAFE)
    atexit.register(server.end)
    return server
