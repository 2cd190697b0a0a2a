"""The PostgreSQL store passes the tests of every store."""

from __future__ import annotations

import pytest
from postgres_server import postgres_server

from renderws.store.conformance import StoreTests
from renderws.store.postgres.store import PostgresStore


class TestPostgresStore(StoreTests):
    @pytest.fixture
    def store(self):
        with PostgresStore(postgres_server().address()) as store:
            yield store
