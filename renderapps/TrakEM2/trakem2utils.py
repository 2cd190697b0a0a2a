"""The helpers of TrakEM2 projects under the name that older scripts import them by."""

from __future__ import annotations

from renderapps.TrakEM2.exporting import Chunk, createchunks
from renderapps.TrakEM2.file_matching import get_matching_tilespec_by_path

__all__ = ["Chunk", "createchunks", "get_matching_tilespec_by_path"]
