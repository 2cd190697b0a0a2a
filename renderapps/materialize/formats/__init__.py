"""The formats of volumes, one to a file: every `FORMAT` of the modules in this package."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from renderapps.materialize.volume_format import VolumeFormat
from renderapps.module.errors import RenderModuleException


@cache
def formats() -> dict[str, VolumeFormat]:
    """Every format by its name, in the order of the names."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
    )
    found = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {known.name: known for known in sorted(found, key=lambda known: known.name)}


def format_of(target: str, name: str | None = None) -> VolumeFormat:
    """Format by its name, else by the end of the target's name; OME-Zarr 0.5 where that is unknown.

    RenderModuleException for a name that is none.
    """
    known = formats()
    if name is not None:
        if name not in known:
            raise RenderModuleException(f"no format {name}; there are {', '.join(known)}")
        return known[name]
    lower = target.lower().rstrip("/")
    fitting = [
        (len(suffix), one.name)
        for one in known.values()
        for suffix in one.suffixes
        if lower.endswith(suffix)
    ]
    return known[max(fitting)[1] if fitting else "omezarr"]
