"""The grid of the tiles that a picture is made of is taken away, and nothing else."""

import numpy as np
import pytest
from section_series import tissue

from renderapi.matching.block_flow import FlowParameters, find_flow
from renderapi.matching.repeats import without_repeats


def grid(shape, period, phase, angle=0.0, width=3.0):
    """Bright seams around tiles of `period` pixels, turned by an angle in degrees."""
    y, x = np.indices(shape, float)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    across, down = c * x + s * y - phase[0], c * y - s * x - phase[1]
    return sum(
        np.exp(-((((v + period / 2) % period) - period / 2) ** 2) / width**2 / 2)
        for v in (across, down)
    )


@pytest.fixture(scope="module")
def pieces():
    """Two cuts of one picture of tissue, the second (4, -3) further on."""
    whole = tissue(1, (420, 620), seed=3)[0].astype(np.float32)
    return whole[20:404, 20:596], whole[17:401, 24:600]


@pytest.mark.parametrize("angle", [0.0, 17.0])
def test_a_grid_is_taken_away_and_tissue_stays(pieces, angle):
    plain = pieces[0]
    seams = 60 * grid(plain.shape, 23.0, (5, 9), angle)
    left = without_repeats(plain + seams, np.ones(plain.shape, bool))
    inner = np.s_[64:-64, 64:-64]
    before, after = (picture[inner] - picture[inner].mean() for picture in (plain + seams, left))
    seams, plain = (picture[inner] - picture[inner].mean() for picture in (seams, plain))
    assert (before * seams).sum() > 0.9 * (seams**2).sum()
    assert abs((after * seams).sum()) < 0.1 * (seams**2).sum()
    assert np.corrcoef(after.ravel(), plain.ravel())[0, 1] > 0.92


def test_a_picture_in_which_nothing_repeats_stays_as_it_is(pieces):
    shown = np.ones(pieces[0].shape, bool)
    shown[:, :100] = False
    np.testing.assert_array_equal(without_repeats(pieces[0], shown), pieces[0])
    small = pieces[0][:60, :60]
    np.testing.assert_array_equal(without_repeats(small, np.ones(small.shape, bool)), small)


def test_masked_pixels_neither_count_nor_change(pieces):
    picture = pieces[0] + 60 * grid(pieces[0].shape, 23.0, (5, 9))
    shown = np.ones(picture.shape, bool)
    shown[:, 400:] = False
    other = np.where(shown, picture, 1e4)
    left = without_repeats(other, shown)
    assert (left[~shown] == 1e4).all()
    np.testing.assert_allclose(left[shown], without_repeats(picture, shown)[shown], atol=1e-2)


def test_sections_are_placed_by_their_tissue_though_both_show_a_grid(pieces):
    p, q = (
        piece + 80 * grid(piece.shape, 22.0, phase)
        for piece, phase in zip(pieces, ((0, 0), (11, 9)), strict=True)
    )
    shown = np.ones(p.shape, bool)
    flow = find_flow(p, shown, q, shown, FlowParameters(levels=2))
    away = flow.shift[flow.found] - (-4, 3)
    assert flow.found.sum() > 0.9 * flow.tried.sum()
    assert np.hypot(*away.T).max() < 0.5
