"""Matches drawn as arrows from the world place of one end to that of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.files import atomic_path

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

PLAIN, LENGTH = "magenta", "length"
COLOURS = (PLAIN, LENGTH)
COLOURS_OF_LENGTH = "cool"  # cyan to magenta, which sections in red and green lack
BRIGHTNESS = 0.75  # of the picture, so that arrows stand out
LONGER_SIDE = 10.0  # inches
DPI = 100


@dataclass(frozen=True)
class PlotSettings:
    """How arrows are drawn.

    Attributes
    ----------
    colour : str
        magenta, or length: by the distance of the two ends.
    arrow_scale : float
        Arrows are this times as long as the distance of the two ends.
    most : int, optional
        Most arrows; of more some are drawn by lot, the same each time.
    """

    colour: str = PLAIN
    arrow_scale: float = 1.0
    most: int | None = None


def draw_matches(
    path: Path,
    p: Floats,
    q: Floats,
    box: Box,
    title: str,
    settings: PlotSettings,
    picture: NDArray[np.uint8] | None = None,
    outlines: Sequence[Floats] = (),
) -> None:
    """Write a PNG of matches: a dot at p, an arrow to q.

    Parameters
    ----------
    p, q : (N, 2) arrays, world pixels
    box : (min x, min y, max x, max y), world pixels
        What is shown; its longer side is 10 inches.
    title : str
    settings : PlotSettings
    picture : (H, W, 3) uint8, optional
        What lies in the box, drawn beneath.
    outlines : sequence of (N, 2) arrays, world pixels
        Borders of tiles, drawn as thin lines.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    left, top, right, bottom = box
    width, height = max(right - left, 1e-9), max(bottom - top, 1e-9)
    inches = LONGER_SIDE / max(width, height)
    size = (max(width * inches, 3.0) + 1.2, max(height * inches, 2.0) + 1.2)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    if picture is not None:
        dimmed = np.round(picture * BRIGHTNESS).astype(np.uint8)
        axes.imshow(dimmed, extent=(left, right, bottom, top), interpolation="antialiased")
    closed = [np.concatenate([ring, ring[:1]]) for ring in outlines]
    axes.add_collection(LineCollection(closed, colors="tab:orange", linewidths=0.7, alpha=0.8))
    shown = chosen(len(p), settings.most)
    _draw_arrows(figure, axes, p[shown], q[shown], settings)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    axes.set_xlabel("x (pixels)")
    axes.set_ylabel("y (pixels)")
    notes = [f"arrows {settings.arrow_scale:g} times as long"] * (settings.arrow_scale != 1)
    notes += [f"{len(shown)} of them shown"] * (len(shown) < len(p))
    axes.set_title("\n".join([title, *([", ".join(notes)] if notes else [])]))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")


def _draw_arrows(figure: Any, axes: Any, p: Floats, q: Floats, settings: PlotSettings) -> None:
    arrows = (q - p) * settings.arrow_scale
    how: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "width": 0.003}
    if settings.colour == LENGTH and len(p):
        lengths = np.hypot(*(q - p).T)
        drawn = axes.quiver(*p.T, *arrows.T, lengths, cmap=COLOURS_OF_LENGTH, **how)
        figure.colorbar(drawn, ax=axes, label="distance of the two ends (pixels)", shrink=0.8)
        axes.scatter(*p.T, s=25, c=lengths, cmap=COLOURS_OF_LENGTH, edgecolors="none")
    else:
        axes.plot(*p.T, "o", color=PLAIN, markersize=5, markeredgewidth=0)
        axes.quiver(*p.T, *arrows.T, color=PLAIN, **how)


def chosen(count: int, most: int | None) -> NDArray[np.intp]:
    """Indices of what is drawn of so many, ascending."""
    if most is None or count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def overlay(one: NDArray[np.uint8], other: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Two grey pictures of one size in red and green, each stretched; one alone in grey.

    Where both show the same it looks yellow. Zero is taken as no data.
    """
    first = _stretched(one)
    if other is None:
        return np.stack([first] * 3, axis=-1)
    return np.stack([first, _stretched(other), np.zeros_like(first)], axis=-1)


def _stretched(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    known = picture[picture > 0]
    if not known.size:
        return picture
    low, high = np.percentile(known, (1, 99))
    share = np.clip((picture - low) / max(high - low, 1.0), 0, 1)
    return np.where(picture > 0, np.round(255 * share), 0).astype(np.uint8)
