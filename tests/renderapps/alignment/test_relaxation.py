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


def test_springs_that_gave_way_before_let_a_small_jump_stay():
    """Found in the pictures: a jump that is too small to be seen in the displacements alone."""
    shifts = true_shifts()
    shifts[TORN, :, 5:, 1] -= TEAR - 4
    cuts = np.zeros((*shifts.shape[:3], 2), bool)
    cuts[TORN, :, 4, 0] = True
    whole, cut = (relax(X, Y, COUNT, matches_of(shifts), cuts=c) for c in (None, cuts))
    beside = np.s_[TORN, :, 4:6]
    assert np.median(errors(cut, shifts)[beside]) < 0.5 * np.median(errors(whole, shifts)[beside])
    assert set(np.argwhere(cut.springs < 0.5)[:, 2]) == {4, 5}
    assert not (whole.springs < 0.5).any()


def test_a_section_that_one_other_votes_on_is_bent_by_it_as_much_as_by_many():
    """The same matches, once of a pair and once between many: stiffness is as that of a vote."""
    rng = np.random.default_rng(3)
    points = GRID.reshape(-1, 2)
    bent = np.stack([12 * np.sin(points[:, 1] / 40), np.zeros(len(points))], axis=-1)
    noise = rng.normal(0, 0.1, points.shape)
    ends = []
    for sections in (2, 5):  # 4 links to each but the last, which has one
        found = [
            Matches(p, q, points, points, np.ones(len(points)))
            for p in range(sections - 1)
            for q in range(p + 1, sections - 1)
        ]
        last = Matches(sections - 2, sections - 1, points, points + bent + noise, np.ones(81))
        shift = relax(X, Y, sections, [*found, last]).shift
        ends.append(np.ptp((shift[-1] - shift[-2])[..., 0]))
    assert abs(ends[1]) > 0.9 * abs(ends[0])


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
