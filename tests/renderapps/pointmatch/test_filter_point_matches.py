"""Matches judged by how they agree and by where the stage has the tiles."""

import json

import numpy as np
import pytest
from layered_stacks import put, run, tile
from match_collections import match, stored

from renderapi.pointmatch import import_matches, set_collection_metadata
from renderapps.module import ParameterError
from renderapps.pointmatch.filter_point_matches import FilterPointMatches
from renderapps.pointmatch.match_residuals import LINEAR, residuals
from renderapps.pointmatch.pair_matches import PairMatches

A, B, C, D = (("s1", name) for name in "abcd")
PLACES = {"a": (0, 0), "b": (35, 2), "c": (0, 25), "d": (35, 27)}


def seen(p, q, count=12, noise=0.0, off=(0.0, 0.0), seed=0, weights=None):
    """Matches of two tiles where the stage has them, `off` from it, and with noise."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 30, (count, 2))
    step = np.subtract(PLACES[p[1]], PLACES[q[1]]) + off
    ends = points + step + rng.normal(0, noise, (count, 2))
    w = np.ones(count) if weights is None else weights
    return match(p, q, *np.column_stack([points, ends, w]))


def rms(document):
    """Residual of the affine that fits best, by another way than the module's."""
    p, q = (np.array(document["matches"][side]).T for side in "pq")
    design = np.column_stack([p, np.ones(len(p))])
    solution = np.linalg.lstsq(design, q, rcond=None)[0]
    return float(np.sqrt(((design @ solution - q) ** 2).sum() / len(p)))


def weights(render, name):
    return {(m["pId"], m["qId"]): m["matches"]["w"] for m in stored(render, name)}


@pytest.fixture
def collection(render):
    tiles = [tile(n, 1.0, *PLACES[n], section="s1", lens_id=None) for n in "abcd"]
    other = [tile(n, 2.0, x, section="s2", lens_id=None) for n, x in (("e", 0), ("f", 35))]
    put(render, "raw", [tiles, other])
    half = np.full(12, 0.5)
    found = [
        seen(A, B, weights=half),
        seen(C, D, noise=6.0, seed=1),
        seen(A, C, off=(30.0, 40.0)),
        match(A, ("s2", "e"), *[(i, i * i, 7 - i, i, 1) for i in range(9)]),
        match(("s2", "e"), ("s2", "f"), *[(i, i * i, 7 - i, 100 * i, 1) for i in range(9)]),
    ]
    import_matches("raw", found, render=render)
    set_collection_metadata("raw", {"local_transforms": 0}, render=render)
    return found


def go(render, **options):
    given = {"input_stack": "raw", "input_match_collection": "raw"}
    given |= {"output_match_collection": "kept", "resmax": 2.0, "transmax": 45.0, "zs": [1]}
    return run(FilterPointMatches, render, **given | options)


def test_pairs_that_disagree_or_are_far_lose_their_weight(render, collection, tmp_path):
    path = tmp_path / "found.json"
    status, report = go(render, filter_output_file=str(path))
    assert status == 0
    assert weights(render, "kept") == {
        ("a", "b"): [0.5] * 12,
        ("a", "c"): [0.0] * 12,
        ("a", "e"): [1.0] * 9,  # across sections
        ("c", "d"): [0.0] * 12,
        ("e", "f"): [1.0] * 9,  # z=2 was not asked for
    }
    before = {(m["pId"], m["qId"]): m["matches"] for m in collection}
    for m in stored(render, "kept"):  # points stay
        assert m["matches"]["p"] == before[m["pId"], m["qId"]]["p"]
        assert m["matches"]["q"] == before[m["pId"], m["qId"]]["q"]
    (section,) = report["sections"]
    rows = {(row["pId"], row["qId"]): row for row in section["pairs"]}
    assert section["z"] == 1 and set(rows) == {("a", "b"), ("a", "c"), ("c", "d")}
    assert rows["c", "d"]["nres"] == pytest.approx(rms(collection[1]), abs=6e-4)
    assert rows["c", "d"]["nres"] > 2 and "above resmax 2" in rows["c", "d"]["reason"]
    assert rows["a", "c"]["translation"] == pytest.approx(50) and rows["a", "c"]["nres"] == 0
    assert rows["a", "c"]["reason"] == "distance from the stage 50.000 is above transmax 45"
    assert rows["a", "b"] == {
        "pId": "a", "qId": "b", "count": 12, "nres": 0.0, "translation": 0.0, "weight": 1.0,
        "model": "affine",
    }  # fmt: skip
    assert report["pairs_filtered_out"] == 2
    assert json.loads(path.read_text()) == {"sections": report["sections"]}


def test_in_place_and_twice_is_the_same_as_once_and_bounds_can_be_relaxed(render, collection):
    assert go(render, output_match_collection="raw")[0] == 0
    once = stored(render, "raw")
    assert go(render, output_match_collection="raw")[0] == 0
    assert stored(render, "raw") == once
    assert go(render, output_match_collection="raw", resmax=1000, transmax=1000)[0] == 0
    assert weights(render, "raw") == {
        ("a", "b"): [0.5] * 12,
        ("a", "c"): [1.0] * 12,
        ("a", "e"): [1.0] * 9,
        ("c", "d"): [1.0] * 12,
        ("e", "f"): [1.0] * 9,
    }


def test_pairs_can_count_alike(render, collection):
    _, report = go(render, inverse_weighting=True)
    assert weights(render, "kept")["a", "b"] == pytest.approx([1 / 12] * 12)
    assert weights(render, "kept")["a", "c"] == [0.0] * 12
    given = sorted(row["weight"] for row in report["sections"][0]["pairs"])
    assert given == pytest.approx([0.0, 0.0, 1 / 12])


def test_points_without_weight_do_not_count(render, collection):
    good = seen(B, D)
    good["matches"]["q"][0][0] += 500.0
    good["matches"]["w"][0] = 0.0
    import_matches("raw", [good], render=render)
    _, report = go(render)
    row = next(r for r in report["sections"][0]["pairs"] if r["pId"] == "b")
    assert (row["count"], row["nres"], row["weight"]) == (11, 0.0, 1.0)
    assert weights(render, "kept")["b", "d"] == [0.0] + [1.0] * 11


def test_tiles_that_the_stack_lacks_are_not_judged(render, collection):
    import_matches("raw", [seen(A, B) | {"qId": "x"}], render=render)
    _, report = go(render)
    row = next(r for r in report["sections"][0]["pairs"] if r["qId"] == "x")
    assert row["weight"] is None and "no tile x in section s1" in row["reason"]
    assert report["pairs_not_judged"] == 1 and weights(render, "kept")["a", "x"] == [1.0] * 12


def test_the_strongest_model_that_the_points_determine():
    line = [(i, 0, 2 * i, 0, 1) for i in range(5)]
    cases = {
        "affine": [(0, 0, 0, 0, 1), (9, 0, 9, 1, 1), (0, 9, 2, 9, 1)],
        "similarity": line,
        "translation": [(3, 3, 5, 5, 1)] * 4,
    }
    pairs = [PairMatches.from_document(match(A, B, *rows)) for rows in cases.values()]
    pairs.append(PairMatches.from_document(match(A, B)))
    found = residuals(pairs)
    assert [LINEAR[k] for k in found.models[:3]] == list(cases)
    assert found.rms[:3] == pytest.approx(0, abs=1e-9)
    assert found.models[3] == -1 and np.isnan(found.rms[3])
    assert residuals(pairs[1:2], "rigid").rms[0] == pytest.approx(np.sqrt(2))
    assert residuals(pairs[1:2], "translation").rms[0] == pytest.approx(np.sqrt(2))


def test_many_pairs_at_once_are_as_one_by_one():
    rng = np.random.default_rng(3)
    pairs = [
        PairMatches.from_document(match(A, B, *rng.uniform(0.1, 50, (count, 5))))
        for count in rng.integers(1, 60, 200)
    ]
    together = residuals(pairs)
    alone = [residuals([pair]).rms[0] for pair in pairs]
    np.testing.assert_allclose(together.rms, alone, rtol=1e-9, atol=1e-9)


def test_bad_input(render, collection, capsys):
    for wrong, message in (
        ({"input_stack": "none"}, "no stack none"),
        ({"input_match_collection": "none"}, "no match collection none"),
        ({"zs": [5]}, "no section at z=5"),
    ):
        assert go(render, **wrong)[0] == 1
        assert message in capsys.readouterr().err
    with pytest.raises(ParameterError, match="resmax"):
        base = {"render": {"host": render.DEFAULT_HOST, "owner": "t", "project": "p"}}
        FilterPointMatches(input_data=base | {"resmax": -1}, args=[])
