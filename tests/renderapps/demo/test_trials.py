"""Accuracy of the whole chain under nasty conditions, against places that are known."""

import pytest

from renderapps.demo.conditions import CONDITIONS, PICTURES
from renderapps.demo.trials import run_trial

KNOWN: dict[tuple[str, str, int], str] = {}
"""What was measured not to be as it must be."""


def failures(folder, picture, condition, seed):
    return run_trial(folder, picture, condition, seed)[0].failures


@pytest.mark.parametrize(
    ("picture", "condition", "seed"),
    [
        ("tissue", "base", 0),
        ("cells", "exposure", 1),
        ("grains", "lens", 0),
        ("tissue", "wrong links", 0),
    ],
)
def test_tiles_are_where_they_truly_are(tmp_path, picture, condition, seed):
    assert failures(tmp_path, picture, condition, seed) == []


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
