"""How far apart sections are, from how fast their likeness falls with distance.

P. Hanslovsky, J. A. Bogovic and S. Saalfeld, "Image-based correction of continuous and
discontinuous non-planar axial distortion in serial section microscopy", Bioinformatics 33(9), 2017:
likeness is one falling function of distance for the whole series. Function and places are fitted
in turn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDS = 30
LEAST = 0.1
"""Least distance of two neighbours, of the mean one: sections keep their order."""
HALF_WAY = 0.5
"""Share of the way that places go to those fitted in a round."""


class Spacing(NamedTuple):
    """Places of sections.

    Attributes
    ----------
    places : (N,) float64
        From 0 to N - 1.
    decay : (K,) float64
        Likeness at distances 1, 2, ..., K.
    before, after : float
        Root mean square difference of the likeness from the function, at even places and at these.
    """

    places: Floats
    decay: Floats
    before: float
    after: float


def fitted_spacing(likeness: Floats, reach: int, regularization: float = 0.1) -> Spacing:
    """Places of sections that the likeness of pairs tells.

    Parameters
    ----------
    likeness : (N, N) array
        Correlation of aligned sections; NaN where it is not known.
    reach : int
        Pairs up to so many sections apart count.
    regularization : float
        How strongly distances of neighbours are held at the mean one.
    """
    count = len(likeness)
    places = np.arange(count, dtype=float)
    pairs = [
        (i, j)
        for i in range(count)
        for j in range(i + 1, min(count, i + 1 + reach))
        if np.isfinite(likeness[i, j])
    ]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    values = np.array([likeness[i, j] for i, j in pairs])
    decay = _decay(second - first, values, reach)
    before = _misfit(places, decay, first, second, values)
    for _ in range(ROUNDS):
        decay = _decay(places[second] - places[first], values, reach)
        wanted = _distance(decay, values)
        steps = _steps(count, first, second, wanted, regularization)
        new = np.concatenate([[0.0], np.cumsum(steps)])
        new *= (count - 1) / new[-1]
        places = (1 - HALF_WAY) * places + HALF_WAY * new
    return Spacing(places, decay, before, _misfit(places, decay, first, second, values))


def _decay(apart: Floats, values: Floats, reach: int) -> Floats:
    """Likeness at 1, 2, ..., reach: a falling function through the medians about each."""
    found = []
    for d in range(1, reach + 1):
        near = np.abs(apart - d) <= HALF_WAY
        found.append(float(np.median(values[near])) if near.any() else np.nan)
    known = np.array(found)
    gaps = np.isnan(known)
    if gaps.any() and not gaps.all():
        at = np.arange(reach)
        known[gaps] = np.interp(at[gaps], at[~gaps], known[~gaps])
    return np.minimum.accumulate(known)


def _distance(decay: Floats, values: Floats) -> Floats:
    """Distance at which the function has a value; 1 at distance 0; its last slope goes on."""
    at = np.arange(len(decay) + 1, dtype=float)
    likeness = np.concatenate([[1.0], decay])
    falling = np.concatenate([[True], np.diff(likeness) < -1e-6])
    at, likeness = at[falling], likeness[falling]
    found = np.interp(values, likeness[::-1], at[::-1])
    if len(at) > 1:
        slope = (at[-1] - at[-2]) / (likeness[-1] - likeness[-2])
        beyond = values < likeness[-1]
        found[beyond] = np.minimum(at[-1] + slope * (values[beyond] - likeness[-1]), at[-1] + 1)
    return np.asarray(found)


def _steps(
    count: int,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    wanted: Floats,
    regularization: float,
) -> Floats:
    """Distances of neighbours, at least `LEAST`, whose sums are those wanted."""
    from scipy.optimize import lsq_linear
    from scipy.sparse import csr_matrix, identity, vstack

    lines = np.repeat(np.arange(len(first)), second - first)
    columns = np.concatenate([np.arange(a, b) for a, b in zip(first, second, strict=True)])
    weights = 1 / (second - first)  # what is far apart is known less exactly
    sums = csr_matrix((weights[lines], (lines, columns)), (len(first), count - 1))
    held = np.sqrt(regularization) * identity(count - 1, format="csr")
    right = np.concatenate([weights * wanted, np.full(count - 1, np.sqrt(regularization))])
    return np.asarray(lsq_linear(vstack([sums, held]).tocsr(), right, (LEAST, np.inf)).x)


def _misfit(
    places: Floats,
    decay: Floats,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    values: Floats,
) -> float:
    at = np.arange(len(decay) + 1)
    told = np.interp(places[second] - places[first], at, np.concatenate([[1.0], decay]))
    return float(np.sqrt(np.mean((told - values) ** 2)))
