"""Matches of a pair of tiles by coarse content alone, for tiles that nothing else links.

Such a shift is known to a pixel or two (see `coarse.py`). That is far better than the stage, and of
no use beside matches that tell it to a tenth: it is looked for only where there are none, and has
little weight.
"""

from __future__ import annotations

from renderapi.matching.canvases import View
from renderapi.matching.coarse import coarse_shift
from renderapi.matching.frames import common_frame, overlap_box
from renderapi.matching.models import Matrix
from renderapi.matching.one_shift import of_one_shift
from renderapi.matching.pair_outcome import PairMatch, rejected
from renderapi.matching.pair_parameters import PairParameters

COARSE = "coarse content"
"""Name of this way to match."""


def match_coarse_pair(p: View, q: View, p_to_q: Matrix, parameters: PairParameters) -> PairMatch:
    """Matches of two tiles of one layer.

    Parameters are those of `pairs.match_montage_pair`.
    """
    radius = parameters.search_radius
    if overlap_box(p.image.shape, q.image.shape, p_to_q, radius) is None:
        return rejected("the tiles do not come together within the search radius")
    frame = common_frame(p.image.shape, q.image, q.mask, p_to_q, radius)
    found = coarse_shift(p.image, frame.image, p.mask, frame.mask, frame.shift, (radius, radius))
    if found is None:
        return rejected(f"{COARSE}: too few or too many common pixels to be judged")
    if found.doubt:
        return rejected(f"{COARSE}: {found.doubt}")
    least = parameters.translation.correlation
    if found.correlation < least:
        return rejected(f"{COARSE}: correlation of {found.correlation:.2f} is below {least:g}")
    return of_one_shift(p, frame, found.shift, found.error, COARSE, parameters)
