"""Matches of montages that were seen through a lens, for the tests of its estimation."""

import numpy as np

from renderapps.alignment.moments import PairPoints

SIDE = 1000.0
MIDDLE = np.full(2, (SIDE - 1) / 2)
SIZE = (SIDE - 1) / np.sqrt(2)


def radial(points):
    """What a lens with 8 px of barrel distortion at the corners, and a little coma, takes away."""
    arms = (points - MIDDLE) / SIZE
    squared = (arms**2).sum(1, keepdims=True)
    return points + 8 * arms * squared + 2 * np.column_stack([arms[:, 0] ** 2, arms.prod(1)])


def strong(points):
    arms = (points - MIDDLE) / SIZE
    squared = (arms**2).sum(1, keepdims=True)
    return points + arms * (16 * squared - 22 * squared**2)


def undone(lens, ideal):
    """Pixels that the lens takes to `ideal`: fixed point iteration."""
    points = ideal.copy()
    for _ in range(100):
        off = lens(points) - ideal
        points = points - off
        if np.abs(off).max() < 1e-11:
            break
    return points


def montage(lens, rows, columns, rng, step=800.0, noise=0.05, jitter=6.0, tilt=0.0, points=60):
    """Points of neighbouring tiles in pixels, true maps of the tiles, and where the stage was."""
    claimed = np.array([(c * step, r * step) for r in range(rows) for c in range(columns)], float)
    linear = np.eye(2) + rng.normal(0, tilt, (rows * columns, 2, 2))
    truth = claimed + rng.uniform(-jitter, jitter, claimed.shape)
    first, second, p, q = [], [], [], []
    for k in range(rows * columns):
        right = k + 1 if k % columns + 1 < columns else None
        below = k + columns if k + columns < rows * columns else None
        for other in (right, below):
            if other is None:
                continue
            low = np.maximum(truth[k], truth[other]) + 12
            high = np.minimum(truth[k], truth[other]) + SIDE - 13
            world = rng.uniform(low, high, (points, 2))
            first.append(k)
            second.append(other)
            for tile, ends in ((k, p), (other, q)):
                ideal = (world - truth[tile]) @ np.linalg.inv(linear[tile]).T
                ends.append(undone(lens, ideal) + rng.normal(0, noise, world.shape))
    counts = np.full(len(first), points)
    found = PairPoints(
        np.array(first), np.array(second), counts, np.concatenate(p), np.concatenate(q),
        np.ones(counts.sum()),
    )  # fmt: skip
    return found, claimed
