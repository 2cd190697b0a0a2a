"""Trials of the limits of pictures and of what they are drawn from."""

from __future__ import annotations

import threading
from contextlib import suppress

import numpy as np
import requests
from hostile_host import HostileHost, seconds_of
from limit_trials import trial
from PIL import Image
from waiting import is_working, wait_until

OWNER = "/render-ws/v1/owner/o"
FILTER = "org.janelia.alignment.filter."
POLYNOMIAL = "mpicbg.trakem2.transform.PolynomialTransform2D"


def put_picture(server, document, **options):
    """The answer to a picture of render parameters that are sent."""
    options = {"timeout": 60, **options}
    with requests.Session() as session:
        session.trust_env = False
        return session.put(f"{server.base}{OWNER}/png-image", json=document, **options)


def window(width=8, height=8, **more):
    """Render parameters of an empty window."""
    return {"x": 0, "y": 0, "width": width, "height": height, "scale": 1, "tileSpecs": [], **more}


def picture(url, width=8, height=8, tile=None, **more):
    """Render parameters of a tile with one image."""
    leaves = (tile or {}).pop("leaves", [])
    spec = {"tileId": "t", "width": width, "height": height, "mipmapLevels": {"0": url}}
    spec["mipmapLevels"] = {"0": url if isinstance(url, dict) else {"imageUrl": str(url)}}
    spec["transforms"] = {"type": "list", "specList": leaves}
    return window(width, height, **{"tileSpecs": [{**spec, **(tile or {})}], **more})


def save_image(server, width=64, height=64, name="a.png"):
    """An image below the image root of a server; made once for each size."""
    path = server.folder / f"{width}_{height}_{name}"
    if path.exists():
        return path
    values = np.random.default_rng(1).integers(0, 256, (height, width)).astype(np.uint8)
    Image.fromarray(values).save(path)
    return path


def filters(name, count=1, **parameters):
    """A list of filters."""
    texts = {key: str(value) for key, value in parameters.items()}
    return [{"className": FILTER + name, "parameters": texts}] * count


def endless_picture(server):
    """Render parameters that take minutes to draw."""
    path = save_image(server, 1024, 1024, "large.png")
    return picture(path, 1024, 1024, filterSpecs=filters("Rank", 100, radius=60, filterType=4))


class Asking(threading.Thread):
    """Asks for a picture that takes minutes; `status` is that of the answer, None without one."""

    def __init__(self, server):
        super().__init__()
        self.server, self.status = server, None
        self.start()

    def run(self):
        with suppress(requests.RequestException):
            self.status = put_picture(self.server, endless_picture(self.server)).status_code


def is_drawing(server):
    """Whether a server is at work."""
    return is_working(server.process.pid)


@trial("--max-pixels", "1000")
def max_pixels(server):
    assert put_picture(server, window(30, 30)).status_code == 200
    return put_picture(server, window(32, 32)).status_code


@trial("--max-image-bytes", "4K")
def max_image_bytes(server):
    assert put_picture(server, picture(save_image(server, 64, 64))).status_code == 200
    return put_picture(server, picture(save_image(server, 65, 64, "b.png"))).status_code


@trial("--max-download-bytes", "64K", "--allow-host", "127.0.0.1")
def max_download_bytes(server):
    page = save_image(server).read_bytes()
    with HostileHost(page=page) as host:
        assert put_picture(server, picture(f"{host.base}/plain")).status_code == 200
        return put_picture(server, picture(f"{host.base}/long/131072")).status_code


@trial("--download-seconds", "0.5", "--allow-host", "127.0.0.1")
def download_seconds(server):
    with HostileHost() as host:
        return put_picture(server, picture(f"{host.base}/slow-body")).status_code


@trial("--max-filters", "2")
def max_filters(server):
    path = save_image(server)
    for count in (2, 3):
        specs = filters("EqualizeHistogram", count)
        answer = put_picture(server, picture(path, filterSpecs=specs))
        assert count == 3 or answer.status_code == 200
    return answer.status_code


@trial("--max-filter-radius", "4")
def max_filter_radius(server):
    path = save_image(server)
    names = ("Rank", "RollingBallSubtraction")
    for name in names:
        kind = {"filterType": 1} if name == "Rank" else {}
        for radius in (4, 4.5):
            specs = filters(name, radius=radius, **kind)
            answer = put_picture(server, picture(path, filterSpecs=specs))
            assert radius > 4 or answer.status_code == 200
    return answer.status_code


@trial("--max-mesh-cells", "100")
def max_mesh_cells(server):
    path = save_image(server)
    leaf = {"className": POLYNOMIAL, "dataString": "0 0 1 0 0 1"}
    for cell in (8, 4):
        tile = {"leaves": [leaf]}
        answer = put_picture(server, picture(path, 64, 64, tile, meshCellSize=cell))
        assert cell == 4 or answer.status_code == 200, answer.text
    return answer.status_code


@trial("--picture-seconds", "1")
def picture_seconds(server):
    answer = put_picture(server, endless_picture(server))
    assert "1 s" in answer.text
    return answer.status_code


@trial("--max-trial-pixels", "100")
def max_trial_pixels(server):
    path = save_image(server)
    stack = f"{server.base}{OWNER}/project/p/stack/s"
    levels = {"0": {"imageUrl": str(path)}}
    tile = {"z": 1, "width": 64, "height": 64, "mipmapLevels": levels, "transforms": {}}
    tiles = {"tileIdToSpecMap": {name: tile for name in "ab"}}
    requests.post(stack, json={}, timeout=60)
    saved = requests.put(f"{stack}/resolvedTiles?deriveData=true", json=tiles, timeout=60)
    assert saved.status_code == 201, saved.text
    sent = {
        f"{side}RenderParametersUrl": f"{stack}/tile/{name}/render-parameters"
        for side, name in zip("pq", "ab", strict=True)
    }
    trial_url = f"{server.base}{OWNER}/matchTrial"
    answer = requests.post(trial_url, json={"featureAndMatchParameters": {}, **sent}, timeout=60)
    assert "match trial" in answer.text, answer.text
    return answer.status_code


@trial("--stop-seconds", "3")
def stop_seconds(server):
    assert put_picture(server, picture(save_image(server))).status_code == 200  # all is loaded
    asking = Asking(server)
    wait_until(lambda: is_drawing(server))
    status, seconds = seconds_of(server.end)
    assert status == 0
    assert seconds < 15  # not 20 or 30, as without the option
    asking.join()
    assert asking.status != 200  # not drawn to the end
    return "ended"
