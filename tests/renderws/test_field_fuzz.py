"""Every field of every body and query with values of the kinds that hurt, on a server process.

Each field gets some of them in turn. `RENDERWS_FUZZ_FIELDS=all` sends all to each, in paths too,
and takes minutes (`make fuzz`).
"""

from __future__ import annotations

import json
import os
import re
import socket
from itertools import cycle, islice
from pathlib import Path

import pytest
import requests
from field_kinds import MORE_TEXTS, TEXTS, damaged, quoted
from server_process import limited_memory

from renderapi.rendering.filters import FILTERS, PREFIX
from renderapi.transform.leaf.registry import LEAF_CLASSES
from renderws.routes.table import routes

ALL = os.environ.get("RENDERWS_FUZZ_FIELDS") == "all"
MEANT = (503, 507)
MEGABYTES = 1500
# these move what the other requests ask for, so they come last
MOVING = re.compile("stackId|collectionId|stackChanges|cloneTo|state|locks|/metadata")
KNOWN = {
    "owner": "test", "project": "p", "stack": "acq", "collection": "m", "matchCollection": "m",
    "tileId": "a", "z": "1", "x": "0", "y": "0", "width": "20", "height": "20", "scale": "0.5",
    "groupId": "1.0", "pGroupId": "1.0", "qGroupId": "1.0", "pId": "a", "qId": "b", "id": "a",
    "sectionId": "1.0", "transformId": "lens", "toStack": "open", "state": "LOADING",
    "trialId": "0" * 24,
}  # fmt: skip
PARAMETERS = {
    "ValueToNoise": {"value": "0", "min": "64", "max": "191"},
    "NormalizeLocalContrast": {
        "blockRadiusX": "5", "blockRadiusY": "5", "meanFactor": "3", "center": "true",
        "stretch": "true",
    },
    "CLAHE": {"fast": "true", "blockRadius": "5", "bins": "256", "slope": "2.5"},
    "EqualizeHistogram": {"saturatedPixels": "0.4"},
    "Rank": {"radius": "2", "filterType": "3"},
    "RollingBallSubtraction": {"radius": "5"},
}  # fmt: skip
DATA_STRINGS = (
    "", "x", "5 6", "1 0 0 1 5 6", "1e308 0 0 1e308 1e308 1e308", "NaN NaN NaN NaN NaN NaN",
    "inf 0 0 1 0 0", "1e-320 0 0 1e-320 0 0", "9" * 400 + " 0 0 1 0 0", "a\0b", "1 " * 1000,
    "2 2 1e999 0 0 0", "3 999999999 1 1 1", "3 " + "9" * 30, "2 3 0 0 1 1 2 2",
    "ThinPlateSplineR2LogR 2 999999999 AAAA AAAA", "ThinPlateSplineR2LogR 2 3 @Z @Z",
)  # fmt: skip


class Asker:
    """Sends requests to a server and notes down what must not come back."""

    def __init__(self, server):
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        self.counts = {}
        self.bad = []

    def path(self, short):
        if short.startswith("/render-ws") or short == "/health":
            return self.server.base + short
        head, slash, rest = short.partition("/")
        kind, _, name = head.partition(":")
        owner = "/owner/test"
        prefixes = {
            "": "",
            "O": owner,
            "P": f"{owner}/project/p",
            "S": f"{owner}/project/p/stack/{name or 'acq'}",
            "C": f"{owner}/matchCollection/{name or 'm'}",
        }
        return f"{self.server.base}/render-ws/v1{prefixes[kind]}{slash}{rest}"

    def __call__(self, request, body=None):
        method, _, short = request.partition(" ")
        answer = self.session.request(method, self.path(short), data=body, timeout=60)
        status = answer.status_code
        self.counts[status] = self.counts.get(status, 0) + 1
        if status >= 500 and status not in MEANT:
            self.bad.append((request[:200], (body or b"")[:300], status, answer.text[:200]))
        elif status >= 400:
            text = answer.headers.get("Content-Type", "")
            if not text.startswith("text/plain") or "Traceback" in answer.text:
                self.bad.append((request[:200], status, text, answer.text[:200]))

    def finish(self):
        different = {(found[-1][:60], found[0][:60]): found for found in self.bad}
        assert not self.bad, "\n".join(map(str, different.values()))
        assert self.server.process.poll() is None
        assert requests.get(f"{self.server.base}/health", timeout=60).ok
        assert "Traceback" not in self.server.errors
        status = Path(f"/proc/{self.server.process.pid}/status").read_text()
        assert int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) < MEGABYTES * 1024
        self.session.close()


@pytest.fixture
def ask(filled_server):
    asker = Asker(filled_server)
    yield asker
    asker.session.close()


@pytest.fixture
def server_options():
    """Address space of the server."""
    return limited_memory()


def bodies(cases, folder):
    """A sound body for every operation that takes one."""
    found = {}
    for case in cases:
        sends_json = isinstance(case.send, dict | list)
        if sends_json and case.status < 300 and case.request not in found:
            found[case.request] = json.loads(json.dumps(case.send).replace("{images}", str(folder)))
    return sorted(found.items(), key=lambda item: bool(MOVING.search(item[0])))


@pytest.mark.timeout(3600 if ALL else 300)
def test_every_field_of_every_body(ask, request):
    known = bodies(request.config._contract_cases, ask.server.folder)
    assert len(known) > 30
    for name, body in known:
        for sent in damaged(body, ALL):
            ask(name, sent)
    ask.finish()
    assert ask.counts[400] > (1000 if ALL else 500)


@pytest.mark.timeout(3600 if ALL else 300)
def test_every_parameter_of_every_query(ask):
    some = cycle(TEXTS)
    for route in routes():
        if route.method == "DELETE" or (not ALL and _is_repeated(route)):
            continue
        path = re.sub(r"\{(\w+)\}", lambda hole: KNOWN.get(hole[1], "1"), route.path)
        body = None if route.method == "GET" else b"{}"
        for parameter in route.query:
            for text in (*TEXTS, *MORE_TEXTS) if ALL else islice(some, 5):
                ask(f"{route.method} {path}?{parameter.name}={quoted(text)}", body)
        for name in re.findall(r"\{(\w+)\}", route.path) if ALL else ():
            for text in (*TEXTS[1:], *MORE_TEXTS):
                values = {**KNOWN, name: quoted(text)}
                path = re.sub(
                    r"\{(\w+)\}", lambda hole, values=values: values.get(hole[1], "1"), route.path
                )
                ask(f"{route.method} {path}", body)
    ask.finish()


def _is_repeated(route):
    """Whether another operation is the same but for its image format."""
    return bool(re.search(r"(jpeg|tiff|tiff16|png16|raw|raw16)-image|/(jpg|tif)$", route.path))


def tile(folder, **more):
    affine = {"className": "mpicbg.trakem2.transform.AffineModel2D", "dataString": "1 0 0 1 0 0"}
    source = {
        "imageUrl": f"file:{folder}/8bit.png", "maskUrl": f"file:{folder}/mask.png",
        "imageLoaderType": None, "imageSliceNumber": 0,
    }  # fmt: skip
    return {
        "tileId": "t", "z": 1, "width": 100, "height": 80, "meshCellSize": 64,
        "minIntensity": 0, "maxIntensity": 255, "mipmapLevels": {"0": source},
        "transforms": {"type": "list", "specList": [affine]}, **more,
    }  # fmt: skip


def picture(folder, **more):
    return {
        "x": 0, "y": 0, "width": 40, "height": 30, "scale": 0.5, "meshCellSize": 64,
        "minMeshCellSize": 0, "quality": 0.8, "numberOfThreads": 1, "backgroundRGBColor": 0,
        "convertToGray": False, "skipInterpolation": False, "binaryMask": False,
        "excludeMask": False, "doFilter": False, "fillWithNoise": False, "minIntensity": 0,
        "maxIntensity": 255, "channels": "", "minBoundsMeshCellSize": 64,
        "mipmapPathBuilder": {"rootPath": "/x/", "numberOfLevels": 1, "extension": "png"},
        "tileSpecs": [tile(folder)], **more,
    }  # fmt: skip


@pytest.mark.timeout(3600 if ALL else 300)
def test_every_field_of_a_picture_and_its_filters(ask):
    folder = ask.server.folder
    name = "PUT O/png-image"
    for sent in damaged(picture(folder), ALL):
        ask(name, sent)
    levels = {"name": "A", "mipmapLevels": tile(folder)["mipmapLevels"], "minIntensity": 0}
    channels = tile(folder, mipmapLevels={}, channels=[{**levels, "maxIntensity": 255}])
    for sent in damaged({"width": 9, "height": 9, "channels": "A", "tileSpecs": [channels]}, ALL):
        ask(name, sent)
    assert set(PARAMETERS) == set(FILTERS)
    small = {"width": 40, "height": 30, "tileSpecs": [tile(folder)]}
    for kind, parameters in PARAMETERS.items():
        spec = {"className": PREFIX + kind, "parameters": parameters}
        for sent in damaged([spec], ALL):
            ask(name, b'{"filterSpecs":%b,%b' % (sent, json.dumps(small).encode()[1:]))
    ask.finish()


@pytest.mark.timeout(300)
def test_data_strings_of_every_class(ask):
    folder = ask.server.folder
    for kind in LEAF_CLASSES:
        for text in DATA_STRINGS:
            spec = {"className": kind, "dataString": text}
            one = tile(folder, transforms=spec)
            imported = {"tileIdToSpecMap": {"t": one}}
            for name, body in (
                ("PUT O/validate-json/transform", spec),
                ("PUT O/world-to-local-coordinates/1,1", one),
                ("PUT O/png-image", {"width": 9, "height": 9, "tileSpecs": [one]}),
                ("PUT S:open/resolvedTiles?deriveData=true", imported),
            ):
                ask(name, json.dumps(body).encode())
    ask.finish()


@pytest.mark.timeout(3600 if ALL else 300)
def test_every_field_of_a_match_trial(ask):
    url = ask.path("S/tile/{}/render-parameters") + "?scale=0.2"
    derivation = {
        "matchModelType": "TRANSLATION", "matchMaxEpsilonFullScale": 3.0, "matchRod": 0.9,
        "matchIterations": 10, "matchMinInlierRatio": 0.1, "matchMinNumInliers": 3,
        "matchMaxTrust": 3.0, "matchFilter": "SINGLE_SET", "matchFullScaleCoverageRadius": 50,
    }  # fmt: skip
    sound = {
        "pRenderParametersUrl": url.format("a"),
        "qRenderParametersUrl": url.format("b"),
        "featureAndMatchParameters": {
            "siftFeatureParameters": {"fdSize": 4, "minScale": 0.5, "maxScale": 1.0, "steps": 3},
            "matchDerivationParameters": derivation,
            "pClipPosition": "LEFT",
            "clipPixels": 10,
        },
        "geometricDescriptorAndMatchFilterParameters": {
            "gdEnabled": True,
            "renderScale": 0.2,
            "geometricDescriptorParameters": {"numberOfNeighbors": 3, "sigma": 2.04},
            "matchDerivationParameters": derivation,
        },
    }
    for sent in damaged(sound, ALL):
        ask("POST O/matchTrial", sent)
    ask.finish()


HEADERS = (
    ("Host: [", "Host"),
    ("Host: [::1", "Host"),
    ("Host: \x80]", None),
    ("Host: localhost\r\nOrigin: http://[", "Origin"),
    ("Host: localhost\r\nOrigin: \xff\xfe", None),
    ("Host: localhost\r\nContent-Length: x", None),
    ("Host: localhost\r\nContent-Encoding: [", None),
    ("Host: localhost\r\nSec-Fetch-Site: \xff", None),
    ("Host: localhost\r\nAuthorization: Basic \xff", None),
    ("Host: localhost\r\nAccept-Encoding: \xff", None),
)


def test_headers(filled_server):
    path = "/render-ws/v1/owner/test/project/p/stack/new"
    for header, named in HEADERS:
        rest = "Content-Length: 2\r\nConnection: close\r\n\r\n{}"
        sent = f"POST {path} HTTP/1.1\r\n{header}\r\n{rest}"
        with socket.create_connection(("127.0.0.1", filled_server.port), timeout=60) as connection:
            connection.sendall(sent.encode("latin-1"))
            answer = b"".join(iter(lambda one=connection: one.recv(65536), b""))
        status = int(answer.split()[1])
        assert status < 500, header
        if named:
            assert status == 400, header
            assert named.encode() in answer
    assert filled_server.errors == ""


@pytest.mark.parametrize(
    ("request_line", "body", "status", "named"),
    [
        (
            "GET S/tile/a/withNeighbors/render-parameters?widthFactor=1e308",
            None,
            400,
            "widthFactor",
        ),
        ("PUT O/png-image", {"channels": 5}, 400, "channels"),
        ("PUT O/png-image", {"mipmapPathBuilder": 5}, 400, "mipmapPathBuilder"),
        ("PUT O/png-image", {"width": 1e308}, 400, "window of"),
        ("PUT S:open/resolvedTiles", {"tileIdToSpecMap": {"": {}}}, 400, "tileId"),
        ("POST S:new", {"cycleNumber": 10**400}, 400, "JSON"),
        ("POST S:new", {"cycleNumber": 1e30}, 400, "cycleNumber"),
        ("POST S:new", {"mipmapPathBuilder": "x"}, 400, "mipmapPathBuilder"),
    ],
)
def test_the_field_is_named(service, request_line, body, status, named):
    box = {"z": 1, "minX": 0, "minY": 0, "maxX": 9, "maxY": 9}
    if body and "tileIdToSpecMap" in body:
        body["tileIdToSpecMap"][""].update(box)
    answer = service(request_line, body)
    assert answer.status_code == status
    assert named in answer.text


@pytest.mark.parametrize("bad", ["", ".", "..", "a\0b", "t" * 1001])
@pytest.mark.parametrize("place", ["tileId", "groupId", "sectionId", "transform", "p", "group"])
def test_ids_that_nothing_can_address_are_refused(service, bad, place):
    tile = {"tileId": "t", "z": 1, "minX": 0, "minY": 0, "maxX": 9, "maxY": 9}
    ids = {"pGroupId": "g", "pId": "p", "qGroupId": "g", "qId": "q"}
    if place in ("p", "group"):
        key = {"p": "pId", "group": "qGroupId"}[place]
        points = {"p": [[1], [1]], "q": [[1], [1]], "w": [1]}
        answer = service("PUT C/matches", [{**ids, key: bad, "matches": points}])
    else:
        if place == "sectionId":
            tile["layout"] = {"sectionId": bad}
        elif place != "transform":
            tile[place] = bad
        leaf = {"className": "mpicbg.trakem2.transform.AffineModel2D", "dataString": "1 0 0 1 0 0"}
        shared = {bad: leaf} if place == "transform" else {}
        body = {"transformIdToSpecMap": shared, "tileIdToSpecMap": {"t": tile}}
        answer = service("PUT S:empty/resolvedTiles", body)
    assert answer.status_code == 400
    assert service.must("GET S:empty/tileIds").json() == []


def test_an_id_with_a_zero_character_finds_no_other(service):
    sent = [{"tileId": "a\0x", "local": [1, 1]}, {"tileId": "\0", "local": [1, 1]}]
    found = service.must("PUT S/local-to-world-coordinates", sent).json()
    assert ["not in" in entry["error"] for entry in found] == [True, True]
    assert service.must("PUT S/tile-specs-with-ids", ["a\0", "\0"]).json() == []
    assert len(service.must("PUT S/tile-specs-with-ids", ["a", "a\0"]).json()) == 1
    assert service("GET S/tile/a%00").status_code == 404
    moved = service("PUT S:open/z/7/tileIds", ["a\0b"])
    assert moved.status_code < 500
    assert service.must("GET S:open/tile/a").json()["z"] != 7
