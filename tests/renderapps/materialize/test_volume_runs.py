"""Exports that are stopped and gone on with, of real sections in every format, to object stores."""

import json
import os
import threading
import zlib
from pathlib import Path

import imageio.v3
import numpy as np
import pytest
import requests
import tensorstore
import tifffile
import zarr
from PIL import Image
from volumes import level_of

import renderapi
from renderapi.image_pyramid import MipMap
from renderapi.layout import Layout
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.materialize.export_volume import ExportVolume
from renderapps.materialize.place import Place
from renderapps.module import RenderModuleException

ZS = [0.0, 1.0, 3.0]
BOX = (16, 32, 180, 150)  # x, y, width, height


@pytest.fixture
def sections(render, real_data, tmp_path):
    """A stack of three sections of nerve cord, each of two tiles that overlap; one is turned."""
    folder = real_data("sstem_30_sections")
    tiles = []
    for z in ZS:
        with Image.open(folder / f"z{int(z):02d}.png") as image:
            pixels = np.asarray(image)
        for column in (0, 1):
            path = tmp_path / f"{int(z)}_{column}.tif"
            left = 130 * column
            tifffile.imwrite(path, pixels[:256, left : left + 160])
            turn = 0.01 if z == 3 and column else 0.0
            place = AffineModel(M00=1, M01=-turn, M10=turn, M11=1, B0=left, B1=7)
            tile = TileSpec(
                tileId=path.stem,
                z=z,
                width=160,
                height=256,
                tforms=[place],
                layout=Layout(sectionId=str(z)),
                minint=0,
                maxint=255,
            )
            tile.ip[0] = MipMap(imageUrl=path_to_url(path))
            tiles.append(tile)
    size = {"stackResolutionX": 4.0, "stackResolutionY": 4.0, "stackResolutionZ": 50.0}
    renderapi.stack.create_stack("cord", render=render, **size)
    renderapi.resolvedtiles.put_tilespecs("cord", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("cord", "COMPLETE", render=render)
    return "cord"


@pytest.fixture
def export(render, sections, tmp_path):
    """Function that exports the stack: target and options to target and result."""
    group = {
        "host": render.DEFAULT_HOST,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }
    x, y, width, height = BOX

    def call(target, **options):
        target = target if "://" in target else str(tmp_path / "out" / target)
        parameters = {
            "render": group,
            "input_stack": sections,
            "output_volume": target,
            "bounds": {"minX": x, "minY": y, "maxX": x + width, "maxY": y + height},
            "chunk": [1, 16, 32],
            "shard": [1, 32, 64],
            "levels": 3,
            "pool_size": 1,
        } | options
        module = ExportVolume(input_data=parameters, args=[])
        module.run()
        return Path(target), module.result

    return call


@pytest.fixture
def boxes(render, sections):
    """Box images of the service: (plane, row, column); plane 2 has no section."""
    planes = np.zeros((4, BOX[3], BOX[2]), np.uint8)
    for z in ZS:
        image = renderapi.image.get_bb_image(sections, z, *BOX, 1.0, render=render)
        planes[int(z)] = image[:, :, 0]
    return planes


def contents(place):
    """Size and checksum of every file."""
    return {key: zlib.crc32(place.read(key)) for key in place.files()}


def tensorstore_level(driver, path, level):
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": str(path)}}
    if driver == "n5":
        spec["kvstore"]["path"] += f"/s{level}"
        return tensorstore.open(spec).result().read().result().T
    return tensorstore.open(spec | {"scale_index": level}).result()[..., 0].read().result().T


def catmaid_level(path, shape, level):
    rows, columns = (-(-n // size) for n, size in zip(shape[1:], (16, 32), strict=True))
    planes = [
        np.block(
            [
                [
                    imageio.v3.imread(path / str(z) / f"{row}_{column}_{level}.png")
                    for column in range(columns)
                ]
                for row in range(rows)
            ]
        )
        for z in range(shape[0])
    ]
    return np.stack(planes)[:, : shape[1], : shape[2]]


def tiff_level(path, level):
    with tifffile.TiffFile(path) as file:
        return file.series[0].levels[level].asarray()


def png_level(path, level):
    files = sorted((path / str(level) if level else path).glob("z*.png"))
    return np.stack([np.asarray(Image.open(file)) for file in files])


READ = {
    "v.ome.zarr": lambda p, n, _: zarr.open_group(str(p), mode="r")[str(n)][:],
    "v.ome-04.zarr": lambda p, n, _: zarr.open_group(str(p), mode="r")[str(n)][:],
    "v.n5": lambda p, n, _: tensorstore_level("n5", p, n),
    "v.precomputed": lambda p, n, _: tensorstore_level("neuroglancer_precomputed", p, n),
    "v.ome.tif": lambda p, n, _: tiff_level(p, n),
    "v.tif": lambda p, n, _: tiff_level(p, n),
    "v_png": lambda p, n, _: png_level(p, n),
    "v.catmaid": lambda p, n, shape: catmaid_level(p, shape, n),
}
OPTIONS = {"v.catmaid": {"encoding": "png"}, "v.precomputed": {"sharded": True}}


@pytest.mark.parametrize("name", READ)
def test_real_sections_are_box_images_at_full_scale_and_block_means_below(export, boxes, name):
    path, result = export(name, **OPTIONS.get(name, {}))
    assert result["shape_zyx"] == [4, BOX[3], BOX[2]]
    assert result["warnings"] == []
    assert result["voxel_nm_zyx"] == [50.0, 4.0, 4.0]
    assert result["origin_nm_zyx"] == [0.0, 4.0 * BOX[1], 4.0 * BOX[0]]
    for level in range(3):
        expected = level_of(boxes, level)
        np.testing.assert_array_equal(READ[name](path, level, expected.shape), expected)


def test_parts_are_drawn_as_one_picture_of_the_section_would_be(export, render, sections, tmp_path):
    """The first tile decides the pixel type, the last how it is shown: for every shard alike."""
    tiles = renderapi.tilespec.get_tile_specs_from_z(sections, 0.0, render=render)
    wide = tifffile.imread(tmp_path / "0_0.tif").astype(np.uint16) * 200
    tifffile.imwrite(tmp_path / "wide.tif", wide)
    tiles[0].ip[0] = MipMap(imageUrl=path_to_url(tmp_path / "wide.tif"))
    tiles[0].maxint, tiles[1].maxint = 50000, 180
    renderapi.stack.set_stack_state(sections, "LOADING", render=render)
    renderapi.resolvedtiles.put_tilespecs(sections, tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state(sections, "COMPLETE", render=render)
    whole = renderapi.image.get_bb_image(sections, 0.0, *BOX, 1.0, render=render)
    path, _ = export("v.ome.zarr", zs=[0.0], dtype="uint8", levels=1)
    found = zarr.open_group(str(path), mode="r")["0"][0]
    np.testing.assert_array_equal(found, whole[:, :, 0])


def test_a_stopped_export_goes_on_and_gives_the_same_bytes(export, tmp_path):
    fresh, result = export("fresh.ome.zarr")
    image = tmp_path / "3_1.tif"
    image.rename(tmp_path / "aside")
    with pytest.raises(RenderModuleException, match=r"planes 3 to 3: .*3_1\.tif.*goes on"):
        export("v.ome.zarr")
    (tmp_path / "aside").rename(image)
    unfinished = tmp_path / "out" / ".v.ome.zarr.unfinished"
    kept = len(list((unfinished / "records").iterdir()))
    shard = next(p for p in sorted((unfinished / "volume" / "0").rglob("*")) if p.is_file())
    shard.write_bytes(shard.read_bytes()[:-1])  # a disk that was full
    path, again = export("v.ome.zarr")
    assert contents(Place.of(str(path))) == contents(Place.of(str(fresh)))
    assert (again["tasks"], again["bytes"]) == (result["tasks"], result["bytes"])
    assert 0 < again["kept_tasks"] == kept - 1
    assert not unfinished.exists()


def test_what_has_changed_since_is_drawn_again(export, render, sections, tmp_path, boxes):
    image = tmp_path / "3_1.tif"
    image.rename(tmp_path / "aside")
    with pytest.raises(RenderModuleException):
        export("v.ome.zarr")
    (tmp_path / "aside").rename(image)
    changed = 255 - tifffile.imread(tmp_path / "0_0.tif")
    tifffile.imwrite(tmp_path / "0_0.tif", changed)
    os.utime(tmp_path / "0_0.tif", (1, 1))
    path, result = export("v.ome.zarr")
    found = zarr.open_group(str(path), mode="r")["0"][:]
    left = 130 - BOX[0]  # the other tile lies over the rest
    np.testing.assert_array_equal(found[0, :, :left], 255 - boxes[0, :, :left])
    np.testing.assert_array_equal(found[1:], boxes[1:])
    assert 0 < result["kept_tasks"] < result["tasks"]


def test_another_volume_does_not_take_what_was_begun_for_this_one(export, tmp_path):
    image = tmp_path / "3_1.tif"
    image.rename(tmp_path / "aside")
    with pytest.raises(RenderModuleException):
        export("v.ome.zarr")
    path, result = export("v.ome.zarr", zs=[0.0], encoding="gzip")
    assert result["kept_tasks"] == 0
    codecs = json.loads((path / "0" / "zarr.json").read_text())["codecs"]
    assert "gzip" in json.dumps(codecs) and "zstd" not in json.dumps(codecs)


def test_two_runs_on_one_volume_are_one_too_many(export, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    work = tmp_path / "out" / ".v.ome.zarr.unfinished"
    work.mkdir(parents=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RenderModuleException, match="another run is writing this volume"):
            export("v.ome.zarr")


@pytest.mark.parametrize(
    ("gaps", "weights"), [("blank", ()), ("repeat", (1.0, 0.0)), ("interpolate", (0.5, 0.5))]
)
def test_gaps_show_what_is_asked_for(export, boxes, gaps, weights):
    path, result = export("v.ome.zarr", z_gaps=gaps, levels=2)
    plane = sum((w * boxes[z].astype(float) for w, z in zip(weights, (1, 3), strict=False)), 0.0)
    expected = np.floor(plane + np.zeros(boxes.shape[1:]) + 0.5).astype(np.uint8)
    volume = zarr.open_group(str(path), mode="r")
    np.testing.assert_array_equal(volume["0"][2], expected)
    np.testing.assert_array_equal(volume["1"][2], level_of(expected[None], 1)[0])
    assert result["empty_planes_z"] == ([2.0] if gaps == "blank" else [])
    assert [p["z"] for p in result["filled_planes"]] == ([] if gaps == "blank" else [2.0])


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(export, tmp_path):
    _, told = export("v.ome.zarr", dry_run=True)
    assert not (tmp_path / "out").exists()
    _, done = export("v.ome.zarr")
    assert told["tasks"] == done["tasks"]
    assert told["voxels"] == 4 * (150 * 180 + 75 * 90 + 38 * 45)
    assert 0 < told["megabytes_per_worker"] <= told["megabytes_of_memory"]
    assert told["seconds_expected"] >= 1
    assert 0.5 < told["bytes_expected"] / done["bytes"] < 3


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """Address of a server with the S3 protocol that has the bucket `lab`."""
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from s3fs import S3FileSystem
    from werkzeug.serving import make_server

    S3FileSystem.clear_instance_cache()  # other tests have had another server
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    for key in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(key, str(tmp_path / "none"))
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
    client.create_bucket(Bucket="lab")
    client.close()
    yield url
    S3FileSystem.clear_instance_cache()
    requests.post(f"{url}/moto-api/reset", timeout=60).raise_for_status()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_volume_in_a_bucket_is_that_of_a_disk_also_when_it_was_stopped(export, bucket, tmp_path):
    remote = {"endpoint_url": bucket, "aws_region": "us-east-1", "zs": [0.0, 3.0]}
    place = Place.of("s3://lab/volumes/v.ome.zarr")
    image = tmp_path / "3_1.tif"
    image.rename(tmp_path / "aside")
    with pytest.raises(RenderModuleException, match=r"3_1\.tif"):
        export(place.url, **remote)
    (tmp_path / "aside").rename(image)
    _, result = export(place.url, **remote)
    assert result["kept_tasks"] > 0
    local, _ = export("v.ome.zarr", zs=[0.0, 3.0])
    from renderapps.transfer.storage import Storage

    there = Place.of(place.url, Storage("us-east-1", bucket))
    assert contents(there) == contents(Place.of(str(local)))
    assert not there.beside(".v.ome.zarr.unfinished").exists()
    with pytest.raises(RenderModuleException, match=r"v\.ome\.zarr exists"):
        export(place.url, **remote)
    export(place.url, overwrite=True, **remote, levels=1)
    assert json.loads(there.read("zarr.json"))["attributes"]["ome"]["version"] == "0.5"
    assert there.read("1/zarr.json") is None


def test_a_file_is_put_together_in_memory_of_this_process(export, boxes):
    import fsspec

    system = fsspec.filesystem("memory")
    export("memory://lab/v.ome.tif", pool_size=2)
    with system.open("/lab/v.ome.tif", "rb") as stream, tifffile.TiffFile(stream) as file:
        np.testing.assert_array_equal(file.series[0].levels[0].asarray(), boxes)
    assert system.find("/lab") == ["/lab/v.ome.tif"]
    system.rm("/lab", recursive=True)
