"""A picture: residuals of matches over the image, without and with a lens, and the lens."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapi.files import atomic_path
from renderapps.alignment.lens import LensFit
from renderapps.alignment.lens_data import LensData
from renderapps.alignment.models import Floats

CELLS = 16
MOST = 500_000
"""Points that are drawn at most, evenly chosen."""


def residual_vectors(data: LensData, fit: LensFit, lens: bool) -> tuple[Floats, Floats]:
    """Pixels (N, 2) of accepted pairs' points, and residual vectors there (N, 2), in image axes.

    A pair's gap is shown half on either side. Without a lens, the mean gap of each pair is taken
    out, as a shift of the tiles takes it.
    """
    owner = np.repeat(np.arange(len(fit.accepted)), data.points.counts)
    rows = np.flatnonzero(fit.accepted[owner])
    rows = rows[:: max(1, len(rows) // MOST)]
    owner = owner[rows]
    first, second = data.points.first[owner], data.points.second[owner]
    p, q = data.points.p[rows], data.points.q[rows]
    gaps = fit.world(first, p, lens) - fit.world(second, q, lens)
    if not lens:
        counts = np.bincount(owner, minlength=len(fit.accepted))
        means = [np.bincount(owner, g, minlength=len(counts)) for g in gaps.T]
        gaps = gaps - np.stack(means, 1)[owner] / np.maximum(counts, 1)[owner, None]
    inverse = np.linalg.inv(fit.linear)
    halves = [
        sign * 0.5 * np.einsum("nij,nj->ni", inverse[tiles], gaps)
        for sign, tiles in ((1, first), (-1, second))
    ]
    return np.concatenate([p, q]), np.concatenate(halves)


def cell_means(
    data: LensData, points: Floats, vectors: Floats
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """(CELLS, CELLS) root mean square lengths (rows are y), mean vectors, and counts of points."""
    width, height = data.size
    x = np.clip((points[:, 0] + 0.5) / width * CELLS, 0, CELLS - 1).astype(int)
    y = np.clip((points[:, 1] + 0.5) / height * CELLS, 0, CELLS - 1).astype(int)
    cell = y * CELLS + x
    counts = np.bincount(cell, minlength=CELLS**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.sqrt(np.bincount(cell, (vectors**2).sum(1), minlength=CELLS**2) / counts)
        means = [np.bincount(cell, v, minlength=CELLS**2) / counts for v in vectors.T]
    shape = (CELLS, CELLS)
    return lengths.reshape(shape), np.stack(means, -1).reshape(*shape, 2), counts.reshape(shape)


@dataclass(frozen=True)
class Panels:
    """What is drawn, by cells of the image: lengths (CELLS, CELLS) and vectors of two components.

    Attributes
    ----------
    size : (float, float)
        Of the image.
    before, after : (lengths, vectors)
        Residuals.
    lens : (CELLS, CELLS, 2) float64
        What the lens adds.
    """

    size: tuple[float, float]
    before: tuple[Floats, Floats]
    after: tuple[Floats, Floats]
    lens: Floats


def panels_of(data: LensData, fit: LensFit) -> Panels:
    """The means that are drawn."""
    before, after = (
        cell_means(data, *residual_vectors(data, fit, lens))[:2] for lens in (False, True)
    )
    x, y = cell_middles(data.size)
    moved = fit.displacements(np.column_stack([x.ravel(), y.ravel()]))
    return Panels(data.size, before, after, moved.reshape(CELLS, CELLS, 2))


def cell_middles(size: tuple[float, float]) -> tuple[Floats, Floats]:
    """(CELLS, CELLS) x and y of the middles of the cells, pixels."""
    x, y = np.meshgrid(*((np.arange(CELLS) + 0.5) / CELLS * length - 0.5 for length in size))
    return x, y


def draw(path: str | os.PathLike[str], shown: Panels) -> None:
    """Write the picture: residuals before, after (same colours), and the lens."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    top = max(float(np.nanquantile(shown.before[0], 0.98)), 1e-9)
    figure = Figure(figsize=(15, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    width, height = shown.size
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    x, y = cell_middles(shown.size)
    for axis, (lengths, means), name in zip(
        axes, (shown.before, shown.after), ("before", "after"), strict=False
    ):
        image = axis.imshow(lengths, extent=extent, cmap="viridis", vmin=0, vmax=top)
        arrows = {"angles": "xy", "color": "white", "scale": top * CELLS, "width": 0.004}
        axis.quiver(x, y, means[..., 0], means[..., 1], **arrows)
        middle = float(np.sqrt(np.nanmean(lengths**2)))
        axis.set_title(f"residual {name}: {middle:.3g} px (root mean square)")
    figure.colorbar(image, ax=axes[:2].tolist(), label="residual of a tile, px")
    sizes = np.linalg.norm(shown.lens, axis=-1)
    image = axes[2].imshow(sizes, extent=extent, cmap="magma", vmin=0)
    axes[2].quiver(x, y, *np.moveaxis(shown.lens, -1, 0), angles="xy", color="white", width=0.004)
    axes[2].set_title(f"lens: up to {sizes.max():.3g} px")
    figure.colorbar(image, ax=axes[2], label="what the lens adds, px")
    for axis in axes:
        axis.set_xlabel("x, pixels of the image")
        axis.set_facecolor("#dddddd")
    axes[0].set_ylabel("y")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
