"""The plain reference renderer and the scene builders, for the tests of this folder."""

import importlib.util
from pathlib import Path

import pytest


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def reference():
    """The slow renderer written from the text of the rules."""
    return _load("reference")


@pytest.fixture(scope="session")
def scenes():
    """Builders of tiles in files."""
    return _load("scenes")
