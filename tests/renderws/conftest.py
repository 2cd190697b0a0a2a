"""A service with the stacks and collections that the contract speaks of."""

from __future__ import annotations

import pytest
from contract_service import Service, contract, fill, local_base, local_session, write_images
from postgres_server import postgres_server
from server_process import ServerProcess


def pytest_configure(config):
    config._contract_cases = contract.CASES


def pytest_generate_tests(metafunc):
    if "contract_case" in metafunc.fixturenames:
        names = [f"{c.number}-{c.request}-{c.status}" for c in contract.CASES]
        metafunc.parametrize("contract_case", contract.CASES, ids=names)
        kinds = ["sqlite", pytest.param("postgres", marks=pytest.mark.soak)]
        metafunc.parametrize("store_kind", kinds, scope="session")


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    write_images(folder)
    return folder


@pytest.fixture(scope="session")
def store_kind():
    """What the services of tests keep their stacks in; both kinds only where a test asks."""
    return "sqlite"


def new_place(store_kind, folder):
    return folder / "render.db" if store_kind == "sqlite" else postgres_server().address()


@pytest.fixture
def service(tmp_path, images, store_kind):
    """A service of its own for one test, filled."""
    made = Service(local_base(new_place(store_kind, tmp_path)), images, local_session())
    fill(made)
    return made


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory, images, store_kind):
    """A filled service that nobody changes."""
    place = new_place(store_kind, tmp_path_factory.mktemp("store"))
    made = Service(local_base(place), images, local_session())
    fill(made)
    return made


@pytest.fixture
def bare_service(tmp_path, images):
    """A service of its own on an empty store."""
    return Service(local_base(tmp_path / "render.db"), images, local_session())


@pytest.fixture
def serve_process():
    """Starts servers; those that still run at the end are told to stop."""
    started = []

    def start(folder, *options, **settings):
        started.append(ServerProcess(folder, *options, **settings))
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture
def server_options():
    """How the process of `filled_server` is started."""
    return {}


@pytest.fixture
def filled_server(tmp_path, serve_process, server_options):
    """A server process with the stacks and collections that the contract speaks of."""
    write_images(tmp_path)
    server = serve_process(tmp_path, **server_options)
    fill(Service(server.base, tmp_path))
    return server
