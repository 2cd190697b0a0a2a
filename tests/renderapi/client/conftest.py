"""The example stack in a service, and a folder that must stay empty of temporary files."""

from __future__ import annotations

import tempfile

import pytest
from example_stacks import make_example


@pytest.fixture
def example(render):
    """Tiles and lens of the stack `example` in the service of `render`."""
    return make_example(render)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files of this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
