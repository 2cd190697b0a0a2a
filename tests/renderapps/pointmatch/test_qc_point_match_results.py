"""Pairs with too few matches, and the sections that hang together."""

from pathlib import Path

import pytest
from layered_stacks import put, run, tile
from match_collections import match

from renderapi.matching.neighbours import Pair
from renderapi.matching.tilepairs import read_tile_pairs, template_url, write_tile_pairs
from renderapi.pointmatch import import_matches
from renderapps.module import ParameterError
from renderapps.pointmatch.match_connections import connected_sections
from renderapps.pointmatch.qc_point_match_results import QCPointMatchResults, histogram

SECTIONS = {f"s{z}": float(z) for z in (3, 4, 5, 7, 8)}


def pair(p, q, delta=1.0):
    p_group, q_group = (f"s{name[1:]}" for name in (p, q))
    side = ("LEFT", "RIGHT", None) if delta is None else ("", "", delta)
    return Pair(p_group, p, side[0], q_group, q, side[1], side[2])


# a and b are the tiles of each section
PAIRS = [
    pair("a3", "b3", None),
    pair("a3", "a4"),
    pair("b3", "b4"),
    pair("a4", "a5"),
    pair("b4", "b5"),
    pair("a5", "a7", 2.0),
    pair("a7", "a8"),
]
COUNTS = {("a3", "b3"): 9, ("a3", "a4"): 5, ("b3", "b4"): 4, ("a4", "a5"): 3, ("a7", "a8"): 6}


def points(count, weight=1.0):
    return [(i, 2 * i, i, i, weight) for i in range(count)]


@pytest.fixture
def asked(render, tmp_path):
    put(
        render,
        "raw",
        [[tile(f"{n}{z:g}", z, section=g) for n in "ab"] for g, z in SECTIONS.items()],
    )
    found = []
    for (p, q), count in COUNTS.items():
        ends = [(f"s{name[1:]}", name) for name in (p, q)]
        found.append(match(*ends, *points(count), *points(2, weight=0.0)))
    import_matches("first", found, render=render)
    # stored with p and q exchanged; together with the first round that makes five
    import_matches("second", [match(("s5", "a5"), ("s4", "a4"), *points(2))], render=render)
    path = tmp_path / "asked.json"
    write_tile_pairs(path, template_url("test", "project", "raw", {"minIntensity": 3}), [PAIRS])
    return {
        "input_tilepairfile": str(path),
        "output_tilepairfile": str(tmp_path / "out" / "bad.json"),
    }


def names(pairs):
    return {(pair.p_id, pair.q_id) for pair in pairs}


def test_bad_pairs_are_written_as_they_were_asked_for(render, asked):
    status, report = run(QCPointMatchResults, render, matchcollections=["first"], **asked)
    assert status == 0
    written = read_tile_pairs(asked["output_tilepairfile"])
    assert written.template == read_tile_pairs(asked["input_tilepairfile"]).template
    assert names(written.pairs) == {("b3", "b4"), ("a4", "a5"), ("b4", "b5"), ("a5", "a7")}
    assert set(written.pairs) < set(PAIRS)  # with positions and distances
    assert (report["pairs"], report["bad_pairs"]) == (7, 4)
    assert report["bad_fraction"] == pytest.approx(4 / 7)
    assert {(e["pId"], e["qId"]): e["matches"] for e in report["bad"]} == {
        ("b3", "b4"): 4,
        ("a4", "a5"): 3,
        ("b4", "b5"): 0,
        ("a5", "a7"): 0,
    }
    assert [row["pairs"] for row in report["histogram"]] == [2, 0, 1, 3, 1]
    # five matches are enough, here as there: 3 and 4 hang together
    assert [part["zs"] for part in report["components"]] == [[3, 4], [5], [7, 8]]
    assert report["breaks"] == [{"after": 4, "before": 5}, {"after": 5, "before": 7}]
    assert report["isolated_sections"] == ["s5"]


def test_matches_of_all_collections_count_together(render, asked):
    status, report = run(QCPointMatchResults, render, matchcollections="first, second", **asked)
    assert status == 0
    assert names(read_tile_pairs(asked["output_tilepairfile"]).pairs) == {
        ("b3", "b4"),
        ("b4", "b5"),
        ("a5", "a7"),
    }
    assert [part["zs"] for part in report["components"]] == [[3, 4, 5], [7, 8]]
    assert report["components"][0]["matches"] == 10
    strict = {"matchcollections": ["first", "second"], "min_matches": 6}
    _, report = run(QCPointMatchResults, render, **strict, **asked)
    assert [part["zs"] for part in report["components"]] == [[3], [4], [5], [7, 8]]


def test_without_bad_pairs_the_file_is_empty(render, asked, tmp_path):
    write_tile_pairs(
        asked["input_tilepairfile"], template_url("test", "project", "raw"), [PAIRS[:1]]
    )
    _, report = run(QCPointMatchResults, render, matchcollections=["first"], **asked)
    assert report["bad_fraction"] == 0 and read_tile_pairs(asked["output_tilepairfile"]).pairs == []


def test_figures_of_the_paired_sections(render, asked, tmp_path):
    options = {"figdir": str(tmp_path / "figures"), "show_images": False}
    status, report = run(
        QCPointMatchResults, render, matchcollections=["first"], **asked, **options
    )
    assert status == 0
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    expected = [(3, 3), (3, 4), (4, 5), (7, 8)]
    assert drawn == {f"0000{z}_to_0000{other}.png" for z, other in expected}
    empty = [(e["z_p"], e["z_q"]) for e in report["figures"] if not e["figure"]]
    assert empty == [(5, 7)]


def test_components_may_interleave():
    pairs = [Pair("x", "1", "", "y", "2", "", 2.0), Pair("v", "3", "", "w", "4", "", 2.0)]
    counts = {pair.key: 5 for pair in pairs}
    zs = {"x": [1.0], "y": [3.0], "v": [2.0, 2.5], "w": [4.0]}
    found = connected_sections(
        [*pairs, Pair("q", "5", "", "q", "6", "", None)], counts | {("q", "5", "q", "6"): 9}, 5, zs
    )
    assert [(p["zs"], p["missing_zs"]) for p in found["components"]] == [
        ([1.0, 3.0], [2.0, 2.5]),
        ([2.0, 2.5, 4.0], [3.0]),
        ([], []),
    ]
    assert found["unknown_sections"] == ["q"] and found["isolated_sections"] == ["q"]
    assert found["breaks"] == [{"after": 3.0, "before": 2.0}]


def test_counts_fall_into_ranges_that_double():
    rows = histogram([0, 0, 1, 2, 3, 8, 15])
    assert [(r["least"], r["most"], r["pairs"]) for r in rows] == [
        (0, 0, 2), (1, 1, 1), (2, 3, 2), (4, 7, 0), (8, 15, 2),
    ]  # fmt: skip


def test_bad_input(render, asked, capsys, tmp_path):
    given = {"matchcollections": ["first"]} | asked
    for wrong, message in (
        ({"matchcollections": ["first", "none"]}, "no match collection none"),
        ({"output_tilepairfile": asked["input_tilepairfile"]}, "is the input"),
    ):
        before = Path(asked["input_tilepairfile"]).read_text()
        assert run(QCPointMatchResults, render, **given | wrong)[0] == 1
        assert message in capsys.readouterr().err
        assert Path(asked["input_tilepairfile"]).read_text() == before
    for template, message in (
        (template_url("test", "project", "none"), "no stack none"),
        ("http://x/tile/{id}", "names no stack"),
    ):
        write_tile_pairs(asked["input_tilepairfile"], template, [PAIRS])
        assert run(QCPointMatchResults, render, **given)[0] == 1
        assert message in capsys.readouterr().err
    base = {"render": {"host": render.DEFAULT_HOST, "owner": "t", "project": "p"}}
    with pytest.raises(ParameterError, match="min_matches"):
        QCPointMatchResults(input_data=base | given | {"min_matches": 0}, args=[])
    assert not (tmp_path / "out").exists()
