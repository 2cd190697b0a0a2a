"""add_downsample_to_render_project, both versions: images beside the raw ones, and tiles."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

import renderapi
from renderapi.tilespec import ImagePyramid, MipMap, TileSpec
from renderapi.transform import AffineModel, ReferenceTransform
from renderapi.urls import path_to_url, url_to_path
from renderapps.dataimport import add_downsample_to_render_project as first
from renderapps.dataimport import add_downsample_to_render_project_v3 as third
from renderapps.module import ParameterError, RenderModuleException

SHAPE = (41, 66)


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "my lab 50%" / "raw" / "data" / "Ribbon0004" / "session01" / "DAPI_1"
    folder.mkdir(parents=True)
    for z in range(2):
        image = np.random.default_rng(z).integers(0, 65536, SHAPE, dtype=np.uint16)
        tifffile.imwrite(folder / f"DAPI 1_S000{z}.tif", image)
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:, 11:] = 255
    tifffile.imwrite(folder / "mask.tif", mask)
    return folder


@pytest.fixture
def stack(render, raw):
    renderapi.stack.create_stack("raw", stackResolutionX=4, render=render)
    for z in range(2):
        mask = path_to_url(raw / "mask.tif") if z else None
        level = MipMap(path_to_url(raw / f"DAPI 1_S000{z}.tif"), mask)
        pyramid = ImagePyramid({"0": level, "5": MipMap("file:///stale.tif")})
        tile = TileSpec(
            tileId=f"t{z}", z=float(z), width=SHAPE[1], height=SHAPE[0], imagePyramid=pyramid,
            tforms=[ReferenceTransform(refId="lens"), AffineModel(B0=3)],
        )  # fmt: skip
        renderapi.resolvedtiles.put_tilespecs(
            "raw",
            tilespecs=[tile],
            shared_transforms=[AffineModel(transformId="lens")],
            render=render,
        )
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)


@pytest.fixture
def parameters(render, stack):
    connection = {
        "host": render.DEFAULT_HOST,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }
    return {"render": connection, "input_stack": "raw", "output_stack": "small", "pool_size": 1}


def run(module, parameters, **options):
    instance = module.AddDownSample(input_data=parameters | options, args=[])
    instance.run()
    return instance.result


def pyramid_of(render, tile):
    return renderapi.tilespec.get_tile_spec_raw("small", tile, render=render).ip


def test_levels_lie_in_the_parallel_folder_under_valid_urls(parameters, render, raw):
    result = run(first, parameters)
    assert [section["files"] for section in result["sections"]] == [3, 6]
    pyramid = pyramid_of(render, "t0")
    assert sorted(pyramid.levels) == ["0", "1", "2", "3"]
    folder = str(raw).replace("raw/data", "processed/downsampled_images")
    for level in "123":
        url = pyramid[level].imageUrl
        assert url == f"{path_to_url(folder)}/DAPI%201_S0000_mip0{level}.jpg"
        assert np.array(Image.open(url_to_path(url))).shape == (41 >> int(level), 66 >> int(level))
    tile = renderapi.tilespec.get_tile_spec_raw("small", "t0", render=render)
    assert tile.tforms[0].refId == "lens"


def test_masks_are_reduced_to_the_nearest_pixel(parameters, render, raw):
    run(first, parameters)
    pyramid = pyramid_of(render, "t1")
    mask = tifffile.imread(raw / "mask.tif")
    read = np.array(Image.open(url_to_path(pyramid["2"].maskUrl)))
    np.testing.assert_array_equal(read, mask[2::4, 2::4][:10, :16])


def test_without_conversion_the_pixels_are_16_bit_means(parameters, render, raw):
    run(first, parameters, convert_to_8bit=False, levels=1)
    image = tifffile.imread(raw / "DAPI 1_S0001.tif")[:40].astype(int)
    expected = image.reshape(20, 2, 33, 2).sum(axis=(1, 3)) // 4
    read = tifffile.imread(url_to_path(pyramid_of(render, "t1")["1"].imageUrl))
    np.testing.assert_array_equal(read, expected)


def test_a_second_run_makes_no_image_again(parameters):
    def files(**options):
        return sum(section["files"] for section in run(first, parameters, **options)["sections"])

    assert [files(), files(), files(force_redo=True)] == [9, 0, 9]


def test_each_level_may_have_its_own_method_and_compression(parameters, render):
    specs = [
        {"level": 1, "compression": "LZW"},
        {"level": 2, "compression": "PNG", "png_options": {"compress_level": 9}},
        {
            "level": 3,
            "compression": "JPEG",
            "convert_to_8bit": True,
            "downsample_option": "PIL",
        },
    ]
    run(third, parameters, convert_to_8bit=False, mipmapspecs=specs)
    pyramid = pyramid_of(render, "t0")
    paths = [url_to_path(pyramid[level].imageUrl) for level in "123"]
    assert [path.suffix for path in paths] == [".tif", ".png", ".jpg"]
    assert tifffile.imread(paths[0]).dtype == np.uint16
    assert np.array(Image.open(paths[1])).dtype == np.uint16
    assert np.array(Image.open(paths[2])).dtype == np.uint8


def test_bad_parameters_are_refused(parameters):
    jpg = [{"level": 1, "compression": "JPEG"}]
    with pytest.raises(ParameterError, match="JPEG holds 8 bit only"):
        run(third, parameters, convert_to_8bit=False, mipmapspecs=jpg)
    with pytest.raises(ParameterError, match="listed twice"):
        run(third, parameters, mipmapspecs=jpg * 2)
    png = [{"level": 1, "compression": None, "png_options": {}}]
    with pytest.raises(ParameterError, match="only with compression PNG"):
        run(third, parameters, mipmapspecs=png)
    with pytest.raises(ParameterError, match="in_place"):
        run(first, parameters, output_stack="raw")


def test_dim_images_are_reported(parameters, raw):
    image = np.arange(SHAPE[0] * SHAPE[1], dtype=np.uint16).reshape(SHAPE)
    tifffile.imwrite(raw / "DAPI 1_S0000.tif", image)
    result = run(first, parameters)
    dim, bright = result["sections"]
    assert "above 2705: in 8 bit their mipmaps have 11 grey levels" in dim["warning"]
    assert "warning" not in bright


def test_images_elsewhere_are_named_and_nothing_is_published(parameters, render):
    with pytest.raises(RenderModuleException, match=r"path_find 'lab/raw' is not found in .*S0000"):
        run(first, parameters, path_find="lab/raw")
    assert "small" not in renderapi.render.get_stacks_by_owner_project(render=render)


def test_images_of_one_name_get_files_of_their_own(parameters, render, raw):
    Image.new("L", (66, 41), 77).save(raw / "DAPI 1_S0000.png")
    tile = renderapi.tilespec.get_tile_spec_raw("raw", "t0", render=render)
    tile.tileId, tile.tforms = "other", []
    tile.imageUrl = path_to_url(raw / "DAPI 1_S0000.png")
    renderapi.stack.set_stack_state("raw", "LOADING", render=render)
    renderapi.resolvedtiles.put_tilespecs("raw", tilespecs=[tile], render=render)
    run(first, parameters, image_format="png")
    one, other = (
        np.array(Image.open(url_to_path(pyramid_of(render, name)["1"].imageUrl)))
        for name in ("t0", "other")
    )
    assert (other == 77).all() and one.std() > 10


def test_other_settings_give_other_images_and_leave_the_old_ones(parameters, render):
    """The mipmaps of one stack are not those of another that was made with another method."""
    spec = {"level": 1, "compression": "PNG"}
    run(third, parameters, mipmapspecs=[spec])
    shown = url_to_path(pyramid_of(render, "t0")["1"].imageUrl)
    before = shown.read_bytes()
    bicubic = [spec | {"downsample_option": "PIL"}]
    run(third, parameters | {"output_stack": "other"}, mipmapspecs=bicubic)
    assert shown.read_bytes() == before
    tile = renderapi.tilespec.get_tile_spec_raw("other", "t0", render=render)
    raw_tile = url_to_path(tile.ip["0"].imageUrl)
    image = Image.fromarray(tifffile.imread(raw_tile).astype(np.float32))
    expected = np.asarray(image.resize((33, 20), Image.Resampling.BICUBIC)).clip(0, 65535)
    read = np.array(Image.open(url_to_path(tile.ip["1"].imageUrl)))
    np.testing.assert_array_equal(read, np.rint(expected).astype(int) // 256)


@pytest.mark.parametrize("module", [first, third])
def test_from_the_command_line(module, parameters, tmp_path):
    path = tmp_path / "in.json"
    specs = {"mipmapspecs": [{"level": 1, "compression": "JPEG"}]} if module is third else {}
    path.write_text(json.dumps(parameters | specs))
    with pytest.raises(SystemExit) as ended:
        module.AddDownSample.main(["--input_json", str(path)])
    assert ended.value.code == 0
