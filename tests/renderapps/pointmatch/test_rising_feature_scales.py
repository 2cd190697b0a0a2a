"""Features at rising scales, for tiles that are turned and scaled against each other."""

import numpy as np
import pytest
import shapely
import tifffile
from scipy.ndimage import affine_transform

import renderapi
from renderapi.urls import path_to_url
from renderapps.module import ParameterError
from renderapps.pointmatch.create_tilepairs import CreateTilePairs
from renderapps.pointmatch.generate_point_matches import GeneratePointMatches
from renderapps.pointmatch.polygon_files import polygon_name, roi_of, write_polygon
from renderapps.pointmatch.tune_matching import TuneMatching

SIDE, ANGLE, GROWTH = 280, 30.0, 1.1
MIDDLE = np.full(2, (SIDE - 1) / 2)
TURN = GROWTH * np.array(
    [
        [np.cos(np.radians(ANGLE)), -np.sin(np.radians(ANGLE))],
        [np.sin(np.radians(ANGLE)), np.cos(np.radians(ANGLE))],
    ]
)


def on_q(points):
    """Where q shows what p shows at the (N, 2) points: turned and grown about the middle."""
    return (points - MIDDLE) @ TURN.T + MIDDLE


def turned(picture, low):
    """q: the photograph as the camera, turned and a little nearer, sees it."""
    back, swap = np.linalg.inv(TURN), np.array([[0, 1], [1, 0]])
    linear = swap @ back @ swap
    return affine_transform(picture, linear, MIDDLE + low - linear @ MIDDLE, (SIDE, SIDE), order=3)


@pytest.fixture
def acquired(render, tmp_path):
    """Two tiles of a photograph, 40 pixels off their place, and what every run needs."""
    from skimage import data

    picture, low = data.camera().astype(float), 110
    cut = picture[low : low + SIDE, low : low + SIDE]
    leaf, tiles = {"type": "leaf", "className": "mpicbg.trakem2.transform.AffineModel2D"}, []
    for name, pixels, place in (("p", cut, 0), ("q", turned(picture, low), 40)):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
        affine = leaf | {"dataString": f"1 0 0 1 {place} 0"}
        document = {
            "tileId": name,
            "z": 1.0,
            "width": SIDE,
            "height": SIDE,
            "layout": {"sectionId": "1.0"},
            "mipmapLevels": {"0": {"imageUrl": path_to_url(path)}},
            "transforms": {
                "type": "list",
                "specList": [affine],
            },
        }
        tiles.append(renderapi.tilespec.TileSpec(json=document))
    renderapi.stack.create_stack("turned", render=render)
    renderapi.resolvedtiles.put_tilespecs("turned", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("turned", "COMPLETE", render=render)
    named = {"owner": render.DEFAULT_OWNER, "project": render.DEFAULT_PROJECT}
    parameters = {
        "render": {"host": render.DEFAULT_HOST, **named},
        "stack": "turned",
        "tilepair_file": str(tmp_path / "pairs.json"),
        "pool_size": 1,
        "model": "similarity",
        "search_radius": 80,
        "max_distortion": 0.7,
        "min_significance": 6,  # saves the time that unrelated pairs take
        "relocate_tiles": False,
    }
    pairs = {key: parameters[key] for key in ("render", "stack")}
    CreateTilePairs(
        input_data=pairs | {"tilepair_output": parameters["tilepair_file"]}, args=[]
    ).run()
    return parameters


def matched(acquired, **options):
    module = GeneratePointMatches(
        input_data={**acquired, "matchCollection": "matches", **options}, args=[]
    )
    module.run()
    (row,) = module.result["pairs"]
    return module.result, row


def stored(render):
    (match,) = renderapi.pointmatch.get_matches_with_group("matches", "1.0", render=render)
    return (np.array(match["matches"][side]).T for side in "pq")


def test_a_turned_tile_is_matched_at_the_second_scale_and_everything_is_told(acquired, render):
    result, row = matched(acquired, feature_scales=[0.1, 0.5])
    assert row["accepted"], row["reason"]
    assert (row["stage"], row["feature_scale"]) == ("search", 0.5)
    assert result["feature_scales"] == {"0.5": 1}
    clear, correlation, coarse = row["refused"]
    assert clear["stage"] == "clear" and clear["reason"].startswith("correlation: ")
    assert correlation["stage"] == "search" and correlation["reason"].startswith("correlation: ")
    assert coarse["stage"] == "search" and coarse["reason"].startswith("features at scale 0.1: of ")
    p, q = stored(render)
    away = np.linalg.norm(on_q(p) - q, axis=1)
    assert len(p) >= 12 and np.median(away) < 0.3 and away.max() < 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"method": "correlation"}, "correlation: "),
        ({"feature_scale": 0.1}, "features at scale 0.1: of "),
        ({"feature_scales": [0.1, 0.5], "max_distortion": 0.2}, "the model distorts the tile by "),
    ],
)
def test_it_takes_the_next_scale_and_leave_to_turn(acquired, options, reason):
    result, row = matched(acquired, **options)
    assert not row["accepted"] and reason in row["reason"]
    assert result["feature_scales"] == {} and row["feature_scale"] is None


def test_what_lies_outside_the_outline_gives_no_features(acquired, render, tmp_path):
    left = [[-5, -5], [170, -5], [170, SIDE + 5], [-5, SIDE + 5]]
    folder = tmp_path / "polygons"
    folder.mkdir()
    write_polygon(folder / polygon_name(1.0), {"z": 1.0, "roi": roi_of(left)})
    _, row = matched(acquired, feature_scales=[0.1, 0.5], polygon_dir=str(folder))
    assert row["accepted"] and row["feature_scale"] == 0.5
    p, q = stored(render)
    outline = shapely.Polygon(left).buffer(1)
    assert shapely.contains_xy(outline, *p.T).all() and shapely.contains_xy(outline, *q.T).all()
    assert np.median(np.linalg.norm(on_q(p) - q, axis=1)) < 0.5


def test_what_is_kept_of_an_interrupted_run_tells_the_same(acquired):
    from renderapps.pointmatch.kept_outcomes import KeptOutcomes

    removed, KeptOutcomes.remove = KeptOutcomes.remove, lambda self: None  # as if it were killed
    try:
        first, _ = matched(acquired, feature_scales=[0.1, 0.5])
    finally:
        KeptOutcomes.remove = removed
    again, row = matched(acquired, feature_scales=[0.1, 0.5])
    assert again.pop("pairs_kept") == 1 and first.pop("pairs_kept") == 0
    assert again == first and row["feature_scale"] == 0.5


def test_settings_that_are_tried_tell_which_scales_are_needed(acquired):
    given = {"search_radii": [80], "scales": [1.0], "feature_scales": [0.1, 0.5]}
    module = TuneMatching(input_data=acquired | given, args=[])
    module.run()
    row, fewer = module.result["settings"]
    assert row["accepted"] == 1 and row["feature_scales"] == {"0.5": 1}
    assert (fewer["accepted"], fewer["tried_feature_scales"]) == (1, [0.5])
    assert fewer["median_residual"] == row["median_residual"]
    quicker = min(row, fewer, key=lambda setting: setting["seconds"])
    assert module.result["recommended"]["feature_scales"] == quicker["tried_feature_scales"]


def test_scales_that_do_not_rise_are_refused(acquired):
    for scales in ([0.5, 0.5], [0.5, 0.25], [], [0.5, 2], "half"):
        with pytest.raises(ParameterError, match="feature_scales"):
            matched(acquired, feature_scales=scales)
