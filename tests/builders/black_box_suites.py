"""Test-suites of other packages, run as black boxes, each in an environment of its own.

The source archive comes from the package index, for it holds the tests. The environment holds what
that package needs, and either the published client or, through a file of paths, this one. A server
of ours is what the tests talk to; the client scripts are the ones of this package, without Java.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

import renderapi

_PUBLISHED = "render-python==2.4.2"
# there is no MongoDB here: the tests that want one need not wait half a minute each to learn it
_NO_MONGO = "import pymongo.common; pymongo.common.SERVER_SELECTION_TIMEOUT = 0.3\n"
_TESTS = ("pytest", "mock", "jinja2")
_SECONDS = 600
"""For an installation, and for the tests of a package."""


class CannotRun(Exception):
    """The suite cannot be run here; the text says why."""


class Suite(NamedTuple):
    """A package with tests, what it needs besides render-python, and packages like itself."""

    requirement: str
    needs: tuple[str, ...]
    also: tuple[str, ...] = ()


def _run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    """What a program did; CannotRun where it takes longer than `_SECONDS`."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_SECONDS,
            **options,  # type: ignore[call-overload]
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRun(f"not done within {_SECONDS} s: {' '.join(words[:5])} ...") from error


def fetched(requirement: str, folder: Path) -> Path:
    """Source archive of a package, unpacked; CannotRun where the index does not give it."""
    folder.mkdir(parents=True, exist_ok=True)
    done = _run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-binary", ":all:"),
        *("--no-deps", "--dest", folder, requirement),
    )
    archives = sorted(folder.glob("*.tar.gz"))
    if not archives:
        raise CannotRun(f"the index does not give the source of {requirement}: {last_line(done)}")
    unpacked = _run("tar", "xzf", archives[0], "-C", folder)
    found = [path.parent for path in folder.glob("*/integration_tests")]
    if unpacked.returncode or not found:
        raise CannotRun(f"the source of {requirement} holds no tests: {last_line(unpacked)}")
    return found[0]


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of what a program printed."""
    return (done.stdout.strip().splitlines() or ["it said nothing"])[-1]


def environment(suite: Suite, sources: list[Path], folder: Path, published: bool) -> Path:
    """Interpreter of a new environment: what the suite needs, its package, and a `renderapi`."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    client = (_PUBLISHED,) if published else ()
    for arguments in ((*suite.needs, *_TESTS, *client), ("--no-deps", *sources)):
        done = _run(python, "-m", "pip", "install", "--quiet", *arguments)
        if done.returncode:
            raise CannotRun(f"what {suite.requirement} needs is not there: {last_line(done)}")
    found = _run(python, "-c", "import site; print(site.getsitepackages()[0])").stdout.strip()
    (Path(found) / "no_mongo.pth").write_text(_NO_MONGO)
    if not published:  # behind what was installed: the versions that the suite asks for win
        here = (Path(renderapi.__file__).parents[1], Path(sysconfig.get_path("purelib")))
        (Path(found) / "this_renderapi.pth").write_text("".join(f"{path}\n" for path in here))
    return python


class Outcome(NamedTuple):
    """Tests that pass, those that do not and why, in a line each, and the end of the output."""

    passed: set[str]
    others: list[str]
    report: str


def outcome(python: Path, source: Path, port: int, output: Path) -> Outcome:
    """What the tests of an unpacked source do."""
    from renderapi.client import scripts

    settings = {
        "RENDER_HOST": "127.0.0.1",
        "RENDER_PORT": str(port),
        "RENDER_CLIENT_SCRIPTS": str(scripts.directory()),
        "RENDERAPI_PYTHON": sys.executable,
        "BIGFETA_OUTPUT_DIR": str(output),
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "no_proxy": "127.0.0.1",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("RENDER", "PYTHON"))}
    done = _run(
        *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull),
        *("--rootdir", source, "-rpfEs", "integration_tests"),
        cwd=source,
        env=inherited | settings,
    )
    passed = re.findall(r"^PASSED (\S.*)$", done.stdout, re.MULTILINE)
    others = re.findall(r"^(?:FAILED|ERROR|SKIPPED) .*$", done.stdout, re.MULTILINE)
    return Outcome(set(passed), others, done.stdout[-4000:])
