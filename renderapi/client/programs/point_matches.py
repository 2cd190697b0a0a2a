"""PointMatchClient: match pairs of pictures, given by their render parameters URLs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from renderapi.client.json_files import write_json
from renderapi.client.programs import match_options
from renderapi.client.programs.canvases import (
    OPPOSITE,
    CanvasRequest,
    CanvasStore,
    Clip,
    DescribedCanvas,
)
from renderapi.client.programs.match_pairs import CanvasPair, matched
from renderapi.client.programs.options import COLLECTION, Option, Options, optional
from renderapi.client.programs.service import collection_of
from renderapi.errors import ClientScriptError

OPTIONS = (
    *COLLECTION,
    *match_options.OPTIONS,
    Option("renderFileFormat", default="JPG", choices=("JPG", "PNG", "TIF")),
    Option("numberOfThreads", "whole", 1),
    *optional("text", "matchStorageFile", "debugDirectory"),
    Option(
        "canvasGroupIdAlgorithm",
        default="FIRST_TILE_SECTION_ID",
        choices=("FIRST_TILE_SECTION_ID", "FIRST_TILE_Z", "COLLECTION"),
    ),
    Option(
        "canvasIdAlgorithm",
        default="FIRST_TILE_ID",
        choices=("FIRST_TILE_ID", "FIRST_TILE_Z", "CANVAS_NAME"),
    ),
    Option("firstCanvasPosition", choices=tuple(OPPOSITE)),
)
POSITIONAL = "some"

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Match the pairs and store what was found."""
    if len(options.words) % 2:
        raise ClientScriptError("render parameters URLs must come in pairs")
    if options.numberOfThreads < 1:
        raise ClientScriptError("numberOfThreads must be at least 1")
    pairs = _pairs(options)
    debug = options.debugDirectory
    store = CanvasStore(
        options.session,
        match_options.sift_parameters(options),
        options.renderScale,
        Clip(options.clipWidth, options.clipHeight),
        debug_folder=Path(debug) if debug else None,
        debug_format=options.renderFileFormat.lower(),
    )
    parameters = match_options.derivation_parameters(options)
    naming = _Naming(options)
    collection = collection_of(options)
    kept: list[dict[str, Any]] = []
    number = 0
    for found in matched(pairs, store, parameters, naming.name, options.numberOfThreads):
        number += len(found)
        if options.matchStorageFile:
            kept += [{**match, "matchCount": len(match["matches"]["w"])} for match in found]
        else:
            collection.save(found)
    if options.matchStorageFile:
        write_json(options.matchStorageFile, kept)
    log.info("%d match documents of %d pairs", number, len(pairs))


def _pairs(options: Options) -> list[CanvasPair]:
    position = options.firstCanvasPosition
    if options.clipWidth is not None or options.clipHeight is not None:
        if len(options.words) != 2:
            raise ClientScriptError("clipWidth and clipHeight are for a single pair")
        if position is None:
            raise ClientScriptError("clipWidth and clipHeight need firstCanvasPosition")
    requests = [CanvasRequest(url) for url in options.words]
    if position is not None:
        requests = [
            CanvasRequest(request.url, position if number % 2 == 0 else OPPOSITE[position])
            for number, request in enumerate(requests)
        ]
    return [CanvasPair(*pair) for pair in zip(requests[::2], requests[1::2], strict=True)]


class _Naming:
    """Group ids and ids of pictures by the algorithms that the options name."""

    def __init__(self, options: Options) -> None:
        self.group, self.id = options.canvasGroupIdAlgorithm, options.canvasIdAlgorithm
        self.collection = options.collection
        urls = dict.fromkeys(options.words)
        self.canvas_names = {url: f"c_{number:05d}" for number, url in enumerate(urls)}

    def name(self, request: CanvasRequest, canvas: DescribedCanvas) -> tuple[str, str]:
        """Group id and id; the collection is the group of tiles without section."""
        group = {
            "FIRST_TILE_SECTION_ID": canvas.section_id or self.collection,
            "FIRST_TILE_Z": str(canvas.z),
            "COLLECTION": self.collection,
        }[self.group]
        by_id = {
            "FIRST_TILE_ID": canvas.tile_id,
            "FIRST_TILE_Z": str(canvas.z),
            "CANVAS_NAME": self.canvas_names[request.url],
        }
        return group, by_id[self.id]
