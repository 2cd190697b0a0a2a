"""Conjugate gradients for several right sides find what a dense solution finds."""

import numpy as np
import pytest
from scipy import sparse

from renderapps.alignment import conjugate_gradients as conjugate_gradients_module
from renderapps.alignment.block_kernels import two_products
from renderapps.alignment.conjugate_gradients import conjugate_gradients, times


def system(size=80, seed=0):
    """A symmetric positive definite matrix whose eigenvalues span four decades."""
    rng = np.random.default_rng(seed)
    turned = np.linalg.qr(rng.normal(size=(size, size)))[0]
    dense = turned @ np.diag(np.logspace(-2, 2, size)) @ turned.T
    return (dense + dense.T) / 2, rng


def solved(dense, right, start, rtol=1e-10, most=2000):
    by_diagonal = 1 / dense.diagonal()
    inverse = lambda rows: rows * by_diagonal  # noqa: E731
    return conjugate_gradients(sparse.csr_matrix(dense), right, start, inverse, rtol, most)


def test_all_right_sides_are_solved_each_as_exactly_as_asked():
    dense, rng = system()
    scales = np.array([1.0, 1e6, 1e-6])
    right = rng.normal(size=(80, 3)) * scales
    for start in (np.zeros_like(right), rng.normal(size=right.shape) * scales):
        given = start.copy()
        found, steps = solved(dense, right, start)
        residuals = np.linalg.norm(right - dense @ found, axis=0) / np.linalg.norm(right, axis=0)
        assert (residuals < 1.1e-10).all() and steps > 3
        known = np.linalg.solve(dense, right)
        np.testing.assert_allclose(found / scales, known / scales, rtol=1e-5, atol=1e-6)
        assert (start == given).all()


def test_a_side_that_is_done_is_not_worked_on_and_one_of_zeros_is_zero():
    dense, rng = system()
    right = rng.normal(size=(80, 2)) * [1.0, 0.0]
    known = np.linalg.solve(dense, right)
    found, steps = solved(dense, right, known + np.array([0.0, 1.0]), rtol=1e-8)
    assert steps == 0
    assert (found[:, 0] == known[:, 0]).all() and not found[:, 1].any()


def test_steps_are_bounded():
    dense, rng = system()
    right = rng.normal(size=(80, 2))
    found, steps = solved(dense, right, np.zeros_like(right), most=5)
    assert found is None and steps == 10


def test_what_is_not_definite_or_not_a_number_has_no_solution():
    dense, rng = system()
    right = rng.normal(size=(80, 2))
    with np.errstate(all="ignore"):
        for wrong in (np.nan, np.inf):
            broken = dense.copy()
            broken[3, 3] = wrong
            assert solved(broken, right, np.zeros_like(right))[0] is None
        nothing = sparse.csr_matrix((80, 80))
        found, _ = conjugate_gradients(
            nothing, right, np.zeros_like(right), lambda rows: rows, 1e-8, 50
        )
        assert found is None


@pytest.mark.parametrize(("kind", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-5)])
def test_products_of_blocks_with_two_rows_are_those_of_the_dense_matrix(kind, tolerance):
    rng = np.random.default_rng(1)
    present = rng.random((40, 25)) < 0.2
    present[7] = False  # a row without any block
    dense = (rng.normal(size=(120, 75)) * np.kron(present, np.ones((3, 3)))).astype(kind)
    matrix = sparse.bsr_matrix(dense, blocksize=(3, 3))
    rows = rng.normal(size=(75, 2)).astype(kind).T  # not contiguous
    found = np.empty((2, 120), kind)
    two_products(matrix.indptr, matrix.indices, matrix.data, np.ascontiguousarray(rows), found)
    np.testing.assert_allclose(found, rows @ dense.T, atol=20 * tolerance)
    assert not found[:, 21:24].any()


def test_large_matrices_and_small_ones_give_the_same_products(monkeypatch):
    dense, rng = system(81)
    matrix, rows = sparse.bsr_matrix(dense, blocksize=(3, 3)), rng.normal(size=(2, 81))
    plain = times(matrix, rows)
    monkeypatch.setattr(conjugate_gradients_module, "LARGE", 0)
    np.testing.assert_allclose(times(matrix, rows), plain, rtol=1e-12, atol=1e-12)
    three = rng.normal(size=(3, 81))  # and whatever else there is
    np.testing.assert_allclose(times(matrix, three), three @ dense, atol=1e-10)
    np.testing.assert_allclose(times(matrix.tocsr(), rows), plain, atol=1e-10)
