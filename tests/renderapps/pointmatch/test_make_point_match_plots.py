"""Figures of matches: where the arrows are, what is in them, what is told."""

import json

import matplotlib.image
import numpy as np
import pytest
from layered_stacks import run
from match_collections import match

import renderapi
from renderapi.pointmatch import import_matches, set_collection_metadata
from renderapps.module import ParameterError
from renderapps.pointmatch.make_point_match_plots import MakePointMatchPlots
from renderapps.pointmatch.match_plot import PlotSettings, chosen, draw_matches, overlay
from renderapps.pointmatch.section_plots import z_text


def magenta(path):
    """(row, column) of the magenta pixels of a PNG, and its shape."""
    picture = (matplotlib.image.imread(path)[..., :3] * 255).round()
    return np.argwhere((picture == (255, 0, 255)).all(-1)), picture.shape


def axes_box(path):
    """First and last row and column of the frame of the axes: the longest black lines."""
    picture = matplotlib.image.imread(path)[..., :3].sum(-1)
    dark = picture < 0.6
    rows = np.flatnonzero(dark.sum(1) > 0.6 * dark.sum(1).max())
    columns = np.flatnonzero(dark.sum(0) > 0.6 * dark.sum(0).max())
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_arrows_point_from_p_to_q_with_y_downward(tmp_path):
    path = tmp_path / "new" / "x.png"
    p, q = np.array([[100.0, 50.0]]), np.array([[300.0, 150.0]])
    draw_matches(path, p, q, (0, 0, 400, 200), "t", PlotSettings())
    pixels, shape = magenta(path)
    top, bottom, left, right = axes_box(path)
    assert 900 < shape[1] < 1300 and (right - left) / (bottom - top) == pytest.approx(2, rel=0.02)

    def place(x, y):
        return top + (bottom - top) * y / 200, left + (right - left) * x / 400

    for point in ((100, 50), (200, 100), (299, 149.5)):
        assert np.abs(pixels - place(*point)).max(1).min() <= 2
    near = np.abs(pixels - place(100, 50)).max(1) <= 4  # the dot, which is wider than the shaft
    assert near.sum() > 25
    assert pixels[:, 0].min() >= place(0, 50)[0] - 6 and pixels[:, 0].max() <= place(0, 150)[0] + 6


def test_some_of_many_arrows_are_the_same_each_time():
    assert chosen(5, None).tolist() == chosen(5, 5).tolist() == [0, 1, 2, 3, 4]
    some = chosen(1000, 10)
    assert len(set(some)) == 10 and some.tolist() == chosen(1000, 10).tolist()


def test_sections_are_laid_over_each_other_in_red_and_green():
    one = np.array([[0, 50], [150, 250]], np.uint8)
    both = overlay(one, one[::-1])
    assert both.shape == (2, 2, 3) and both[0, 0].tolist() == [0, both[0, 0, 1], 0]
    assert both[1, 1, 0] == 255 and both[0, 1, 1] == 255 and both[..., 2].max() == 0
    alone = overlay(one, None)
    assert (alone[..., 0] == alone[..., 2]).all() and alone[1, 1].tolist() == [255] * 3
    assert overlay(np.zeros((2, 2), np.uint8), None).max() == 0


def test_files_are_named_by_z():
    assert [z_text(z) for z in (0, 12, 123456, 3.25)] == ["00000", "00012", "123456", "00003.25"]


@pytest.fixture
def matched(acquisition):
    """Two sections of a scene, matched where the tiles truly show the same."""
    acquired = acquisition(2, 2, zs=(1.0, 2.0), same_scene=True)
    places = acquired.places
    points = np.random.default_rng(0).uniform(20, 100, (12, 2))
    found = []
    for r, c in np.ndindex(2, 2):
        one, two = f"z1_r{r}_c{c}", f"z2_r{r}_c{c}"
        rows = np.hstack([points, points + places[one] - np.array(places[two]), np.ones((12, 1))])
        found.append(match(("1.0", one), ("2.0", two), *rows))
    import_matches("across", found, render=acquired.render)
    set_collection_metadata("across", {"local_transforms": 0}, render=acquired.render)
    return acquired


def given(acquired, tmp_path, **more):
    base = {"stack": "acquired", "matchcollection": "across", "figdir": str(tmp_path / "fig")}
    return base | {"pool_size": 1, "image_size": 200} | more


def test_a_figure_for_each_two_sections_that_have_matches(matched, tmp_path):
    status, report = run(MakePointMatchPlots, matched.render, **given(matched, tmp_path))
    assert status == 0
    folder = tmp_path / "fig-across-acquired"
    assert [path.name for path in folder.iterdir()] == ["00001_to_00002.png"]
    (figure,) = report["figures"]
    assert (figure["pairs"], figure["points"]) == (4, 48) and "image_problem" not in figure
    assert report["empty"] == [[1.0, 1.0], [2.0, 2.0]] and report["local_transforms_known"]
    # the stage of the two sections differs by up to 8 pixels, which is what the arrows show
    places = {k: np.array(v) for k, v in matched.places.items()}
    apart = [
        np.hypot(*(places[f"z2_r{r}_c{c}"] - places[f"z1_r{r}_c{c}"])) for r, c in np.ndindex(2, 2)
    ]
    assert figure["distances"]["largest"] == pytest.approx(max(apart), abs=1e-3)
    picture = (matplotlib.image.imread(folder / "00001_to_00002.png")[..., :3] * 255).round()
    red_green = (picture[..., 2] == 0) & (picture[..., :2].max(-1) > 60)
    assert red_green.mean() > 0.4  # the tissue lies beneath
    assert len(magenta(folder / "00001_to_00002.png")[0]) > 48


def test_options_and_the_coordinates_of_the_points(matched, tmp_path):
    options = {"color_by": "length", "arrow_scale": 5.0, "max_arrows": 10, "show_tiles": True}
    status, report = run(
        MakePointMatchPlots, matched.render, **given(matched, tmp_path, dz=1, maxZ=1, **options)
    )
    assert status == 0 and report["figures"][0]["points"] == 48
    wrong = given(matched, tmp_path, local_transforms=1)
    assert run(MakePointMatchPlots, matched.render, **wrong)[0] == 1
    image = matched.image("z2_r0_c0")
    tile = matched.tile("z1_r1_c0", 1, 0, 1.0)
    tile["mipmapLevels"]["0"]["maskUrl"] = (tmp_path / "mask.png").as_uri()
    matplotlib.image.imsave(tmp_path / "mask.png", np.ones((30, 40)), cmap="gray")
    spec = renderapi.tilespec.TileSpec(json=tile)
    renderapi.stack.set_stack_state("acquired", "LOADING", render=matched.render)
    renderapi.resolvedtiles.put_tilespecs("acquired", tilespecs=[spec], render=matched.render)
    renderapi.stack.set_stack_state("acquired", "COMPLETE", render=matched.render)
    _, report = run(MakePointMatchPlots, matched.render, **given(matched, tmp_path, zs=[1]))
    (ignored,) = report["figures"][0]["ignored_masks"]
    assert (ignored["tileId"], ignored["mask_size"]) == ("z1_r1_c0", [40, 30])
    image.unlink()
    status, report = run(MakePointMatchPlots, matched.render, **given(matched, tmp_path, zs=[1]))
    assert status == 0 and "z2_r0_c0" in report["figures"][0]["image_problem"]


def test_bad_input(matched, tmp_path, capsys):
    for wrong, message in (
        ({"matchcollection": "none"}, "no match collection none"),
        ({"stack": "none"}, "no stack none"),
        ({"dz": 0}, "nothing is drawn"),
        ({"minZ": 7}, "no section in what was asked for"),
    ):
        status, _ = run(MakePointMatchPlots, matched.render, **given(matched, tmp_path, **wrong))
        assert status == 1 and message in capsys.readouterr().err
    with pytest.raises(ParameterError, match="dz"):
        MakePointMatchPlots(
            input_data=matched.parameters | given(matched, tmp_path, dz=-1), args=[]
        )
    assert not (tmp_path / "fig-across-acquired").exists()
    assert json.dumps(given(matched, tmp_path))
