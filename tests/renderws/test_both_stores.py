"""The same answers, byte for byte, whichever store is behind the service."""

from __future__ import annotations

import itertools

import pytest
from contract_service import Service, contract, fill, local_session
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from postgres_server import postgres_server

from renderapi.session import local_host
from renderws.local import close_local_services
from renderws.routes.table import routes
from renderws.store import stackrows

UNIQUE = "GET /likelyUniqueId"  # never the same


class Clock:
    """Stands in for the module `time`: each question is a second after the one before."""

    def __init__(self):
        self._seconds = itertools.count(1_700_000_000)

    def time_ns(self):
        return next(self._seconds) * 1_000_000_000


def answer(response):
    """All of a response that a client can tell apart."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return response.status_code, headers, response.content


def service_on(place, images):
    base = local_host(place)
    return Service(base, images, local_session())


@pytest.fixture
def places(tmp_path):
    yield [tmp_path / "render.db", postgres_server().address()]
    close_local_services()


def comparable(found, place):
    """An answer in which neither the store nor its address is named."""
    status, headers, content = found
    host = local_host(place)
    headers = {name: value.replace(host, "HOST") for name, value in headers.items()}
    return status, headers, content.replace(host.encode(), b"HOST")


def test_every_operation_of_the_contract_in_one_sequence(places, images, monkeypatch):
    cases = contract.CASES
    assert {route.number for route in routes()} <= {case.number for case in cases}
    records = []
    for place in places:
        monkeypatch.setattr(stackrows, "time", Clock())
        service = service_on(place, images)
        fill(service)
        record, as_expected = [], set()
        for case in sorted(cases, key=lambda case: not case.request.startswith("GET")):
            found = answer(service(case.request, case.send))
            kind = (case.number, case.status < 400)
            if found[0] != case.status and kind not in as_expected:
                empty(service)  # cases before this one have changed too much
                fill(service)
                found = answer(service(case.request, case.send))
                assert found[0] == case.status, case.request
            if found[0] == case.status:
                as_expected.add(kind)
            record.append((case.request, found))
            if case.then is not None:
                record.append((case.then[0], answer(service(case.then[0]))))
        assert as_expected == {(case.number, case.status < 400) for case in cases}
        records.append([(request, comparable(one, place)) for request, one in record])
    assert len(records[0]) > len(cases)
    different = [
        (request, sqlite, postgres)
        for (request, sqlite), (_, postgres) in zip(*records, strict=True)
        if sqlite != postgres and request != UNIQUE
    ]
    assert different == []


def empty(service):
    """Delete everything, whatever state it is in."""
    for owner in service("GET /owners").json():
        path = f"/owner/{owner}"
        for stack in service(f"GET {path}/stacks").json():
            name = stack["stackId"]
            one = f"{path}/project/{name['project']}/stack/{name['stack']}"
            service(f"PUT {one}/state/COMPLETE")
            service.must(f"DELETE {one}")
    for collection in service("GET O/matchCollections").json():
        service.must(f"DELETE C:{collection['collectionId']['name']}")


# Random sequences: few names, so that they meet.

TILES = st.sampled_from(["a", "b", "c", "é", "z"])
ZS = st.sampled_from([-1.0, -0.0, 0.0, 1.0, 1.5])
NUMBERS = st.sampled_from([-5.0, 0.0, 3.5, 100.0])
STACKS = st.sampled_from(["s", "t", "u"])
STATES = st.sampled_from(["LOADING", "COMPLETE", "READ_ONLY", "OFFLINE"])
GROUPS = st.sampled_from(["1", "2", "é"])
AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


class BothStores(RuleBasedStateMachine):
    """Asks two services the same and compares what they say."""

    places: list = []
    clocks: list = []

    @initialize()
    def open(self):
        self.folder = self.new_folder()
        places = [self.folder / "render.db", postgres_server().address()]
        self.services = [service_on(place, None) for place in places]
        self.places, self.clocks = places, [Clock(), Clock()]
        self.ask("POST S:s", {})

    def ask(self, request, send=None):
        found = []
        for service, place, clock in zip(self.services, self.places, self.clocks, strict=True):
            stackrows.time = clock
            found.append(comparable(answer(service(request, send)), place))
        assert found[0] == found[1], (request, send, found)
        return found[0]

    @rule(stack=STACKS)
    def create(self, stack):
        self.ask(f"POST S:{stack}", {"stackResolutionX": 4})

    @rule(stack=STACKS, state=STATES)
    def set_state(self, stack, state):
        self.ask(f"PUT S:{stack}/state/{state}")

    @rule(
        stack=STACKS,
        tiles=st.lists(
            st.tuples(TILES, st.one_of(st.none(), ZS), NUMBERS, NUMBERS, GROUPS), max_size=6
        ),
        lens=st.sampled_from([None, "1 0 0 1 0 0", "1 0 0 1 7 0"]),
        replace=st.booleans(),
    )
    def save(self, stack, tiles, lens, replace):
        specs = {}
        for tile_id, z, x, y, group in tiles:
            shift = {"type": "leaf", "className": AFFINE, "dataString": f"1 0 0 1 {x} {y}"}
            parts = [shift] if lens is None else [{"type": "ref", "refId": "lens"}, shift]
            specs[tile_id] = {
                "tileId": tile_id, "z": z, "width": 10, "height": 10, "groupId": group,
                "layout": {"sectionId": f"{group}.0"}, "minX": x, "minY": y, "maxX": x + 10,
                "maxY": y + 10, "transforms": {"type": "list", "specList": parts},
                "channels": [{"name": group, "mipmapLevels": {}}] if x > 0 else None,
            }  # fmt: skip
        shared = {}
        if lens is not None:
            shared["lens"] = {
                "id": "lens", "type": "leaf", "className": AFFINE, "dataString": lens
            }  # fmt: skip
        body = {"tileIdToSpecMap": specs, "transformIdToSpecMap": shared}
        path = "z/1.0/resolvedTiles?replace=true" if replace else "resolvedTiles?deriveData=true"
        self.ask(f"PUT S:{stack}/{path}", body)

    @rule(stack=STACKS, to=STACKS, zs=st.lists(ZS, max_size=2))
    def clone(self, stack, to, zs):
        query = "&".join(f"z={z}" for z in zs)
        self.ask(f"PUT S:{stack}/cloneTo/{to}?{query}", {})

    @rule(stack=STACKS, to=STACKS)
    def rename(self, stack, to):
        self.ask(f"PUT S:{stack}/stackId", {"owner": "test", "project": "p", "stack": to})

    @rule(stack=STACKS)
    def delete(self, stack):
        self.ask(f"DELETE S:{stack}")

    @rule(stack=STACKS, tile=TILES, z=ZS)
    def remove_some(self, stack, tile, z):
        self.ask(f"DELETE S:{stack}/tile/{tile}")
        self.ask(f"DELETE S:{stack}/z/{z}")

    @rule(stack=STACKS, tiles=st.lists(TILES, max_size=3), z=ZS)
    def move(self, stack, tiles, z):
        self.ask(f"PUT S:{stack}/z/{z}/tileIds", tiles)

    @rule(stack=STACKS, to=STACKS, zs=st.one_of(st.none(), st.lists(ZS, max_size=2)))
    def exchange(self, stack, to, zs):
        names = {"owner": "test", "project": "p"}
        change = {"from": {**names, "stack": stack}, "to": {**names, "stack": to}}
        if zs is not None:
            change["zs"] = zs
        self.ask("POST O/stackChanges", {"changes": [change]})

    @rule(
        pairs=st.lists(st.tuples(GROUPS, TILES, GROUPS, TILES, st.integers(1, 3)), max_size=4),
    )
    def save_matches(self, pairs):
        self.ask(
            "PUT C:m/matches",
            [
                {
                    "pGroupId": p_group, "pId": p, "qGroupId": q_group, "qId": q,
                    "matches": {"p": [[0.1] * n] * 2, "q": [[2.0] * n] * 2, "w": [1.0] * n},
                }
                for p_group, p, q_group, q, n in pairs
            ],
        )  # fmt: skip

    @rule(group=GROUPS, other=GROUPS, tile=TILES)
    def matches(self, group, other, tile):
        self.ask("GET C:m/pGroupIds")
        self.ask("GET C:m/groupIds")
        self.ask(f"GET C:m/group/{group}/matchesWithinGroup")
        self.ask(f"GET C:m/group/{group}/matchesOutsideGroup")
        self.ask(f"GET C:m/group/{group}/matchesWith/{other}")
        self.ask(f"GET C:m/group/{group}/id/{tile}/matchesWith/{other}/id/a")
        self.ask(f"DELETE C:m/group/{group}/matchesOutsideGroup")

    @rule(stack=STACKS, z=ZS, x=NUMBERS, width=st.sampled_from([1, 50]))
    def look(self, stack, z, x, width):
        self.ask(f"GET S:{stack}/zValues")
        self.ask(f"GET S:{stack}/sectionData")
        self.ask(f"GET S:{stack}/tileIds")
        self.ask(f"GET S:{stack}/z/{z}/bounds")
        self.ask(f"GET S:{stack}/z/{z}/tileBounds")
        self.ask(f"GET S:{stack}/z/{z}/resolvedTiles")
        self.ask(f"GET S:{stack}/z/{z}/box/{x:.0f},0,{width},20,1/render-parameters")
        self.ask(f"GET S:{stack}/resolvedTiles?minX={x}&maxX={x + width}&minY=0&maxY=20")

    @invariant()
    def stacks_are_the_same(self):
        if self.places:
            self.ask("GET O/stacks")

    def teardown(self):
        close_local_services()


def test_random_sequences(tmp_path_factory):
    before = stackrows.time
    BothStores.TestCase.settings = settings(
        max_examples=6,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    BothStores.new_folder = staticmethod(lambda: tmp_path_factory.mktemp("both"))
    postgres_server()
    try:
        BothStores.TestCase("runTest").runTest()
    finally:
        stackrows.time = before
