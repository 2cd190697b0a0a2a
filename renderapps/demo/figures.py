"""Figures of the demonstration: what stitching did to the errors, and to a seam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import renderapi
from renderapi.files import atomic_path
from renderapps.demo.accuracy import TileError

SEAM_SIZE = 160
OVERLAY_SIDE = 700
MOST_SECTIONS = 3
SMALLEST_SHOWN = 1e-3
LIGHT, DARK = "#d97706", "#1d4ed8"


def residual_figure(
    path: Path,
    sections: Sequence[Mapping[str, Any]],
    centres: Mapping[str, tuple[float, float]],
    before: Sequence[TileError] = (),
    after: Sequence[TileError] = (),
) -> None:
    """Draw the residual of every pair of neighbours and, where the truth is known, every error.

    Parameters
    ----------
    sections : sequence of dict
        Entries of the output of solve_montage; of many only the worst are drawn.
    centres : mapping of tileId to (x, y)
        World centre of each tile, pixels.
    before, after : sequence of TileError
        Errors of the acquired and of the stitched tiles; empty where the truth is unknown.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sections = worst_sections(sections)
    wide = len(sections) + bool(after)
    figure = Figure(figsize=(5.2 * wide, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, wide, squeeze=False)[0]
    if after:
        _draw_errors(axes[0], before, after)
    shown = axes[1:] if after else axes
    top = max((pair["residual"] for section in sections for pair in section["pairs"]), default=1.0)
    drawn = [
        _draw_pairs(axis, section, centres, top)
        for axis, section in zip(shown, sections, strict=True)
    ]
    if any(section["pairs"] for section in sections):
        figure.colorbar(drawn[-1], ax=list(shown), label="misfit of the pair (pixels)")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def worst_sections(sections: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The sections with the largest residuals, at most `MOST_SECTIONS`, in the order of z."""
    worst = sorted(sections, key=lambda section: -(section["worst_residual"] or 0.0))
    return sorted(worst[:MOST_SECTIONS], key=lambda section: section["z"])


def _draw_errors(axis: Any, before: Sequence[TileError], after: Sequence[TileError]) -> None:
    """Sorted errors on a logarithmic axis, stage against stitched; tiny ones at its lower end."""
    from matplotlib.ticker import MaxNLocator

    for errors, colour, label in ((before, LIGHT, "stage"), (after, DARK, "stitched")):
        distances = np.sort([max(error.distance, SMALLEST_SHOWN) for error in errors])
        axis.plot(np.arange(1, len(distances) + 1), distances, "o", color=colour, ms=5)
        median = float(np.median(distances))
        axis.axhline(median, color=colour, lw=1, ls="--")
        text = f"{label}: median {median:.2g} px"
        axis.text(0.5, median * 1.12, text, color=colour, ha="left", fontsize=9)
    axis.set_yscale("log")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("tiles, sorted by error")
    axis.set_ylabel("distance from the true position (pixels)")
    medians = [float(np.median([e.distance for e in errors])) for errors in (before, after)]
    axis.set_title(f"Median error {medians[0]:.2g} px as acquired,\n{medians[1]:.2g} px stitched")


def _draw_pairs(
    axis: Any, section: Mapping[str, Any], centres: Mapping[str, tuple[float, float]], top: float
) -> Any:
    """One line between the centres of each pair, coloured by its residual; rejected ones dotted."""
    from matplotlib.collections import LineCollection

    pairs = section["pairs"]
    lines = LineCollection(
        [[centres[pair["pId"]], centres[pair["qId"]]] for pair in pairs],
        array=np.array([pair["residual"] for pair in pairs]),
        cmap="viridis",
        clim=(0.0, max(top, 1e-3)),
        linewidths=4,
        linestyles=["solid" if pair["accepted"] else "dotted" for pair in pairs],
    )
    axis.add_collection(lines)
    points = np.array([centres[tile] for tile in section["tiles"]])
    axis.plot(points[:, 0], points[:, 1], "s", color="0.25", ms=6)
    axis.margins(0.12)
    axis.set_aspect("equal")
    axis.invert_yaxis()
    axis.set_xlabel("x (pixels)")
    axis.set_ylabel("y (pixels)")
    axis.set_title(f"z = {section['z']:g}: squares are tiles, lines pairs;\n{_told(section)}")
    return lines


def _told(section: Mapping[str, Any]) -> str:
    """How well the pairs of a section agree, as far as anything checks them."""
    used, unchecked = section["used_pairs"], section["unchecked_pairs"]
    if not used:
        return "no pair was used"
    if used == unchecked:
        return f"nothing checks the {used} used pairs"
    checked = [p["residual"] for p in section["pairs"] if p["accepted"] and "unchecked" not in p]
    rejected = section["rejected_pairs"]
    counts = f"{used} pairs used, {rejected} rejected"
    return f"{counts};\nthe worst used one misses by {max(checked):.2g} px"


def most_moved(sections: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The used pair whose tiles moved most against each other, with its `z` and how far."""
    pairs = [
        {
            **pair,
            "z": section["z"],
            "apart": float(
                np.hypot(
                    *np.subtract(
                        section["tiles"][pair["pId"]]["moved"],
                        section["tiles"][pair["qId"]]["moved"],
                    )
                )
            ),
        }
        for section in sections
        for pair in section["pairs"]
        if pair["accepted"]
    ]
    return max(pairs, key=lambda pair: pair["apart"], default=None)


def seam_figure(
    path: Path,
    render: renderapi.Render,
    stacks: tuple[str, str],
    pair: Mapping[str, Any],
    centres: Mapping[str, tuple[float, float]],
) -> str:
    """Draw an overlap before and after, at full scale; what is to be seen.

    Parameters
    ----------
    stacks : (str, str)
        The acquired and the stitched stack.
    pair : dict
        As `most_moved` gives it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    x, y = np.mean([centres[pair["pId"]], centres[pair["qId"]]], axis=0)
    left, top = int(x) - SEAM_SIZE // 2, int(y) - SEAM_SIZE // 2
    figure = Figure(figsize=(9.6, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, stack, name in zip(figure.subplots(1, 2), stacks, ("before", "after"), strict=True):
        picture = renderapi.image.get_bb_image(
            stack, pair["z"], left, top, SEAM_SIZE, SEAM_SIZE, render=render
        )
        extent = (left, left + SEAM_SIZE, top + SEAM_SIZE, top)
        axis.imshow(picture[..., 0], cmap="gray", vmin=0, vmax=255, extent=extent)
        axis.set_title(f"{name} stitching")
        axis.set_xlabel("x (pixels)")
        axis.set_ylabel("y (pixels)")
    now = f"they are {pair['residual']:.2g} px apart now"
    if "unchecked" in pair:
        now = "they lie on each other now, and no other pair checks that"
    caption = (
        f"The used overlap whose tiles moved most against each other (z = {pair['z']:g}): its "
        f"matches were {pair['apart']:.1f} px apart, {now}."
    )
    figure.suptitle(caption, fontsize=10)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    return caption


def overlay_figure(
    path: Path,
    render: renderapi.Render,
    stacks: tuple[str, str],
    zs: tuple[float, float],
) -> str:
    """Draw two sections over each other, before and after alignment; what is to be seen.

    Parameters
    ----------
    stacks : (str, str)
        The stitched and the aligned stack.
    zs : (float, float)
        The first is drawn in red, the second in green.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    names = ("stitched", "aligned")
    for axis, stack, name in zip(figure.subplots(1, 2), stacks, names, strict=True):
        box = renderapi.stack.get_stack_bounds(stack, render=render)
        width, height = box["maxX"] - box["minX"], box["maxY"] - box["minY"]
        scale = min(1.0, OVERLAY_SIDE / max(width, height))
        drawn = [
            renderapi.image.get_bb_image(
                stack, z, box["minX"], box["minY"], width, height, scale, render=render
            )[..., 0]
            for z in zs
        ]
        picture = np.stack([*drawn, np.zeros_like(drawn[0])], axis=-1)
        axis.imshow(picture, extent=(box["minX"], box["maxX"], box["maxY"], box["minY"]))
        axis.set_title(name)
        axis.set_xlabel("x (pixels)")
        axis.set_ylabel("y (pixels)")
    caption = (
        f"Sections z = {zs[0]:g} (red) and z = {zs[1]:g} (green) over each other: yellow where "
        "they agree."
    )
    figure.suptitle(caption, fontsize=10)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    return caption
