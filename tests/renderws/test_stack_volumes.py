"""A stack is read as a volume by programs that know nothing of render, as it is drawn."""

import io

import fsspec
import numpy as np
import pytest
import requests
import tensorstore
import zarr
from contract_service import Service, local_base, local_session
from PIL import Image
from server_process import ServerProcess

from renderws import volume_chunks

OWNER = "/owner/test/project/p/stack"
WIDTH, HEIGHT = 420, 310
PLACES = {"a": (-30.5, 12.25), "b": (365.0, 20.0), "c": (-22.0, 300.0), "d": (790.5, 305.75)}
SIZES = {"stackResolutionX": 4, "stackResolutionY": 4, "stackResolutionZ": 40}


def picture(seed, dtype):
    greatest = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, greatest, (HEIGHT, WIDTH), dtype, endpoint=True)


def tile(name, z, folder, dtype, channels):
    """A tile at a place between pixels, its images written."""
    x, y = PLACES[name]
    shown = {"minIntensity": 0, "maxIntensity": int(np.iinfo(dtype).max)}
    sources = []
    for channel in channels or (None,):
        file = folder / f"{name}{z}{channel}{dtype}.png"
        Image.fromarray(picture(hash_of(name, z, channel), dtype)).save(file)
        sources.append({"mipmapLevels": {"0": {"imageUrl": file.as_uri()}}, **shown})
    move = {"className": "mpicbg.trakem2.transform.AffineModel2D",
            "dataString": f"1 0 0 1 {x} {y}"}  # fmt: skip
    found = {
        "tileId": f"{name}{z:g}",
        "z": z,
        "layout": {"sectionId": f"{z:g}"},
        "width": WIDTH,
        "height": HEIGHT,
        "minX": x, "minY": y, "maxX": x + WIDTH - 1, "maxY": y + HEIGHT - 1,
        "transforms": {"type": "list", "specList": [move]},
    }  # fmt: skip
    if not channels:
        return found | sources[0]
    named = zip(channels, sources, strict=True)
    return found | {"channels": [{"name": name, **source} for name, source in named]}


def hash_of(*names):
    return sum(ord(letter) * 7**n for n, letter in enumerate("".join(map(str, names))))


def fill(service, folder, stack, zs, dtype=np.uint8, channels=(), sizes=SIZES):
    tiles = {t["tileId"]: t for z in zs for t in
             (tile(name, z, folder, dtype, channels) for name in PLACES)}  # fmt: skip
    service.must(f"POST S:{stack}", sizes)
    body = {"transformIdToSpecMap": {}, "tileIdToSpecMap": tiles}
    service.must(f"PUT S:{stack}/resolvedTiles", body)
    service.must(f"PUT S:{stack}/state/COMPLETE")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("volumes")


@pytest.fixture(scope="module")
def local(folder):
    """The store in this process: grey 8 bit, two channels of 16 bit, and what is no volume."""
    service = Service(local_base(folder / "render.db"), folder, local_session())
    fill(service, folder, "grey", [3.0, 5.0])
    fill(service, folder, "two", [0.0, 1.0], np.uint16, ["DAPI", "TdTomato"], {})
    fill(service, folder, "uneven", [0.0, 1.5])
    service.must("POST S:open", SIZES)
    return service


@pytest.fixture(scope="module")
def server(folder, local):
    process = ServerProcess(folder)
    yield process
    process.end()


def section(service, stack, z, box, query=""):
    """Values of a box as the operations for pictures answer."""
    x, y, width, height = box
    path = f"S:{stack}/z/{z:g}/box/{x},{y},{width},{height},1/raw16-image{query}"
    return np.frombuffer(service.must(f"GET {path}").content, ">u2").reshape(height, width)


def block_means(pixels, level):
    """Means of blocks of 2^level pixels along a side, halves up; of those there are at the ends."""
    step = 1 << level
    rows, columns = (-(-n // step) for n in pixels.shape)
    sums, counts = np.zeros((2, rows, columns), np.int64)
    for down in range(step):
        for right in range(step):
            part = pixels[down::step, right::step]
            sums[: part.shape[0], : part.shape[1]] += part
            counts[: part.shape[0], : part.shape[1]] += 1
    return np.floor(sums / counts + 0.5).astype(pixels.dtype)


GREY = (-31, 12, 1241, 603)  # floor of the corner; ends of the last tiles rounded up


def test_zarr_python_reads_what_boxes_show(server, local):
    group = zarr.open_group(f"{server.base}/render-ws/v1{OWNER}/grey/volume/zarr", mode="r")
    ome = group.attrs["ome"]
    (image,) = ome["multiscales"]
    assert [axis["name"] for axis in image["axes"]] == ["z", "y", "x"]
    transforms = image["datasets"][1]["coordinateTransformations"]
    assert transforms[0]["scale"] == [40.0, 8.0, 8.0]
    assert transforms[1]["translation"] == [120.0, 4 * 12 + 2.0, 4 * -31 + 2.0]
    assert ome["omero"]["channels"][0]["window"]["end"] == 255.0
    assert [array["path"] for array in image["datasets"]] == ["0", "1", "2"]
    pixels = section(local, "grey", 3, GREY)
    full = group["0"]
    assert (full.shape, full.dtype) == ((3, *pixels.shape), np.uint8)
    assert pixels.std() > 30
    np.testing.assert_array_equal(full[0], pixels)
    assert not full[1].any()  # there is no section at z 4
    np.testing.assert_array_equal(full[2, 500:, 30:], section(local, "grey", 5, GREY)[500:, 30:])
    for level in (1, 2):
        np.testing.assert_array_equal(group[str(level)][0], block_means(pixels, level))


def opened(driver, server, stack, kind, level):
    kvstore = {"driver": "http", "base_url": server.base,
               "path": f"/render-ws/v1{OWNER}/{stack}/volume/{kind}"}  # fmt: skip
    spec = {"driver": driver, "kvstore": kvstore}
    if driver == "zarr3":
        kvstore["path"] += f"/{level}/"
    else:
        kvstore["path"] += "/"
        spec["scale_index"] = level
    return tensorstore.open(spec, open=True, read=True).result()


def test_tensorstore_reads_the_channels_of_both_formats(server, local):
    for index, channel in enumerate(["DAPI", "TdTomato"]):
        whole = section(local, "two", 1, GREY, f"?channels={channel}")
        found = opened("zarr3", server, "two", "zarr", 0)
        assert (found.dtype.numpy_dtype, found.domain.labels) == (np.uint16, ("c", "z", "y", "x"))
        np.testing.assert_array_equal(found[index, 1].read().result(), whole)
        coarse = opened("zarr3", server, "two", "zarr", 2)[index, 1].read().result()
        np.testing.assert_array_equal(coarse, block_means(whole, 2))
        # offsets are whole voxels of the coarsest level: the volume begins before the stack
        aligned = (-32, 12, 1242, 603)
        other = section(local, "two", 1, aligned, f"?channels={channel}")
        full = opened("neuroglancer_precomputed", server, "two", "precomputed", 0)
        assert full.domain.origin == (-32, 12, 0, 0)
        np.testing.assert_array_equal(full[:, :, 1, index].read().result().T, other)
        coarse = opened("neuroglancer_precomputed", server, "two", "precomputed", 2)
        assert coarse.domain.origin == (-8, 3, 0, 0)
        means = coarse[:, :, 1, index].read().result().T
        np.testing.assert_array_equal(means, block_means(other, 2))


def test_every_chunk_is_shown_as_the_whole_section(local, folder):
    fill(local, folder, "mixed", [1.0])
    last = tile("d", 1.0, folder, np.uint8, ()) | {"minIntensity": 50, "maxIntensity": 100}
    local.must("PUT S:mixed/state/LOADING")
    local.must("PUT S:mixed/resolvedTiles", {"tileIdToSpecMap": {"d1": last}})
    local.must("PUT S:mixed/state/COMPLETE")
    x, y, width, height = GREY
    answer = local.must(f"GET S:mixed/z/1/box/{x},{y},{width},{height},1/png-image").content
    with Image.open(io.BytesIO(answer)) as whole:
        expected = np.asarray(whole)[:512, :512, 0]  # where the last tile is not
    chunk = local.must("GET S:mixed/volume/zarr/0/c/0/0/0").content
    np.testing.assert_array_equal(np.frombuffer(chunk, np.uint8).reshape(512, 512), expected)
    assert (expected == 255).mean() > 0.3


def test_bands_change_nothing(local, monkeypatch):
    whole = local.must("GET S:grey/volume/zarr/2/c/0/0/0").content
    local.must("DELETE /imageProcessorCache/allEntries")
    monkeypatch.setattr(volume_chunks, "_BAND", 1300 * 20)
    assert local.must("GET S:grey/volume/zarr/2/c/0/0/0").content == whole
    assert len(set(whole)) > 50


def test_answers_are_kept_until_the_stack_changes(server, folder, local):
    fill(local, folder, "changing", [1.0])
    path = f"{server.base}/render-ws/v1{OWNER}/changing/volume/zarr/1/c/0/0/0"
    first = requests.get(path, timeout=60)
    assert first.headers["Cache-Control"].endswith("no-cache")
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    again = requests.get(path, headers={"If-None-Match": first.headers["ETag"]}, timeout=60)
    assert (again.status_code, again.content) == (304, b"")
    head = requests.head(path, timeout=60)
    assert int(head.headers["Content-Length"]) == len(first.content) == 512 * 302
    local.must("PUT S:changing/state/LOADING")
    assert requests.get(path, timeout=60).status_code == 400
    shown = tile("d", 1.0, folder, np.uint8, ()) | {"maxIntensity": 100}
    local.must("PUT S:changing/resolvedTiles", {"tileIdToSpecMap": {"d1": shown}})
    local.must("PUT S:changing/state/COMPLETE")
    changed = requests.get(path, headers={"If-None-Match": first.headers["ETag"]}, timeout=60)
    assert (changed.status_code, len(changed.content)) == (200, len(first.content))
    assert changed.content != first.content


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("S:none/volume/zarr/zarr.json", 404, "none"),
        ("S:open/volume/precomputed/info", 400, "COMPLETE"),
        ("S:uneven/volume/zarr/zarr.json", 400, "z 1.5 is no whole step from the first, 0"),
        ("S:grey/volume/zarr/3/zarr.json", 404, "no level 3"),
        ("S:grey/volume/zarr/-1/c/0/0/0", 404, "no level -1"),
        ("S:grey/volume/zarr/0/c/3/0/0", 404, "no such chunk"),
        ("S:grey/volume/zarr/0/c/0/-1/0", 404, "no such chunk"),
        ("S:grey/volume/zarr/0/c/0/0/0/0", 404, "number of axes"),
        ("S:two/volume/zarr/0/c/0/0/0", 404, "number of axes"),
        ("S:two/volume/zarr/0/c/2/0/0/0", 404, "no such chunk"),
        ("S:grey/volume/zarr/.zgroup", 404, "nothing"),
        ("S:grey/volume/precomputed/5_5_40/0-512_0-512_3-4", 404, "no scale"),
        ("S:grey/volume/precomputed/4_4_40/0-512_0-512_3-4", 404, "no chunk"),
        ("S:grey/volume/precomputed/4_4_40/-32-480_12-524_3-x", 404, "no chunk"),
    ],
)
def test_what_is_not_there_is_said(local, path, status, text):
    response = local(f"GET {path}")
    assert (response.status_code, text in response.text) == (status, True), response.text


def test_levels_that_take_too_many_pixels_are_not_offered(folder, local):
    server = ServerProcess(folder, "--max-pixels", "700000")
    try:
        volume = Service(server.base)("GET S:grey/volume/zarr/zarr.json").json()
        (image,) = volume["attributes"]["ome"]["multiscales"]
        # a chunk of level 1 covers 1024 x 603 pixels, one of level 2 all 1241 x 603
        assert len(image["datasets"]) == 2
    finally:
        server.end()


@pytest.mark.parametrize("chunk", ["zarr/0/c/0/0/0", "precomputed/4_4_40/-32-480_12-524_3-4"])
def test_parts_of_chunks_are_answered(server, chunk):
    path = f"{server.base}/render-ws/v1{OWNER}/grey/volume/{chunk}"
    whole = requests.get(path, timeout=60)
    assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
    size = len(whole.content)
    for text, begin, end in (("bytes=1000-1999", 1000, 2000), ("bytes=-300", size - 300, size)):
        answer = requests.get(path, headers={"Range": text}, timeout=60)
        assert (answer.status_code, answer.content) == (206, whole.content[begin:end])
        assert answer.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{size}"
        assert answer.headers["ETag"] == whole.headers["ETag"]
    behind = requests.get(path, headers={"Range": f"bytes={size}-"}, timeout=60)
    assert (behind.status_code, behind.headers["Content-Range"]) == (416, f"bytes */{size}")
    head = requests.head(path, headers={"Range": "bytes=0-9"}, timeout=60)
    assert (head.status_code, head.headers["Accept-Ranges"]) == (200, "bytes")
    assert int(head.headers["Content-Length"]) == size
    known = {"Range": "bytes=0-9", "If-None-Match": whole.headers["ETag"]}
    assert requests.get(path, headers=known, timeout=60).status_code == 304
    asked = {"Origin": "http://elsewhere", "Access-Control-Request-Headers": "range"}
    assert (
        "Range"
        in requests.options(path, headers=asked, timeout=60).headers["Access-Control-Allow-Headers"]
    )


def test_a_reader_of_parts_gets_the_right_bytes(server, local):
    """fsspec, by which zarr-python and dask read, asks for parts by `Range`."""
    path = f"{server.base}/render-ws/v1{OWNER}/grey/volume/zarr/0/c/0/0/0"
    row = fsspec.filesystem("http").cat_file(path, start=512 * 100, end=512 * 101)
    expected = section(local, "grey", 3, GREY)[100, :512]
    np.testing.assert_array_equal(np.frombuffer(row, np.uint8), expected)
