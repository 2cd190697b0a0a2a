"""Batches of pairs: tiles drawn once, failures kept apart, distances at full scale."""

import numpy as np
import pytest
import tifffile

from renderapi.matching.batches import PairTask, ViewCache, expected_map, match_pairs
from renderapi.matching.canvases import canvas_spec
from renderapi.matching.models import apply
from renderapi.matching.neighbours import Pair
from renderapi.matching.pair_parameters import PairParameters
from renderapi.matching.stage import StageRule
from renderapi.urls import path_to_url

SIDE = 160


@pytest.fixture
def row_of_tiles(tmp_path, texture):
    """Function (scale) -> pairs and canvases of three tiles 131 and 130 apart, expected at 125."""
    scene = texture(SIDE, 3 * SIDE)

    def make(scale=1.0):
        canvases = {}
        for i, x in enumerate((0, 131, 261)):
            path = tmp_path / f"t{i}.tif"
            tifffile.imwrite(path, scene[:, x : x + SIDE].astype(np.uint16))
            tile = {
                "tileId": f"t{i}",
                "width": SIDE,
                "height": SIDE,
                "mipmapLevels": {"0": {"imageUrl": path_to_url(path)}},
                "transforms": {
                    "type": "list",
                    "specList": [
                        {
                            "className": "mpicbg.trakem2.transform.AffineModel2D",
                            "dataString": f"1 0 0 1 {125 * i} 0",
                        }
                    ],
                },
            }
            canvases[f"t{i}"] = canvas_spec(tile, None, scale=scale)
        pairs = [Pair("1", f"t{i}", "LEFT", "1", f"t{i + 1}", "RIGHT", None) for i in (0, 1)]
        return pairs, canvases

    return make


def run(pairs, canvases, cache=None, rule=None, **options):
    tasks = [PairTask(pair, rule) for pair in pairs]
    cache = cache or ViewCache(10**8)
    return list(match_pairs(tasks, canvases, PairParameters(), cache, **options))


def test_every_tile_is_drawn_once(row_of_tiles):
    pairs, canvases = row_of_tiles()
    cache = ViewCache(10**8)
    outcomes = run(pairs, canvases, cache)
    assert cache.drawn == 3
    assert [o.search_radius for o in outcomes] == [16.0, 16.0]  # a tenth of the shorter side
    assert [o.match.offset for o in outcomes] == [
        pytest.approx((6, 0), abs=0.05),
        pytest.approx((5, 0), abs=0.05),
    ]


def test_the_cache_is_bounded_but_holds_a_pair(row_of_tiles):
    pairs, canvases = row_of_tiles()
    cache = ViewCache(1)
    assert all(o.match.accepted for o in run([*pairs, pairs[0]], canvases, cache))
    assert cache.drawn == 5  # the third and the first of all once more each
    assert cache.bytes_held <= 2 * SIDE * SIDE * (2 + 1)


def test_points_and_distances_are_at_full_scale(row_of_tiles):
    pairs, canvases = row_of_tiles(scale=0.5)
    first = run(pairs, canvases, search_radius=20)[0]
    assert first.search_radius == 20
    assert first.match.p - first.match.q == pytest.approx(
        np.tile([131.0, 0.0], (len(first.match.p), 1)), abs=0.2
    )
    assert first.match.offset == pytest.approx((6, 0), abs=0.2)
    assert first.match.p[:, 0].max() > 140


def test_a_rule_moves_and_narrows_the_search(row_of_tiles):
    pairs, canvases = row_of_tiles()
    (found,) = run(pairs[:1], canvases, rule=StageRule((5.0, 1.0), 3.0, 7))
    assert found.search_radius == 3.0
    assert found.match.offset == pytest.approx((6, 0), abs=0.05)
    (missed,) = run(pairs[:1], canvases, rule=StageRule((-5.0, 1.0), 3.0, 7))
    assert not missed.match.accepted


def test_an_image_that_cannot_be_read_fails_its_pairs_only(row_of_tiles, tmp_path):
    pairs, canvases = row_of_tiles()
    (tmp_path / "t0.tif").unlink()
    bad, good = run(pairs, canvases)
    assert bad.failed and not bad.match.accepted and "t0.tif" in bad.match.reason
    assert good.match.accepted and not good.failed


def test_the_expected_map_is_that_of_the_present_transforms(row_of_tiles):
    _, canvases = row_of_tiles(scale=0.5)
    there = apply(expected_map(canvases["t0"], canvases["t1"]), np.array([[100.0, 7.0]]))
    assert there == pytest.approx(np.array([[100 - 62.5, 7.0]]))
