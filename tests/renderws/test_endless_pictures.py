"""Pictures that would take for ever are refused, or stopped, and others are drawn meanwhile."""

from __future__ import annotations

import base64
import os
import zlib

import pytest
import requests
from hostile_host import HostileHost, seconds_of
from picture_limit_trials import (
    POLYNOMIAL,
    Asking,
    endless_picture,
    filters,
    is_drawing,
    picture,
    put_picture,
    save_image,
)
from server_process import ServerProcess, limited_memory
from waiting import wait_until

LONG = 40
"""Seconds that nothing here takes on the busiest machine, but what is not stopped or cut off."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    options = ["--picture-seconds", "2", "--download-seconds", "0.7", "--stop-seconds", "6"]
    options += ["--allow-host", "127.0.0.1"]
    started = ServerProcess(folder, *options, **limited_memory())
    first = picture(save_image(started))
    for _ in range(30):  # the first picture compiles, which may take longer than a picture may
        if put_picture(started, first).status_code == 200:
            break
    assert put_picture(started, first).status_code == 200
    yield started
    assert started.end() == 0
    assert "Traceback" not in started.errors


REFUSED = [
    filters("Rank", radius=2000, filterType=1),
    filters("Rank", radius=1e300),
    filters("Rank", radius="inf"),
    filters("Rank", radius="nan"),
    filters("Rank", filterType="NaN"),
    filters("Rank", filterType="-1"),
    filters("RollingBallSubtraction", radius=3000),
    filters("RollingBallSubtraction", radius=1e5),
    filters("NormalizeLocalContrast", blockRadiusX=1e9),
    filters("NormalizeLocalContrast", blockRadiusY="1e308"),
    filters("CLAHE", blockRadius=1e6),
    filters("CLAHE", bins=1e9),
    filters("CLAHE", bins="nan"),
    filters("EqualizeHistogram", 20_000),
    filters("ValueToNoise", 101, value=0),
    [{"className": "org.janelia.alignment.filter.Rank", "parameters": "radius"}],
    [{"className": "org.janelia.alignment.filter.Rank", "parameters": [1]}],
]


@pytest.mark.parametrize("specs", REFUSED, ids=lambda specs: str(specs[0])[:70])
def test_filters_beyond_the_limits_are_refused(server, specs):
    answer = put_picture(server, picture(save_image(server), filterSpecs=specs))
    assert answer.status_code == 400, answer.text
    assert "\n" not in answer.text


HARMLESS = [
    filters("CLAHE", slope=1e300),
    filters("CLAHE", fast="false", slope=1e300, blockRadius=1000),
    filters("ValueToNoise", value=0, min="-inf", max="1e308"),
    filters("NormalizeLocalContrast", blockRadiusX=1000, blockRadiusY=1000),
    filters("RollingBallSubtraction", radius=1000),
    filters("Rank", radius=1000, filterType=1),
]


@pytest.mark.parametrize("specs", HARMLESS, ids=lambda specs: str(specs[0])[-60:])
def test_filters_at_the_limits_are_drawn_or_stopped(server, specs):
    sent = picture(save_image(server), filterSpecs=specs)
    answer, seconds = seconds_of(lambda: put_picture(server, sent))
    assert answer.status_code in (200, 503), answer.text
    assert seconds < LONG


def large(**parameters):
    return filters(parameters.pop("name", "Rank"), **parameters)


@pytest.mark.parametrize(
    "specs",
    [
        large(radius=900, filterType=1) * 20,
        large(radius=900, filterType=2) * 20,
        large(radius=300, filterType=4) * 20,
        large(radius=12, filterType=4) * 20,
        large(name="RollingBallSubtraction", radius=1000) * 20,
        large(name="CLAHE", fast="false", blockRadius=900, bins=4000) * 20,
        large(name="Rank", radius=500, filterType=3) * 50,
    ],
    ids=lambda specs: str(specs[0])[-60:],
)
def test_work_stops_when_the_time_is_over(server, specs):
    path = save_image(server, 3000, 3000, "large.png")
    sent = picture(path, 3000, 3000, filterSpecs=specs)
    answer, seconds = seconds_of(lambda: put_picture(server, sent))
    assert answer.status_code == 503, answer.text
    assert "2 s" in answer.text
    assert seconds < LONG
    wait_until(lambda: not is_drawing(server), "it goes on")


def test_transforms_that_take_for_ever_stop_too(server):
    leaf = {"className": POLYNOMIAL, "dataString": "0 0 1 0 0 1"}
    path = save_image(server, 500, 500, "wide.png")
    for count in (300, 20_000):
        tile = {"leaves": [leaf] * count}
        sent = picture(path, 500, 500, tile, meshCellSize=1)
        answer, seconds = seconds_of(lambda sent=sent: put_picture(server, sent))
        assert answer.status_code in (200, 400, 503), answer.text
        assert seconds < LONG
    for cell in (1e-300, 1e-9, 0.01):
        sent = picture(path, 500, 500, {"leaves": [leaf]}, meshCellSize=cell)
        assert put_picture(server, sent).status_code == 400
    sent = {**picture(path, 1e9, 1e9, {"leaves": [leaf]}), "width": 64, "height": 64}
    assert put_picture(server, sent).status_code in (200, 400, 503)


def test_texts_that_inflate_to_gigabytes_are_refused(server):
    bomb = base64.b64encode(zlib.compress(bytes(1 << 28), 9)).decode()
    spline = "ThinPlateSplineR2LogR2 2 100000 " + bomb + " " + bomb
    leaf = {"className": "mpicbg.trakem2.transform.ThinPlateSplineTransform", "dataString": spline}
    answer = put_picture(server, picture(save_image(server), tile={"leaves": [leaf]}))
    assert answer.status_code == 400, answer.text
    assert len(answer.text) < 2000


def test_pipes_and_devices_are_not_waited_for(server):
    pipe = server.folder / "pipe.png"
    os.mkfifo(pipe)
    os.symlink(pipe, server.folder / "link.png")
    for name in ("pipe.png", "link.png"):
        for loader in (None, "H5_SLICE", "ZARR_SLICE", "IMAGEJ_COMPOSITE"):
            url = f"file://{server.folder}/{name}"
            sent = picture({"imageUrl": url, **({"imageLoaderType": loader} if loader else {})})
            answer, seconds = seconds_of(lambda sent=sent: put_picture(server, sent))
            assert answer.status_code == 400, answer.text
            assert seconds < LONG
    chunked = server.folder / "piped.zarr"
    chunked.mkdir()
    os.mkfifo(chunked / "zarr.json")
    answer = put_picture(
        server, picture({"imageUrl": str(chunked), "imageLoaderType": "ZARR_SLICE"})
    )
    assert answer.status_code == 400
    assert put_picture(server, picture("", tileSpecUrl=str(pipe))).status_code == 400


@pytest.mark.parametrize("path", ["slow-body", "slow-head", "wait", "long/2000000000", "packed/99"])
def test_slow_and_endless_downloads_are_cut_off(server, path):
    path = path.replace("packed/99", f"packed/{1 << 30}")
    with HostileHost() as host:
        sent = picture(f"{host.base}/{path}")
        answer, seconds = seconds_of(lambda: put_picture(server, sent))
    assert answer.status_code == 400, answer.text
    assert seconds < LONG


def test_work_stops_when_the_client_is_gone(server):
    for _ in range(4):
        with pytest.raises(requests.Timeout):
            put_picture(server, endless_picture(server), timeout=0.5)
    wait_until(lambda: not is_drawing(server), "it goes on")
    assert put_picture(server, picture(save_image(server))).status_code == 200


def test_the_process_ends_although_pictures_are_drawn(tmp_path, serve_process):
    server = serve_process(tmp_path, "--stop-seconds", "3", "--workers", "2", **limited_memory())
    assert put_picture(server, picture(save_image(server))).status_code == 200  # all is loaded
    asking = [Asking(server) for _ in range(6)]
    wait_until(lambda: is_drawing(server))
    status, seconds = seconds_of(server.end)
    assert status == 0
    assert seconds < 15  # not 20 or 30, as without the option
    for one in asking:
        one.join()
        assert one.status != 200  # not drawn to the end
