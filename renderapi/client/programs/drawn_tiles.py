"""What a picture does not show of its tiles: channels they lack, masks that do not fit."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from renderapi.client.programs.service import Json, StackService
from renderapi.errors import ClientScriptError
from renderapi.rendering.channels import parse_channels
from renderapi.rendering.mask_sizes import ignored_masks
from renderapi.rendering.sources import SourceCache

log = logging.getLogger(__name__)


def channel_names(tiles: Iterable[Json]) -> set[str]:
    """Names of the channels of tiles."""
    channels = (channel for tile in tiles for channel in tile.get("channels") or ())
    return {str(channel["name"]) for channel in channels if channel.get("name") is not None}


def require_channels(wanted: str | None, batches: Iterable[Iterable[Json]], where: str) -> None:
    """Refuse channels that no tile has: nothing of them would be drawn.

    Parameters
    ----------
    wanted : str or None
        A `channels` value; None wants none in particular.
    batches : iterable of iterables of tile specs
        Read as far as needed; where there are no tiles, nothing is refused.
    where : str
        Whose tiles they are, for the message.
    """
    if not wanted:
        return
    names, there, is_empty = {name for name, _ in parse_channels(wanted)}, set[str](), True
    for batch in batches:
        tiles = list(batch)
        is_empty = is_empty and not tiles
        there |= channel_names(tiles)
        if names <= there:
            return
    if not is_empty:
        listed = ", ".join(sorted(there)) if there else "no named channels"
        missing = ", ".join(sorted(names - there))
        raise ClientScriptError(f"no tile of {where} has channel {missing}; they have {listed}")


def require_stack_channels(stack: StackService, wanted: str | None, zs: Iterable[float]) -> None:
    """Refuse channels that no tile has, in the statistics of the stack or else at the z given."""
    if not wanted:
        return
    known = set((stack.metadata().get("stats") or {}).get("channelNames") or ())
    if not {name for name, _ in parse_channels(wanted)} <= known:
        layers = (stack.resolved_tiles(z)["tileIdToSpecMap"].values() for z in zs)
        require_channels(wanted, layers, str(stack))


class DrawnTiles:
    """Keeps account of what the pictures of a run leave out, and reports it at the end."""

    def __init__(self, sources: SourceCache) -> None:
        self._sources = sources
        self._seen: set[str] = set()
        self._masks = 0
        self._empty: list[str] = []

    def add(self, parameters: Json, name: str) -> None:
        """Take the tiles of a picture into account; masks that do not fit are logged by tile."""
        tiles = parameters.get("tileSpecs") or []
        wanted = {n for n, _ in parse_channels(parameters.get("channels") or "")} - {""}
        if tiles and wanted and not wanted & channel_names(tiles):
            self._empty.append(name)
        if parameters.get("excludeMask"):
            return
        view = self._sources.view()
        for tile in tiles:
            key = str(tile.get("tileId"))
            if key not in self._seen:
                self._seen.add(key)
                for line in ignored_masks(tile, view, remote=False):
                    self._masks += 1
                    log.warning(line)

    def report(self) -> None:
        """Log what was left out, if anything."""
        if self._masks:
            log.warning(
                "%d masks have another size than their images and were ignored", self._masks
            )
        if self._empty:
            log.warning(
                "%d pictures are empty, as no tile in them has the channels wanted: %s",
                len(self._empty),
                ", ".join(self._empty),
            )
