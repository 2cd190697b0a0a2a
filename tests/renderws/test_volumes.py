"""Volumes are served in parts, and nothing but volumes is served."""

import numpy as np
import pytest
import requests
import tensorstore
from volumes import write_volume

from renderapi.volume.layout import VolumeLayout
from renderapps.materialize.formats.omezarr import FORMAT

PIXELS = np.random.default_rng(1).integers(0, 255, (2, 70, 90), np.uint8)


@pytest.fixture
def folder(tmp_path):
    """A sharded volume, and files beside it that are nobody's business."""
    layout = VolumeLayout(
        (2, 70, 90), "uint8", (1.0, 1.0, 1.0), chunk=(1, 16, 16), shard=(1, 64, 64), levels=2
    )
    root = tmp_path / "root"
    volume = root / "a b" / "v.ome.zarr"
    volume.mkdir(parents=True)
    write_volume(FORMAT, layout, PIXELS[None], volume)
    (root / "secret.txt").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "zarr.json").write_text("{}")
    (volume / "link").symlink_to(tmp_path / "outside" / "zarr.json")
    return root


def test_a_sharded_volume_is_read_over_http(folder, serve_process):
    server = serve_process(folder.parent, image_roots=[folder])
    url = f"{server.base}/render-ws/volumes/a%20b/v.ome.zarr"
    for level in (0, 1):
        spec = {
            "driver": "zarr3",
            "kvstore": {
                "driver": "http",
                "base_url": server.base,
                "path": f"/render-ws/volumes/a b/v.ome.zarr/{level}/",
            },
        }
        volume = tensorstore.open(spec, open=True, read=True).result()
        found = volume[1, 20 : 60 >> level, 30 : 80 >> level].read().result()
        if level == 0:
            np.testing.assert_array_equal(found, PIXELS[1, 20:60, 30:80])
    shard = f"{url}/0/c/1/0/0"
    whole = requests.get(shard, timeout=60)
    part = requests.get(shard, headers={"Range": "bytes=-100"}, timeout=60)
    assert (part.status_code, part.content) == (206, whole.content[-100:])
    assert part.headers["Content-Range"].startswith(f"bytes {len(whole.content) - 100}-")
    assert part.headers["Access-Control-Allow-Origin"] == "*"
    assert requests.head(shard, timeout=60).headers["Content-Length"] == str(len(whole.content))
    asked = requests.options(shard, timeout=60)
    assert "Range" in asked.headers["Access-Control-Allow-Headers"]
    assert requests.get(f"{url}/zarr.json", timeout=60).json()["node_type"] == "group"


@pytest.mark.parametrize(
    "path",
    ["secret.txt", "a%20b/v.ome.zarr/0/c/9/9/9", "a%20b", "../outside/zarr.json",
     "a%20b/v.ome.zarr/link", "%2e%2e/outside/zarr.json", "/etc/passwd"],
)  # fmt: skip
def test_nothing_else_is_served(folder, serve_process, path):
    server = serve_process(folder.parent, image_roots=[folder])
    with requests.Session() as session:
        request = requests.Request("GET", server.base).prepare()
        request.url = f"{server.base}/render-ws/volumes/{path}"
        assert session.send(request, timeout=60).status_code == 404
        assert requests.post(f"{server.base}/render-ws/volumes/x", timeout=60).status_code == 405


def test_the_token_is_needed_here_too(folder, serve_process):
    server = serve_process(folder.parent, "--token", "abc", image_roots=[folder])
    url = f"{server.base}/render-ws/volumes/a%20b/v.ome.zarr/zarr.json"
    assert requests.get(url, timeout=60).status_code == 401
    answer = requests.get(url, headers={"Authorization": "Bearer abc"}, timeout=60)
    assert answer.status_code == 200
