"""Accuracy of the whole chain under nasty conditions, against places that are known."""

import pytest

from renderapps.demo.conditions import CONDITIONS, PICTURES
from renderapps.demo.trials import run_trial

REPEATED = (
    "the lattice is half of the picture and all of its detail: every shift by a period fits as "
    "well; with seed 0, 7 of 31 pairs are decided and 4 of 20 tiles matched, none wrong"
)


def failures(folder, picture, condition, seed):
    return run_trial(folder, picture, condition, seed)[0].failures


@pytest.mark.parametrize(
    ("picture", "condition"),
    [("tissue", "base"), ("grains", "blank tiles"), ("cells", "exposure")],
)
def test_tiles_are_where_they_truly_are(tmp_path, picture, condition):
    assert failures(tmp_path, picture, condition, 0) == []


def trials():
    """Every picture, condition and seed; those whose failure is known are expected to fail."""
    for picture in sorted(PICTURES):
        for condition in sorted(CONDITIONS):
            known = (picture, condition) == ("cells", "periodic")
            marks = [pytest.mark.xfail(strict=True, reason=REPEATED)] if known else []
            for seed in range(3):
                yield pytest.param(picture, condition, seed, marks=marks)


@pytest.mark.soak
@pytest.mark.parametrize(("picture", "condition", "seed"), list(trials()))
def test_every_condition(tmp_path, picture, condition, seed):
    assert failures(tmp_path, picture, condition, seed) == []
