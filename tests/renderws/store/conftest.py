"""Both kinds of stores, for what only some tests ask of them."""

from __future__ import annotations

import pytest
from postgres_server import postgres_server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """Where a store may be made."""
    return tmp_path / "render.db" if request.param == "sqlite" else postgres_server().address()
