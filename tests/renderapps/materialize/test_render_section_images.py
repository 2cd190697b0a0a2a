"""render_section_images: one file for each section, showing what the service shows."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import renderapi
from renderapps.materialize.render_section_images import RenderSectionImages
from renderapps.module import ParameterError, RenderModuleException


@pytest.fixture
def draw(connection, stack, tmp_path):
    """Function that draws the sections and gives the entries of the report."""

    def call(**options):
        parameters = {
            "render": connection,
            "input_stack": stack,
            "image_directory": str(tmp_path / "images"),
            "scale": 1.0,
            "pool_size": 1,
        } | options
        module = RenderSectionImages(input_data=parameters, args=[])
        module.run()
        return module.result["sections"]

    return call


def pixels(entry):
    with Image.open(entry["file"]) as image:
        return np.array(image)


def test_sixteen_bit_images_hold_the_values_of_the_tiles(draw, section_pixels, tmp_path):
    for image_format in ("png16", "tif16"):
        for entry, section in zip(draw(image_format=image_format), "ab", strict=True):
            np.testing.assert_array_equal(pixels(entry), section_pixels("DAPI", section))
    assert Path(entry["file"]) == tmp_path / "images/project/acquired/sections_at_1.0/000/0/2.0.tif"


@pytest.mark.parametrize("image_format", ["png", "tif"])
def test_eight_bit_images_are_grey_and_show_what_the_service_shows(
    draw, render, stack, image_format
):
    entries = draw(image_format=image_format, scale=0.5, channel="GFP")
    for entry, z in zip(entries, (0.0, 2.0), strict=True):
        shown = renderapi.image.get_bb_image(
            stack, z, -7, 20, 110, 40, 0.5, channel="GFP", render=render
        )
        np.testing.assert_array_equal(pixels(entry), shown[..., 0])
    assert (entry["minX"], entry["minY"], entry["width"], entry["height"]) == (-7, 20, 110, 40)
    assert entry["image_size"] == [55, 20]


def test_jpeg_is_near_and_grey(draw, section_pixels):
    (entry,) = draw(image_format="jpg", zs=[0.0], minIntensity=1000, maxIntensity=3000)
    expected = (section_pixels("DAPI", "a").astype(float) - 1000) * 256 / 2001
    assert pixels(entry).shape == (40, 110)
    assert np.abs(pixels(entry) - expected).mean() < 3


def test_bounds_of_the_world_or_of_the_stack(draw):
    (entry,) = draw(zs=[0.0], bounds={"minX": 0, "maxX": 20, "minY": 20, "maxY": 30})
    assert pixels(entry).shape == (10, 20)
    (entry,) = draw(zs=[0.0], use_stack_bounds=True)
    assert pixels(entry).shape == (40, 110)


def test_custom_folders_and_names(draw, tmp_path):
    entries = draw(
        custom_output_folder="flat", custom_sub_folder="x", pad_file_names_with_zeros=True
    )
    assert [Path(e["file"]) for e in entries] == [
        tmp_path / f"images/flat/x/{name}.png" for name in ("00000", "00002")
    ]


def test_existing_images_are_drawn_again_unless_they_are_to_be_skipped(draw):
    (entry,) = draw(zs=[0.0])
    Path(entry["file"]).write_bytes(b"old")
    (kept,) = draw(zs=[0.0], skip_existing=True)
    assert (kept["written"], Path(entry["file"]).read_bytes()) == (False, b"old")
    (again,) = draw(zs=[0.0])
    assert again["written"]
    assert pixels(again).shape == (40, 110)


def test_a_channel_that_is_not_there_and_a_missing_image_are_said(draw, tmp_path):
    with pytest.raises(RenderModuleException, match="no channel Cy5 at z=0; it has DAPI, GFP"):
        draw(channel="Cy5")
    (tmp_path / "raw" / "DAPI_b_0.tif").unlink()
    with pytest.raises(RenderModuleException, match=r"1 of 2 sections failed; z=2: .*DAPI_b_0"):
        draw()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"scale": 0}, "scale"),
        ({"image_format": "gif"}, "image_format"),
        ({"custom_sub_folder": "x"}, "custom_sub_folder: needs custom_output_folder"),
        (
            {"bounds": {"minX": 0, "maxX": 1, "minY": 0, "maxY": 1}, "use_stack_bounds": True},
            "bounds: give bounds or use_stack_bounds",
        ),
    ],
)
def test_wrong_parameters_are_listed(draw, options, problem):
    with pytest.raises(ParameterError, match=problem):
        draw(**options)


def test_the_command_line(stack, tmp_path):
    store, output = tmp_path / "render.db", tmp_path / "out.json"
    command = [sys.executable, "-m", "renderapps.materialize.render_section_images"]
    command += ["--render.store", str(store), "--render.owner", "test", "--render.project"]
    command += ["project", "--input_stack", stack, "--image_directory", str(tmp_path / "images")]
    command += ["--scale", "0.5", "--pool_size", "1", "--output_json", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    entries = json.loads(output.read_text())["sections"]
    assert [pixels(entry).shape for entry in entries] == [(20, 55)] * 2
