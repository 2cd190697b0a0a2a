"""Pairs of sections compared on a grid, in a worker; what is known already is read from files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import renderapi
from renderapi.errors import RenderError
from renderapi.files import atomic_path
from renderapi.matching.block_flow import (
    Flow,
    FlowParameters,
    Grid,
    find_flow,
    grid_axis,
    interpolated,
    warped,
)
from renderapps.alignment.drawn_sections import DrawnSections, correlation_of
from renderapps.alignment.field_grids import as_fine, on_nodes, torn_at
from renderapps.materialize.section_pictures import Window, section_tiles

VERSION = 6  # of the method: files of another one are made again
STEPS = 20  # in which a field is inverted: each makes the error as much smaller as it is flat


@dataclass(frozen=True)
class FineSettings:
    """What all pairs have in common.

    Attributes
    ----------
    stack, window, parameters, channel, folder
    shifts : dict, optional
        Displacements (rows, columns, 2) of the sections that are known already, by z, pixels of the
        pictures at nodes `parameters.spacing` apart, or on a finer grid from the first node to the
        last: sections are compared as they lie after these.
    outlines : mapping of z to bytes
        WKB of the outline of a section, world pixels: what is outside of it does not count.
    """

    stack: str
    window: Window
    parameters: FlowParameters
    channel: str | None
    folder: str | None
    shifts: dict[float, Grid] | None = None
    outlines: Mapping[float, bytes] = field(default_factory=dict, repr=False)

    def drawn(self, render: renderapi.Render) -> DrawnSections:
        """The sections as they are compared."""
        return DrawnSections(render, self.stack, self.window, self.channel, outlines=self.outlines)


@dataclass(frozen=True)
class PairFlow:
    """Displacements from p to q, pixels of the pictures, and the correlation as they lie.

    Attributes
    ----------
    flow : Flow
        Between the pictures as they were compared.
    correlation : float
    was_there : bool
        Read from a file.
    back : (2, rows, columns, 2) array, optional
        Displacements from the pictures of p and q as they were compared to those as drawn, on a
        grid from the first node of the flow to the last; absent where they were compared as drawn.
    """

    flow: Flow
    correlation: float
    was_there: bool
    back: NDArray[np.float64] | None = None

    def points(self) -> tuple[NDArray, NDArray, NDArray]:
        """N x 2 places on p and on q as they are drawn, and N weights, of the blocks found.

        Those on a crack that the pictures were drawn across belong to neither side.
        """
        here, there, weights = self.flow.points()
        if self.back is None:
            return here, there, weights
        axes = as_fine(self.flow.x, self.flow.y, self.back[0])
        kept = np.ones(len(here), bool)
        places = []
        for points, back in zip((here, there), self.back, strict=True):
            places.append(points + interpolated(*axes, back, points))
            kept &= ~torn_at(*axes, back, points)
        return places[0][kept], places[1][kept], weights[kept]


def compare_chunk(
    render: renderapi.Render, settings: FineSettings, chunk: Sequence[tuple[float, float]]
) -> list[PairFlow | str]:
    """What was found of each pair; a text where it could not be tried."""
    from renderapi.matching.cv2_threads import cv2_threads

    drawn = settings.drawn(render)
    recipes: dict[float, str] = {}
    found: list[PairFlow | str] = []
    with cv2_threads(1):  # the chunks run side by side
        for pair in chunk:
            try:
                found.append(_compared(render, settings, drawn, pair, recipes))
            except RenderError as error:
                found.append(str(error))
    return found


def _compared(
    render: renderapi.Render,
    settings: FineSettings,
    drawn: DrawnSections,
    pair: tuple[float, float],
    recipes: dict[float, str],
) -> PairFlow:
    path = None
    if settings.folder is not None:
        for z in pair:
            recipes.setdefault(z, _digest(render, settings, z))
        path = _file(settings, pair, [recipes[z] for z in pair])
        if path.exists():
            return _read(path)
    p, q = (drawn.get(z) for z in pair)
    back = None
    if settings.shifts is not None:
        x, y = (grid_axis(side, settings.parameters.spacing) for side in p[0].shape[1::-1])
        shifts = [settings.shifts[z] for z in pair]
        x, y = as_fine(x, y, max(shifts, key=np.size))
        back = np.stack([backward(x, y, on_nodes(shift, len(y), len(x))) for shift in shifts])
        p, q = (warped(*one, x, y, grid) for one, grid in zip((p, q), back, strict=True))
    flow = find_flow(*p, *q, settings.parameters)
    found = PairFlow(flow, correlation_of(p, q), False, back)
    if path is not None:
        _write(path, found)
    return found


def backward(x: NDArray, y: NDArray, shift: Grid) -> Grid:
    """Displacements back: what lies at w came from w + back(w), where x goes to x + shift(x).

    Parameters
    ----------
    x, y : (columns,), (rows,) arrays, evenly spaced
        The nodes.
    shift : (rows, columns, 2) array
        Must not fold.
    """
    nodes = np.stack(np.meshgrid(x, y), axis=-1)
    back = -shift
    for _ in range(STEPS):
        back = -interpolated(x, y, shift, nodes + back)
    return back


def _digest(render: renderapi.Render, settings: FineSettings, z: float) -> str:
    """A digest of all that a section's picture is made of."""
    tiles = section_tiles(render, settings.stack, z)
    known = None if settings.shifts is None else settings.shifts[z].round(6).tolist()
    outline = settings.outlines.get(z, b"").hex()
    text = json.dumps([tiles, known, outline], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _file(settings: FineSettings, pair: tuple[float, float], digests: list[str]) -> Path:
    """File of a pair, named by its sections and by all that it depends on."""
    recipe: dict[str, Any] = {
        "window": asdict(settings.window),
        "parameters": asdict(settings.parameters),
        "channel": settings.channel,
        "sections": digests,
        "version": VERSION,
    }
    text = json.dumps(recipe, sort_keys=True)
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return Path(settings.folder or ".") / f"flow_{pair[0]:g}_{pair[1]:g}_{digest}.npz"


def _write(path: Path, found: PairFlow) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        arrays: dict[str, Any] = {"whole": found.correlation, **found.flow._asdict()}
        if found.back is not None:
            arrays["back"] = found.back
        np.savez_compressed(stream, **arrays)


def _read(path: Path) -> PairFlow:
    with np.load(path, allow_pickle=False) as there:
        flow = Flow(*(there[name] for name in Flow._fields))
        return PairFlow(flow, float(there["whole"]), True, there.get("back"))
