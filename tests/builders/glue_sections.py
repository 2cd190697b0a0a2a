"""Pictures of sections of a ribbon: cells between two bright lines of glue, resin beyond."""

from __future__ import annotations

import cv2
import numpy as np

HEIGHT, WIDTH = 700, 1100
PLACES = (150, 530)  # of the lines, in the middle of the picture


def glue_section(rng, tilt=0.0, lines=(True, True), noise=20, width=8, bright=235, whole=1.0):
    """A picture with level lines, and the places of the lines at both ends of the picture.

    Cells are as bright as the lines, or brighter. `whole` is the part of each line that is there.

    Returns
    -------
    (HEIGHT, WIDTH) uint8; list of (y at x = 0, y at x = WIDTH) of the lines that are drawn
    """
    picture = np.full((HEIGHT, WIDTH), 40, np.float32)
    x, y = np.arange(WIDTH) - (WIDTH - 1) / 2, np.arange(HEIGHT)[:, None]
    slope = np.tan(np.radians(tilt))
    middles = [place + slope * x for place in PLACES]
    section = (y > middles[0]) & (y < middles[1])
    picture[section] += 20
    for _ in range(900):
        at = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
        if section[at[1], at[0]]:
            cv2.circle(picture, at, int(rng.integers(3, 12)), float(rng.uniform(90, 255)), -1)
    for drawn, middle in zip(lines, middles, strict=True):
        if drawn:
            there = np.abs(y - middle) * np.cos(np.radians(tilt)) < width / 2
            picture[there & (rng.random(WIDTH // 50 + 1) < whole).repeat(50)[:WIDTH]] = bright
    noisy = picture + rng.normal(0, noise, picture.shape)
    half = slope * WIDTH / 2
    ends = [(p - half, p + half) for p, drawn in zip(PLACES, lines, strict=True) if drawn]
    return np.clip(noisy, 0, 255).astype(np.uint8), ends


def true_corners(ends):
    """Corners of the section, (x, y): between two lines, or the larger side of one."""
    if not ends:
        return np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], float)
    if len(ends) == 1:
        (left, right) = ends[0]
        beyond = HEIGHT if left + right < HEIGHT else 0
        ends = [ends[0], (beyond, beyond)]
    return np.array([(x, line[i]) for line in ends for i, x in enumerate((0, WIDTH))], float)


def farthest(corners, ring):
    """Largest distance from a corner to the nearest of a ring, in pixels."""
    ring = np.asarray(ring, float)
    return max(np.hypot(*(ring - corner).T).min() for corner in corners)
