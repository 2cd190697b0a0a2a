"""Whether the machines of a Dask cluster have the software of this one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from renderapps.module.errors import RenderModuleException

OWN = "render-python-apps"
PACKAGES = (
    OWN,
    "numba",
    "scipy",
    "opencv-python-headless",
    "imagecodecs",
    "tifffile",
    "tensorstore",
)
Versions = Mapping[str, Any]


def check_versions(found: Versions) -> str | None:
    """One line that says what differs, None where nothing does.

    Parameters
    ----------
    found : mapping
        What `distributed.Client.get_versions(packages=PACKAGES)` gives.

    Raises
    ------
    RenderModuleException
        This software is not on all workers and the scheduler, or is another version there: their
        results would be those of other code.
    """
    here = _packages(found["client"])
    elsewhere = {f"worker {a}": _packages(v) for a, v in found["workers"].items()}
    elsewhere["the scheduler"] = _packages(found["scheduler"])
    if here.get(OWN) is not None:
        _require_own(here[OWN], {place: known.get(OWN) for place, known in elsewhere.items()})
    parts = []
    for name, version in here.items():
        others = {
            place: known.get(name)
            for place, known in elsewhere.items()
            if known and known.get(name) != version
        }
        if others and name != OWN:
            parts.append(f"{name} {version or 'none'} here, {_told(others, len(elsewhere))}")
    return "; ".join(parts) or None


def _packages(one: Versions | None) -> dict[str, str | None]:
    """Versions by package; of Python the two numbers that decide."""
    known = dict((one or {}).get("packages") or {})
    if known.get("python"):
        known["python"] = ".".join(str(known["python"]).strip("()").split(".")[:2])
    return known


def _require_own(here: str | None, elsewhere: Mapping[str, str | None]) -> None:
    others = {place: version for place, version in elsewhere.items() if version != here}
    if others:
        raise RenderModuleException(
            f"{OWN} {here} here, {_told(others, len(elsewhere))}: install the same version on "
            "the scheduler and all workers"
        )


def _told(others: Mapping[str, str | None], total: int) -> str:
    """Versions of others, with a place for each: the first of them, and how many more."""
    places: dict[str | None, list[str]] = defaultdict(list)
    for place, version in others.items():
        places[version].append(place)
    return ", ".join(
        f"{version or 'none'} on {names[0]}" + (f" and {len(names) - 1} more" if names[1:] else "")
        for version, names in places.items()
    )
