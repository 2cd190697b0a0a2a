"""Products of pictures by spectra are those of one shift after the other."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from renderapi.matching import window_search
from renderapi.matching.window_spectra import cheaper_by_spectra, windowed_products

ROWS, COLUMNS, RADIUS = 40, 53, 9


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(8)
    return [rng.normal(size=(ROWS, COLUMNS)).astype(np.float32) for _ in range(2)]


def test_sums_are_those_of_the_shifted_pictures(pictures):
    a, b = pictures
    rng = np.random.default_rng(9)
    along_x, along_y = (rng.random((n, side), np.float32) for n, side in ((3, COLUMNS), (2, ROWS)))
    wanted = np.array([[True, True, False], [False, True, True]])
    found = windowed_products(a, b, (along_x, along_y), wanted, RADIUS)
    wide = np.pad(b, RADIUS)
    k = 0
    for dy in range(2 * RADIUS + 1):
        for dx in range(2 * RADIUS + 1):
            product = a * wide[dy : dy + ROWS, dx : dx + COLUMNS]
            expected = np.where(wanted, along_y @ product @ along_x.T, 0)
            np.testing.assert_allclose(found[k], expected, atol=2e-3)
            k += 1
    assert k == len(found)


def test_places_are_found_where_one_shift_after_the_other_finds_them(monkeypatch):
    rng = np.random.default_rng(3)
    picture = gaussian_filter(rng.normal(size=(87, 103)), 1.7)
    picture = (picture - gaussian_filter(picture, 6)).astype(np.float32)
    other = np.roll(picture, (11, -14), (0, 1))
    shown = np.ones(picture.shape, bool)
    shown[:, :20] = False
    x, y = np.array([-9.0, 12.0, 50.25, 77.5]), np.array([20.0, 41.5, 70.0])
    given = ((picture, shown), (other, np.roll(shown, -14, 1)), x, y, 20, 9.0, 0.4)
    ways = []
    for cheaper in (True, False):
        monkeypatch.setattr(window_search, "cheaper_by_spectra", lambda *_, c=cheaper: c)
        ways.append(window_search.best_shifts(*given))
    spectra, shifts = ways
    assert np.array_equal(spectra.tried, shifts.tried) and 3 <= spectra.tried.sum() < 12
    # OpenCV interpolates at 32nds of a square
    np.testing.assert_allclose(spectra.rest, shifts.rest, atol=0.02)
    np.testing.assert_allclose(spectra.correlation, shifts.correlation, atol=0.01)
    assert np.isfinite(spectra.correlation).any()


def test_spectra_are_for_many_shifts_about_few_places():
    assert cheaper_by_spectra((186, 186), 100, 64)
    assert not cheaper_by_spectra((373, 373), 100, 6)
