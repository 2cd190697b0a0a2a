"""SIFTPointMatchClient (of spark): match the pairs of tile pair files, on this machine.

Each tile is drawn and described once per run as memory allows.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

from renderapi.client.programs import match_options
from renderapi.client.programs.canvases import CanvasRequest, CanvasStore, Clip, DescribedCanvas
from renderapi.client.programs.match_pairs import CanvasPair, Name, matched
from renderapi.client.programs.options import COLLECTION, Option, Options, flag, optional
from renderapi.client.programs.service import collection_of, query_of
from renderapi.errors import ClientScriptError
from renderapi.matching.neighbours import Pair
from renderapi.matching.tilepairs import read_tile_pairs

OPTIONS = (
    *COLLECTION,
    *match_options.OPTIONS,
    Option("pairJson", "texts", required=True),
    Option("renderWithFilter", "boolean", True),
    *optional("text", "renderFilterListName", "rootFeatureDirectory"),
    Option("renderWithoutMask", "boolean", True),
    *optional("whole", "renderFullScaleWidth", "renderFullScaleHeight", "expectedParallelism"),
    *flag("requireStoredFeatures"),
    Option("maxFeatureCacheGb", "number", 2.0),
    Option("maxFeatureSourceCacheGb", "number", 2.0),
)
POSITIONAL = "none"
GIGABYTE = 1 << 30

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Match the pairs of every file; what was found is stored some pairs at a time."""
    if options.requireStoredFeatures and not options.rootFeatureDirectory:
        raise ClientScriptError("requireStoredFeatures needs rootFeatureDirectory")
    folder = options.rootFeatureDirectory
    store = CanvasStore(
        options.session,
        match_options.sift_parameters(options),
        options.renderScale,
        Clip(options.clipWidth, options.clipHeight),
        feature_bytes=int(options.maxFeatureCacheGb * GIGABYTE),
        source_bytes=int(options.maxFeatureSourceCacheGb * GIGABYTE),
        feature_folder=Path(folder) if folder else None,
        stored_only=options.requireStoredFeatures,
    )
    parameters = match_options.derivation_parameters(options)
    collection = collection_of(options)
    threads = options.expectedParallelism or os.cpu_count() or 1
    query = canvas_query(options)
    for path in options.pairJson:
        number = 0
        pairs = _pairs(path, options.baseDataUrl.rstrip("/"), query, bool(store.clip))
        for found in matched(pairs, store, parameters, _never, threads):
            collection.save(found)
            number += len(found)
        log.info("%s: %d match documents, %d pictures drawn", path, number, store.drawn)


def canvas_query(options: Options) -> str:
    """What is asked of the service for each picture."""
    filters = options.renderFilterListName
    values = {
        "width": options.renderFullScaleWidth,
        "height": options.renderFullScaleHeight,
        "normalizeForMatching": True,
        "filter": True if options.renderWithFilter and not filters else None,
        "filterListName": filters,
        "excludeMask": True if options.renderWithoutMask else None,
        "scale": options.renderScale,
    }
    return urlencode(query_of(values))


def _pairs(path: str, base: str, query: str, clipped: bool) -> Iterator[CanvasPair]:
    found = read_tile_pairs(path)
    for pair in found.pairs:
        if clipped and not pair.p_position:
            raise ClientScriptError(
                f"{path}: {pair.p_id} and {pair.q_id} have no relative position, which "
                "clipWidth and clipHeight need"
            )
        sides = _sides(pair)
        requests = [
            CanvasRequest(_url(found.template, base, name, query), position or None)
            for name, position in sides
        ]
        yield CanvasPair(requests[0], requests[1], sides[0][0], sides[1][0])


def _sides(pair: Pair) -> tuple[tuple[Name, str], tuple[Name, str]]:
    p, q = (pair.p_group, pair.p_id), (pair.q_group, pair.q_id)
    return (p, pair.p_position), (q, pair.q_position)


def _url(template: str, base: str, name: Name, query: str) -> str:
    url = template.replace("{baseDataUrl}", base)
    url = url.replace("{groupId}", quote(name[0], safe="")).replace("{id}", quote(name[1], safe=""))
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _never(request: CanvasRequest, canvas: DescribedCanvas) -> Name:
    raise ClientScriptError(f"{request.url} has no name")  # pairs of files name their pictures
