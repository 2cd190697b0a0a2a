"""Modules against a live service: RENDER_HOST and RENDER_PORT when set, else the embedded one.

A remote service must be able to read the images where they lie on this machine.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import pytest

import renderapi
from renderapps.commands.catalogue import find


@pytest.fixture
def connection(tmp_path):
    """Parameters of the group `render`; a project of its own, emptied afterwards."""
    host = os.environ.get("RENDER_HOST", "local")
    parameters = {
        "host": host,
        "owner": os.environ.get("RENDER_OWNER", "integration_tests"),
        "project": f"integration_{secrets.token_hex(4)}",
    }
    if host == "local":
        yield parameters | {"store": str(tmp_path / "render.db")}
        return
    if os.environ.get("RENDER_PORT"):
        parameters["port"] = int(os.environ["RENDER_PORT"])
    yield parameters
    render = renderapi.connect(**parameters)
    for stack in renderapi.render.get_stacks_by_owner_project(render=render):
        renderapi.stack.delete_stack(stack, render=render)


@pytest.fixture
def render(connection):
    """Connection to the service."""
    return renderapi.connect(**connection)


@pytest.fixture
def collection(render):
    """Name of a match collection that is deleted afterwards."""
    name = f"matches_{secrets.token_hex(4)}"
    yield name
    existing = renderapi.pointmatch.get_matchcollections(render=render)
    if name in {entry["collectionId"]["name"] for entry in existing}:
        renderapi.pointmatch.delete_collection(name, render=render)


@pytest.fixture
def run_module(connection, tmp_path):
    """Function that runs a module from a JSON file, as a user does, and gives its output JSON."""

    def run(module, **parameters):
        name = module.rpartition(".")[2]
        given, answer = tmp_path / f"{name}.json", tmp_path / f"{name}_output.json"
        document = {"render": connection, **parameters, "output_json": str(answer)}
        given.write_text(json.dumps(document))
        assert find(module).load().exit_status(["--input_json", str(given)]) == 0
        return json.loads(answer.read_text())

    return run


@pytest.fixture(scope="session")
def real_data():
    """Function from the name of a data set to its folder; skips the test where it is absent."""

    def folder(name):
        root = os.environ.get("RENDERAPPS_TEST_DATA")
        base = Path(root) if root else Path(__file__).parents[2] / "shared" / "data"
        if not (base / name).is_dir():
            pytest.skip(f"no {name} in {base} (set RENDERAPPS_TEST_DATA)")
        return base / name

    return folder
