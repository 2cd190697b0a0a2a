"""upload_tiledir: one image, one tile, one z, as large as its file says."""

import json

import mrcfile
import numpy as np
import pytest
import tifffile

import renderapi
from renderapi.urls import path_to_url
from renderapps.dataimport.upload_tiledir import UploadTileDir
from renderapps.module import ParameterError, RenderModuleException


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "sections 100%"
    folder.mkdir()
    for number, dtype in ((2, np.uint16), (10, np.uint8)):
        tifffile.imwrite(folder / f"s{number}.tif", np.full((20 + number, 40), 200, dtype))
    return folder


def parameters(render, folder):
    connection = {
        "host": render.DEFAULT_HOST,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }
    return {"render": connection, "inputTileDirectory": str(folder), "outputStack": "sections"}


@pytest.fixture
def run(render, folder):
    def call(**options):
        module = UploadTileDir(input_data=parameters(render, folder) | options, args=[])
        module.run()
        return module.result

    return call


def test_sizes_ranges_and_order_come_from_the_files(run, render, folder, tmp_path):
    result = run(tilespecDirectory=str(tmp_path / "json"), section_thickness_nm=50, pixelsize=0.103)
    assert result["sections"] == [{"z": 0.0, "tiles": 1}, {"z": 1.0, "tiles": 1}]
    first, second = (
        renderapi.tilespec.get_tile_specs_from_z("sections", z, render=render)[0] for z in (0, 1)
    )
    assert (first.tileId, first.width, first.height, first.maxint) == ("s2_0000", 40, 22, 50000)
    assert (second.tileId, second.height, second.maxint) == ("s10_0001", 30, 255)
    assert second.imageUrl == path_to_url(folder / "s10.tif")
    assert second.layout.sectionId == "SEC0001"
    copy = tmp_path / "json" / "project_test_sections_0001.json"
    assert result["files"][1] == str(copy)
    assert json.loads(copy.read_text())[0]["tileId"] == "s10_0001"
    shown = renderapi.image.get_bb_image("sections", 1.0, 0, 0, 40, 30, render=render)
    assert (shown[..., 0] == 200).all()
    version = renderapi.stack.get_stack_metadata("sections", render=render)
    assert (version.stackResolutionX, version.stackResolutionZ) == (103.0, 50.0)


def test_what_nobody_said_is_not_invented(run, render):
    run()
    (tile,) = renderapi.tilespec.get_tile_specs_from_z("sections", 0, render=render)
    layout = tile.layout
    assert (layout.pixelsize, layout.scopeId, layout.cameraId) == (None, None, None)
    version = renderapi.stack.get_full_stack_metadata("sections", render=render)["currentVersion"]
    assert not [key for key in version if key.startswith("stackResolution")]


def test_z_can_start_anywhere(run, render):
    run(z_start=5, z_step=0.5)
    assert renderapi.stack.get_z_values_for_stack("sections", render=render) == [5.0, 5.5]
    run(delete_stack=True)
    assert renderapi.stack.get_z_values_for_stack("sections", render=render) == [0.0, 1.0]


def test_nothing_to_import_and_unreadable_images_are_errors(run, folder):
    with pytest.raises(RenderModuleException, match=r"has no \*.jpg"):
        run(pattern="*.jpg")
    (folder / "s3.tif").write_bytes(b"no image")
    with pytest.raises(RenderModuleException, match=r"cannot be read: s3.tif"):
        run()
    with pytest.raises(ParameterError, match="z_step: sections need different z"):
        run(z_step=0)


def test_from_the_command_line(render, folder, tmp_path):
    path = tmp_path / "in.json"
    path.write_text(json.dumps(parameters(render, folder)))
    with pytest.raises(SystemExit) as ended:
        UploadTileDir.main(["--input_json", str(path), "--scope", "Zeiss"])
    assert ended.value.code == 0
    (tile,) = renderapi.tilespec.get_tile_specs_from_z("sections", 0.0, render=render)
    assert tile.layout.scopeId == "Zeiss"


def test_mrc_files_are_as_many_images_as_they_have_sections(run, render, folder):
    volumes = {}
    for name, sections in (("a.rec", 2), ("b.rec", 3)):
        volumes[name] = np.random.default_rng(sections).integers(
            1, 60000, (sections, 20, 31), dtype=np.uint16
        )
        with mrcfile.new(folder / name) as file:
            file.set_data(volumes[name])
    result = run(pattern="*.rec", maxIntensity=65535)
    assert [entry["z"] for entry in result["sections"]] == [0, 1, 2, 3, 4]
    pictures = [section[::-1] for volume in volumes.values() for section in volume]
    for z, expected in enumerate(pictures):
        shown = renderapi.image.get_bb_image(
            "sections", z, 0, 0, 31, 20, img_format="tiff16", render=render
        )
        np.testing.assert_array_equal(shown, expected)


def test_other_pages_and_thumbnails_are_not_passed_over(run, render, folder):
    for path in folder.iterdir():
        path.unlink()
    with tifffile.TiffWriter(folder / "a.tif") as tiff:
        tiff.write(np.full((5, 6), 9, np.uint8), subfiletype=1, metadata=None)
        tiff.write(np.full((20, 40), 33, np.uint8), metadata=None)
    tifffile.imwrite(folder / "b.tif", np.full((3, 20, 40), 44, np.uint8), photometric="minisblack")
    result = run()
    assert [entry["unused"] for entry in result["partly_used_files"]] == ["2 other pages"]
    for z, value in ((0, 33), (1, 44)):
        shown = renderapi.image.get_bb_image("sections", z, 0, 0, 40, 20, render=render)
        assert (shown[..., 0] == value).all()


def test_a_stack_that_is_cut_short_is_refused(run, folder):
    with mrcfile.new(folder / "a.rec") as file:
        file.set_data(np.ones((3, 20, 31), np.uint16))
    (folder / "a.rec").write_bytes((folder / "a.rec").read_bytes()[:-5])
    with pytest.raises(RenderModuleException, match=r"a\.rec.*ends after 2 whole sections"):
        run(pattern="*.rec")
