"""Modules against a live service: RENDER_HOST and RENDER_PORT when set, else the embedded one.

A remote service must be able to read the images where they lie on this machine.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests
from memory_folder import use_memory
from tomography_project import Service, Tiles

import renderapi
from renderapps.module.catalogue import find

use_memory()


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


@pytest.fixture
def served(tmp_path):
    """Port of a server of this package with an empty store."""
    command = [sys.executable, "-m", "renderapps", "serve", "--port", "0"]
    command += ["--store", str(tmp_path / "served.db"), "--image-root", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None, "the server did not start"
        yield int(found[1])
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


# two services, and an array tomography project: for the modules of dataimport and transfer


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Folder of everything, with what is special in URLs in its name."""
    folder = tmp_path_factory.mktemp("transfer") / "M33 100% #1"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def credentials(folder):
    """Environment of whoever speaks to the object store."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
    }
    requests.put(f"{environment['AWS_ENDPOINT_URL']}/lab", timeout=60).raise_for_status()
    yield environment
    requests.post(f"{environment['AWS_ENDPOINT_URL']}/moto-api/reset", timeout=60)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def here(folder):
    """The service that things are imported into."""
    service = Service(folder.parent, "here", folder)
    yield service
    service.end()


@pytest.fixture(scope="session")
def there(folder, credentials):
    """The service that things are moved to; it may read the bucket `lab`."""
    service = Service(folder.parent, "there", folder, credentials)
    yield service
    service.end()


@pytest.fixture
def run(tmp_path, credentials):
    """Function that runs a module as a command and gives its output JSON.

    The first dict goes through --input_json, the other arguments are flags.
    """

    def call(module, parameters, *flags, status=0):
        given, answer = tmp_path / "input.json", tmp_path / "output.json"
        answer.unlink(missing_ok=True)
        given.write_text(json.dumps(parameters))
        command = [sys.executable, "-m", f"renderapps.{module}", "--input_json", str(given),
                   "--output_json", str(answer), *map(str, flags)]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | credentials,
            check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        if status:
            assert "Traceback" not in done.stderr
            return done.stderr
        return json.loads(answer.read_text())

    return call


@pytest.fixture(scope="session")
def tiles(real_data, folder):
    """The project."""
    return Tiles(real_data("phase_contrast_5x5"), folder)


@pytest.fixture
def imported(tiles, here, run):
    """The statetable as stacks of channels in project `at`; the report, or None if it was there."""
    if renderapi.render.get_stacks_by_owner_project(render=here.render("at")):
        return None
    parameters = {
        "render": here.group("wrong"),
        "statetableFile": tiles.statetable("statetable"),
        "projectDirectory": str(tiles.folder),
        "section_thickness_nm": 70.0,
    }
    flags = ("--render.project", "at", "--maxIntensity", "65535", "--pool_size", 2)
    return run("dataimport.create_fast_stacks", parameters, *flags)
