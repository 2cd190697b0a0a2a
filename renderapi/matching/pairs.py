"""Matches of a pair of tiles: correlation of the overlap first, features where that fails.

Tiles of one layer show the same picture where they overlap, so the first way is correlation over
all shifts within the search radius, followed, for models with more freedom than a translation, by
correlation of small blocks. Tiles of different layers show different sections of the same thing:
there features go first. Features are looked for at rising scales. A pair stops at the first way
whose outcome holds (significance, agreement with one model beyond what chance gives, coverage of
the overlap); why those before it were refused is told, and so it is of a pair that none matches.

Points are pixels of the two canvases (see `canvases.py`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from renderapi.matching.block_pairs import from_blocks, with_small_blocks
from renderapi.matching.candidates import Candidate, verdict
from renderapi.matching.canvases import View
from renderapi.matching.correlation import match_translation
from renderapi.matching.feature_pairs import at_rising_scales
from renderapi.matching.frames import Frame, common_frame, overlap_box
from renderapi.matching.models import Matrix
from renderapi.matching.one_shift import of_one_shift
from renderapi.matching.pair_outcome import PairMatch, rejected
from renderapi.matching.pair_parameters import PairParameters


def match_montage_pair(p: View, q: View, p_to_q: Matrix, parameters: PairParameters) -> PairMatch:
    """Matches of two tiles of one layer.

    Parameters
    ----------
    p, q : View
    p_to_q : (3, 3) array
        Expected map from pixels of p to pixels of q, from the tiles' present transforms.
    parameters : PairParameters
    """
    if overlap_box(p.image.shape, q.image.shape, p_to_q, parameters.search_radius) is None:
        return rejected("the tiles do not come together within the search radius")
    reasons: list[str] = []
    candidates: list[Candidate] = []
    prior = (0.0, 0.0)
    if parameters.use_correlation:
        frame = common_frame(p.image.shape, q.image, q.mask, p_to_q, parameters.search_radius)
        prior = frame.shift
        candidates = match_translation(
            p.image,
            frame.image,
            frame.shift,
            parameters.search_radius,
            p_mask=p.mask,
            q_mask=frame.mask,
            limits=parameters.translation,
        )
        reason = verdict(candidates, parameters.translation)
        if not reason:
            return _from_shift(p, q, frame, candidates, parameters)
        reasons.append(f"correlation: {reason}")
    if parameters.use_features:
        found = at_rising_scales(p, q, p_to_q, parameters)
        if found.accepted:
            return replace(found, candidates=candidates, refused=(*reasons, *found.refused))
        reasons.append(found.reason)
    return replace(rejected("; ".join(reasons)), candidates=candidates, prior=prior)


def match_layers_pair(p: View, q: View, p_to_q: Matrix, parameters: PairParameters) -> PairMatch:
    """Matches of two tiles of different layers: features, then correlation where those fail."""
    parameters = replace(
        parameters,
        blocks=parameters.layer_blocks,
        translation=replace(parameters.translation, chance={}),  # that is of tiles of one layer
    )
    without = replace(parameters, use_features=False)
    if not parameters.use_features:
        return match_montage_pair(p, q, p_to_q, without)
    if overlap_box(p.image.shape, q.image.shape, p_to_q, parameters.search_radius) is None:
        return rejected("the tiles do not come together within the search radius")
    found = at_rising_scales(p, q, p_to_q, parameters)
    if found.accepted or not parameters.use_correlation:
        return found
    other = match_montage_pair(p, q, p_to_q, without)
    if other.accepted:
        return replace(other, refused=(found.reason,))
    return replace(other, reason=f"{found.reason}; {other.reason}")


def _from_shift(
    p: View, q: View, frame: Frame, candidates: list[Candidate], parameters: PairParameters
) -> PairMatch:
    """Matches that follow from a believable shift of the whole overlap."""
    best = candidates[0]
    shift = np.array(best.shift)
    to_frame = np.eye(3)
    to_frame[:2, 2] = -shift
    offset = (best.shift[0] - frame.shift[0], best.shift[1] - frame.shift[1])
    if parameters.model.name != "translation":
        flat = View(frame.image, frame.mask)
        blocks = from_blocks(p, flat, to_frame, parameters)
        if blocks is None:
            blocks = from_blocks(p, flat, to_frame, with_small_blocks(parameters))
        if blocks is not None:
            on_q = frame.points_on_q(blocks.q)
            return replace(blocks, q=on_q, candidates=candidates, offset=offset)
    return replace(
        of_one_shift(p, frame, best.shift, best.error, "correlation", parameters),
        candidates=candidates,
    )
