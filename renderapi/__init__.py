"""Client, data model and engines of the render suite.

A connection comes from `connect`; the modules are named for what their functions deal with:
`stack`, `tilespec`, `resolvedtiles`, `pointmatch`, `image`, `coordinate`, `transform`, `client`
(bulk operations). Each is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from renderapi._version import __version__ as __version__

if TYPE_CHECKING:
    from renderapi import channel as channel
    from renderapi import (
        client,
        coordinate,
        errors,
        image,
        pointmatch,
        render,
        resolvedtiles,
        stack,
        tilespec,
        transform,
    )
    from renderapi import external as external
    from renderapi import image_pyramid as image_pyramid
    from renderapi import layout as layout
    from renderapi import utils as utils
    from renderapi.render import Render, connect

__all__ = [
    "Render",
    "client",
    "connect",
    "coordinate",
    "errors",
    "image",
    "pointmatch",
    "render",
    "resolvedtiles",
    "stack",
    "tilespec",
    "transform",
]

_MODULES = {"channel", "external", "image_pyramid", "layout", "utils", *__all__} - {
    "Render",
    "connect",
}


def __getattr__(name: str) -> Any:
    """A module of this package, or one of the two names that stand for a connection."""
    if name in _MODULES:
        return importlib.import_module(f"renderapi.{name}")
    if name in __all__:
        return getattr(importlib.import_module("renderapi.render"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
