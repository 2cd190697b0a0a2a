"""Pictures of a report: thumbnails, maps of residuals, cuts along z and pairs of tiles."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import renderapi
from renderapps.alignment.drawn_sections import DrawnSections, correlation_of
from renderapps.alignment.placed_outlines import Outlines
from renderapps.materialize.section_pictures import Window, section_document, section_tiles

Json = dict[str, Any]
Grey = NDArray[np.uint8]
PAIR_SIDE = 256
"""Longer side of the picture of a tile of a pair, pixels."""
MOST_ROWS = 4000
"""Rows of a cut along z."""
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Drawn:
    """A section drawn small.

    Attributes
    ----------
    jpeg : bytes
        Of the picture, its grey levels stretched.
    row, column : (N,) uint8
        Of the grey levels through the middle of the window.
    """

    jpeg: bytes
    row: Grey
    column: Grey


def drawn(
    render: renderapi.Render, stack: str, window: Window, channel: str | None, z: float
) -> Drawn:
    """A section drawn on a window (see `Drawn`)."""
    grey, _ = DrawnSections(render, stack, window, channel).get(z)
    plain = np.clip(np.ceil(grey), 0, 255).astype(np.uint8)  # what shows anything is not black
    rows, columns = plain.shape
    return Drawn(
        encoded(stretched(grey, plain > 0), ".jpg"), plain[rows // 2], plain[:, columns // 2]
    )


def stretched(levels: NDArray[Any], shown: NDArray[np.bool_]) -> Grey:
    """Grey levels from their 0.5 to their 99.5 per cent as 1 to 255; 0 where nothing is shown."""
    if not shown.any():
        return np.zeros(levels.shape, np.uint8)
    low, high = np.percentile(levels[shown], (0.5, 99.5))
    scaled = 1 + 254 * (levels - low) / max(high - low, 1e-9)
    return np.where(shown, np.clip(scaled, 1, 255), 0).astype(np.uint8)


def encoded(picture: NDArray[np.uint8], kind: str) -> bytes:
    """A file of a picture; colours are red, green, blue."""
    import cv2

    if picture.ndim == 3:
        picture = picture[..., ::-1]
    options = [cv2.IMWRITE_JPEG_QUALITY, 80] if kind == ".jpg" else []
    return bytes(cv2.imencode(kind, picture, options)[1])


def data_uri(picture: bytes) -> str:
    """A picture as an address that holds it."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def likeness(one: bytes, two: bytes) -> float | None:
    """Correlation of two thumbnails where both show something; None where that is nowhere."""
    import cv2

    pair = []
    for jpeg in (one, two):
        grey = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE))
        shown = np.asarray(grey > 0, np.uint8)  # an edge is left out: JPEG rings there
        inner = np.asarray(cv2.erode(shown, np.ones((9, 9), np.uint8)))
        pair.append((np.asarray(grey, np.float32), inner > 0))
    if pair[0][0].shape != pair[1][0].shape:
        return None
    value = correlation_of(pair[0], pair[1])
    return round(value, 4) if np.isfinite(value) else None


def residual_map(
    window: Window, outlines: Outlines, residuals: Mapping[str, float], entry: Json, top: float
) -> bytes:
    """Tiles coloured by their residual, from dark at 0 to bright at `top`; grey without matches.

    Seams are red circles, gaps red lines between the centres of their tiles.
    """
    import cv2

    size = window.size
    canvas = np.full((size[1], size[0], 3), 20, np.uint8)
    levels = np.clip(
        [255 * residuals.get(t, 0.0) / max(top, 1e-9) for t in outlines.polygons], 0, 255
    )
    colours = cv2.applyColorMap(np.array(levels, np.uint8).reshape(-1, 1), cv2.COLORMAP_VIRIDIS)
    rings = {
        tile: _pixels(window, np.array(outline.exterior.coords))
        if hasattr(outline, "exterior")
        else _pixels(window, corners)
        for (tile, outline), corners in zip(
            outlines.polygons.items(), outlines.corners, strict=True
        )
    }
    for (tile, ring), colour in zip(rings.items(), colours[:, 0, ::-1].tolist(), strict=True):
        cv2.fillPoly(canvas, [ring], colour if tile in residuals else (110, 110, 110))
    for ring in rings.values():
        cv2.polylines(canvas, [ring], True, WHITE, 1, cv2.LINE_AA)
    for one, two in entry.get("gaps") or ():
        ends = [tuple(int(v) for v in rings[tile].mean(axis=0)) for tile in (one, two)]
        cv2.line(canvas, ends[0], ends[1], (255, 60, 60), 2, cv2.LINE_AA)
    for seam in entry.get("seams") or ():
        place = _pixels(window, np.array([seam["centroid"]]))[0]
        cv2.circle(canvas, tuple(place.tolist()), 9, (255, 60, 60), 2, cv2.LINE_AA)
    return encoded(canvas, ".png")


def _pixels(window: Window, points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.asarray(np.round((points - (window.x, window.y)) * window.scale), np.int32)


def cut(zs: Sequence[float], lines: Sequence[Grey | None], rows_each: float) -> bytes:
    """A cut along z, downwards: the same line of each section; black where there is none.

    Parameters
    ----------
    rows_each : float
        Rows of the picture for the smallest distance of sections.
    """
    gaps = np.diff(zs)
    step = float(gaps.min()) if len(gaps) else 1.0
    places = np.round((np.array(zs) - zs[0]) / step).astype(int)
    if places[-1] >= MOST_ROWS:
        places = np.arange(len(zs)) * min(1.0, MOST_ROWS / len(zs))
        places = places.astype(int)
    width = max(len(line) for line in lines if line is not None)
    picture = np.zeros((places[-1] + 1, width), np.uint8)
    for place, line in zip(places, lines, strict=True):
        if line is not None:
            picture[place, : len(line)] = line
    each = int(np.clip(round(rows_each), 1, max(1, MOST_ROWS // len(picture))))
    picture = stretched(picture.astype(float), picture > 0)
    return encoded(np.repeat(picture, each, axis=0), ".png")


def pair_picture(
    render: renderapi.Render, stack: str, channel: str | None, pair: Json
) -> tuple[bytes, float]:
    """Both tiles of a pair where their matches are, then p in red over q in green; and the scale.

    The middles of the matches are in the centre.
    """
    side = max(200, int(np.ceil(4 * pair["residual"])))
    scale = min(1.0, PAIR_SIDE / side)
    x, y = (float(np.floor(v - side / 2)) for v in pair["place"])
    window = Window(x, y, side, side, scale)
    p, q = (
        _tile(render, stack, channel, pair[z], pair[name], window)
        for z, name in (("z_p", "pId"), ("z_q", "qId"))
    )
    both = np.stack([p, q, np.zeros_like(p)], axis=-1)
    grey = [np.repeat(one[..., None], 3, axis=2) for one in (p, q)]
    bar = np.full((p.shape[0], 4, 3), 255, np.uint8)
    return encoded(np.concatenate([grey[0], bar, grey[1], bar, both], axis=1), ".jpg"), scale


def _tile(
    render: renderapi.Render, stack: str, channel: str | None, z: float, tile: str, window: Window
) -> Grey:
    """A tile alone in a window."""
    from renderapi.rendering import render_canvas
    from renderapi.rendering.output import to_gray

    tiles = [t for t in section_tiles(render, stack, z) if t["tileId"] == tile]
    query = {"channels": channel, "convertToGray": True}
    document = section_document(render, stack, tiles, window, query)
    levels, alpha = to_gray(render_canvas({**document, "convertToGray": True}))
    if levels.ndim == 3:
        levels = levels.mean(axis=2)
    shown = levels > 0 if alpha is None else alpha > 0
    return stretched(np.asarray(levels, float), shown)
