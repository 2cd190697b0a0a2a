"""How one picture may be turned and shifted against another, tried over all angles.

Both are reduced, freed of shading, and correlated for every angle over all shifts at once, by
Fourier transforms. Used where features find nothing. Maps are (3, 3) arrays from pixels of p to
pixels of q.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import FloatImage, Mask, normalised
from renderapi.matching.models import Matrix

SIDE = 128
"""Pictures are reduced to about this many pixels along the longer side."""
STEP = 4.0
"""Degrees between the angles tried first."""
FINE_STEP = 1.0
CANDIDATES = 3
"""So many different angles are given."""
LEAST_OVERLAP = 0.2
"""Share of the smaller picture's content that must be in the overlap."""


def orientations(p: NDArray, p_mask: Mask, q: NDArray, q_mask: Mask) -> list[Matrix]:
    """Rigid maps that may be right, best first.

    Parameters
    ----------
    p, q : (H, W) arrays of any number type; sizes may differ
    p_mask, q_mask : boolean arrays of the same shapes
        Pixels that count.
    """
    factor = max(1.0, max(*p.shape, *q.shape) / SIDE)
    one, other = _reduced(p, p_mask, factor), _reduced(q, q_mask, factor)
    if min(int(one[1].sum()), int(other[1].sum())) < 64:
        return []
    search = _Search(one, other)
    coarse = {angle: search.at(angle) for angle in np.arange(0.0, 360.0, STEP).tolist()}
    found: list[Matrix] = []
    taken: list[float] = []
    for angle in sorted(coarse, key=lambda a: -coarse[a][0]):
        if all(_apart(angle, other) > 2 * STEP for other in taken):
            taken.append(angle)
            near = angle + np.arange(-STEP + FINE_STEP, STEP, FINE_STEP)
            best = max(near.tolist(), key=lambda a: search.at(a)[0])
            found.append(_full_scale(search.matrix(best), factor))
        if len(found) == CANDIDATES:
            break
    return found


def _apart(one: float, other: float) -> float:
    away = abs(one - other) % 360
    return min(away, 360 - away)


def _reduced(image: NDArray, mask: Mask, factor: float) -> tuple[FloatImage, Mask]:
    """The picture at 1 / factor, band-passed, and what of it counts."""
    import cv2

    size = tuple(max(8, round(side / factor)) for side in image.shape[1::-1])
    weight = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    values = cv2.resize(
        np.ascontiguousarray(image, np.float32) * mask, size, interpolation=cv2.INTER_AREA
    )
    counted = weight > 0.5
    return normalised(values / np.maximum(weight, 1e-6), counted), counted


def _full_scale(matrix: Matrix, factor: float) -> Matrix:
    """A map of reduced pictures as one of full pictures: pixel x is (x + 0.5) / factor - 0.5."""
    down = np.array([[1 / factor, 0, 0.5 / factor - 0.5], [0, 1 / factor, 0.5 / factor - 0.5]])
    down = np.vstack([down, [0, 0, 1]])
    return np.asarray(np.linalg.inv(down) @ matrix @ down)


class _Search:
    """Correlation of p with turned copies of q over all shifts."""

    def __init__(self, p: tuple[FloatImage, Mask], q: tuple[FloatImage, Mask]) -> None:
        self.q, self.q_mask = q
        from scipy import fft

        self.fft = fft
        self.side = int(np.ceil(np.hypot(*q[0].shape))) + 2
        self.shape = tuple(fft.next_fast_len(side + self.side, True) for side in p[0].shape)
        image, mask = (np.asarray(v, np.float32) for v in p)
        self.transforms = [fft.rfft2(v, self.shape) for v in (image, mask, image * image)]
        self.least = LEAST_OVERLAP * min(mask.sum(), self.q_mask.sum())
        self.kept: dict[float, tuple[float, int, int]] = {}

    def turn(self, angle: float) -> NDArray[np.float64]:
        """Pixels of the turned q (a square of `side`) to pixels of q, 2 x 3."""
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        linear = np.array([[c, -s], [s, c]])
        centre = (np.array(self.q.shape[1::-1]) - 1) / 2
        middle = np.full(2, (self.side - 1) / 2)
        return np.column_stack([linear, centre - linear @ middle])

    def at(self, angle: float) -> tuple[float, int, int]:
        """Best significance over all shifts, and that shift: where the turned q lies in p."""
        angle = angle % 360
        if angle not in self.kept:
            self.kept[angle] = self._searched(angle)
        return self.kept[angle]

    def _searched(self, angle: float) -> tuple[float, int, int]:
        import cv2

        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size, turn = (self.side, self.side), self.turn(angle)
        image = cv2.warpAffine(self.q, turn, size, flags=flags)
        mask = cv2.warpAffine(self.q_mask.astype(np.float32), turn, size, flags=flags)
        p_image, p_mask, p_power = self.transforms
        q_image, q_mask, q_power = (
            np.conj(self.fft.rfft2(v, self.shape)) for v in (image, mask, image * image)
        )
        pixels, product, power_p, power_q = (
            self.fft.irfft2(v, self.shape)
            for v in (p_mask * q_mask, p_image * q_image, p_power * q_mask, p_mask * q_power)
        )
        powers = np.sqrt(np.maximum(power_p, 1e-6) * np.maximum(power_q, 1e-6))
        # r * sqrt(n) of unrelated pictures has the same spread, however many pixels n they share
        score = np.where(
            pixels >= self.least, product / powers * np.sqrt(np.maximum(pixels, 0)), -np.inf
        )
        j, i = np.unravel_index(int(np.argmax(score)), score.shape)
        dy, dx = (
            int(v) - (side if v >= side - self.side else 0)
            for v, side in zip((j, i), self.shape, strict=True)
        )
        return float(score[j, i]), dx, dy

    def matrix(self, angle: float) -> Matrix:
        """Pixels of p to pixels of q for the best shift at an angle."""
        _, dx, dy = self.at(angle)
        away = np.array([[1.0, 0, -dx], [0, 1, -dy], [0, 0, 1]])
        return np.asarray(np.vstack([self.turn(angle), [0, 0, 1]]) @ away)
