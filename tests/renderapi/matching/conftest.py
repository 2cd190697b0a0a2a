"""Generated pictures with structure at several scales."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift


@pytest.fixture(scope="session")
def texture():
    """Function (rows, columns, seed) -> float picture of mean 1000 and standard deviation 100."""

    def make(rows: int, columns: int, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        picture = sum(
            weight * gaussian_filter(rng.normal(size=(rows, columns)), sigma) * sigma
            for sigma, weight in ((1.5, 1.0), (4.0, 1.0), (12.0, 1.0))
        )
        return 1000 + 100 * (picture - picture.mean()) / picture.std()

    return make


@pytest.fixture(scope="session")
def overlapping(texture):
    """Function -> two pictures of one scene, the second at (dx, dy) of the first.

    The fraction of the shift is made by resampling with splines, the rest by cutting.
    """

    def make(dx: float, dy: float, side: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        margin = 40 + max(0, int(-dx), int(-dy))
        scene = texture(2 * side + 2 * margin, 2 * side + 2 * margin, seed)
        whole = np.floor([dx, dy]).astype(int)
        rest = np.array([dx, dy]) - whole
        moved = shift(scene, (-rest[1], -rest[0]), order=5, mode="nearest")
        x, y = whole + margin
        p = scene[margin : margin + side, margin : margin + side]
        return p, moved[y : y + side, x : x + side]

    return make
