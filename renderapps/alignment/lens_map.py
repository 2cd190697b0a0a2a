"""A picture: residuals of matches over the image, without and with a lens, and the lens."""

from __future__ import annotations

import os

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


def draw_residuals(path: str | os.PathLike[str], data: LensData, fit: LensFit) -> None:
    """Write the picture: residuals before, after (same colours), and the lens."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parts = [cell_means(data, *residual_vectors(data, fit, lens)) for lens in (False, True)]
    top = float(np.nanquantile(parts[0][0], 0.98))
    figure = Figure(figsize=(15, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    width, height = data.size
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    side = [(np.arange(CELLS) + 0.5) / CELLS * length - 0.5 for length in (width, height)]
    x, y = np.meshgrid(*side)
    for panel, (lengths, means, _), name in zip(panels, parts, ("before", "after"), strict=False):
        shown = panel.imshow(lengths, extent=extent, cmap="viridis", vmin=0, vmax=max(top, 1e-9))
        panel.quiver(x, y, means[..., 0], means[..., 1], angles="xy", color="white",
                     scale=max(top, 1e-9) * CELLS, width=0.004)  # fmt: skip
        middle = float(np.sqrt(np.nanmean(lengths**2)))
        panel.set_title(f"residual {name}: {middle:.3g} px (root mean square)")
    figure.colorbar(shown, ax=panels[:2].tolist(), label="residual of a tile, px")
    pixels = np.column_stack([x.ravel(), y.ravel()])
    moved = fit.displacements(pixels)
    sizes = np.hypot(*moved.T).reshape(CELLS, CELLS)
    shown = panels[2].imshow(sizes, extent=extent, cmap="magma", vmin=0)
    panels[2].quiver(x, y, moved[:, 0], moved[:, 1], angles="xy", color="white", width=0.004)
    panels[2].set_title(f"lens: up to {sizes.max():.3g} px")
    figure.colorbar(shown, ax=panels[2], label="what the lens adds, px")
    for panel in panels:
        panel.set_xlabel("x, pixels of the image")
        panel.set_facecolor("#dddddd")
    panels[0].set_ylabel("y")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
