"""`renderapps doctor`: is everything here that the suite needs, and does it work."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renderapps.commands import installation
from renderapps.commands.places import add_store_option, chosen_store, is_database

GIGABYTE = 1 << 30
OK, NOTE, FAIL = "ok", "note", "fail"
CODECS = ("jpeg8", "png", "lzw", "deflate", "zstd", "blosc", "lerc", "jpeg2k")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and with a failure what to do."""

    what: str
    state: str
    text: str
    mend: str = ""


def add_doctor(verbs: Any) -> None:
    """Add the verb `doctor`."""
    parser = verbs.add_parser("doctor", help="is everything here that the suite needs")
    add_store_option(parser)
    parser.add_argument("--host", help="render web service (default: RENDER_HOST, else local)")
    parser.add_argument("--port", type=int, help="its port (default: RENDER_PORT)")
    parser.set_defaults(run=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Print what was found; 1 when something has to be mended."""
    found = list(examine(chosen_store(options), options.host, options.port))
    _print(found)
    return 1 if any(finding.state == FAIL for finding in found) else 0


def examine(store: Path | str | None, host: str | None, port: int | None) -> Iterator[Finding]:
    """Look at everything, one finding after the other."""
    package = check_package()
    yield package
    yield check_python()
    yield from check_dependencies()
    store = store or "render.db"
    yield from check_machine(Path("." if is_database(store) else store))
    yield guarded("codecs", check_codecs)
    yield guarded("client scripts", check_client_scripts)
    if package.state == FAIL:
        return  # what follows would test somebody else's package
    yield guarded("store", lambda: check_store(store))
    host = host or os.environ.get("RENDER_HOST") or "local"
    yield guarded("service", lambda: check_service(host, port, store))


def guarded(what: str, check: Callable[[], Finding]) -> Finding:
    """A check whose exception is a finding."""
    try:
        return check()
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        return Finding(what, FAIL, text)


def check_package() -> Finding:
    """Our `renderapi` is the one that Python finds."""
    wrong, rivals = installation.displaced(), installation.rivals()
    if wrong:
        return Finding("renderapi", FAIL, wrong, installation.mend(rivals))
    if rivals:
        text = f"in place, but {', '.join(rivals)} is installed too and provides it as well"
        return Finding("renderapi", NOTE, text, installation.mend(rivals))
    return Finding("renderapi", OK, _version(installation.DISTRIBUTION) or "source tree")


def check_python() -> Finding:
    """Python is of a version that is tested."""
    text = f"{platform.python_version()} on {platform.platform()}"
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("python", OK, text)
    return Finding("python", FAIL, text, "use Python 3.11, 3.12 or 3.13")


def check_dependencies() -> Iterator[Finding]:
    """What the distribution requires is installed; on one line where it is."""
    try:
        required = importlib.metadata.requires(installation.DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        mend = "pip install -e . in the source tree"
        yield Finding("packages", NOTE, f"{installation.DISTRIBUTION} is not installed", mend)
        return
    names = [_name(line) for line in required if "extra ==" not in line]
    missing = [name for name in names if _version(name) is None]
    if missing:
        yield Finding("packages", FAIL, f"missing: {', '.join(missing)}", "pip install them")
    present = [f"{name} {_version(name)}" for name in names if name not in missing]
    yield Finding("packages", OK, ", ".join(present))


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match.group() if match else requirement


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_machine(store: Path) -> Iterator[Finding]:
    """Processors, memory and disk."""
    yield Finding("processors", OK, str(os.cpu_count()))
    memory = memory_bytes()
    if memory is not None:
        low = memory < 4 * GIGABYTE
        yield Finding("memory", NOTE if low else OK, f"{memory / GIGABYTE:.1f} GB")
    for what, folder in (("store", store.resolve().parent), ("temporary", tempfile.gettempdir())):
        if os.path.isdir(folder):
            free = shutil.disk_usage(folder).free
            state = NOTE if free < GIGABYTE else OK
            yield Finding(f"disk ({what})", state, f"{free / GIGABYTE:.1f} GB free in {folder}")


def memory_bytes() -> int | None:
    """Physical memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def check_codecs() -> Finding:
    """The codecs of images and volumes are in this build, and the detector of features is."""
    imagecodecs: Any = importlib.import_module("imagecodecs")
    missing = [name for name in CODECS if not getattr(imagecodecs, name.upper()).available]
    cv2: Any = importlib.import_module("cv2")
    if not hasattr(cv2, "SIFT_create"):
        missing.append("SIFT of OpenCV")
    if missing:
        mend = "pip install --force-reinstall imagecodecs opencv-python-headless"
        return Finding("codecs", FAIL, f"missing: {', '.join(missing)}", mend)
    return Finding("codecs", OK, ", ".join([*CODECS, "SIFT"]))


def check_client_scripts() -> Finding:
    """Where RENDER_CLIENT_SCRIPTS may point to, so that shell scripts run the clients in Python."""
    from renderapi.client import scripts

    script = scripts.directory() / scripts.SCRIPT
    if not script.is_file():
        mend = "install the package again"
        return Finding("client scripts", FAIL, f"{script} is missing", mend)
    return Finding("client scripts", OK, str(scripts.directory()))


def check_store(place: Path | str) -> Finding:
    """The store opens, or can be made where it is wanted."""
    from renderws.store.opening import open_store
    from renderws.store.sqlite import SqliteStore

    if is_database(place):
        with closing(open_store(place, create=False)) as store:
            info, owners = store.info(), store.owners()
        state = OK if info["durability"] == "full" else NOTE
        text = f"{place} opens; owners: {len(owners)}; durability: {info['durability']}"
        return Finding("store", state, text)
    path = Path(place)
    if path.exists():
        with closing(SqliteStore(path, create=False)) as store:
            owners = store.owners()
        return Finding("store", OK, f"{path.resolve()} opens; owners: {len(owners)}")
    with tempfile.TemporaryDirectory(dir=path.resolve().parent) as folder:
        SqliteStore(Path(folder) / "render.db").close()
    return Finding("store", OK, f"{path.resolve()} does not exist yet and can be made")


def check_service(host: str, port: int | None, store: Path | str) -> Finding:
    """The render web service answers; the embedded one also without a store."""
    if host != "local":
        port = port or int(os.environ.get("RENDER_PORT") or 8080)
        owners = _owners(host=host, port=port)
        return Finding("service", OK, f"{host}:{port} answers; owners: {owners}")
    if is_database(store) or os.path.exists(store):
        return Finding("service", OK, f"embedded, answers; owners: {_owners(store=store)}")
    with tempfile.TemporaryDirectory() as folder:
        _owners(store=os.path.join(folder, "render.db"))
    return Finding("service", OK, "embedded, answers")


def _owners(host: str = "local", **where: Any) -> int:
    import renderapi

    render = renderapi.connect(host=host, owner="doctor", project="doctor", web_only=True, **where)
    return len(renderapi.render.get_owners(render=render))


def _print(found: list[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    style = {OK: "green", NOTE: "yellow", FAIL: "bold red"}
    for finding in found:
        mend = f"\n-> {finding.mend}" if finding.mend else ""
        state = f"[{style[finding.state]}]{finding.state}[/]"
        table.add_row(state, finding.what, escape(finding.text + mend))
    Console(highlight=False).print(table)
