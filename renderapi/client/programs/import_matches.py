"""ImportMatchClient: store the matches in files in a collection."""

from __future__ import annotations

import os

from renderapi.client.json_files import read_list
from renderapi.client.programs.options import COLLECTION, Option, Options
from renderapi.client.programs.service import collection_of
from renderapi.errors import ClientScriptError

OPTIONS = (*COLLECTION, Option("batchSize", "whole", 10_000))
POSITIONAL = "some"


def run(options: Options) -> None:
    """Store file after file, in batches."""
    if options.batchSize < 1:
        raise ClientScriptError("batchSize must be at least 1")
    missing = [path for path in options.words if not os.path.isfile(path)]
    if missing:
        raise ClientScriptError(f"match files not found: {', '.join(missing)}")
    collection = collection_of(options)
    for path in options.words:
        matches = read_list(path)
        for first in range(0, len(matches), options.batchSize):
            collection.save(matches[first : first + options.batchSize])
