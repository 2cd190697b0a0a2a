"""Pairs of sections compared on a grid, in a worker; what is known already is read from files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import renderapi
from renderapi.errors import RenderError
from renderapi.files import atomic_path
from renderapi.matching.block_flow import Flow, FlowParameters, find_flow
from renderapps.alignment.drawn_sections import DrawnSections, correlation_of
from renderapps.materialize.section_pictures import Window, section_tiles

VERSION = 2  # of the method: files of another one are made again


@dataclass(frozen=True)
class FineSettings:
    """What all pairs have in common."""

    stack: str
    window: Window
    parameters: FlowParameters
    channel: str | None
    folder: str | None


@dataclass(frozen=True)
class PairFlow:
    """Displacements from p to q, pixels of the pictures, and the correlation as they lie."""

    flow: Flow
    correlation: float
    was_there: bool


def compare_chunk(
    render: renderapi.Render, settings: FineSettings, chunk: Sequence[tuple[float, float]]
) -> list[PairFlow | str]:
    """What was found of each pair; a text where it could not be tried."""
    from renderapi.matching.cv2_threads import cv2_threads

    drawn = DrawnSections(render, settings.stack, settings.window, settings.channel)
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
            recipes.setdefault(z, _tiles_digest(render, settings.stack, z))
        path = _file(settings, pair, [recipes[z] for z in pair])
        if path.exists():
            return _read(path)
    p, q = (drawn.get(z) for z in pair)
    flow = find_flow(*p, *q, settings.parameters)
    found = PairFlow(flow, correlation_of(p, q), False)
    if path is not None:
        _write(path, found)
    return found


def _tiles_digest(render: renderapi.Render, stack: str, z: float) -> str:
    """A digest of all that a section's picture is made of."""
    text = json.dumps(section_tiles(render, stack, z), sort_keys=True, default=str)
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
        np.savez_compressed(stream, whole=found.correlation, **found.flow._asdict())


def _read(path: Path) -> PairFlow:
    with np.load(path, allow_pickle=False) as there:
        flow = Flow(*(there[name] for name in Flow._fields))
        return PairFlow(flow, float(there["whole"]), True)
