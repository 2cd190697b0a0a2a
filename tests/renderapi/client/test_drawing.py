"""Pictures of tiles and render parameters without a server, and sections and tiles with one."""

import json

import numpy as np
import pytest
import tifffile
from picture_stacks import HEIGHT, WIDTH, make_picture_stack, texture
from PIL import Image

import renderapi
from renderapi.client import call_run_ws_client, renderSectionClient
from renderapi.client.programs.java_text import java_double
from renderapi.errors import ClientScriptError, RenderError

WORLD = texture(1)
CLIENT = "org.janelia.render.client."


@pytest.fixture
def stack(render, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    make_picture_stack(render, folder, "pictures", {3407: WORLD, 3408: WORLD})
    return "pictures"


def run(render, name, *words):
    where = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "pictures"
    )
    call_run_ws_client(CLIENT + name, [*where, *words])


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_tile_is_drawn_as_it_is(render, stack, temporary):
    tile = renderapi.tilespec.get_tile_spec(stack, "3407.0.0", render=render)
    picture = renderapi.client.render_tilespec(tile)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(picture[:, :, 0], WORLD[:HEIGHT, :WIDTH])
    assert list(temporary.iterdir()) == []


def test_a_window_of_a_tile_may_be_drawn(render, stack):
    tile = renderapi.tilespec.get_tile_spec(stack, "3407.0.0", render=render)
    picture = renderapi.client.render_tilespec(tile, x=10, y=20, width=50, height=40)
    assert np.array_equal(picture[:, :, 0], WORLD[20:60, 10:60])
    tile.minX = None
    with pytest.raises(RenderError, match="has no bounding box"):
        renderapi.client.render_tilespec(tile)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_render_parameters_are_drawn_as_by_the_service(render, stack, temporary, scale):
    parameters = renderapi.image.get_bb_renderparams(
        stack, 3407, 5, 7, 301, 203, scale=scale, filter=False, render=render
    )
    here = renderapi.client.render_renderparameters(parameters)
    there = renderapi.image.get_renderparameters_image(parameters, render=render)
    assert here.shape == (int(203 * scale), int(301 * scale), 4)
    assert np.array_equal(here, there)
    assert list(temporary.iterdir()) == []


def test_a_failed_drawing_leaves_no_files(temporary):
    tile = renderapi.tilespec.TileSpec(
        tileId="t", z=1, width=9, height=9, imageUrl="file:///nowhere.tif"
    )
    with pytest.raises(ClientScriptError, match="nowhere"):
        renderapi.client.render_tilespec(tile, x=0, y=0, width=9, height=9)
    assert list(temporary.iterdir()) == []


def test_options_of_the_renderer(render, stack, tmp_path):
    tile = renderapi.tilespec.get_tile_spec(stack, "3407.0.0", render=render).to_dict()
    (tmp_path / "tiles.json").write_text(json.dumps([tile]))
    out, url = tmp_path / "out.png", tmp_path / "tiles.json"
    common = {"tile_spec_url": str(url), "width": 60, "height": 50}
    renderapi.client.rendererClient(out_fn=str(out), gray=True, **common)
    assert np.array_equal(read(out), WORLD[:50, :60])
    renderapi.client.rendererClient(out_fn=str(out), gray=True, maxIntensity=128, **common)
    assert read(out).mean() > WORLD[:50, :60].mean() * 1.5
    renderapi.client.rendererClient(out_fn=str(tmp_path / "o.jpg"), quality=0.9, **common)
    assert read(tmp_path / "o.jpg").shape == (50, 60, 3)
    Image.fromarray(np.full((80, 70), 9, np.uint8)).save(tmp_path / "below.png")
    renderapi.client.rendererClient(out_fn=str(out), in_fn=str(tmp_path / "below.png"), **common)
    picture = read(out)
    assert picture.shape == (80, 70, 4)
    assert (picture[60:, :, 0] == 9).all()
    assert np.array_equal(picture[:50, :60, 0], WORLD[:50, :60])
    with pytest.raises(ClientScriptError, match="image format"):
        renderapi.client.rendererClient(out_fn=str(tmp_path / "o.gif"), **common)


def test_sections_are_drawn_where_the_java_client_puts_them(render, stack, tmp_path):
    renderSectionClient(
        stack, str(tmp_path), [3407, 3408], scale=0.5, doFilter=False, render=render
    )
    found = sorted(tmp_path.rglob("*.png"))
    base = tmp_path / "project" / "pictures" / "sections_at_0.5" / "003" / "4"
    assert [path for path in found if base in path.parents] == [
        base / "3407.0.png",
        base / "3408.0.png",
    ]
    bounds = renderapi.stack.get_bounds_from_z(stack, 3407, render=render)
    picture = read(base / "3407.0.png")
    assert picture.shape == (
        int((bounds["maxY"] - bounds["minY"]) * 0.5),
        int((bounds["maxX"] - bounds["minX"]) * 0.5),
    )
    assert picture.dtype == np.uint8
    small = WORLD[:200, :200].reshape(100, 2, 100, 2).mean((1, 3))
    assert np.abs(picture[:100, :100] - small).mean() < 12


def test_bounds_folders_and_names_of_sections(render, stack, tmp_path):
    bounds = {"minX": 10, "maxX": 110, "minY": 20, "maxY": 70}
    renderSectionClient(
        stack, str(tmp_path), [3407], scale=1.0, bounds=bounds, format="TIFF", doFilter=False,
        customOutputFolder="mine", customSubFolder="sub", padFileNamesWithZeros=True,
        resolutionUnit="nm", fillWithNoise=False, render=render,
    )  # fmt: skip
    path = tmp_path / "mine" / "sub" / "03407.tiff"
    picture = tifffile.imread(path)
    assert np.array_equal(picture, np.repeat(WORLD[20:70, 10:110, None], 3, axis=2))
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_imagej
        assert tiff.imagej_metadata["unit"] == "nm"
        assert tiff.pages[0].tags["XResolution"].value == (1, 4)
    renderSectionClient(
        stack, str(tmp_path), [3407], scale=1.0, bounds=bounds, format="tif", doFilter=False,
        customOutputFolder="mine", convertToGray=True, render=render,
    )  # fmt: skip
    assert np.array_equal(tifffile.imread(tmp_path / "mine" / "3407.0.tif"), WORLD[20:70, 10:110])
    renderSectionClient(
        stack, str(tmp_path), [3407], scale=1.0, bounds=bounds, format="JPEG", doFilter=False,
        customOutputFolder="mine", minIntensity=0, maxIntensity=255, render=render,
    )  # fmt: skip
    assert read(tmp_path / "mine" / "3407.0.jpeg").shape == (50, 100)


def test_labels_and_stack_bounds_of_sections(render, stack, tmp_path):
    words = ["--rootDirectory", tmp_path, "--scale", "1.0", "--doFilter", "false", "3407"]
    run(render, "RenderSectionClient", *words, "--customOutputFolder", "plain", "--useStackBounds")
    run(render, "RenderSectionClient", *words, "--customOutputFolder", "l", "--renderTileLabels")
    plain, labelled = (read(tmp_path / name / "3407.0.png") for name in ("plain", "l"))
    assert plain.shape == labelled.shape
    assert (plain[:20, :60] != labelled[:20, :60]).any()
    assert np.array_equal(plain[60:200, :200], labelled[60:200, :200])


def test_sections_fail_before_anything_is_drawn(render, stack, tmp_path):
    with pytest.raises(ClientScriptError, match="'gif'"):
        renderSectionClient(stack, str(tmp_path / "out"), [3407], format="gif", render=render)
    with pytest.raises(ClientScriptError):
        renderSectionClient(stack, str(tmp_path / "out"), [1], render=render)
    assert not (tmp_path / "out").exists()


def test_tiles_are_drawn_one_by_one(render, stack, tmp_path):
    words = ["--rootDirectory", tmp_path, "--runTimestamp", "now", "--convertToGray"]
    run(render, "RenderTilesClient", *words, "--z", "3407", "--scale", "1.0")
    base = tmp_path / "project" / "pictures" / "tiles_now" / "003" / "4" / "3407"
    assert len(list(base.iterdir())) == 4
    assert np.array_equal(read(base / "3407.0.0.png"), WORLD[:HEIGHT, :WIDTH])
    with pytest.raises(ClientScriptError, match="no tiles nowhere"):
        run(render, "RenderTilesClient", *words, "--tileIds", "3407.0.0", "nowhere")


def test_pictures_of_tiles_make_a_stack(render, stack, tmp_path):
    specs = renderapi.tilespec.get_tile_specs_from_z(stack, 3407, render=render)
    turn = renderapi.transform.AffineModel(0.8, -0.6, 0.6, 0.8, 400, 300)
    for spec in specs:
        spec.tforms.append(turn)
    renderapi.stack.create_stack("turned", stackResolutionX=4, render=render)
    renderapi.resolvedtiles.put_tilespecs("turned", tilespecs=specs, render=render)
    renderapi.stack.set_stack_state("turned", "COMPLETE", render=render)
    where = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "turned"
    )
    words = [*where, "--rootDirectory", tmp_path, "--hackStack", "drawn"]
    call_run_ws_client(f"{CLIENT}RenderTilesClient", words)
    metadata = renderapi.stack.get_full_stack_metadata("drawn", render=render)
    assert metadata["state"] == "LOADING"
    assert metadata["currentVersion"]["stackResolutionX"] == 4
    renderapi.stack.set_stack_state("drawn", "COMPLETE", render=render)
    window = {"x": 420, "y": 200, "width": 500, "height": 400, "scale": 1.0}
    pictures = [
        renderapi.image.get_bb_image(name, 3407, **window, img_format="png", render=render)
        for name in ("turned", "drawn")
    ]
    difference = np.abs(np.diff(np.array(pictures)[..., 0].astype(int), axis=0))
    assert pictures[0][..., 0].std() > 20
    assert (difference > 3).mean() < 0.005  # but for the seams, whose pixels are blended twice
    (tile,) = renderapi.tilespec.get_tile_specs_from_minmax_box(
        "drawn", 3407, 405, 420, 310, 330, render=render
    )[:1]
    assert tile.tforms[0].M[:2, :2].tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ClientScriptError, match="its own tiles"):
        call_run_ws_client(f"{CLIENT}RenderTilesClient", [*words[:-1], "turned"])


def test_scapes_of_a_part_are_named_like_those_of_the_whole(render, tmp_path):
    (tmp_path / "images").mkdir()
    make_picture_stack(render, tmp_path / "images", "pictures", {7: WORLD, 1200: WORLD})
    words = ["--rootDirectory", tmp_path, "--format", "png"]
    run(render, "spark.ScapeClient", *words, "--maxZ", "10")
    assert [path.name for path in tmp_path.rglob("z*.png")] == ["z0007.0.png"]


def test_scapes_of_a_stack(render, stack, tmp_path):
    words = ["--rootDirectory", tmp_path, "--scale", "0.5", "--maxImagesPerDirectory", "1"]
    run(render, "spark.ScapeClient", *words, "--format", "png")
    (base,) = (tmp_path / "project" / "pictures").iterdir()
    assert base.name.startswith("scape_")
    names = sorted(str(path.relative_to(base)) for path in base.rglob("*.png"))
    assert names == ["000/z3407.0.png", "001/z3408.0.png"]
    assert json.loads((base / "scape_parameters.json").read_text())["scale"] == 0.5
    run(render, "spark.ScapeClient", "--rootDirectory", tmp_path / "mean", "--scale", "0.5",
        "--zScale", "1.0", "--format", "png")  # fmt: skip
    (mean,) = (tmp_path / "mean").rglob("*.png")
    assert mean.name == "z3407.0_to_3408.0.png"
    assert np.array_equal(read(mean), read(base / "000" / "z3407.0.png"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3407, "3407.0"),
        (0.02, "0.02"),
        (1, "1.0"),
        (0.0005, "5.0E-4"),
        (1.5e8, "1.5E8"),
        (0, "0.0"),
    ],
)
def test_numbers_are_written_as_java_writes_them(value, text):
    assert java_double(value) == text


@pytest.fixture
def coloured(render, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    worlds = {"DAPI": WORLD, "GFP": 255 - WORLD}
    zs = {3407: worlds, 3408: worlds}
    make_picture_stack(render, folder, "pictures", zs, channels=("DAPI", "GFP"))
    return "pictures"


@pytest.mark.parametrize(
    ("client", "words"),
    [
        ("RenderSectionClient", ["3407"]),
        ("RenderTilesClient", ["--z", "3407"]),
        ("spark.ScapeClient", []),
        ("spark.ScapeClient", ["--zScale", "0.1"]),
    ],
)
@pytest.mark.parametrize("channels", ["TYPO", "DAPI__0.5__TYPO__0.5"])
def test_channels_that_no_tile_has_are_refused(render, coloured, tmp_path, client, words, channels):
    out = ["--rootDirectory", str(tmp_path / "out"), "--scale", "0.1"]
    with pytest.raises(ClientScriptError, match=r"has channel TYPO; they have DAPI, GFP"):
        run(render, client, *out, "--channels", channels, *words)
    assert not [p for p in (tmp_path / "out").rglob("*") if p.suffix in (".png", ".jpg")]
    run(render, client, *out, "--channels", "GFP", *words)
    picture = next(p for p in (tmp_path / "out").rglob("*") if p.suffix in (".png", ".jpg"))
    assert read(picture).max() > 0


def test_the_image_type_of_older_callers_is_the_format(render, stack, tmp_path):
    out = ["--rootDirectory", str(tmp_path / "out"), "--scale", "0.1"]
    run(render, "RenderSectionClient", *out, "--imageType", "JPG", "3407")
    run(render, "RenderSectionClient", *out, "--imageType", "TYPE_BYTE_GRAY", "3408")
    names = sorted(path.name for path in (tmp_path / "out").rglob("*.*") if path.is_file())
    assert names == ["3407.0.jpg", "3408.0.png"]
    with pytest.raises(ClientScriptError, match="--format png and --imageType jpg contradict"):
        run(render, "RenderSectionClient", *out, "--imageType", "jpg", "--format", "png", "3407")


def test_channels_of_render_parameters_are_checked_too(render, coloured, tmp_path):
    parameters = renderapi.image.get_bb_renderparams(coloured, 3407, 0, 0, 60, 50, render=render)
    parameters["channels"] = "TYPO"
    with pytest.raises(ClientScriptError, match="channel TYPO; they have DAPI, GFP"):
        renderapi.client.render_renderparameters(parameters)
