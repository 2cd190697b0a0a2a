"""Places beside a crack go with the side that they are on, and nothing is torn that is whole."""

import cv2
import numpy as np
import pytest
from section_series import tissue

from renderapi.matching.block_flow import interpolated
from renderapi.matching.contrast import normalised
from renderapps.alignment.crack_cells import crack_cells
from renderapps.alignment.crack_sides import compare, sharpened
from renderapps.alignment.field_grids import (
    jumps_between,
    on_nodes,
    torn_at,
    turned_over,
    without_folds,
)

SIDE, SPACING, FACTOR, SLANT = 160, 16, 8, 0.12
AXIS = np.arange(SIDE // SPACING + 1) * float(SPACING)
NODES = np.stack(np.meshgrid(AXIS, AXIS), axis=-1)
TEAR = np.array([2.0, 11.0])


def right_of_crack(places):
    """A crack that runs aslant, through the middle at half height."""
    return places[..., 0] > SIDE / 2 + 3 + SLANT * (places[..., 1] - SIDE / 2)


def truth(places):
    """Bent a little everywhere, and torn."""
    x, y = places[..., 0] / SIDE, places[..., 1] / SIDE
    bent = np.stack([3 * x * y - 2 * x, 2 * y**2 - x], axis=-1)
    return bent + np.where(right_of_crack(places)[..., None], TEAR, 0.0)


@pytest.fixture(scope="module")
def pictures():
    """A neighbour, the torn section (at x it shows what lies at x + truth), a stranger."""
    wide = tissue(1, (SIDE + 60, SIDE + 60), seed=3)[0].astype(float)
    pixels = np.stack(np.meshgrid(*(np.arange(SIDE, dtype=float),) * 2), axis=-1)
    axis = np.arange(SIDE + 60, dtype=float) - 30
    torn = interpolated(axis, axis, wide[..., None], pixels + truth(pixels))[..., 0]
    stranger = tissue(1, (SIDE, SIDE), seed=9)[0].astype(float)
    mask = np.ones((SIDE, SIDE), bool)
    return [(normalised(p, mask, 6.0), mask) for p in (wide[30:-30, 30:-30], torn, stranger)]


def mesh(wrong=()):
    """Displacements of nodes and which of these are at the crack; `wrong` on the other side."""
    shift = truth(NODES)
    for row, column in wrong:
        shift[row, column] += -TEAR if right_of_crack(NODES[row, column]) else TEAR
    cracked = np.zeros(shift.shape[:2], bool)
    apart = np.hypot(*np.moveaxis(np.diff(shift, axis=1), -1, 0)) > 6
    cracked[:, :-1] |= apart
    cracked[:, 1:] |= apart
    return shift, cracked


def field(pictures, shift, cracked, neighbour=0):
    cells = crack_cells(shift, cracked, 6.0)
    compare(cells, (AXIS, AXIS), shift, pictures[1], pictures[neighbour], 1.0, 5.0, FACTOR)
    return cells, sharpened(shift, cells, FACTOR)


def test_places_beside_a_crack_go_with_their_side_though_nodes_do_not(pictures):
    shift, cracked = mesh(wrong=[(3, 5), (7, 5)])
    _, fine = field(pictures, shift, cracked)
    axis = np.arange(20.0, 141.0, 2.0)
    places = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    away = np.abs(places[:, 0] - SIDE / 2 - 3 - SLANT * (places[:, 1] - SIDE / 2))
    beside = (away > 6) & (away < 24)
    before, after = (
        np.hypot(*(interpolated(x, x, grid, places[beside]) - truth(places[beside])).T)
        for x, grid in ((AXIS, shift), (AXIS[0] + np.arange(len(fine)) * 2.0, fine))
    )
    assert before.max() > 5
    assert after.max() < 2
    assert np.median(after) < 0.3
    outside = np.abs(NODES[..., 0] - SIDE / 2) > 4 * SPACING
    np.testing.assert_allclose(fine[::FACTOR, ::FACTOR][outside], shift[outside], atol=1e-9)


def test_what_fits_no_better_stays_whole(pictures):
    """Of a stranger nothing tells on which side a place is, nor that there is a crack."""
    shift, cracked = mesh()
    cells, fine = field(pictures, shift, cracked, neighbour=2)
    assert cells
    assert fine is None
    # a whole section whose mesh is torn by mistake goes with one side, as it fits
    whole = [pictures[0], pictures[0]]
    nothing = np.zeros_like(shift)
    nothing[:, 6:] = TEAR
    _, fine = field(whole, nothing, cracked)
    half_way = fine[:, 5 * FACTOR + FACTOR // 2]
    assert np.hypot(*half_way.T).max() < 0.1
    # and without cracks, or with sides that hardly differ, there is nothing to choose
    assert crack_cells(shift, np.zeros_like(cracked), 6.0) == []
    bent = truth(NODES) - np.where(right_of_crack(NODES)[..., None], TEAR, 0.0)
    assert crack_cells(bent, cracked, 6.0) == []


def test_what_is_masked_tells_nothing_and_the_nearer_side_is_taken(pictures):
    shift, cracked = mesh()
    hidden = (pictures[0][0], np.zeros((SIDE, SIDE), bool))
    cells, fine = field([hidden, pictures[1]], shift, cracked)
    assert fine is None
    (cell,) = (c for c in cells if (c.row, c.column) == (5, 5))
    assert not cell.weights.any()
    assert set(np.unique(cell.choice())) <= {0, 1}


def test_correlations_are_those_in_gaussian_windows_of_whole_pictures(pictures):
    """The second implementation: pictures shifted and blurred as a whole, by OpenCV."""
    shift, cracked = mesh()
    (cell,) = (c for c in crack_cells(shift, cracked, 6.0) if (c.row, c.column) == (5, 5))
    mask = np.ones((SIDE, SIDE), bool)
    mask[70:100, 30:85] = False
    sigma = 40.0  # windows about the places of this cell reach over all of the pictures
    section, neighbour = (pictures[1][0], mask), pictures[0]
    compare([cell], (AXIS, AXIS), shift, section, neighbour, 1.0, sigma, FACTOR)
    pixels = np.stack(np.meshgrid(*(np.arange(SIDE, dtype=float),) * 2), axis=-1)
    moves = [side.at(pixels / SPACING - 5) for side in cell.sides]
    moves.append(interpolated(AXIS, AXIS, shift, pixels))
    for mirrored, step in enumerate((1, -1)):
        grey, shown = (v[:, ::step].astype(np.float32) for v in neighbour)
        for k, move in enumerate(moves):
            at = (pixels + move).astype(np.float32)
            there, seen = (cv2.remap(v, at, None, cv2.INTER_LINEAR) for v in (grey, shown))
            both = mask & (seen > 0.99)
            a, b, counted = (np.where(both, v, 0) for v in (section[0], there, 1.0))
            share, aa, bb, ab = (
                cv2.GaussianBlur(v.astype(np.float64), (321, 321), sigma, borderType=0)
                for v in (counted, a * a, b * b, a * b)
            )
            expected = np.where(share >= 0.3, ab / np.sqrt(aa * bb), 0)
            places = np.s_[5 * SPACING : 6 * SPACING + 1 : SPACING // FACTOR]
            np.testing.assert_allclose(
                cell.scores[mirrored, k], expected[places, places], rtol=0, atol=1e-5
            )


@pytest.mark.parametrize("closing", [5.0, 12.0])
def test_a_jump_that_closes_is_as_wide_as_it_must_be(closing):
    x = np.arange(81) * 2.0
    shift = np.zeros((41, 81, 2))
    shift[:, 40:, 0] = -closing
    assert turned_over(shift, 2.0).any()
    wide = without_folds(shift, 2.0)
    assert not turned_over(wide, 2.0).any()
    np.testing.assert_array_equal(wide[:, x < 80 - 2 * closing], 0)
    np.testing.assert_array_equal(wide[:, x > 80 + 2 * closing][..., 0], -closing)


def test_a_finer_grid_is_the_same_field_and_says_where_it_jumps():
    rng = np.random.default_rng(0)
    coarse = rng.normal(0, 1, (4, 5, 2))
    fine = on_nodes(coarse, 4 * 3 + 1, 4 * 4 + 1)
    np.testing.assert_allclose(fine[::4, ::4], coarse)
    np.testing.assert_allclose(fine[2, 2], coarse[:2, :2].mean((0, 1)))
    flat = np.zeros((13, 17, 2))
    flat[:, 7:, 1] = 9  # between the second and the third column
    flat[5:, :, 0] -= 9  # between the second and the third row
    assert not jumps_between(flat, 4, 2.0, least=10).any()
    across = jumps_between(flat, 4, 2.0, least=3)
    assert across[..., 0].tolist() == [[False, True, False, False, False]] * 4
    assert across[..., 1].tolist() == [[False] * 5, [True] * 5, [False] * 5, [False] * 5]
    points = np.array([[13.0, 3.0], [11.0, 3.0], [11.0, 9.0]])
    assert torn_at(np.arange(17) * 2.0, np.arange(13) * 2.0, flat, points).tolist() == [
        True,
        False,
        True,
    ]
