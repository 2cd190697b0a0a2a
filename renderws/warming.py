"""Loading, before anybody asks, of what the first picture of a process would wait for.

Half a second of processor time goes by until numba, the kernels and the readers of images are
there. A thread of its own fetches them while the service starts, by drawing a picture of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_LOG = logging.getLogger("renderws")
_SIDE = 32


def warm_up_aside(then: Callable[[], None]) -> threading.Thread:
    """Load it in a thread that keeps nothing from ending, and do something once it is there."""
    thread = threading.Thread(target=_tried, args=(then,), name="renderws-warming", daemon=True)
    thread.start()
    return thread


def _tried(then: Callable[[], None]) -> None:
    try:
        warm_up()
    except Exception as error:  # pictures are drawn without it, only the first one later
        _LOG.warning("drawing was not made ready ahead: %s", error)
    then()


def warm_up() -> None:
    """Draw a small picture in all the ways that pages ask for: grey, scaled, as JPEG and PNG."""
    from renderapi.rendering import encode, render_canvas
    from renderapi.rendering.sources import SourceCache

    with TemporaryDirectory(prefix="renderws_") as folder:
        document = _picture(Path(folder))
        canvas = render_canvas(document, sources=SourceCache(max_bytes=1 << 20), threads=2)
    for kind in ("jpeg", "png"):
        encode(canvas, kind)


def _picture(folder: Path) -> dict[str, Any]:
    """Render parameters of two tiles that overlap, with a mipmap level."""
    import numpy as np
    import tifffile

    levels = {}
    for level in range(2):
        file = folder / f"{level}.tif"
        tifffile.imwrite(file, np.full((_SIDE >> level, _SIDE >> level), 128, np.uint8))
        levels[str(level)] = {"imageUrl": file.as_uri()}
    tiles = [_tile(f"{n}", n * _SIDE / 2, levels) for n in range(2)]
    return {"x": 0, "y": 0, "width": _SIDE, "height": _SIDE, "scale": 0.5, "tileSpecs": tiles}


def _tile(name: str, x: float, levels: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from renderapi.transform.specs import affine_spec

    matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, 0.25]])
    return {
        "tileId": name,
        "width": _SIDE,
        "height": _SIDE,
        "minIntensity": 0,
        "maxIntensity": 255,
        "mipmapLevels": levels,
        "transforms": {"type": "list", "specList": [affine_spec(matrix)]},
    }
