"""What unrelated pictures give by chance, so that an agreement can be told from an accident.

Texture, noise and the size of the overlap decide how well pictures agree that have nothing to do
with each other. So unrelated pairs are made out of the tiles themselves, by turning one tile of a
real pair round (upside down, left to right, both), and searched in the same way. The best
significances, and the correlations that go with them, follow the law of extreme values
(E. J. Gumbel, "Statistics of Extremes", 1958); beyond its far tail, one in `1 / FALSE_ALARM`, an
agreement is believed. Significance tells sharp detail in noise from chance, correlation tells
smooth pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.candidates import Band, Chance
from renderapi.matching.contrast import Mask
from renderapi.matching.correlation import search_significances
from renderapi.matching.frames import common_frame, overlap_box
from renderapi.matching.models import Matrix

FALSE_ALARM = 1e-4
"""Unrelated pairs are believed this often, in each band."""
ROLLS = 3
"""Turned tiles are also moved along themselves, so many places in all."""
FEWEST_SAMPLES = 9
"""With fewer unrelated pairs in a band nothing is concluded."""
SIGNIFICANCE = (4.5, 30.0)
CORRELATION = (0.4, 0.99)
"""Bounds of what is concluded."""
CERTAIN = 1.5 * SIGNIFICANCE[1]
"""A significance that no unrelated pairs reach, whatever the pictures."""
EULER = 0.5772156649


def chance_limits(samples: Iterable[Mapping[Band, Chance]]) -> dict[Band, Chance]:
    """What an agreement must exceed, by band; bands with few samples are left out.

    Parameters
    ----------
    samples : iterable of mapping
        What unrelated pairs reached by band, as `search_significances` gives it.
    """
    by_band: dict[Band, list[Chance]] = {}
    for sample in samples:
        for band, value in sample.items():
            by_band.setdefault(band, []).append(value)
    return {
        band: _limit(np.array(values))
        for band, values in sorted(by_band.items())
        if len(values) >= FEWEST_SAMPLES
    }


def _limit(values: NDArray[np.float64]) -> Chance:
    significance = extreme_limit(values[:, 0])
    correlation = np.tanh(extreme_limit(np.arctanh(np.clip(values[:, 1], 0, 0.9999))))
    return Chance(
        float(np.clip(significance, *SIGNIFICANCE)), float(np.clip(correlation, *CORRELATION))
    )


def extreme_limit(values: NDArray[np.float64], false_alarm: float = FALSE_ALARM) -> float:
    """Value that the extremes of a sample's law exceed with a given probability.

    The scale is from L-moments, which a single outlier does not decide.
    """
    ordered = np.sort(values)
    count = len(ordered)
    mean = float(ordered.mean())
    second = float(2 * np.mean(np.arange(count) / (count - 1) * ordered)) - mean
    scale = max(second / np.log(2), 1e-6)
    return float(mean - EULER * scale - scale * np.log(-np.log1p(-false_alarm)))


def unrelated_significances(
    p_image: NDArray,
    p_mask: Mask,
    q_image: NDArray,
    q_mask: Mask,
    p_to_q: Matrix,
    radius: float,
    pixels: int,
) -> Iterator[dict[Band, Chance]]:
    """What p reaches against q upside down, left to right, and both, each rolled along itself.

    Parameters
    ----------
    p_to_q : (3, 3) array
        Expected map of pixels, for q as it is.
    radius : float
        Search radius, pixels.
    pixels : int
        Overlaps with fewer common pixels are not judged.
    """
    if overlap_box(p_image.shape, q_image.shape, p_to_q, radius) is None:
        return
    frame = common_frame(p_image.shape, q_image, q_mask, p_to_q, radius)
    for axes, roll in product(((0,), (1,), (0, 1)), range(ROLLS)):
        steps = [side * roll // ROLLS for side in frame.image.shape]
        image, mask = (np.roll(np.flip(v, axes), steps, (0, 1)) for v in (frame.image, frame.mask))
        yield search_significances(p_image, image, frame.shift, radius, p_mask, mask, pixels=pixels)
