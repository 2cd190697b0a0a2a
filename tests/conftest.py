"""A live service in-process, and the real data where it is present."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import hypothesis
import pytest
from long_files import first_the_long
from memory_folder import use_memory

import renderapi

use_memory()
# the hundreds of Python processes that tests start need not compile the packages one by one
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# a job in the background ignores the keyboard, as would all that the tests start and interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# how long an example takes says how busy the machine is
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


def pytest_collection_modifyitems(items):
    """In workers the long files come first."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items[:] = first_the_long(items)


@pytest.fixture(autouse=True)
def same_log_level():
    """A test that leaves another level of the log fails, in place of one that comes after it.

    argschema sets it whenever a schema with `log_level` is loaded that was not prepared.
    """
    root = logging.getLogger()
    before = root.level
    yield
    after = root.level
    root.setLevel(before)
    assert after == before, "the level of the root logger was changed"


@pytest.fixture
def render(tmp_path):
    """Connection to an embedded service on a store of its own."""
    return renderapi.connect(
        host="local", store=tmp_path / "render.db", owner="test", project="project"
    )


@pytest.fixture(scope="session")
def real_data():
    """Function from the name of a data set to its folder; skips the test where it is absent."""

    def folder(name: str) -> Path:
        root = os.environ.get("RENDERAPPS_TEST_DATA")
        base = Path(root) if root else Path(__file__).parents[2] / "shared" / "data"
        if not (base / name).is_dir():
            pytest.skip(f"no {name} in {base} (set RENDERAPPS_TEST_DATA)")
        return base / name

    return folder
