"""The shift of two pictures by what coarse content they share beneath noise, to a pixel or two.

Smooth pictures under noise (grey backgrounds with a faint unevenness) agree well once the noise is
smoothed away, yet a search judges them by how sharply one shift stands out, and they do not. Here
the light is taken out of the very pixels that both have (`light_free.py`), and the correlation is
judged by how many independent values it is of: as few as the pictures are smooth. What is believed
is then narrowed down: the mean of the shifts near by, each weighted by how likely its correlation
makes it, at the low-pass that leaves the least spread.

Variance of the correlation of two unrelated pictures: M. S. Bartlett, J. Royal Statistical Society
98, 536 (1935): the sum of the product of both autocorrelations, over the number of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.chance import FALSE_ALARM
from renderapi.matching.contrast import Mask
from renderapi.matching.light_free import DEGREE, light_free_map, low_passed
from renderapi.matching.peaks import parabola_top
from renderapi.matching.scales import MAX_PIXELS, Scale, cut
from renderapi.matching.shifts import ShiftRange, overlap

SMOOTHING = 2.0
"""Low-pass (standard deviation) of pictures at half the scale, pixels of it."""
CLEAR = 1.5
"""Fisher's z of the correlation must exceed that of the same tile turned round by this factor."""
MOST_UNCERTAIN = 2.5
"""Standard error of a shift, pixels, up to which it is of use."""
NARROWED = 4.5
"""Standard error up to which it is worth narrowing down."""
LEAST_ERROR = 0.5
"""Light and the smoothing at the rim make any such shift uncertain by this, pixels."""
FINER = (1.0, 2.0, 4.0)
"""Low-passes at full scale of which the one that tells the shift best is taken."""
WITHIN = 3.0
"""Standard errors around a shift within which a finer one is looked for."""
TURNS = ((0,), (1,), (0, 1))
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CoarseShift:
    """What coarse content tells.

    Attributes
    ----------
    shift : (dx, dy)
        Where the pixel (0, 0) of q lies in pixels of p.
    correlation : float
        Of the smoothed overlaps in a light that is fitted along, -1 to 1.
    error : float
        Standard error of the shift, the worse direction, pixels.
    chance : float
        How often unrelated pictures as smooth as these agree as well at one of the shifts tried.
    turned : float
        Best correlation with q upside down, left to right, or both.
    """

    shift: tuple[float, float]
    correlation: float
    error: float
    chance: float
    turned: float

    @property
    def unrelated(self) -> str:
        """Why both pictures may be unrelated; empty when they are not."""
        z, other = (np.arctanh(np.clip(r, 0, 0.99999)) for r in (self.correlation, self.turned))
        if self.chance > FALSE_ALARM:
            return (
                f"unrelated pictures agree as well in one of {1 / max(self.chance, 1e-9):.3g} cases"
            )
        if z < CLEAR * other:
            return (
                f"the coarse content correlates by {self.correlation:.2f}, and by "
                f"{self.turned:.2f} with a tile turned round"
            )
        return ""

    @property
    def doubt(self) -> str:
        """Why the shift cannot be believed; empty when it can."""
        if self.unrelated or self.error <= MOST_UNCERTAIN:
            return self.unrelated
        return f"the coarse content leaves the shift uncertain by {self.error:.1f} px"


def coarse_shift(
    p: NDArray,
    q: NDArray,
    p_mask: Mask,
    q_mask: Mask,
    prior: tuple[float, float],
    radius: tuple[float, float],
    min_pixels: int = 1000,
) -> CoarseShift | None:
    """The shift at which the coarse content of two pictures agrees best.

    Parameters
    ----------
    p, q : (H, W) arrays
    p_mask, q_mask : boolean arrays
        Pixels that count.
    prior : (dx, dy)
        Expected shift.
    radius : (rx, ry)
        Shifts this far around are tried, pixels.
    min_pixels : int
        Overlaps with fewer common pixels are not judged.

    Returns
    -------
    None where no shift leaves enough pixels, or the overlap is too large for this to be needed.
    """
    scale = cut(p, q, p_mask, q_mask, prior, radius)
    if min(*scale.p.shape, *scale.q.shape) < 6 or scale.p.size > 4 * MAX_PIXELS:
        return None
    found = _found(smoothed(scale.reduced(), SMOOTHING), radius, min_pixels)
    if found is None or found.unrelated or found.error > NARROWED:
        return found
    reach = float(np.ceil(WITHIN * found.error))
    near = cut(p, q, p_mask, q_mask, found.shift, (reach, reach))
    tries = [_mean_shift(smoothed(near, low_pass), reach, min_pixels) for low_pass in FINER]
    good = [one for one in tries if one is not None]
    if not good:
        return None
    shift, error = min(good, key=lambda one: one[1])
    return replace(found, shift=shift, error=error)


def _found(scale: Scale, radius: tuple[float, float], min_pixels: int) -> CoarseShift | None:
    """The best shift of pictures at half the scale."""
    shifts = ShiftRange.around(scale.prior, (radius[0] / 2, radius[1] / 2))
    correlation, pixels = _searched(scale, shifts, min_pixels // 4)
    score = -pixels * np.log1p(-(np.clip(correlation, 0, 0.9999) ** 2))
    j, i = np.unravel_index(int(score.argmax()), score.shape)
    best = (int(shifts.x0 + i), int(shifts.y0 + j))
    count = independent_values(scale, best) if score[j, i] > 0 else 0.0
    if not count:
        return None
    tops = (parabola_top(score[j], i), parabola_top(score[:, i], j))
    x, y = (2 * (b + t) + o for b, t, o in zip(best, tops, scale.offset, strict=True))
    moments = _moments(0.5 * score * count / pixels[j, i])
    tried = max(1.0, count * correlation.size / pixels[j, i])
    turned = (_searched(_turned(scale, axes), shifts, min_pixels // 4)[0] for axes in TURNS)
    return CoarseShift(
        (float(x), float(y)),
        float(correlation[j, i]),
        float(np.hypot(LEAST_ERROR, 2 * moments[2])),
        tried * chance_of(float(correlation[j, i]), count),
        max(float(r.max()) for r in turned),
    )


def _mean_shift(
    scale: Scale, reach: float, min_pixels: int
) -> tuple[tuple[float, float], float] | None:
    """Mean of the plausible shifts around the prior, and its standard error, pixels."""
    shifts = ShiftRange.around(scale.prior, (reach, reach))
    correlation, pixels = _searched(scale, shifts, min_pixels)
    # all pixels would draw it to large overlaps, as many for each shift to small ones
    score = -np.sqrt(pixels) * np.log1p(-(np.clip(correlation, 0, 0.9999) ** 2))
    j, i = np.unravel_index(int(score.argmax()), score.shape)
    count = independent_values(scale, (int(shifts.x0 + i), int(shifts.y0 + j)))
    if not count:
        return None
    x, y, spread = _moments(0.5 * score * count / np.sqrt(pixels[j, i]))
    place = (shifts.x0 + x + scale.offset[0], shifts.y0 + y + scale.offset[1])
    return place, float(np.hypot(LEAST_ERROR, spread))


def _moments(gain: Floats) -> tuple[float, float, float]:
    """Mean column and row of shifts as likely as this gain says, and the larger deviation."""
    weight = np.exp(gain - gain.max())
    weight /= weight.sum()
    marginals = [(weight.sum(axis), np.arange(gain.shape[1 - axis])) for axis in (0, 1)]
    means = [float(share @ places) for share, places in marginals]
    squares = [
        float(share @ (places - mean) ** 2)
        for (share, places), mean in zip(marginals, means, strict=True)
    ]
    return means[0], means[1], float(np.sqrt(max(squares)))


def smoothed(scale: Scale, low_pass: float) -> Scale:
    """Both pictures low-passed, by a standard deviation in pixels of the scale."""
    p, q = low_passed(scale.p, scale.p_mask, low_pass), low_passed(scale.q, scale.q_mask, low_pass)
    return replace(scale, p=p, q=q)


def _turned(scale: Scale, axes: tuple[int, ...]) -> Scale:
    q, mask = (np.flip(v, axes) for v in (scale.q, scale.q_mask))
    return replace(scale, q=q, q_mask=mask)


def _searched(scale: Scale, shifts: ShiftRange, min_pixels: int) -> tuple[Floats, Floats]:
    """Partial correlation, 0 where not judged, and common pixels."""
    found, pixels = light_free_map(scale.p, scale.q, scale.p_mask, scale.q_mask, shifts, min_pixels)
    return np.nan_to_num(found, nan=0.0), np.maximum(pixels, 1.0)


def independent_values(scale: Scale, shift: tuple[int, int]) -> float:
    """Number of independent values that the correlation of two pictures is of, after Bartlett.

    0 where they are too few to judge.
    """
    a, b = overlap(scale.p.shape, scale.q.shape, shift)
    shown = scale.p_mask[a.slices] & scale.q_mask[b.slices]
    sides = [2 * n for n in shown.shape]
    powers = [
        np.abs(np.fft.fft2(_without_light(image, shown), sides)) ** 2
        for image in (scale.p[a.slices], scale.q[b.slices])
    ]
    product = float((powers[0] * powers[1]).sum())
    if not product > 0:
        return 0.0
    share = float(shown.sum()) / powers[0].size
    return share * float(powers[0].sum()) * float(powers[1].sum()) / product


def _without_light(image: NDArray, shown: Mask) -> Floats:
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shown.shape), indexing="ij")
    powers = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
    terms = np.stack([(x**i * y**j)[shown] for i, j in powers], axis=1)
    values = image[shown].astype(np.float64)
    rest = np.zeros(shown.shape)
    rest[shown] = values - terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    return rest


def chance_of(correlation: float, count: float) -> float:
    """How often unrelated pictures correlate by more, of so many independent values (Student)."""
    from scipy.special import betainc

    if correlation <= 0:
        return 0.5
    freedom = max(count - 2.0, 1e-6)
    return float(betainc(freedom / 2, 0.5, 1 - min(correlation, 0.999999) ** 2)) / 2
