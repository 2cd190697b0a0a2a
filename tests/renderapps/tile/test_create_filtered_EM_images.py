"""The module on a live service: what the stack shows is the filtered image."""

import json

import mrcfile
import numpy as np
import pytest
import tifffile

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform
from renderapi.urls import path_to_url, url_to_path
from renderapps.module import ParameterError, RenderModuleException
from renderapps.tile import create_filtered_EM_images, create_filtered_EM_images_2
from renderapps.tile.em_contrast import ContrastSettings, even_contrast

SHAPE = (48, 70)


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw 50%"
    folder.mkdir()
    rng = np.random.default_rng(7)
    for index in range(3):
        image = rng.integers(20, 240, SHAPE, dtype=np.uint8)
        image[:5] = 0
        tifffile.imwrite(folder / f"t{index}.tif", image)
        tifffile.imwrite(folder / f"t{index}_flip.tif", image[::-1].copy())
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:] = 255
    tifffile.imwrite(folder / "mask.tif", mask)
    return folder


@pytest.fixture
def stack(render, raw):
    """Three tiles in two sections behind a shared transform; the last one has a mask."""
    tiles = []
    for index in range(3):
        mask = path_to_url(raw / "mask.tif") if index == 2 else None
        tiles.append(
            TileSpec(
                tileId=f"t{index}",
                z=float(index // 2),
                width=SHAPE[1],
                height=SHAPE[0],
                imageUrl=path_to_url(raw / f"t{index}.tif"),
                maskUrl=mask,
                minint=0,
                maxint=255,
                tforms=[ReferenceTransform(refId="lens"), AffineModel(B0=60.0 * index)],
            )
        )
        tiles[-1].ip["1"] = renderapi.image_pyramid.MipMap("file:///stale.tif")
    renderapi.stack.create_stack("em", stackResolutionX=4, render=render)
    renderapi.resolvedtiles.put_tilespecs(
        "em", tilespecs=tiles, shared_transforms=[AffineModel(transformId="lens")], render=render
    )
    renderapi.stack.set_stack_state("em", "COMPLETE", render=render)
    return "em"


@pytest.fixture
def run(render, stack):
    def call(module=create_filtered_EM_images.FilterEMModule, **options):
        instance = module(input_data=parameters(render) | options, args=[])
        instance.run()
        return instance.result

    return call


def parameters(render):
    connection = {
        "host": render.DEFAULT_HOST,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }
    return {
        "render": connection,
        "input_stack": "em",
        "output_stack": "filtered",
        "clahe_size": 4,
        "pool_size": 1,
    }


def tile_of(render, tile, stack="filtered"):
    return renderapi.tilespec.get_tile_spec_raw(stack, tile, render=render)


def image_of(render, tile):
    return tifffile.imread(url_to_path(tile_of(render, tile).imageUrl))


def test_the_first_level_that_there_is_counts(run, render, raw):
    tile = TileSpec(tileId="half", z=5.0, width=2 * SHAPE[1], height=2 * SHAPE[0])
    tile.ip["1"] = renderapi.image_pyramid.MipMap(path_to_url(raw / "t0.tif"))
    tile.ip["3"] = renderapi.image_pyramid.MipMap("file:///stale.tif")
    renderapi.stack.create_stack("halves", render=render)
    renderapi.resolvedtiles.put_tilespecs("halves", tilespecs=[tile], render=render)
    run(input_stack="halves", suffix="_new")
    levels = tile_of(render, "half").ip
    assert list(levels) == ["1"] and levels["1"].imageUrl.endswith("t0_new.tif")


@pytest.mark.parametrize("entry", [create_filtered_EM_images, create_filtered_EM_images_2])
def test_tiles_show_the_filtered_image_alone(run, render, raw, entry):
    for file in raw.glob("*_flip.tif"):
        file.unlink()
    result = run(entry.FilterEMModule)
    assert [section["images_made"] for section in result["sections"]] == [2, 1]
    expected = even_contrast(tifffile.imread(raw / "t1.tif"), ContrastSettings(clahe_size=4))
    np.testing.assert_array_equal(image_of(render, "t1"), expected)
    tile = tile_of(render, "t1")
    assert url_to_path(tile.imageUrl) == raw / "t1_flip.tif"
    assert list(tile.ip.levels) == ["0"]
    assert [t.to_dict() for t in tile.tforms] == [
        t.to_dict() for t in tile_of(render, "t1", "em").tforms
    ]
    drawn = renderapi.image.get_bb_image("filtered", 0.0, 61, 1, 60, 40, render=render)
    np.testing.assert_array_equal(drawn[..., 0][:, 10:], expected[1:41, 11:61])


def test_the_raw_image_is_found_and_masks_fit(run, render, raw, tmp_path):
    flipped = {"source_find": r"\.tif$", "source_replace": "_flip.tif"}
    run(**flipped, output_directory=str(tmp_path / "out"), vert_flip=False)
    expected = even_contrast(
        tifffile.imread(raw / "t2_flip.tif"), ContrastSettings(clahe_size=4, vert_flip=False)
    )
    np.testing.assert_array_equal(image_of(render, "t2"), expected)
    tile = tile_of(render, "t2")
    path = url_to_path(tile.imageUrl)
    assert path == tmp_path / "out" / str(raw).lstrip("/") / "t2_filtered.tif"
    assert url_to_path(tile.maskUrl) == raw / "mask.tif"


def test_the_mask_is_turned_with_its_image(run, render, raw, tmp_path):
    run(output_directory=str(tmp_path / "out"))
    mask = tifffile.imread(url_to_path(tile_of(render, "t2").maskUrl))
    np.testing.assert_array_equal(mask, tifffile.imread(raw / "mask.tif")[::-1])


def test_what_was_made_with_the_same_settings_is_kept(run, tmp_path):
    def made(**options):
        result = run(output_directory=str(tmp_path / "out"), **options)
        return sum(section["images_made"] for section in result["sections"])

    assert [made(), made(), made(sat_pix=1.0), made(sat_pix=1.0, overwrite=True)] == [3, 0, 3, 3]


def test_images_that_cannot_be_filtered_are_named(run, raw):
    tifffile.imwrite(raw / "t0.tif", np.full(SHAPE, 9, np.uint8))
    (raw / "t1.tif").unlink()
    with pytest.raises(RenderModuleException, match=r"2 of 2 tiles .*t0: .*contrast.*; tile t1"):
        run(suffix="_new")


def test_nothing_is_overwritten_that_is_read_or_somebody_else_s(run, render, raw):
    before = {path: path.read_bytes() for path in raw.iterdir()}
    run(source_find=r"\.tif$", source_replace="_flip.tif")
    settings = ContrastSettings(clahe_size=4)
    expected = even_contrast(tifffile.imread(raw / "t1_flip.tif"), settings)
    np.testing.assert_array_equal(image_of(render, "t1"), expected)
    run(output_stack="plain")
    shown = url_to_path(tile_of(render, "t1", "plain").imageUrl)
    expected = even_contrast(tifffile.imread(raw / "t1.tif"), settings)
    np.testing.assert_array_equal(tifffile.imread(shown), expected)
    assert {path: path.read_bytes() for path in before} == before
    with pytest.raises(ParameterError, match="in_place"):
        run(output_stack="em")


def test_the_images_that_another_stack_shows_stay(run, render, tmp_path):
    """Other settings and another output stack: both stacks show what they were made with."""
    where = {"output_directory": str(tmp_path / "out")}
    run(**where)
    before = image_of(render, "t1")
    for overwrite in (False, True):
        run(**where, output_stack="other", sat_pix=5.0, overwrite=overwrite)
        np.testing.assert_array_equal(image_of(render, "t1"), before)
    other = url_to_path(tile_of(render, "t1", "other").imageUrl)
    raw = tifffile.imread(url_to_path(tile_of(render, "t1", "em").imageUrl))
    expected = even_contrast(raw, ContrastSettings(clahe_size=4, sat_pix=5.0))
    np.testing.assert_array_equal(tifffile.imread(other), expected)


def test_from_the_command_line(render, stack, tmp_path, capsys):
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps(parameters(render) | {"output_directory": str(tmp_path / "o")}))
    with pytest.raises(SystemExit) as ended:
        create_filtered_EM_images.FilterEMModule.main(["--input_json", str(path)])
    assert ended.value.code == 0
    with pytest.raises(SystemExit) as ended:
        create_filtered_EM_images.FilterEMModule.main(
            ["--input_json", str(path), "--sat_pix", "60", "--source_find", "("]
        )
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "sat_pix" in told
    assert "not a regular expression" in told


def test_sections_of_one_file_get_files_of_their_own(run, render, raw):
    """A montage of SerialEM: all tiles name one MRC file, each with its section."""
    data = np.random.default_rng(8).integers(20, 120, (2, *SHAPE), dtype=np.int8)
    with mrcfile.new(raw / "mont.st") as file:
        file.set_data(data)
    tiles = [
        TileSpec(
            tileId=f"p{section}", z=0.0, width=SHAPE[1], height=SHAPE[0], minint=0, maxint=255,
            tforms=[AffineModel(B0=60.0 * section)],
        )
        for section in (0, 1)
    ]  # fmt: skip
    for section, tile in enumerate(tiles):
        page = {"imageLoaderType": "IMAGEJ_TIFF_STACK", "imageSliceNumber": section}
        url = path_to_url(raw / "mont.st")
        tile.ip["0"] = renderapi.image_pyramid.MipMap(url, None, **page)
    renderapi.stack.create_stack("montage", render=render)
    renderapi.resolvedtiles.put_tilespecs("montage", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("montage", "COMPLETE", render=render)
    run(input_stack="montage", output_stack="even", vert_flip=False)
    written = [
        url_to_path(renderapi.tilespec.get_tile_spec_raw("even", f"p{n}", render=render).imageUrl)
        for n in (0, 1)
    ]
    assert [path.name for path in written] == [
        "mont_00000_filtered.tif",
        "mont_00001_filtered.tif",
    ]
    for section, path in enumerate(written):
        settings = ContrastSettings(clahe_size=4, vert_flip=False)
        expected = even_contrast(data[section, ::-1].astype(np.uint8), settings)
        np.testing.assert_array_equal(tifffile.imread(path), expected)
