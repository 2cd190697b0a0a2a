"""Every format: what is written is read back by a program that is not ours, with its places."""

import json
import warnings

import imageio.v3
import numpy as np
import pytest
import tensorstore
import tifffile
import zarr
from volumes import level_of, write_volume

from renderapi.errors import SpecError
from renderapi.volume.layout import VolumeLayout
from renderapps.materialize.formats import format_of, formats
from renderapps.materialize.place import Place
from renderapps.module.errors import RenderModuleException


def layout_of(name, **options):
    settings = {
        "shape": (3, 69, 85),
        "dtype": "uint8",
        "voxel_nm": (70.0, 5.0, 4.0),
        "origin_nm": (140.0, 40.0, -32.0),
        "chunk": (1, 16, 16),
        "shard": (1, 32, 64),
        "levels": 3,
        "encoding": formats()[name].encodings[0],
        "sharded": formats()[name].shards_by_custom,
        "name": "stack",
    }
    return VolumeLayout(**settings | options)


def pixels_of(layout):
    generator = np.random.default_rng(3)
    shape = (layout.channel_count, *layout.shape)
    return generator.integers(0, np.iinfo(layout.dtype).max, shape, dtype=layout.dtype)


def read_zarr(path, level):
    return zarr.open_group(str(path), mode="r")[str(level)][:]


def read_n5(path, level):
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{path}/s{level}"}}
    return tensorstore.open(spec).result().read().result().T


def read_precomputed(path, level):
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": str(path)},
        "scale_index": level,
    }
    return tensorstore.open(spec).result()[..., 0].read().result().T


def read_tiff(path, level):
    with tifffile.TiffFile(path) as file:
        return file.series[0].levels[level].asarray()


def read_png(path, level):
    folder = path / str(level) if level else path
    files = sorted(folder.glob("z*.png"))
    return np.stack([imageio.v3.imread(file) for file in files])


READERS = {
    "omezarr": read_zarr,
    "omezarr-0.4": read_zarr,
    "n5": read_n5,
    "precomputed": read_precomputed,
    "tiff": read_tiff,
    "ome-tiff": read_tiff,
    "png": read_png,
}
CASES = [
    ("omezarr", {}),
    ("omezarr", {"encoding": "blosc", "dtype": "uint16", "channels": ("DAPI", "GFP")}),
    ("omezarr", {"encoding": "gzip", "sharded": False}),
    ("omezarr", {"encoding": "raw", "halve_z": True, "shard": (2, 32, 64)}),
    ("omezarr-0.4", {}),
    ("omezarr-0.4", {"encoding": "raw", "channels": ("DAPI", "GFP"), "dtype": "uint16"}),
    ("n5", {}),
    ("n5", {"encoding": "raw", "channels": ("DAPI", "GFP"), "dtype": "uint16"}),
    ("n5", {"encoding": "zstd", "halve_z": True, "chunk": (2, 16, 16), "shard": (2, 32, 64)}),
    ("precomputed", {}),
    ("precomputed", {"sharded": True, "dtype": "uint16", "chunk": (2, 8, 8), "shard": (2, 32, 32)}),
    ("precomputed", {"sharded": True, "halve_z": True}),
    ("tiff", {}),
    ("tiff", {"encoding": "raw", "levels": 1}),
    ("ome-tiff", {"dtype": "uint16", "channels": ("DAPI", "GFP")}),
    ("ome-tiff", {"encoding": "zstd"}),
    ("png", {}),
    ("png", {"dtype": "uint16", "halve_z": True}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_level_is_read_back(tmp_path, name, options):
    form = formats()[name]
    layout = layout_of(name, **options)
    pixels = pixels_of(layout)
    folder = tmp_path / "volume"
    folder.mkdir()
    layout = write_volume(form, layout, pixels, folder)
    path = folder
    if form.is_file:
        path = tmp_path / "volume.tif"
        form.assemble(Place.of(str(folder)), layout, path)
    for level in range(layout.level_count):
        expected = level_of(pixels, level, layout.factors)
        found = READERS[name](path, level)
        np.testing.assert_array_equal(found, expected if layout.channels else expected[0])


def test_catmaid_finds_every_tile(tmp_path):
    form = formats()["catmaid"]
    layout = layout_of("catmaid", encoding="png")
    pixels = pixels_of(layout)
    write_volume(form, layout, pixels, tmp_path)
    for level in range(3):
        expected = level_of(pixels, level)[0]
        rows, columns = (-(-n // 16) for n in expected.shape[1:])
        padded = np.pad(
            expected,
            ((0, 0), (0, rows * 16 - expected.shape[1]), (0, columns * 16 - expected.shape[2])),
        )
        for z, row, column in np.ndindex(3, rows, columns):
            tile = imageio.v3.imread(tmp_path / str(z) / f"{row}_{column}_{level}.png")
            part = padded[z, row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
            np.testing.assert_array_equal(tile, part)
    (stack,) = json.loads((tmp_path / "project.yaml").read_text())["project"]["stacks"]
    assert stack["dimension"] == "(85,69,3)"
    assert stack["resolution"] == "(4,5,70)"
    assert stack["translation"] == "(-32,40,140)"
    assert (stack["zoomlevels"], stack["mirrors"][0]["fileextension"]) == (2, "png")


@pytest.mark.parametrize(("name", "encoding"), [("precomputed", "jpeg"), ("catmaid", "jpeg")])
def test_jpeg_is_near(tmp_path, name, encoding):
    form = formats()[name]
    layout = layout_of(name, encoding=encoding, levels=1)
    z, y, x = np.mgrid[:3, :69, :85]
    pixels = (100 + 50 * np.sin(x / 9) * np.cos(y / 7) + z).astype(np.uint8)[None]
    write_volume(form, layout, pixels, tmp_path)
    if name == "precomputed":
        found = read_precomputed(tmp_path, 0)[2, :16, :16]
    else:
        found = imageio.v3.imread(tmp_path / "2" / "0_0_0.jpg")
    assert np.abs(found.astype(int) - pixels[0, 2, :16, :16]).max() <= 6


@pytest.mark.parametrize("name", ["omezarr", "omezarr-0.4"])
@pytest.mark.parametrize("options", [{}, {"channels": ("DAPI", "GFP"), "windows": ((0.0, 9.0),) * 2,
                                          "colors": ("112233", "AABBCC")}])  # fmt: skip
def test_a_validator_of_ome_zarr_is_content(tmp_path, name, options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ome_zarr_models

    layout = layout_of(name, **options)
    write_volume(formats()[name], layout, pixels_of(layout), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = ome_zarr_models.open_ome_zarr(zarr.open_group(str(tmp_path), mode="r"))
    assert type(group).__name__ == "Image"
    assert group.ome_zarr_version == {"omezarr": "0.5", "omezarr-0.4": "0.4"}[name]
    attributes = getattr(group, "ome_attributes", None) or group.attributes
    (multiscale,) = attributes.multiscales
    assert [axis.name for axis in multiscale.axes] == list("czyx"[0 if layout.channels else 1 :])
    if layout.channels:
        omero = attributes.omero
        omero = omero if isinstance(omero, dict) else omero.model_dump()
        shown = [(c["label"], c["color"], c["window"]["end"]) for c in omero["channels"]]
        assert shown == [("DAPI", "112233", 9.0), ("GFP", "AABBCC", 9.0)]


def test_voxels_lie_where_they_do_in_every_format(tmp_path):
    """The middle of level 2's first voxel is that of 4 x 4 voxels of level 0."""
    middle = [140.0, 40.0 + 1.5 * 5, -32.0 + 1.5 * 4]

    def documents(name):
        layout = formats()[name].prepared(layout_of(name))
        return {key: json.loads(data) for key, data in formats()[name].documents(layout)}

    attributes = [
        documents("omezarr")["zarr.json"]["attributes"]["ome"],
        documents("omezarr-0.4")[".zattrs"],
    ]
    for found in attributes:
        scale, shift = found["multiscales"][0]["datasets"][2]["coordinateTransformations"]
        assert (scale["scale"], shift["translation"]) == ([70.0, 20.0, 16.0], middle)
    transform = documents("n5")["s2/attributes.json"]["transform"]
    assert (transform["scale"], transform["translate"]) == ([70.0, 20.0, 16.0], middle)
    assert transform["units"] == ["nm"] * 3
    coarse = documents("precomputed")["info"]["scales"][2]
    assert coarse["resolution"] == [16.0, 20.0, 70.0]
    assert coarse["voxel_offset"] == [-2, 2, 2]  # world -8 / 4, 8 / 4; z 140 nm / 70
    png = documents("png")["volume.json"]["levels"][2]
    assert (png["voxel_nm_zyx"], png["origin_nm_zyx"]) == ([70.0, 20.0, 16.0], middle)


def test_unknown_sizes_are_left_out_or_said(tmp_path):
    unknown = {"no_unit": ("z", "y", "x"), "voxel_nm": (1.0, 1.0, 1.0), "origin_nm": (0.0,) * 3}

    def documents(name):
        layout = formats()[name].prepared(layout_of(name, **unknown))
        return {key: json.loads(data) for key, data in formats()[name].documents(layout)}

    for axis in documents("omezarr-0.4")[".zattrs"]["multiscales"][0]["axes"]:
        assert "unit" not in axis
    assert documents("n5")["attributes.json"]["pixelResolution"]["unit"] == "pixel"
    assert documents("png")["volume.json"]["levels"][0]["voxel_nm_zyx"] == [None] * 3
    precomputed = formats()["precomputed"]
    (line,) = precomputed.remarks(layout_of("precomputed", **unknown))
    assert "along z, y, x is unknown, and stands as 1 nm a pixel" in line
    assert "1 nm stands for a pixel" in json.dumps(documents("catmaid"))
    layout = formats()["ome-tiff"].prepared(layout_of("ome-tiff", **unknown))
    folder = tmp_path / "volume"
    write_volume(formats()["ome-tiff"], layout, pixels_of(layout), folder)
    formats()["ome-tiff"].assemble(Place.of(str(folder)), layout, tmp_path / "v.ome.tif")
    with tifffile.TiffFile(tmp_path / "v.ome.tif") as file:
        assert "PhysicalSize" not in file.ome_metadata


def test_an_ome_tiff_says_its_sizes_places_and_channels(tmp_path):
    form = formats()["ome-tiff"]
    options = {"channels": ("DAPI", "GFP"), "windows": ((0.0, 9.0),) * 2}
    layout = layout_of("ome-tiff", colors=("0000FF", "00FF00"), **options)
    folder = tmp_path / "volume"
    layout = write_volume(form, layout, pixels_of(layout), folder)
    paths = [tmp_path / "a.ome.tif", tmp_path / "b.ome.tif"]
    for path in paths:
        form.assemble(Place.of(str(folder)), layout, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with tifffile.TiffFile(paths[0]) as file:
        image = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
    found = image["Pixels"]
    assert [found[f"PhysicalSize{a}"] for a in "XYZ"] == [4.0, 5.0, 70.0]
    assert {found[f"PhysicalSize{a}Unit"] for a in "XYZ"} == {"nm"}
    assert [(c["Name"], c["Color"] & 0xFFFFFFFF) for c in found["Channel"]] == [
        ("DAPI", 0x0000FFFF),
        ("GFP", 0x00FF00FF),
    ]
    last = found["Plane"][-1]
    assert [last[f"Position{a}"] for a in "XYZ"] == [-32.0, 40.0, 280.0]


def test_sharded_arrays_have_named_axes_and_one_file_for_each_shard(tmp_path):
    layout = layout_of("omezarr", levels=1)
    write_volume(formats()["omezarr"], layout, pixels_of(layout), tmp_path)
    array = json.loads((tmp_path / "0" / "zarr.json").read_text())
    assert array["dimension_names"] == ["z", "y", "x"]
    assert array["chunk_grid"]["configuration"]["chunk_shape"] == [1, 32, 64]
    (codec,) = array["codecs"]
    assert codec["configuration"]["chunk_shape"] == [1, 16, 16]
    # readers in Rust (zarrs) refuse zstd without either of the two
    zstd = codec["configuration"]["codecs"][-1]
    assert zstd == {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
    shards = [p for p in (tmp_path / "0" / "c").rglob("*") if p.is_file()]
    assert len(shards) == 3 * 3 * 2  # 3 planes, 69 / 32 rows, 85 / 64 columns, rounded up


def test_precomputed_shards_hold_many_chunks(tmp_path):
    layout = layout_of("precomputed", sharded=True, levels=1)
    write_volume(formats()["precomputed"], layout, pixels_of(layout), tmp_path)
    shards = list(tmp_path.rglob("*.shard"))
    assert 0 < len(shards) < 3 * 5 * 6 / 4
    assert {p.name for p in tmp_path.iterdir() if p.is_file()} == {"info"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("omezarr", {"encoding": "jpeg"}, "has no encoding jpeg; it has zstd"),
        ("omezarr-0.4", {"sharded": True}, "has no shards"),
        ("ome-tiff", {"halve_z": True}, "no levels with a reduced z"),
        ("catmaid", {"dtype": "uint16"}, "no 16 bit pixels; give dtype uint8"),
        ("precomputed", {"channels": ("a", "b")}, "written channel by channel"),
        ("precomputed", {"encoding": "jpeg", "dtype": "uint16"}, "one channel of 8 bits"),
        ("tiff", {"chunk": (1, 20, 16), "shard": (1, 20, 16)}, "multiples of 16"),
        ("catmaid", {"chunk": (2, 16, 16), "shard": (2, 16, 16)}, "is of one plane"),
        ("png", {"shape": (1, 40000, 40000)}, "too large for one picture"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(name, options, message):
    with pytest.raises(RenderModuleException, match=message):
        formats()[name].prepared(layout_of(name, **options))


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/data/a.ome.zarr", "omezarr"),
        ("s3://b/a.n5/", "n5"),
        ("a.ome.tif", "ome-tiff"),
        ("a.tif", "tiff"),
        ("a.precomputed", "precomputed"),
        ("folder", "omezarr"),
    ],
)
def test_the_end_of_a_name_chooses_the_format(target, name):
    assert format_of(target).name == name
    assert format_of(target, "n5").name == "n5"


def test_a_format_that_is_none_is_refused():
    with pytest.raises(RenderModuleException, match="no format hdf; there are catmaid, n5"):
        format_of("a.hdf", "hdf")


def test_a_shard_that_is_no_whole_number_of_chunks_is_refused():
    with pytest.raises(SpecError, match=r"\[1, 20, 32\] must be a whole number"):
        layout_of("omezarr", shard=(1, 20, 32))


def test_the_number_of_levels_follows_from_the_size():
    def count(*shape):
        return layout_of("omezarr", shape=shape, levels=None).level_count

    assert [count(9, 512, 300), count(9, 513, 300), count(9, 100, 4097)] == [1, 2, 5]


def test_chunks_are_no_larger_than_a_small_volume():
    small = layout_of("omezarr", shape=(1, 20, 40), chunk=(1, 512, 512), shard=(1, 2048, 2048))
    assert small.grid(0) == ((1, 20, 40), (1, 20, 40))
