"""OME-Zarr volumes: pixels, levels, metadata, whole or not at all."""

import json

import numpy as np
import pytest
import tensorstore

from renderapps.materialize.omezarr import (
    LevelWriter,
    VolumeLayout,
    block_mean,
    create_volume,
    reduce_slab,
    volume_metadata,
    whole_folder,
)
from renderapps.module.errors import RenderModuleException


def layout(**options):
    settings = {
        "shape": (3, 37, 53),
        "dtype": "uint16",
        "voxel_nm": (70.0, 100.0, 100.0),
        "origin_nm": (0.0, -200.0, 500.0),
        "channels": ("DAPI", "GFP"),
        "chunk": (1, 8, 8),
        "shard": (1, 16, 32),
        "levels": 3,
    }
    return VolumeLayout(**settings | options)


def pixels_of(volume, seed=0):
    generator = np.random.default_rng(seed)
    shape = (max(1, len(volume.channels)), *volume.shape)
    return generator.integers(0, np.iinfo(volume.dtype).max, shape, dtype=volume.dtype)


def write(path, volume, pixels):
    create_volume(path, volume, "name")
    writer = LevelWriter(path)
    rows = volume.grid(0)[1][1]
    for channel, planes in enumerate(pixels):
        for slab in volume.slabs():
            for row in range(0, volume.shape[1], rows):
                block = planes[slab.start : slab.stop, row : row + rows]
                writer.write(block, channel, slab.start, row)
    for level in range(1, volume.level_count):
        for slab in volume.slabs(level):
            reduce_slab(path, volume, level, slab)


def read(path, level):
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path / str(level))}}
    return tensorstore.open(spec).result().read().result()


def means(pixels, factors):
    """Block means with rounded halves, written as a loop over the blocks."""
    shape = [-(-n // f) for n, f in zip(pixels.shape, factors, strict=True)]
    result = np.empty(shape, pixels.dtype)
    for index in np.ndindex(*shape):
        block = pixels[tuple(slice(i * f, i * f + f) for i, f in zip(index, factors, strict=True))]
        result[index] = np.floor(block.mean(dtype=np.float64) + 0.5)
    return result


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [(), ("DAPI", "GFP")])
@pytest.mark.parametrize("halve_z", [False, True])
def test_what_is_written_is_read_back_at_every_level(tmp_path, dtype, channels, halve_z):
    volume = layout(dtype=dtype, channels=channels, halve_z=halve_z, shard=(2, 16, 32))
    pixels = pixels_of(volume)
    write(tmp_path, volume, pixels)
    expected = pixels if channels else pixels[0]
    np.testing.assert_array_equal(read(tmp_path, 0), expected)
    for level in (1, 2):
        pixels = np.stack([means(planes, volume.factors) for planes in pixels])
        np.testing.assert_array_equal(read(tmp_path, level), pixels if channels else pixels[0])


def test_a_mean_of_halves_is_rounded_up_and_an_odd_end_is_averaged_alone():
    pixels = np.array([[[1, 2, 10], [1, 2, 11], [3, 4, 65535]]], np.uint16)
    assert block_mean(pixels, (1, 2, 2)).tolist() == [[[2, 11], [4, 65535]]]


def test_the_metadata_says_where_each_voxel_lies():
    volume = layout(windows=((0.0, 1000.0), (5.0, 60000.0)))
    ome = volume_metadata(volume, "stitched")["attributes"]["ome"]
    (multiscale,) = ome["multiscales"]
    assert ome["version"] == "0.5"
    assert [(a["name"], a["type"], a.get("unit")) for a in multiscale["axes"]] == [
        ("c", "channel", None),
        ("z", "space", "nanometer"),
        ("y", "space", "nanometer"),
        ("x", "space", "nanometer"),
    ]
    first, second, third = multiscale["datasets"]
    assert first["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 70.0, 100.0, 100.0]},
        {"type": "translation", "translation": [0.0, 0.0, -200.0, 500.0]},
    ]
    assert second["coordinateTransformations"][0]["scale"] == [1.0, 70.0, 200.0, 200.0]
    assert second["coordinateTransformations"][1]["translation"] == [0.0, 0.0, -150.0, 550.0]
    assert third["coordinateTransformations"][1]["translation"] == [0.0, 0.0, -50.0, 650.0]
    assert [c["label"] for c in ome["omero"]["channels"]] == ["DAPI", "GFP"]
    assert ome["omero"]["channels"][1]["window"] == {
        "min": 0.0,
        "max": 65535.0,
        "start": 5.0,
        "end": 60000.0,
    }


def test_the_arrays_are_sharded_zarr_3_with_named_axes(tmp_path):
    volume = layout()
    create_volume(tmp_path, volume, "name")
    array = json.loads((tmp_path / "0" / "zarr.json").read_text())
    assert array["zarr_format"] == 3
    assert array["node_type"] == "array"
    assert array["dimension_names"] == ["c", "z", "y", "x"]
    assert array["chunk_grid"]["configuration"]["chunk_shape"] == [1, 1, 16, 32]
    (codec,) = array["codecs"]
    assert codec["name"] == "sharding_indexed"
    assert codec["configuration"]["chunk_shape"] == [1, 1, 8, 8]
    group = json.loads((tmp_path / "zarr.json").read_text())
    assert (group["zarr_format"], group["node_type"]) == (3, "group")


def test_one_file_holds_a_shard(tmp_path):
    volume = layout(channels=(), levels=1)
    write(tmp_path, volume, pixels_of(volume))
    shards = [p for p in (tmp_path / "0" / "c").rglob("*") if p.is_file()]
    assert len(shards) == 3 * 3 * 2  # 3 planes, 37 / 16 rows, 53 / 32 columns, rounded up


def test_the_number_of_levels_follows_from_the_size():
    assert layout(shape=(9, 512, 300), levels=None).level_count == 1
    assert layout(shape=(9, 513, 300), levels=None).level_count == 2
    assert layout(shape=(9, 100, 4097), levels=None).level_count == 5


def test_chunks_are_no_larger_than_a_small_volume():
    small = layout(shape=(1, 20, 40), chunk=(1, 512, 512), shard=(1, 2048, 2048))
    assert small.grid(0) == ((1, 20, 40), (1, 20, 40))


def test_a_shard_that_is_no_whole_number_of_chunks_is_refused():
    with pytest.raises(RenderModuleException, match=r"\[1, 20, 32\] must be a whole number"):
        layout(shard=(1, 20, 32))


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out" / "volume.zarr"
    with whole_folder(target) as folder:
        (folder / "a").write_text("first")
        assert not target.exists()
    with pytest.raises(ValueError, match="stop"), whole_folder(target) as folder:
        (folder / "a").write_text("second")
        raise ValueError("stop")
    assert (target / "a").read_text() == "first"
    with whole_folder(target) as folder:
        (folder / "b").write_text("third")
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in target.parent.iterdir()] == ["volume.zarr"]
