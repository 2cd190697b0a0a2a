"""generate_mipmaps: means of pixels on disk, and tiles that know them."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

import renderapi
from renderapi.tilespec import ImagePyramid, MipMap, TileSpec
from renderapi.transform import AffineModel, ReferenceTransform
from renderapi.urls import path_to_url, url_to_path
from renderapps.dataimport.generate_mipmaps import GenerateMipMaps
from renderapps.module import ParameterError, RenderModuleException

WIDTH, HEIGHT = 147, 70  # more than a mesh cell, below which only level 0 is drawn


def pixels(z, column, dtype=np.uint16):
    generator = np.random.default_rng([int(z), column])
    return generator.integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH), dtype=dtype)


def halved(array):
    """Truncated means of 2 x 2 pixels; an odd last row or column is dropped."""
    height, width = array.shape[0] // 2, array.shape[1] // 2
    blocks = array[: 2 * height, : 2 * width].astype(np.int64).reshape(height, 2, width, 2)
    return blocks.sum(axis=(1, 3)) // 4


@pytest.fixture
def stack(render, tmp_path):
    """2 sections x 2 tiles behind a shared transform, COMPLETE; the second tiles have a mask."""
    folder = tmp_path / "raw images"
    folder.mkdir()
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[4:, 6:] = 255
    tifffile.imwrite(folder / "mask.tif", mask)
    shared = AffineModel(M00=0.99, transformId="lens")
    renderapi.stack.create_stack("acquired", stackResolutionX=4, render=render)
    for z in (0.0, 1.0):
        tiles = []
        for column in (0, 1):
            path = folder / f"z{z:.0f} c{column}.tif"
            tifffile.imwrite(path, pixels(z, column))
            masked = path_to_url(folder / "mask.tif") if column else None
            pyramid = ImagePyramid({"0": MipMap(path_to_url(path), masked)})
            tiles.append(
                TileSpec(
                    tileId=f"z{z:.0f}c{column}",
                    z=z,
                    width=WIDTH,
                    height=HEIGHT,
                    imagePyramid=pyramid,
                    tforms=[ReferenceTransform(refId="lens"), AffineModel(B0=130 * column)],
                    sectionId=str(z),
                )
            )
        renderapi.resolvedtiles.put_tilespecs(
            "acquired", tilespecs=tiles, shared_transforms=[shared], render=render
        )
    renderapi.stack.set_stack_state("acquired", "COMPLETE", render=render)
    return "acquired"


@pytest.fixture
def generate(render, stack, tmp_path):
    """Function that runs the module and gives its result."""

    def call(**options):
        parameters = {
            "render": {
                "host": render.DEFAULT_HOST,
                "owner": render.DEFAULT_OWNER,
                "project": render.DEFAULT_PROJECT,
            },
            "input_stack": stack,
            "output_stack": "reduced",
            "output_directory": str(tmp_path / "mip maps"),
            "levels": 2,
            "pool_size": 1,
        } | options
        module = GenerateMipMaps(input_data=parameters, args=[])
        module.run()
        return module.result

    return call


def tile_of(render, stack, tile_id):
    return renderapi.tilespec.get_tile_spec(stack, tile_id, render=render)


@pytest.mark.parametrize("image_format", ["tif", "png"])
def test_every_level_is_the_mean_of_the_one_below(generate, render, image_format):
    result = generate(image_format=image_format)
    assert [section["mipmaps"] for section in result["sections"]] == [4, 4]
    for z in (0.0, 1.0):
        for column in (0, 1):
            pyramid = tile_of(render, "reduced", f"z{z:.0f}c{column}").ip
            assert sorted(pyramid.levels) == ["0", "1", "2"]
            expected = pixels(z, column)
            for level in ("1", "2"):
                expected = halved(expected)
                path = url_to_path(pyramid[level].imageUrl)
                assert path.suffix == f".{image_format}"
                read = (
                    tifffile.imread(path) if image_format == "tif" else np.array(Image.open(path))
                )
                assert read.dtype == np.uint16
                np.testing.assert_array_equal(read, expected)


def test_masks_are_reduced_too(generate, render, tmp_path):
    generate()
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[4:, 6:] = 255
    plain, masked = (tile_of(render, "reduced", f"z0c{column}").ip for column in (0, 1))
    for level in ("1", "2"):
        expected = halved(expected)
        np.testing.assert_array_equal(tifffile.imread(url_to_path(masked[level].maskUrl)), expected)
        assert plain[level].maskUrl is None


def test_everything_else_of_the_stack_stays(generate, render):
    generate()
    before = renderapi.resolvedtiles.get_resolved_tiles_from_z("acquired", 0.0, render=render)
    after = renderapi.resolvedtiles.get_resolved_tiles_from_z("reduced", 0.0, render=render)
    assert [t.to_dict() for t in after.transforms] == [t.to_dict() for t in before.transforms]
    for old, new in zip(before.tilespecs, after.tilespecs, strict=True):
        for level in ("1", "2"):
            del new.ip[level]
        assert new.to_dict() == old.to_dict()
    metadata = renderapi.stack.get_full_stack_metadata("reduced", render=render)
    assert metadata["state"] == "COMPLETE"
    assert metadata["currentVersion"]["stackResolutionX"] == 4


def test_reduced_pictures_are_drawn_from_the_mipmaps(generate, render, tmp_path):
    generate()
    url = tile_of(render, "reduced", "z0c0").ip["1"].imageUrl
    tifffile.imwrite(url_to_path(url), np.full((HEIGHT // 2, WIDTH // 2), 7777, np.uint16))
    drawn = renderapi.image.get_bb_image(
        "reduced", 0.0, 4, 4, 20, 10, 0.4, img_format="tiff16", render=render
    )
    assert (drawn == 7777).all()


def test_a_stack_can_be_changed_in_place(generate, render):
    generate(output_stack=None, in_place=True)
    assert sorted(tile_of(render, "acquired", "z1c1").ip.levels) == ["0", "1", "2"]


def first_level(render, stack="reduced"):
    return url_to_path(tile_of(render, stack, "z0c0").ip["1"].imageUrl)


def test_files_that_are_there_are_kept_until_the_image_changes(generate, render, tmp_path):
    generate()
    path = first_level(render)
    before = path.stat().st_mtime_ns
    generate()
    assert path.stat().st_mtime_ns == before
    generate(overwrite=True)
    assert first_level(render) == path and path.stat().st_mtime_ns > before
    image = tmp_path / "raw images" / "z0 c0.tif"
    tifffile.imwrite(image, pixels(5, 5))
    os.utime(image, ns=(0, 0))  # older than its copies, but another image
    generate(output_stack="again")
    np.testing.assert_array_equal(
        tifffile.imread(first_level(render, "again")), halved(pixels(5, 5))
    )
    np.testing.assert_array_equal(tifffile.imread(path), halved(pixels(0, 0)))  # still shown


def test_levels_stop_where_no_pixels_are_left(generate, render):
    generate(levels=10, zs=[0.0])
    pyramid = tile_of(render, "reduced", "z0c0").ip
    assert sorted(pyramid.levels, key=int) == [str(n) for n in range(7)]
    assert tifffile.imread(url_to_path(pyramid["6"].imageUrl)).shape == (1, 2)


def test_a_mask_of_the_wrong_size_is_reported_and_not_reduced(generate, render, tmp_path):
    tifffile.imwrite(tmp_path / "raw images" / "mask.tif", np.zeros((5, 5), np.uint8))
    result = generate()
    ignored = [line for section in result["sections"] for line in section["ignored_masks"]]
    assert len(ignored) == 2
    assert "mask.tif is 5 x 5, its image 147 x 70 pixels" in ignored[0]
    assert tile_of(render, "reduced", "z0c1").ip["1"].maskUrl is None


def test_channels_are_all_reduced(generate, render, stack):
    tile = tile_of(render, stack, "z0c0")
    pyramid = {"0": {"imageUrl": tile.imageUrl}}
    channels = [
        renderapi.channel.Channel(
            json={"name": n, "minIntensity": 0, "maxIntensity": 9, "mipmapLevels": pyramid}
        )
        for n in "AB"
    ]
    tile.ip, tile.channels = ImagePyramid(), channels
    renderapi.stack.create_stack("two", render=render)
    renderapi.resolvedtiles.put_tilespecs("two", tilespecs=[tile], render=render)
    renderapi.stack.set_stack_state("two", "COMPLETE", render=render)
    result = generate(input_stack="two")
    assert result["sections"][0]["mipmaps"] == 4
    for channel in tile_of(render, "reduced", "z0c0").channels:
        assert sorted(channel.ip.levels) == ["0", "1", "2"]


def test_sixteen_bits_do_not_fit_into_jpeg_and_eight_do(generate, render, tmp_path):
    with pytest.raises(RenderModuleException, match="jpg files cannot hold uint16 pixels"):
        generate(image_format="jpg")
    for z in (0, 1):
        for column in (0, 1):
            path = tmp_path / "raw images" / f"z{z} c{column}.tif"
            tifffile.imwrite(path, np.full((HEIGHT, WIDTH), 90, np.uint8))
    generate(image_format="jpg")
    ip = tile_of(render, "reduced", "z0c1").ip
    assert np.abs(np.array(Image.open(url_to_path(ip["1"].imageUrl))).astype(int) - 90).max() <= 1
    assert ip["1"].maskUrl.endswith(".png")


def test_a_missing_image_fails_its_section_and_is_named(generate, tmp_path):
    (tmp_path / "raw images" / "z1 c0.tif").unlink()
    with pytest.raises(RenderModuleException, match=r"1 of 2 sections failed; z=1: .* tile z1c0"):
        generate()


def test_wrong_parameters_are_listed(generate):
    with pytest.raises(ParameterError) as raised:
        generate(levels=0, image_format="bmp")
    assert len(raised.value.problems) == 2
    with pytest.raises(ParameterError, match="acquired is also an input"):
        generate(output_stack="acquired")


def test_the_command_line(stack, tmp_path):
    output = tmp_path / "out.json"
    command = [sys.executable, "-m", "renderapps.dataimport.generate_mipmaps"]
    command += ["--render.store", str(tmp_path / "render.db"), "--render.owner", "test"]
    command += ["--render.project", "project", "--input_stack", stack, "--output_stack", "out"]
    command += ["--output_directory", str(tmp_path / "m"), "--pool_size", "2"]
    command += ["--levels", "1", "--output_json", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert [s["mipmaps"] for s in json.loads(output.read_text())["sections"]] == [2, 2]


def test_a_section_that_fails_names_every_bad_tile(render, stack, generate):
    tiles = [
        TileSpec(tileId=f"bad{n}", z=1.0, width=9, height=9, imageUrl=f"file:///nowhere/{n}.tif")
        for n in range(8)
    ]
    renderapi.stack.set_stack_state("acquired", "LOADING", render=render)
    renderapi.resolvedtiles.put_tilespecs("acquired", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("acquired", "COMPLETE", render=render)
    with pytest.raises(RenderModuleException) as raised:
        generate()
    text = str(raised.value)
    assert "images of 8 of 10 tiles cannot be made" in text
    assert all(f"bad{n}" in text for n in range(8))
