"""Tiles that nothing else links are linked by coarse content, and the report says so."""

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import renderapi
from renderapi.matching.batches import PairOutcome
from renderapi.matching.coarse_pairs import COARSE
from renderapi.matching.neighbours import Pair
from renderapi.matching.pair_outcome import PairMatch
from renderapi.urls import path_to_url
from renderapps.pointmatch.create_tilepairs import CreateTilePairs
from renderapps.pointmatch.generate_point_matches import GeneratePointMatches
from renderapps.pointmatch.loose_tiles import unlinked

SIDE, TRUE, CLAIMED = 200, (172, 4), 165


@pytest.fixture
def faint(render, tmp_path):
    """Parameters of a run on two tiles of a smooth picture that noise all but hides."""
    rng = np.random.default_rng(1)
    picture = 2000 + 128 * gaussian_filter(rng.normal(size=(220, 400)), 9, mode="wrap")
    tiles = []
    for name, (x, y), claimed in (("a", (0, 0), 0), ("b", TRUE, CLAIMED)):
        cut = picture[y : y + SIDE, x : x + SIDE] + rng.normal(0, 12, (SIDE, SIDE))
        tifffile.imwrite(tmp_path / f"{name}.tif", cut.astype(np.uint16))
        tiles.append(
            renderapi.tilespec.TileSpec(
                tileId=name, z=1.0, width=SIDE, height=SIDE, minint=0, maxint=65535,
                sectionId="1.0", imageUrl=path_to_url(tmp_path / f"{name}.tif"),
                tforms=[renderapi.transform.AffineModel(B0=claimed, B1=0)],
            )
        )  # fmt: skip
    renderapi.stack.create_stack("faint", render=render)
    renderapi.resolvedtiles.put_tilespecs("faint", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("faint", "COMPLETE", render=render)
    connection = {
        "host": render.DEFAULT_HOST,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }
    pairs = {"render": connection, "stack": "faint", "tilepair_file": str(tmp_path / "pairs.json")}
    CreateTilePairs(input_data=pairs, args=[]).run()
    return pairs | {"matchCollection": "found", "pool_size": 1}


def test_tiles_that_nothing_else_links_are_linked_by_coarse_content(faint, render):
    module = GeneratePointMatches(input_data=faint, args=[])
    module.run()
    (row,) = module.result["pairs"]
    assert (row["accepted"], row["stage"], row["method"]) == (True, "coarse", COARSE)
    (match,) = renderapi.pointmatch.get_matches_with_group("found", "1.0", render=render)
    moved = np.subtract(match["matches"]["p"], match["matches"]["q"]).mean(axis=1)
    assert moved == pytest.approx(TRUE, abs=3) and np.abs(moved - [CLAIMED, 0]).max() > 3
    assert max(match["matches"]["w"]) < 0.01
    (warning,) = module.result["warnings"]
    assert (
        "1 pairs are linked by coarse content alone" in warning and "look at tiles a, b" in warning
    )


@pytest.mark.parametrize("other", [{"coarse_links": False}, {"min_significance": 6.0}])
def test_a_user_can_do_without(faint, other):
    module = GeneratePointMatches(input_data=faint | other, args=[])
    module.run()
    (row,) = module.result["pairs"]
    assert not row["accepted"] and "blank or unrelated" in row["reason"]


def outcome(p, q, reason="", failed=False, delta_z=None):
    points = np.zeros((0 if reason else 4, 2))
    match = PairMatch(points, points, np.ones(len(points)), "", 0.1, 50.0, reason)
    return PairOutcome(Pair("1.0", p, "LEFT", "1.0", q, "RIGHT", delta_z), match, 20.0, failed)


def test_only_pairs_that_would_join_what_is_apart_are_looked_at_again():
    outcomes = [
        outcome("a", "b"),
        outcome("b", "c"),
        outcome("a", "c", "blank"),  # hangs together through b
        outcome("c", "d", "blank"),
        outcome("d", "e", "no file", failed=True),
        outcome("c", "f", "blank", delta_z=1.0),
    ]
    assert [task.pair.q_id for task in unlinked(outcomes)] == ["d"]
