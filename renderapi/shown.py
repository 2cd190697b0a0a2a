"""How objects show themselves: a line at a prompt, a table and a picture in a notebook.

Notebooks ask objects for `_repr_html_` and `_repr_png_` (IPython's rich display); nothing of a
notebook is imported here.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THUMBNAIL = 192
"""Longer side of the picture beside a tile, pixels."""
_LONG = 100
"""Characters of a value that are shown."""


class Picture:
    """An image that a notebook displays, and that numpy takes as an array.

    Attributes
    ----------
    pixels : array
        (height, width) or (height, width, 3 or 4), uint8 or uint16.
    title : str
        What it shows.
    """

    def __init__(self, pixels: NDArray[Any], title: str = "") -> None:
        self.pixels = pixels
        self.title = title

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        import numpy as np

        return np.array(self.pixels, dtype=dtype, copy=bool(copy) or dtype is not None)

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"<Picture {self.title}{', ' if self.title else ''}{width} x {height}>"

    def _repr_png_(self) -> bytes:
        return png_of(self.pixels)

    def save(self, path: Any) -> None:
        """Write it to a file; the ending of the name says which format."""
        from PIL import Image

        from renderapi.files import atomic_path

        with atomic_path(path) as unfinished:
            Image.fromarray(self.pixels).save(unfinished)


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """Bytes of a PNG file of an image."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def line(kind: str, first: object = None, **values: object) -> str:
    """`<kind first, name value, ...>` of the values that are not None."""
    said = [f"{name} {value}" for name, value in values.items() if value is not None]
    parts = [str(first), *said] if first is not None else said
    return f"<{kind} {', '.join(parts)}>" if parts else f"<{kind}>"


def table(title: str, rows: Mapping[str, object]) -> str:
    """HTML table of names and values that are not None; all text is escaped."""
    lines = "".join(
        f"<tr><th style='text-align:left'>{escape(str(name))}</th>"
        f"<td style='text-align:left'>{_value(value)}</td></tr>"
        for name, value in rows.items()
        if value is not None
    )
    return f"<table><caption>{escape(title)}</caption>{lines}</table>"


def _value(value: object) -> str:
    if isinstance(value, Html):
        return value
    text = str(value)
    return escape(text if len(text) <= _LONG else f"{text[:_LONG]} ...")


class Html(str):
    """Text that is HTML already."""


def grid(rows: Any) -> Html:
    """Cells of rows of texts or numbers."""
    cells = (
        "".join(f"<td>{f'{v:.6g}' if isinstance(v, float) else escape(str(v))}</td>" for v in row)
        for row in rows
    )
    return Html("<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>")


def image_tag(pixels: NDArray[np.uint8], title: str) -> Html:
    """An image inside the page."""
    data = b64encode(png_of(pixels)).decode()
    return Html(f"<img alt='{escape(title)}' src='data:image/png;base64,{data}'>")


def thumbnail(tile: Any) -> Html:
    """Picture of a tile as it is placed, or why there is none."""
    from renderapi.bounds import tile_box
    from renderapi.errors import RenderError
    from renderapi.rendering import render_tilespec

    try:
        left, top, right, bottom = tile_box(tile.to_dict())
        scale = min(1.0, THUMBNAIL / max(right - left, bottom - top, 1.0))
        return image_tag(render_tilespec(tile, scale=scale), str(tile.tileId))
    except (RenderError, OSError, ValueError, KeyError, TypeError) as error:
        return Html(escape(f"no picture: {error}"))
