"""Accuracy of the whole chain under nasty conditions, against places that are known."""

import pytest

from renderapps.demo.conditions import CONDITIONS, PICTURES
from renderapps.demo.trials import run_trial


def failures(folder, picture, condition, seed):
    return run_trial(folder, picture, condition, seed)[0].failures


@pytest.mark.parametrize(
    ("picture", "condition"),
    [("tissue", "base"), ("grains", "blank tiles"), ("tissue", "halves")],
)
def test_tiles_are_where_they_truly_are(tmp_path, picture, condition):
    assert failures(tmp_path, picture, condition, 0) == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("picture", sorted(PICTURES))
@pytest.mark.parametrize("condition", sorted(CONDITIONS))
def test_every_condition(tmp_path, picture, condition, seed):
    assert failures(tmp_path, picture, condition, seed) == []
