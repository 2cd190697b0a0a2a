"""Choosing among several possible shifts by the cycles of pairs."""

import itertools

import numpy as np

from renderapps.pointmatch.candidates import Choice, chosen_offsets

PERIOD = 9.0


def section(rows, columns, rng):
    """True displacements of tiles "rc"."""
    return {
        f"{r}{c}": rng.uniform(-4, 4, 2) for r, c in itertools.product(range(rows), range(columns))
    }


def pairs(truth):
    for tile in truth:
        for other in (f"{tile[0]}{int(tile[1]) + 1}", f"{int(tile[0]) + 1}{tile[1]}"):
            if other in truth:
                yield tile, other


def doubtful(p, q, truth, rng, wrong):
    """The true offset and two that are a period off; the true one first unless `wrong`."""
    true = truth[q] - truth[p]
    offsets = [true, true + np.array([PERIOD, 0]), true - np.array([0, PERIOD])]
    order = [1, 0, 2] if wrong else [0, 1, 2]
    jitter = rng.normal(0, 0.05, (3, 2))
    return Choice(p, q, tuple(tuple(offsets[k] + jitter[k]) for k in order), (12.0, 11.5, 11.0))


def test_a_wrong_first_choice_is_corrected_by_the_others():
    """Pairs of inner tiles: a corner tile with one of its two pairs wrong could lie either way."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth = section(4, 4, rng)
        wrong = {("01", "11"), ("22", "23"), ("20", "21")}
        choices = [doubtful(p, q, truth, rng, (p, q) in wrong) for p, q in pairs(truth)]
        chosen = chosen_offsets(choices)
        assert len(chosen) == 24
        for (p, q), offset in chosen.items():
            np.testing.assert_allclose(offset, truth[q] - truth[p], atol=0.3)


def test_pairs_without_doubt_decide():
    rng = np.random.default_rng(1)
    truth = section(2, 2, rng)
    choices = [
        doubtful(p, q, truth, rng, True)
        if (p, q) == ("00", "01")
        else Choice(p, q, (tuple(truth[q] - truth[p]),), (20.0,))
        for p, q in pairs(truth)
    ]
    chosen = chosen_offsets(choices)
    assert list(chosen) == [("00", "01")]
    np.testing.assert_allclose(chosen["00", "01"], truth["01"] - truth["00"], atol=0.3)


def test_what_no_cycle_confirms_is_left_open():
    rng = np.random.default_rng(2)
    truth = section(1, 4, rng)
    assert chosen_offsets([doubtful(p, q, truth, rng, False) for p, q in pairs(truth)]) == {}
    assert chosen_offsets([]) == {}
