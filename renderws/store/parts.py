"""What every store is made of, whatever database gives it connections."""

from __future__ import annotations

from renderws.store.clones import Clones
from renderws.store.collections import Collections
from renderws.store.drops import Drops
from renderws.store.exchanges import Exchanges
from renderws.store.jobs import Jobs
from renderws.store.locks import Locks
from renderws.store.matches import Matches
from renderws.store.stacks import Stacks
from renderws.store.tiles import Tiles
from renderws.store.tilewrites import TileWrites
from renderws.store.transforms import Transforms
from renderws.store.trials import Trials


class StoreParts(
    Stacks,
    Clones,
    Drops,
    Locks,
    Exchanges,
    Tiles,
    TileWrites,
    Transforms,
    Collections,
    Matches,
    Trials,
    Jobs,
):
    """All operations but maintenance, which each database has in its own way."""

    def close(self) -> None:
        self._source.close()

    def check_place(self) -> None:
        self._source.check_place()
