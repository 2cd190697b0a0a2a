"""import_tiles from the files of electron microscopes: tiles arrive where their pixels belong."""

import json

import numpy as np
import pytest
import tifffile

import renderapi
from renderapi.urls import path_to_url
from renderapps.dataimport.import_tiles import ImportTiles
from renderapps.module import ParameterError

HEIGHT, WIDTH, STEP_X, STEP_Y = 30, 40, 36, 27
RNG = np.random.default_rng(11)
WORLD = RNG.integers(1, 255, (HEIGHT + STEP_Y, WIDTH + STEP_X), dtype=np.uint8)
GRID = [(0, 0), (0, 1), (1, 0), (1, 1)]


def cut(row, column):
    y, x = row * STEP_Y, column * STEP_X
    return WORLD[y : y + HEIGHT, x : x + WIDTH]


@pytest.fixture
def folder(tmp_path):
    """2 x 2 tiles cut from a picture: as files, and as pages of one file."""
    folder = tmp_path / "em 100%"
    folder.mkdir()
    for row, column in GRID:
        tifffile.imwrite(folder / f"t {row}{column}.tif", cut(row, column))
    tifffile.imwrite(
        folder / "pages.tif", np.stack([cut(*at) for at in GRID]), photometric="minisblack"
    )
    return folder


@pytest.fixture
def run(render, folder):
    def call(**options):
        parameters = {
            "render": {
                "host": render.DEFAULT_HOST,
                "owner": render.DEFAULT_OWNER,
                "project": render.DEFAULT_PROJECT,
            },
            "output_stack": "em",
            "image_directory": str(folder),
        } | options
        module = ImportTiles(input_data=parameters, args=[])
        module.run()
        return module.result

    return call


def shown(render, z):
    height, width = WORLD.shape
    return renderapi.image.get_bb_image("em", z, 0, 0, width, height, render=render)[..., 0]


def piece(row, column, z=3):
    """Piece coordinates, y upwards, of the lower left corner."""
    return f"{column * STEP_X} {(1 - row) * STEP_Y} {z}"


def test_text_list(run, render, folder):
    lines = [f"t {r}{c}.tif\t{c * STEP_X}\t{r * STEP_Y}\t5\t{WIDTH}\t{HEIGHT}" for r, c in GRID]
    (folder / "list.txt").write_text("\n".join(lines))
    run(text_list=str(folder / "list.txt"))
    np.testing.assert_array_equal(shown(render, 5), WORLD)


def test_mdoc_of_single_images(run, render, folder):
    entries = [f"[Image = t {r}{c}.tif]\nPieceCoordinates = {piece(r, c)}\n" for r, c in GRID]
    (folder / "m.mdoc").write_text("\n".join(entries))
    result = run(mdoc_file=str(folder / "m.mdoc"))
    assert result["output_stacks"][0]["sections"] == [{"z": 3.0, "sectionId": "3.0", "tiles": 4}]
    np.testing.assert_array_equal(shown(render, 3), WORLD)


def test_mdoc_of_a_file_with_pages(run, render, folder):
    entries = [
        f"[ZValue = {page}]\nPieceCoordinates = {piece(*at)}\n" for page, at in enumerate(GRID)
    ]
    (folder / "m.mdoc").write_text("ImageFile = pages.tif\n" + "\n".join(entries))
    run(mdoc_file=str(folder / "m.mdoc"), sectionId="mont")
    np.testing.assert_array_equal(shown(render, 3), WORLD)
    tile = renderapi.tilespec.get_tile_spec_raw("em", "pages_00002", render=render)
    assert tile.layout.sectionId == "mont"
    assert tile.imageUrl == path_to_url(folder / "pages.tif")
    assert tile.ip["0"].loaders["imageSliceNumber"] == 2


@pytest.mark.parametrize("images", ["pages.tif", "p{index:02d}.tif"])
def test_piece_list(run, render, folder, images):
    for index, at in enumerate(GRID):
        tifffile.imwrite(folder / f"p{index:02d}.tif", cut(*at))
    (folder / "m.pl").write_text("\n".join(piece(*at) for at in GRID))
    run(piece_list=str(folder / "m.pl"), piece_images=images)
    np.testing.assert_array_equal(shown(render, 3), WORLD)


def metadata(folder):
    def entry(row, column):
        meta = {
            "stage_pos": [1000 + 2 * column * STEP_X, 500 + 2 * row * STEP_Y],
            "raster_pos": [column, row], "angle": 0.0,
            "pixel_size_x_move": 2.0, "pixel_size_y_move": 2.0,
        }  # fmt: skip
        return {"img_path": f"t {row}{column}.tif", "img_meta": meta}

    about = {
        "temca_id": "5", "camera_info": {"camera_id": "C", "width": WIDTH, "height": HEIGHT},
        "calibration": {"highmag": {"x_nm_per_pix": 4.0}},
    }  # fmt: skip
    path = folder / "meta.json"
    path.write_text(json.dumps([{"metadata": about}, {"data": [entry(*at) for at in GRID]}]))
    return str(path)


def test_metadata_of_a_camera_array(run, render, folder):
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    tifffile.imwrite(folder / "mask.tif", mask)
    run(metafile=metadata(folder), z_start=12, mask_file=str(folder / "mask.tif"))
    np.testing.assert_array_equal(shown(render, 12), WORLD)
    tile = renderapi.tilespec.get_tile_spec_raw("em", "t 11.12.0", render=render)
    layout = tile.layout
    assert (layout.sectionId, layout.scopeId, layout.cameraId) == ("12.0", "5", "C")
    assert (layout.imageRow, layout.imageCol, layout.stageX) == (1, 1, 1072.0)
    assert (tile.minint, tile.maxint, layout.pixelsize) == (0, 255, 0.004)
    assert tile.maskUrl == path_to_url(folder / "mask.tif")
    version = renderapi.stack.get_stack_metadata("em", render=render)
    assert (version.stackResolutionX, version.versionNotes) == (4.0, f"imported from {folder}")


def test_sections_of_a_camera_array_fill_one_stack(run, render, folder):
    path = metadata(folder)
    for z in (1, 2):
        run(metadata_file=path, z_start=z, sectionId=f"S{z}", close_stack=False)
    assert renderapi.stack.get_z_values_for_stack("em", render=render) == [1.0, 2.0]


def test_parameters_that_do_not_go_together_are_refused(run, folder):
    with pytest.raises(ParameterError, match="piece_list and piece_images go together"):
        (folder / "m.pl").write_text("0 0 0")
        run(piece_list=str(folder / "m.pl"))
    with pytest.raises(ParameterError, match="not metadata_file and piece_list"):
        run(
            metadata_file=metadata(folder),
            piece_list=str(folder / "m.pl"),
            piece_images="pages.tif",
        )
