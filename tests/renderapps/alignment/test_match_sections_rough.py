"""Whole sections are matched whichever way round they lie, and nothing is made up."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from layered_stacks import run
from section_series import put_sections, tissue, turned

import renderapi
from renderapi.matching.canvases import View
from renderapi.matching.documents import oriented_points
from renderapi.matching.models import apply
from renderapi.matching.whole_sections import SectionParameters, match_sections
from renderapps.alignment.match_sections_rough import MatchSectionsRough
from renderapps.alignment.section_links import (
    Link,
    connected,
    contradictions,
    map_along,
    mirrored_sections,
    pairs_within,
)

ANGLES = (0.0, 77.0, -140.0, 25.0)


@pytest.fixture(scope="module")
def pictures():
    """Three sections of a piece of tissue, a fourth one left to right, and one of another piece."""
    series = tissue(4, (180, 200), seed=3, z_sigma=2.0)
    placed = [
        turned(picture, angle, (k, 2 * k), mirrored=k == 3)
        for k, (picture, angle) in enumerate(zip(series, ANGLES, strict=True))
    ]
    stranger = turned(tissue(1, (180, 200), seed=99)[0], 10.0)
    return [*placed, stranger]


def parameters(**more):
    given = {"input_stack": "low", "matchCollection": "found", "pool_size": 1}
    return given | {"ways": ["features"], **more}


def test_matches_are_where_the_sections_were_turned_to(render, tmp_path, pictures):
    put_sections(render, "low", [image for image, _ in pictures], tmp_path / "images")
    status, report = run(MatchSectionsRough, render, **parameters())
    assert status == 0, report
    rows = {(row["p_z"], row["q_z"]): row for row in report["pairs"]}
    assert [key for key, row in rows.items() if row["accepted"]] == [
        (0, 1), (0, 2), (1, 2), (1, 3), (2, 3)
    ]  # fmt: skip
    assert report["mirrored_sections"] == [3.0]
    assert report["unmatched_sections"] == [4.0]
    assert report["groups"] == [[0.0, 1.0, 2.0, 3.0], [4.0]]
    assert rows[2, 4]["reason"]
    assert [rows[key]["way"] for key in ((0, 1), (1, 2))] == ["features"] * 2
    assert rows[0, 2]["way"] == "sections between"
    for p, q in ((0, 1), (0, 2), (1, 2)):
        truth = pictures[q][1] @ np.linalg.inv(pictures[p][1])
        (document,) = [
            d
            for d in renderapi.pointmatch.get_matches_with_group("found", f"g{p}", render=render)
            if d["qId"] == f"s{q}"
        ]
        one, other, weights = oriented_points(document, f"s{p}")
        assert len(weights) == rows[p, q]["matches"] >= 20
        away = np.hypot(*(apply(truth, one) - other).T)
        assert np.median(away) < 0.3
        assert away.max() < 3
        assert abs((rows[p, q]["angle"] - ANGLES[q] + ANGLES[p] + 180) % 360 - 180) < 0.3
    stored = renderapi.pointmatch.get_matches_with_group("found", "g1", render=render)
    assert [d["qId"] for d in stored] == ["s2"]  # nothing of the section left to right


def test_orientations_are_found_without_features(pictures):
    from renderapi.matching.orientation import orientations

    (p, to_p), (q, to_q) = pictures[0], pictures[1]
    truth = to_q @ np.linalg.inv(to_p)
    corners = np.array([[60.0, 60], [200, 70], [120, 210]])
    found = orientations(p, p > 0, q, q > 0)
    away = [np.hypot(*(apply(m, corners) - apply(truth, corners)).T).max() for m in found]
    assert min(away) < 6


def test_what_is_expected_has_to_prove_itself(pictures):
    (p, to_p), (q, to_q) = pictures[0], pictures[2]
    truth = to_q @ np.linalg.inv(to_p)
    away = np.array([[0, -1.0, p.shape[0]], [1, 0, 0], [0, 0, 1]])  # a quarter turn
    features = SectionParameters(ways=("features",))
    for expected, way in ((truth, "sections between"), (away @ truth, "features")):
        found = match_sections(*(View(v, v > 0) for v in (p, q)), features, expected=expected)
        assert found.way == way
        missed = apply(found.matrix, found.p) - apply(truth, found.p)
        assert np.hypot(*missed.T).max() < 1
    stranger = pictures[4][0]
    views = [View(v, v > 0) for v in (p, stranger)]
    assert not match_sections(*views, features, expected=truth).accepted


def test_nothing_in_common_is_a_failure_with_a_report(render, tmp_path, capsys, pictures):
    images = [pictures[0][0], pictures[4][0]]
    put_sections(render, "low", images, tmp_path / "images")
    status, report = run(MatchSectionsRough, render, **parameters(mirrored=False))
    assert status == 1
    assert "none of 1 pairs of sections could be matched; z=0 - z=1" in capsys.readouterr().err
    assert report["groups"] == [[0.0], [1.0]]
    assert renderapi.pointmatch.get_matchcollections(render=render) == []


def test_one_section_and_blank_ones(render, tmp_path, pictures):
    blank = np.zeros((60, 60), np.uint8)
    put_sections(render, "low", [pictures[0][0], blank], tmp_path / "images")
    status, report = run(MatchSectionsRough, render, **parameters(zs=[0]))
    assert (status, report["pairs_total"], report["groups"]) == (0, 0, [[0.0]])
    status, report = run(MatchSectionsRough, render, **parameters())
    assert status == 1
    assert report["pairs"][0]["reason"] == "the second section shows nothing"


def test_from_the_command_line_and_bad_input(tmp_path, pictures):
    place = {"host": "local", "store": str(tmp_path / "render.db"), "owner": "me", "project": "p"}
    render = renderapi.connect(**place)
    put_sections(render, "low", [pictures[0][0], pictures[1][0]], tmp_path / "images")
    given = {"render": place} | parameters(report_file=str(tmp_path / "pairs.json"))
    (tmp_path / "in.json").write_text(json.dumps(given))
    words = [sys.executable, "-m", "renderapps.alignment.match_sections_rough", "--quiet"]
    words += ["--input_json", str(tmp_path / "in.json")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "pairs.json").read_text())["pairs_stored"] == 1
    done = subprocess.run([*words, "--ways", "['magic']"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_sections_of_several_tiles_are_refused(render, tmp_path, capsys, pictures):
    images = [pictures[0][0], pictures[1][0]]
    put_sections(render, "low", images, tmp_path / "images")
    tiles = renderapi.tilespec.get_tile_specs_from_z("low", 1, render=render)
    tiles[0].z = 0.0
    renderapi.stack.set_stack_state("low", "LOADING", render=render)
    renderapi.resolvedtiles.put_tilespecs("low", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("low", "COMPLETE", render=render)
    assert run(MatchSectionsRough, render, **parameters())[0] == 1
    assert "stack low has 2 tiles at z=0, not one: make a stack of pictures" in (
        capsys.readouterr().err
    )


# what links say together


def link(p, q, angle=0.0, mirrored=False):
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return Link(p, q, matrix, (100.0, 80.0), mirrored)


def test_a_link_that_contradicts_the_others_is_given_up():
    links = [link(p, q) for p in range(6) for q in (p + 1, p + 2) if q < 6]
    assert contradictions(links, 1 / 16) == {}
    for p, q in ((2, 3), (1, 3)):
        wrong = [link(p, q, 2.0) if (k.p, k.q) == (p, q) else k for k in links]
        found = contradictions(wrong, 1 / 16)
        assert list(found) == [(p, q)]
        assert "contradicts" in found[p, q]


def test_maps_of_warped_sections_need_not_agree_better_than_they_fit():
    # 12 pixels off in each of its triangles, where linear maps miss matched places by 5
    def moved(p, q, by):
        matrix = np.array([[1, 0, by], [0, 1, 0], [0, 0, 1.0]])
        return Link(p, q, matrix, (100.0, 80.0), error=5.0)

    links = [moved(p, q, 0.0) for p in range(6) for q in (p + 1, p + 2) if q < 6]

    def with_one_off_by(pixels):
        return [moved(2, 3, pixels) if (k.p, k.q) == (2, 3) else k for k in links]

    assert contradictions(with_one_off_by(12.0), 1 / 16) == {}
    assert list(contradictions(with_one_off_by(30.0), 1 / 16)) == [(2, 3)]


def test_what_little_was_found_of_does_not_outvote_neighbours():
    # where two sections have been torn apart, little is found of those beyond, and that is wrong
    links = [link(p, q) for p in range(6) for q in (p + 1, p + 2) if q < 6]
    wrong = {(1, 3), (2, 4)}
    alike = [link(*wrong_one, 1.0 + sum(wrong_one)) for wrong_one in sorted(wrong)]
    rest = [k for k in links if (k.p, k.q) not in wrong]

    def found(trust):
        return set(contradictions([*rest, *(replace(k, trust=trust) for k in alike)], 1 / 16))

    assert found(0.2) == wrong
    assert (2, 3) in found(1.0)  # as much was found of all: more speak against it


def test_one_triangle_alone_accuses_nobody():
    assert contradictions([link(0, 1), link(1, 2), link(0, 2, 1.0)], 1 / 16) == {}


def test_pairs_of_a_series_are_with_those_that_follow_and_some_further_on():
    assert pairs_within([1.0, 2.0, 4.0, 5.0], 1) == [(1, 2), (2, 4), (4, 5)]
    further = pairs_within([float(z) for z in range(6)], 2, [4, 2, 9])
    assert [q - p for p, q in further if p == 0] == [1, 2, 4]
    assert (1.0, 5.0) in further and len(further) == 5 + 4 + 2


def test_maps_follow_each_other_along_a_series():
    links = {(p, p + 1): link(p, p + 1, 0.1 * p, mirrored=p == 3) for p in range(5)}
    np.testing.assert_allclose(map_along([0, 1, 2, 3], links), link(0, 3, 0.3).matrix, atol=1e-12)
    assert map_along([2, 3, 4], links) is None  # one is left to right
    assert map_along([0, 2], links) is None


def test_groups_and_mirrored_sections():
    links = [link(0, 1), link(1, 2, mirrored=True), link(2, 3, mirrored=True), link(5, 6)]
    assert connected([0, 1, 2, 3, 4, 5, 6], links) == [[0, 1, 2, 3], [5, 6], [4]]
    assert mirrored_sections([0, 1, 2, 3, 4, 5, 6], links) == [2]
