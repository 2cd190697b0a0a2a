"""Accuracy of the whole chain under nasty conditions, against places that are known."""

import pytest

from renderapps.demo.conditions import CONDITIONS, PICTURES, Condition, montage
from renderapps.demo.trials import run_trial, stitched

KNOWN: dict[tuple[str, str, int], str] = {}
"""What was measured not to be as it must be."""


def failures(folder, picture, condition, seed):
    return run_trial(folder, picture, condition, seed)[0].failures


@pytest.mark.parametrize(
    ("picture", "condition", "seed"),
    [
        ("tissue", "5 % overlap", 0),
        ("cells", "exposure", 1),
        ("grains", "lens", 0),
        ("tissue", "wrong links", 0),
    ],
)
def test_tiles_are_where_they_truly_are(tmp_path, picture, condition, seed):
    assert failures(tmp_path, picture, condition, seed) == []


def test_a_turned_camera_with_a_blank_tile_and_missing_ones(tmp_path):
    scene = montage("tissue", Condition(turn=2.0, scale=0.01, blank=2, missing=2), 0)
    some = scene.part("012", "12")
    assert set(some.images) == {"11", "12", "21", "22"} and some.blank == {"12"}
    verdict, matched, _ = stitched(tmp_path, some)
    assert verdict.failures == [] and verdict.answered
    refused = {row["pId"] for row in matched["pairs"] if not row["accepted"]}
    refused |= {row["qId"] for row in matched["pairs"] if not row["accepted"]}
    assert some.blank <= refused and verdict.matched == 3


def test_a_repeated_texture_is_not_taken_for_the_place_of_another(tmp_path):
    some = montage("grains", CONDITIONS["periodic"], 0).part("01", "01")
    verdict, _, _ = stitched(tmp_path, some)
    assert verdict.failures == [] and (verdict.wrong, verdict.used) == (0, 4)


def trials():
    """Every picture, condition and seed; those known to fail are expected to fail."""
    for picture in sorted(PICTURES):
        for condition in sorted(CONDITIONS):
            for seed in range(3):
                reason = KNOWN.get((picture, condition, seed))
                marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
                yield pytest.param(picture, condition, seed, marks=marks)


@pytest.mark.soak
@pytest.mark.parametrize(("picture", "condition", "seed"), list(trials()))
def test_every_condition(tmp_path, picture, condition, seed):
    assert failures(tmp_path, picture, condition, seed) == []
