"""balance_intensities: tiles of one scene that were given gains, offsets and fields agree again."""

import json
from itertools import combinations

import numpy as np
import pytest
import tifffile
from scipy.ndimage import binary_erosion, gaussian_filter
from stored_stacks import store

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.intensity_correction.balance import Balance, powers, terms
from renderapps.intensity_correction.balance_intensities import BalanceIntensities
from renderapps.intensity_correction.overlaps import block_means
from renderapps.module import ParameterError

SIDE, STEP, GRID = 160, 128, 3
GIVEN = {"input_stack": "raw", "output_stack": "even"}
MARGIN = SIDE - STEP


def scene(seed):
    """A sample of 100 +- 15 grey levels."""
    rng = np.random.default_rng(seed)
    whole = STEP * GRID + MARGIN
    fine, coarse = (gaussian_filter(rng.normal(size=(whole, whole)), s) for s in (2, 12))
    return 100 + 10 * fine / fine.std() + 11 * coarse / coarse.std()


def fields(z, bent):
    """Gain, offset and, if bent, a vignette of each tile."""
    rng = np.random.default_rng(10 + int(z))
    v, u = np.mgrid[:SIDE, :SIDE] / (SIDE - 1) * 2 - 1
    found = {}
    for place in np.ndindex(GRID, GRID):
        gain, offset = rng.uniform(0.8, 1.2), rng.uniform(-15, 15)
        curve = bent * (rng.uniform(-6, 6) * u + rng.uniform(-6, 6) * v - 6 * (u**2 + v**2))
        found[place] = gain, offset + curve
    return found


def make(images, bent=0.0, zs=(0.0, 1.0), dtype=np.uint8):
    tiles = []
    for z in zs:
        picture = scene(int(z))
        for (row, column), (gain, offset) in fields(z, bent).items():
            y, x = STEP * row, STEP * column
            part = gain * picture[y : y + SIDE, x : x + SIDE] + offset
            tiles.append(tile(images, f"{z:g}_{row}{column}", z, x, y, np.rint(part).astype(dtype)))
    store(images.render, "raw", tiles)


def tile(images, name, z, x, y, pixels):
    url = path_to_url(images.write(f"{name}.tif", pixels))
    return TileSpec(
        tileId=name,
        z=z,
        width=SIDE,
        height=SIDE,
        minint=0,
        maxint=255,
        imageUrl=url,
        tforms=[AffineModel(B0=x + 1000.0, B1=y - 500.0)],
    )


def steps(images, stack, z=0):
    """Difference of means of the two tiles along every seam, full resolution, by slicing."""
    found = []
    shown = {p: images.shown_raw(stack, f"{z}_{p[0]}{p[1]}") for p in np.ndindex(GRID, GRID)}
    for (row, column), pixels in shown.items():
        pixels = pixels.astype(float)
        if column + 1 < GRID:
            other = shown[row, column + 1].astype(float)
            found.append(pixels[:, STEP:].mean() - other[:, :MARGIN].mean())
        if row + 1 < GRID:
            other = shown[row + 1, column].astype(float)
            found.append(pixels[STEP:].mean() - other[:MARGIN].mean())
    return np.abs(found)


@pytest.mark.parametrize(("bent", "degree"), [(0, 0), (1, 2)])
def test_steps_between_tiles_go_below_one_grey_level(images, bent, degree):
    make(images, bent)
    status, report = images.run(BalanceIntensities, **GIVEN, degree=degree)
    assert status == 0
    before, after = steps(images, "raw"), steps(images, "even")
    assert np.median(before) > 8
    assert np.median(after) < 0.5
    assert after.max() < 1.5
    assert report["seams_before"]["median"] > 8 > 1 > report["seams_after"]["median"]
    assert report["unconnected_tiles"] == []
    assert len(report["sections"][0]["balances"]) == 9
    found = [images.shown_raw("even", f"0_{r}{c}").mean() for r, c in np.ndindex(GRID, GRID)]
    raw = [images.shown_raw("raw", f"0_{r}{c}").mean() for r, c in np.ndindex(GRID, GRID)]
    assert np.mean(found) == pytest.approx(np.mean(raw), abs=4)


def test_contrast_is_matched_as_well(images):
    make(images, zs=(0.0,))
    _, report = images.run(BalanceIntensities, **GIVEN, degree=0)
    gains = {b["tileId"]: b["gain"] for b in report["sections"][0]["balances"]}
    total = [gains[f"0_{r}{c}"] * g for (r, c), (g, _) in fields(0.0, 0).items()]
    np.testing.assert_allclose(total / np.mean(total), 1, atol=0.03)
    _, report = images.run(BalanceIntensities, **GIVEN, degree=0, gain=False)
    assert {b["gain"] for b in report["sections"][0]["balances"]} == {1.0}


def test_sections_are_matched_to_each_other(images):
    """The second section as a whole is 40 grey levels darker."""
    tiles = []
    for z, offset in ((0.0, 0), (1.0, -40)):
        picture = scene(3)[:SIDE, : SIDE + STEP] + offset
        for column in (0, 1):
            x = STEP * column
            pixels = np.rint(picture[:, x : x + SIDE]).astype(np.uint8)
            tiles.append(tile(images, f"{z:g}_0{column}", z, x, 0, pixels))
    store(images.render, "raw", tiles)
    for across, least, most in ((True, 0, 2), (False, 38, 42)):
        images.run(BalanceIntensities, **GIVEN, degree=0, across_sections=across)
        one, other = (images.shown_raw("even", f"{z}_00").mean() for z in (0, 1))
        assert least <= abs(one - other) <= most


def test_what_a_mask_hides_has_no_say(images):
    make(images, zs=(0.0,))
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    mask[:, -12:] = 0
    url = path_to_url(images.write("mask.tif", mask))
    spec = images.tile_of("raw", "0_00")
    spoilt = images.shown_raw("raw", "0_00")
    spoilt[:, -12:] = 255
    tifffile.imwrite(images.folder / "0_00.tif", spoilt)
    spec.ip["0"] = renderapi.image_pyramid.MipMap(spec.ip["0"].imageUrl, url)
    renderapi.stack.set_stack_state("raw", "LOADING", render=images.render)
    renderapi.resolvedtiles.put_tilespecs("raw", tilespecs=[spec], render=images.render)
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=images.render)
    status, report = images.run(BalanceIntensities, **GIVEN, degree=0)
    assert status == 0
    one, other = (images.shown_raw("even", f"0_0{c}").astype(float) for c in (0, 1))
    assert abs(one[:, STEP:-12].mean() - other[:, : MARGIN - 12].mean()) < 1
    assert images.tile_of("even", "0_00").ip["0"].maskUrl == url
    assert report["ignored_masks"] == []
    images.write("mask.tif", mask[:, 1:])
    _, report = images.run(BalanceIntensities, **GIVEN, degree=0)
    (ignored,) = report["ignored_masks"]
    assert (ignored["tileId"], ignored["mask_size"]) == ("0_00", [SIDE - 1, SIDE])


def test_running_again_makes_no_image_and_changes_nothing(images):
    make(images, 1.0, zs=(0.0,))
    first = images.run(BalanceIntensities, **GIVEN)[1]["sections"][0]
    again = images.run(BalanceIntensities, **GIVEN)[1]["sections"][0]
    assert (first["images_made"], again["images_made"]) == (9, 0)
    assert first["balances"] == again["balances"]


def test_tiles_that_overlap_none_are_told_and_stay(images, capsys):
    lone = np.full((SIDE, SIDE), 77, np.uint8)
    picture = np.rint(scene(1)).astype(np.uint8)
    tiles = [
        tile(images, "a", 0.0, 0, 0, picture[:SIDE, :SIDE]),
        tile(images, "b", 0.0, STEP, 0, picture[:SIDE, STEP : STEP + SIDE] + 20),
        tile(images, "far", 0.0, 5000, 0, lone),
    ]
    store(images.render, "raw", tiles)
    assert images.run(BalanceIntensities, **GIVEN)[1]["unconnected_tiles"] == ["far"]
    store(images.render, "single", tiles[2:])
    assert images.run(BalanceIntensities, **GIVEN | {"input_stack": "single"})[0] == 1
    assert "no two tiles overlap" in capsys.readouterr().err


def test_terms_and_images_are_the_same_polynomial():
    rng = np.random.default_rng(0)
    balance = Balance(1.5, rng.normal(size=len(powers(3))))
    found = balance.apply(np.full((5, 7), 10.0))
    y, x = (2 * a / (n - 1) - 1 for a, n in zip(np.mgrid[:5, :7], (5, 7), strict=True))
    places = np.column_stack([x.ravel(), y.ravel()])
    np.testing.assert_allclose(found.ravel(), 15 + terms(places, 3) @ balance.offset)
    assert block_means(np.arange(20.0).reshape(4, 5), 2).tolist() == [[3, 5], [13, 15]]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"output_directory": None}, "output_directory"),
        ({"degree": 5}, "degree"),
        ({"block": 0}, "block"),
    ],
)
def test_parameters_that_cannot_be(more, word):
    given = {"render": {"owner": "a", "project": "b"}, **GIVEN, "output_directory": "x"} | more
    with pytest.raises(ParameterError, match=word):
        BalanceIntensities(input_data=given, args=[])


def test_brightness_steps_between_cameras_go(images, real_data):
    """Four tiles of four cameras: the pictures of each pair along their seam, drawn alone."""
    folder = real_data("tem_2x2")
    specs = []
    for tile_ in json.loads((folder / "reference_affines.json").read_text()):
        spec = TileSpec(tileId=tile_["tileId"], z=0.0, minint=0, maxint=255)
        spec.width, spec.height = tile_["width"], tile_["height"]
        urls = [path_to_url(folder / tile_[kind]) for kind in ("image", "mask")]
        spec.ip["1"] = renderapi.image_pyramid.MipMap(*urls)
        affine = AffineModel()
        affine.dataString = tile_["transforms"][0]
        spec.tforms = [affine]
        specs.append(spec)
    store(images.render, "raw", specs)
    assert images.run(BalanceIntensities, **GIVEN)[0] == 0
    before, after = (drawn_steps(images.render, stack) for stack in ("raw", "even"))
    assert len(before) >= 4
    assert np.median(before) > 10
    assert np.median(after) < 1
    assert max(after) < 1.5


def drawn_steps(render, stack):
    specs = renderapi.tilespec.get_tile_specs_from_stack(stack, render=render)
    bounds = renderapi.stack.get_stack_bounds(stack, render=render)
    x, y = int(bounds["minX"]), int(bounds["minY"])
    size = int(bounds["maxX"] - x), int(bounds["maxY"] - y)
    alone = []
    for number, spec in enumerate(specs):
        store(render, f"{stack}_{number}", [spec])
        image = renderapi.image.get_bb_image(
            f"{stack}_{number}", 0, x, y, *size, 0.25, render=render
        )
        alone.append(image[..., 0].astype(float))
    found = []
    for one, other in combinations(alone, 2):
        both = binary_erosion((one > 0) & (other > 0), iterations=4)
        if both.sum() > 2000:  # not those that only meet at the corner
            found.append(abs(one[both].mean() - other[both].mean()))
    return found
