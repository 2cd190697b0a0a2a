"""Whether the `renderapi` that Python finds is the one of this distribution.

The distribution provides a package that another one, the published client `render-python`, provides
too. Installed beside each other, the later one overwrites files of the earlier, or hides it.
Nothing of `renderapi` is imported here: it may not be ours.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path

import renderapps

DISTRIBUTION = "render-python-apps"
OURS = ("renderapi/__init__.py", "renderapi/urls.py", "renderapi/errors.py", "renderapi/session.py")


def displaced() -> str | None:
    """What has taken the place of our `renderapi`, on one line; None when it is in place."""
    spec = importlib.util.find_spec("renderapi")
    if spec is None or spec.origin is None:
        return "there is no renderapi package"
    root = Path(renderapps.__file__).resolve().parents[1]
    found = Path(spec.origin).resolve()
    if found != root / "renderapi" / "__init__.py":
        return f"renderapi is read from {found.parent}, not from {root / 'renderapi'}"
    return overwritten(root, recorded_hashes())


def overwritten(root: Path, hashes: dict[str, str]) -> str | None:
    """What is wrong with the files of `renderapi` below `root`, by the installer's hashes."""
    for name in OURS:
        path = root / name
        if not path.is_file():
            return f"{path} is missing"
        if name in hashes and hashes[name] != file_hash(path):
            return f"{path} has been overwritten by another package"
    return None


def recorded_hashes() -> dict[str, str]:
    """Hashes of our files as the installer recorded them; empty for an editable installation."""
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {str(f): f.hash.value for f in files if f.hash is not None and f.hash.mode == "sha256"}


def file_hash(path: Path) -> str:
    """SHA-256 of a file as installers write it."""
    digest = hashlib.sha256(path.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def rivals() -> list[str]:
    """Other distributions that are installed and provide a `renderapi` too."""
    provided = importlib.metadata.packages_distributions().get("renderapi", [])
    return sorted(set(provided) - {DISTRIBUTION})


def mend(rivals: list[str]) -> str:
    """Commands that put our `renderapi` in its place again."""
    remove = " ".join(rivals) or "render-python"
    return (
        f"pip uninstall {remove}, then pip install --force-reinstall --no-deps {DISTRIBUTION} "
        "(from a source tree: pip install --force-reinstall --no-deps -e .)"
    )
