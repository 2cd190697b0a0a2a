"""Trials are judged by the truth: made-up results of real scenes, each wrong in one way."""

from itertools import pairwise

import numpy as np
import pytest

from renderapi.matching.coarse_pairs import COARSE
from renderapps.alignment.stage_model import MATCHES, STAGE
from renderapps.demo.conditions import CONDITIONS, Condition, montage, through_lens
from renderapps.demo.verdict import (
    HELD,
    IN_PART,
    REFUSED,
    compared_pixels,
    judged,
    pair_bound,
    stage_error,
    stated_errors,
    told_stage_error,
    wrong_pairs,
)


@pytest.fixture(scope="module")
def clear():
    return montage("grains", CONDITIONS["wrong links"], 0)


@pytest.fixture(scope="module")
def noisy():
    return montage("cells", CONDITIONS["noise 0.3"], 0)


def neighbours(scene):
    names = sorted(scene.true)
    return [
        (a, b)
        for a in names
        for b in names
        if a < b and np.abs(np.subtract([*map(int, a)], [*map(int, b)])).sum() == 1
    ]


def match(scene, p, q, off=(0.0, 0.0)):
    """A document whose points agree with the truth, but for an error."""
    ends = np.array([[250.0, 100.0], [240.0, 30.0]]) if p[0] == q[0] else np.full((2, 2), 250.0)
    there = ends + scene.true[p] - scene.true[q] + off
    points = {"p": ends.T.tolist(), "q": there.T.tolist(), "w": [1.0, 1.0]}
    return {"pId": p, "qId": q, "matches": points}


def result(scene, used, off=None, rejected=(), wrong=None, warnings=("none",), reason="ambiguous"):
    """Verdict on a solution that uses some pairs and has tiles off by something."""
    off, wrong = off or {}, wrong or {}
    linked = {tile for pair in used for tile in pair}
    pixels = compared_pixels(scene)
    places = {n: scene.truth(n, pixels) + off.get(n, (0.0, 0.0)) for n in scene.images}
    rule = {n: MATCHES if n in linked else STAGE for n in scene.images}
    pairs = neighbours(scene)
    section = {
        "tiles": {name: {"placed_by": rule[name]} for name in scene.images},
        "pairs": [
            {"pId": p, "qId": q, "accepted": (p, q) in used}
            | ({"reason": "contradicts"} if (p, q) in rejected else {})
            for p, q in pairs
            if (p, q) in used or (p, q) in rejected
        ],
    }
    matched = {
        "pairs": [
            {"pId": p, "qId": q, "accepted": (p, q) in used or (p, q) in rejected}
            | ({} if (p, q) in used else {"reason": f"correlation: {reason}: shifts (3.1, 4)"})
            for p, q in pairs
        ],
        "warnings": list(warnings),
    }
    stored = [match(scene, p, q, wrong.get((p, q), (0, 0))) for p, q in [*used, *rejected]]
    return judged(scene, places, matched, section, stored)


def test_a_right_result_passes(clear):
    right = [pair for pair in neighbours(clear) if pair not in clear.wrong_links]
    verdict = result(clear, right, rejected=list(clear.wrong_links))
    assert verdict.failures == [] and verdict.outcome == HELD
    assert (verdict.injected, verdict.found) == (5, 5)
    assert (verdict.pairs, verdict.telling) == (31, 31)
    assert verdict.median < 1e-9 and verdict.matched == verdict.linkable == 20


def test_matching_nothing_does_not_pass_where_the_data_hold_the_answer(clear):
    verdict = result(clear, [])
    assert np.isnan(verdict.median) and verdict.matched == 0
    told = "; ".join(verdict.failures)
    assert "0 pairs are used of 31" in told and "0 of 20 tiles matched" in told


def test_few_pairs_are_not_enough_even_where_they_reach_all_tiles(clear):
    names = sorted(clear.true)
    tree = [p for p in neighbours(clear) if p[0][0] == p[1][0] or p[0][1] == "0"][: len(names) - 1]
    sparse = tree[:12]
    assert any("12 pairs are used" in text for text in result(clear, sparse).failures)


def test_tiles_off_their_places_are_told(clear):
    pairs = neighbours(clear)
    rejected = list(clear.wrong_links)
    used = [pair for pair in pairs if pair not in rejected]
    verdict = result(clear, used, {"23": (0.3, -0.3)}, rejected)
    assert verdict.failures == ["worst error 0.424 px"]
    shifted = dict.fromkeys(clear.images, (5.0, 7.0))  # a common shift is no error
    assert result(clear, used, shifted, rejected).failures == []


def test_wrong_pairs_that_are_used_are_told(clear):
    pairs, injected = neighbours(clear), list(clear.wrong_links)
    kept = injected[0]
    used = [pair for pair in pairs if pair not in injected[1:]]
    verdict = result(clear, used, rejected=injected[1:], wrong={kept: clear.wrong_links[kept]})
    assert verdict.wrong == 1 and verdict.found == 4
    assert "1 wrong pairs were used" in verdict.failures
    assert "4 of 5 wrong matches were found" in verdict.failures


def test_a_pair_linked_by_coarse_content_is_wrong_beyond_three_times_what_the_report_states(noisy):
    def matched(error):
        rows = [{"pId": "12", "qId": "11", "accepted": True, "method": COARSE, "residual": error}]
        return {"pairs": [*rows, {"pId": "00", "qId": "01", "accepted": True, "method": "blocks"}]}

    assert stated_errors(matched(2.0)) == {("11", "12"): 2.0}
    missed = [match(noisy, "11", "12", (4.0, 0.0))]
    sure = {("11", "12"): np.diag([1e4, 1e4])}
    found = [wrong_pairs(noisy, missed, sure, stated_errors(matched(e))) for e in (1.2, 1.4)]
    assert found == [{("11", "12")}, set()]


def test_where_the_data_do_not_hold_the_answer_refusing_is_right_and_must_be_explained(noisy):
    verdict = result(noisy, [])
    assert verdict.outcome == REFUSED and verdict.failures == []
    assert verdict.reasons == {"ambiguous": 31}
    assert result(noisy, [], warnings=()).failures == ["pairs or tiles are not explained"]
    some = neighbours(noisy)[:2]
    assert result(noisy, some, warnings=()).outcome == IN_PART
    far = {name: (40.0, 0.0) for name in sorted(noisy.images)[:3]}
    assert any("px off" in text for text in result(noisy, [], far).failures)


def test_tiles_must_lie_where_a_linear_stage_would_have_them_whatever_links_them(noisy):
    stage = stage_error(noisy)
    assert 8 < stage < 13  # of jitter by up to 7.7 px in x and in y, about
    far = {"12": (1.5 * stage + 4, 0.0)}
    for pairs in ([], [("11", "12"), ("12", "13")], neighbours(noisy)):
        assert any("px off" in text for text in result(noisy, pairs, far).failures)
        assert result(noisy, pairs).failures == []


def test_what_pairs_tell_of_the_stage_is_asked_for_and_no_more():
    scene = montage("cells", CONDITIONS["all at once"], 0)
    known = [name for name in sorted(scene.true) if name not in scene.blank | scene.swapped]
    off = np.array([scene.claimed[name] - scene.true[name] for name in known])
    stays = np.linalg.norm(off - np.median(off, axis=0), axis=1).max()
    assert told_stage_error(scene) == told_stage_error(scene, []) == pytest.approx(stays)
    few, all_of_them = [("13", "14")], list(pairwise(known))
    assert told_stage_error(scene, few) <= stays
    assert 8 < told_stage_error(scene, few, all_of_them) < 11 < stays


def test_the_bound_of_a_pair_is_that_of_cramer_and_rao():
    assert pair_bound(np.diag([4.0, 16.0])) == pytest.approx(np.sqrt(1 / 4 + 1 / 16))
    assert pair_bound(np.diag([4.0, 0.0])) == np.inf


def test_a_lens_shows_in_the_corners_what_lies_further_out():
    corner = through_lens(np.array([[255.0, 255.0], [127.5, 127.5], [0.0, 255.0]]), 6.0)
    side = 6 / np.sqrt(2)
    assert corner == pytest.approx(np.array([[side, side], [0, 0], [-side, side]]))
    plain, bent = (montage("grains", Condition(lens=lens), 0) for lens in (0.0, 6.0))
    place = bent.truth("11", np.array([[250.0, 60.0]])) - bent.true["11"]
    u, v = 122.5 / (127.5 * 2**0.5), -67.5 / (127.5 * 2**0.5)
    assert place[0] - [250.0, 60.0] == pytest.approx(
        [6 * u * (u * u + v * v), 6 * v * (u * u + v * v)]
    )
    x, y = np.rint(place[0]).astype(int)
    assert abs(float(bent.clean["11"][60, 250]) - float(plain.clean["11"][y, x])) < 12
