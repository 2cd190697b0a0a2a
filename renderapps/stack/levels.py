"""Display ranges of tiles: set, and estimated from images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 65536


@dataclass(frozen=True)
class PowerLaw:
    """How the bright end of a histogram is fitted.

    Attributes
    ----------
    bin_width : int
        Width of the bins of the histogram, grey values.
    log_cut : float
        Natural logarithm of the count at which the fitted law ends; bins with fewer are ignored.
    margin : float
        How far the minimum lies below the most frequent grey value.
    least_r_squared : float
        Poorest fit of ln(count) over ln(grey value) that is believed.
    """

    bin_width: int = 128
    log_cut: float = 4.0
    margin: float = 500.0
    least_r_squared: float = 0.5


def histogram(values: NDArray[Any], bin_width: int) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Centres and counts of the bins [0, w), [w, 2w), ... below 65536; brighter ones are left out.

    Parameters
    ----------
    values : ndarray of any shape and numeric dtype, grey values
    bin_width : int
    """
    edges = np.arange(0, LARGEST, bin_width)
    counts, _ = np.histogram(values, edges)
    return (edges[:-1] + edges[1:]) / 2.0, counts


def power_law_range(
    centres: NDArray[np.float64], counts: NDArray[Any], law: PowerLaw
) -> tuple[float, float] | None:
    """Display range from the power law that the bright side of a histogram follows.

    The bins above the most frequent grey value with ln(count) > log_cut are fitted by
    ln(count) = a ln(centre) + b; the maximum is where that falls to log_cut, the minimum `margin`
    below the most frequent value.

    Returns
    -------
    (minimum, maximum), or None where there are fewer than three such bins, the law does not fall,
    or fits poorly.
    """
    mode = centres[int(np.argmax(counts))]
    usable = (centres > mode) & (counts > np.exp(law.log_cut))
    if usable.sum() < 3:
        return None
    x, y = np.log(centres[usable]), np.log(counts[usable])
    a, b = np.polyfit(x, y, 1)
    spread = float(((y - y.mean()) ** 2).sum())
    residual = float(((y - (a * x + b)) ** 2).sum())
    if a >= 0 or spread == 0 or 1 - residual / spread < law.least_r_squared:
        return None
    maximum = float(np.exp((law.log_cut - b) / a))
    minimum = max(float(mode) - law.margin, 0.0)
    return (minimum, maximum) if maximum > minimum else None


def percentile_range(values: NDArray[Any], percentiles: tuple[float, float]) -> tuple[float, float]:
    """Display range between two percentiles of grey values, at least one grey value wide."""
    low, high = (float(v) for v in np.percentile(values, percentiles))
    low = max(low, 0.0)
    return low, max(high, low + 1.0)


def median_range(ranges: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Medians of the two ends, as whole numbers."""
    low, high = np.median(np.array(list(ranges)), axis=0)
    return float(round(low)), float(max(round(high), round(low) + 1))
