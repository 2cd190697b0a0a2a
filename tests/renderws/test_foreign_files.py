"""Nothing outside the image roots is read, however a client words its name."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import threading
from urllib.parse import quote

import numpy as np
import pytest
import tensorstore
from picture_limit_trials import picture, put_picture, save_image
from PIL import Image
from server_process import limited_memory

SECRET, OPEN = 201, 77
SHAPE = (2, 8, 8)


def save_zarr(folder, value, driver="zarr", **metadata):
    plain = {
        "zarr": {"metadata": {"chunks": [1, 4, 4], **metadata}},
        "zarr3": {"metadata": metadata},
        "n5": {"metadata": {"compression": {"type": "gzip"}, "blockSize": [4, 4, 1]}},
    }[driver]
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{folder}/"}, **plain}
    store = tensorstore.open(
        spec, create=True, dtype=tensorstore.uint8, shape=SHAPE[::-1] if driver == "n5" else SHAPE
    ).result()
    store.write(np.full(store.shape, value, np.uint8)).result()


def save_volumes(folder, value):
    """One volume of each kind, an image, and a list of tiles."""
    h5py = pytest.importorskip("h5py")
    folder.mkdir(parents=True, exist_ok=True)
    save_zarr(folder / "v.zarr" / "d", value)
    save_zarr(folder / "v3.zarr" / "d", value, "zarr3")
    sharded = {
        "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1, 4, 4]}}],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 8, 8]}},
    }
    save_zarr(folder / "s3.zarr" / "d", value, "zarr3", **sharded)
    save_zarr(folder / "v.n5" / "d", value, "n5")
    with h5py.File(folder / "v.h5", "w") as file:
        file["d"] = np.full(SHAPE, value, np.uint8)
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(folder / "a.png")
    (folder / "a.json").write_text(json.dumps([{"tileId": "secret"}]))


def add_links(root, out):
    """Everything below the root that leads out of it."""
    import h5py

    for name in ("v.zarr", "v.n5", "v.h5", "a.png", "a.json"):
        os.symlink(out / name, root / f"link-{name}")
    os.symlink(out, root / "folder")
    for kind, data in (("zarr", "v.zarr"), ("zarr3", "v3.zarr"), ("s", "s3.zarr"), ("n5", "v.n5")):
        shutil.copytree(root / data, root / f"chunks-{kind}")
        shutil.copytree(root / data, root / f"metadata-{kind}")
        os.makedirs(root / f"data-{kind}")
        os.symlink(out / data / "d", root / f"data-{kind}" / "d")
        for path in list((root / f"chunks-{kind}" / "d").rglob("*")):
            if path.is_file() and path.name[:1].isdigit():
                path.unlink()
                path.symlink_to(out / data / path.relative_to(root / f"chunks-{kind}"))
        for name in ("zarr.json", ".zarray", "attributes.json"):
            path = root / f"metadata-{kind}" / "d" / name
            if path.exists():
                path.unlink()
                path.symlink_to(out / data / "d" / name)
    layout = h5py.VirtualLayout(SHAPE, np.uint8)
    layout[:] = h5py.VirtualSource(out / "v.h5", "d", SHAPE)
    raw = out / "raw.bin"
    raw.write_bytes(bytes([SECRET]) * 128)
    with h5py.File(root / "tricks.h5", "w") as file:
        file["external"] = h5py.ExternalLink(out / "v.h5", "d")
        file["whole"] = h5py.ExternalLink(out / "v.h5", "/")
        file["soft"] = h5py.SoftLink("/external")
        file["loop"] = h5py.SoftLink("/loop")
        file["good"] = h5py.SoftLink("/inner/d")
        file["inner/d"] = np.full(SHAPE, OPEN, np.uint8)
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", SHAPE, np.uint8, external=[(str(raw), 0, 128)])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    root, out = folder / "root", folder / "out"
    save_volumes(out, SECRET)
    save_volumes(root, OPEN)
    add_links(root, out)
    return root, out


@pytest.fixture(scope="module")
def server(place, tmp_path_factory):
    from server_process import ServerProcess

    started = ServerProcess(
        tmp_path_factory.mktemp("server"), image_roots=[place[0]], **limited_memory()
    )
    yield started
    assert started.end() == 0
    assert "Traceback" not in started.errors


def shown(answer):
    """Value of the middle of the picture of an answer."""
    with Image.open(io.BytesIO(answer.content)) as image:
        return image.getpixel((4, 4))[0]


def level(url, loader=None):
    return {"imageUrl": str(url), **({"imageLoaderType": loader} if loader else {})}


INSIDE = [
    ("{root}/a.png", None),
    ("file://{root}/a.png", None),
    ("file:{root}/a.png", None),
    ("FILE://LocalHost{root}/a.png", None),
    ("file:///{root}//./a.png", None),
    ("file://{root}/folder/../root/a.png", None),
    ("file://{root}/%61.png?x=1", None),
    ("file://{root}/v.zarr?dataSet=d", "ZARR_SLICE"),
    ("{root}/v.zarr/d?z=1&x=0&y=0&w=8&h=8", "ZARR_SLICE"),
    ("file://{root}/v3.zarr?dataSet=/d/&z=1", "ZARR_SLICE"),
    ("file://{root}/s3.zarr?dataSet=d", "ZARR_SLICE"),
    ("file://{root}/v.n5?dataSet=d", "N5_SLICE"),
    ("file://{root}/v.h5?dataSet=d", "H5_SLICE"),
    ("file://{root}/tricks.h5?dataSet=good", "H5_SLICE"),
    ("file://{root}/tricks.h5?dataSet=inner/d", "H5_SLICE"),
]


@pytest.mark.parametrize(("url", "loader"), INSIDE)
def test_what_is_inside_is_drawn(server, place, url, loader):
    answer = put_picture(server, picture(level(url.format(root=place[0]), loader)))
    assert answer.status_code == 200, answer.text
    assert shown(answer) == OPEN


def outside(root, out):
    """Names of what lies outside, with the loader that would read it."""
    up = f"{root}/../out"
    encoded = quote(str(out / "a.png"), safe="")
    for name in (
        f"{out}/a.png", f"{up}/a.png", f"file://{out}/a.png", f"file://{up}/a.png",
        f"file:{out}/a.png", f"file:////{out}/a.png", f"//{out}/a.png", f"FILE:{out}/a.png",
        f"file://localhost{out}/a.png", f"file://{root}/%2e%2e/out/a.png",
        f"file://{root}/%2E%2E%2Fout%2Fa.png", f"file://{root}/..%2Fout/a.png",
        f"file:///{encoded}", f"file:{encoded}", f"file://{root}/./.././out/a.png",
        f"file://{root}//..//out//a.png", f"{root}/link-a.png", f"file://{root}/link-a.png",
        f"{root}/folder/a.png", f"file://{root}/folder/./a.png", f"{root}x/../out/a.png",
        f"file://{out}/a.png?/../../root/a.png", f"file://{out}/a.png#{root}/a.png",
        f"{out}/a.png?x={root}", f"file://{root}/a.png/../../out/a.png",
        f"file://{root}/a.png%00/../../out/a.png", f"file://{root}\\..\\out\\a.png",
        f"file://127.0.0.1{out}/a.png", f"file://out{out}/a.png", f"file://{root}@{out}/a.png",
        f" {out}/a.png", f"file: {out}/a.png", f"\tfile://{out}/a.png",
        os.path.relpath(out / "a.png"), f"file:{os.path.relpath(out / 'a.png')}",
        f"local://{out}/a.png", f"blockcache::file://{out}/a.png", f"dir://{out}/a.png",
        f"reference://::file://{out}/a.png", f"zip://a.png::file://{out}/a.png",
        "/proc/self/environ", "/proc/self/root/etc/passwd", "/dev/zero", "/dev/stdin",
        "/etc/passwd",
        "~/a.png", "$HOME/a.png", f"{root}", f"{root}/../root",
    ):  # fmt: skip
        for loader in (None, "IMAGEJ_TIFF_STACK", "IMAGEJ_COMPOSITE"):
            yield name, loader
    for name, loader in (
        ("v.zarr", "ZARR_SLICE"), ("v.n5", "N5_SLICE"), ("v.h5", "H5_SLICE"),
        ("v3.zarr", "ZARR_SLICE"), ("s3.zarr", "ZARR_SLICE"),
    ):  # fmt: skip
        for base in (str(out), f"file://{out}", up, f"file:{up}", f"{root}/folder",
                     f"file://{root}/%2e%2e/out", f"//{out}", f"file:////{out}"):  # fmt: skip
            yield f"{base}/{name}?dataSet=d", loader
            yield f"{base}/{name}?/../../root/x&dataSet=d", loader
            yield f"{base}/{name}?dataSet=d&/../../../root/{name}", loader
            yield f"{base}/{name}%3FdataSet=d", loader
    for kind, loader in (("zarr", "ZARR_SLICE"), ("zarr3", "ZARR_SLICE"), ("s", "ZARR_SLICE"),
                         ("n5", "N5_SLICE")):  # fmt: skip
        for folder in ("chunks", "data", "metadata"):
            yield f"file://{root}/{folder}-{kind}?dataSet=d", loader
            yield f"{root}/{folder}-{kind}/d", loader
        data = "v.n5" if kind == "n5" else "v.zarr"
        for inner in (f"../../out/{data}/d", f"d/../../../out/{data}/d",
                      f"%2e%2e/%2e%2e/out/{data}/d",
                      f"/../../out/{data}/d/", f"{out}/{data}/d", f"../link-{data}/d"):  # fmt: skip
            yield f"{root}/{data}?dataSet={inner}", loader
            yield f"file://{root}/{data}?x=0&dataSet=d&dataSet={inner}", loader
    yield f"{root}/link-v.zarr?dataSet=d", "ZARR_SLICE"
    yield f"{root}/link-v.h5?dataSet=d", "H5_SLICE"
    for inner in (
        "external", "whole/d", "soft", "loop", "virtual", "raw", "/external", "./external",
        "inner/../external", "../external", "soft/../d", ".", "", "inner",
    ):  # fmt: skip
        yield f"file://{root}/tricks.h5?dataSet={inner}", "H5_SLICE"


def test_what_is_outside_is_not(server, place):
    root, out = place
    tried = 0
    for url, loader in outside(root, out):
        answer = put_picture(server, picture(level(url, loader)))
        assert 400 <= answer.status_code < 500, (url, loader, answer.status_code)
        assert "\n" not in answer.text and str(SECRET) not in answer.text.replace(url, "")
        tried += 1
    assert tried > 250


def test_masks_lists_of_tiles_and_checks_are_asked_for_too(server, place):
    root, out = place
    for url in itertools.islice({url: 0 for url, loader in outside(root, out) if not loader}, 40):
        mask = picture({**level(root / "a.png"), "maskUrl": url})
        listed = picture(root / "a.png", tileSpecUrl=url.replace("a.png", "a.json"))
        listed["tileSpecs"] = []
        for document in (mask, listed):
            answer = put_picture(server, document)
            assert 400 <= answer.status_code < 500, (url, answer.status_code)
            assert "secret" not in answer.text.replace(url, "")


def test_whether_a_url_is_encoded_does_not_depend_on_the_disk(server, place):
    root, _ = place
    values = {"b c.png": 10, "b%20c.png": 20, "100%.png": 30}
    for name, value in values.items():
        Image.fromarray(np.full((8, 8), value, np.uint8)).save(root / name)
    for text, value in (("b%20c.png", 10), ("b%2520c.png", 20), ("b c.png", 10), ("100%.png", 30)):
        assert shown(put_picture(server, picture(f"file://{root}/{text}"))) == value
    (root / "b c.png").unlink()
    assert put_picture(server, picture(f"file://{root}/b%20c.png")).status_code == 400
    assert shown(put_picture(server, picture(f"{root}/b%20c.png"))) == 20


def test_a_link_that_changes_while_it_is_read_never_shows_what_is_outside(server, place):
    root, out = place
    inside = save_image(server, 8, 8)
    shutil.copy(inside, root / "inside.png")
    link, ended = root / "racing.png", threading.Event()

    def race():
        while not ended.is_set():
            for target in (root / "inside.png", out / "a.png"):
                os.symlink(target, root / "next.png")
                os.replace(root / "next.png", link)

    racing = threading.Thread(target=race)
    racing.start()
    try:
        statuses = set()
        for _ in range(150):
            answer = put_picture(server, picture(link))
            statuses.add(answer.status_code)
            assert answer.status_code == 400 or shown(answer) != SECRET
    finally:
        ended.set()
        racing.join()
    assert statuses <= {200, 400}
