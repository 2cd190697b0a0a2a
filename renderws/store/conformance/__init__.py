"""Tests that any store must pass.

A test module of a store subclasses `StoreTests` and gives it a fixture `store`, an empty store:

    class TestSqliteStore(StoreTests):
        @pytest.fixture
        def store(self, tmp_path):
            with SqliteStore(tmp_path / "render.db") as store:
                yield store
"""

from renderws.store.conformance.changes import ChangeTests
from renderws.store.conformance.drops import DropTests
from renderws.store.conformance.jobs import JobTests
from renderws.store.conformance.matches import MatchTests
from renderws.store.conformance.stacks import StackTests
from renderws.store.conformance.states import StateTests
from renderws.store.conformance.tiles import TileTests
from renderws.store.conformance.tilewrites import TileWriteTests
from renderws.store.conformance.transforms import TransformTests


class StoreTests(
    StackTests,
    StateTests,
    DropTests,
    ChangeTests,
    TileTests,
    TileWriteTests,
    TransformTests,
    MatchTests,
    JobTests,
):
    """What every store must do."""


__all__ = ["StoreTests"]
