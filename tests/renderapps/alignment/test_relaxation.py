"""Meshes take the displacements that matches tell, whatever one of them says."""

import numpy as np

from renderapps.alignment.relaxation import Matches, relax

X = Y = np.arange(9) * 32.0
GRID = np.stack(np.meshgrid(X, Y), axis=-1)
COUNT, TORN, TEAR = 7, 3, 15.0


def true_shifts():
    """Bent a little each, and one torn in two halves."""
    rng = np.random.default_rng(0)
    x, y = GRID[..., 0] / 256, GRID[..., 1] / 256
    shifts = np.stack(
        [
            np.stack([a * x * y + b * x, c * x**2 + d * y], axis=-1)
            for a, b, c, d in rng.normal(0, 4, (COUNT, 4))
        ]
    )
    shifts[TORN, :, 5:, 1] += TEAR
    return shifts


def matches_of(shifts, wrong=()):
    rng = np.random.default_rng(1)
    points, found = GRID.reshape(-1, 2), []
    for p in range(COUNT):
        for q in range(p + 1, min(COUNT, p + 3)):
            moved = (shifts[p] - shifts[q]).reshape(-1, 2) + rng.normal(0, 0.3, points.shape)
            moved += 60.0 if (p, q) in wrong else 0.0
            found.append(Matches(p, q, points, points + moved, np.ones(len(points))))
    return found


def errors(result, shifts):
    away = result.shift - shifts
    return np.hypot(*np.moveaxis(away - np.median(away, axis=0), -1, 0))


def test_displacements_are_found_and_a_tear_stays_a_tear():
    shifts = true_shifts()
    result = relax(X, Y, COUNT, matches_of(shifts))
    away = errors(result, shifts)
    assert np.median(away) < 0.3
    assert away[TORN].max() < 2
    assert set(np.argwhere(result.springs < 0.5)[:, 0]) == {TORN}
    assert set(np.argwhere(result.springs < 0.5)[:, 2]) == {4, 5}


def test_a_wrong_link_is_left_alone_by_the_others():
    shifts = true_shifts()
    found = matches_of(shifts, wrong={(1, 2)})
    result = relax(X, Y, COUNT, found)
    medians = {(m.p, m.q): np.median(r) for m, r in zip(found, result.residuals, strict=True)}
    assert medians.pop((1, 2)) > 60
    assert max(medians.values()) < 3
    assert np.median(errors(result, shifts)) < 0.5


def test_without_matches_nothing_moves():
    nothing = Matches(0, 1, np.empty((0, 2)), np.empty((0, 2)), np.empty(0))
    result = relax(X, Y, 2, [nothing])
    assert not result.shift.any()
