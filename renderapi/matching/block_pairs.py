"""Matches of a pair of tiles by correlation of small blocks, all over the overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from renderapi.matching.blocks import BlockMatches, BlockParameters, match_blocks
from renderapi.matching.canvases import View
from renderapi.matching.contrast import halved
from renderapi.matching.frames import overlap_box
from renderapi.matching.models import Matrix
from renderapi.matching.pair_outcome import PairMatch, checked
from renderapi.matching.pair_parameters import PairParameters
from renderapi.matching.ransac import find_consensus

SMALL, SMALL_RADIUS, INSET = 2, 8, 6
"""Where an overlap is too small for blocks to agree they are halved in size, looked for within so
many pixels, and kept so many pixels from its rim."""


def from_blocks(p: View, q: View, p_to_q: Matrix, parameters: PairParameters) -> PairMatch | None:
    """Matches of blocks that agree with the model; None where too few do.

    Blocks are matched at their own scale first and at coarser ones where noise hides the detail.
    """
    first = parameters.blocks.level
    p_side, q_side = (p.image, p.mask), (q.image, q.mask)
    matrix, best = p_to_q, None
    for level in range(first + 3):
        if min(p_side[0].shape) < parameters.blocks.size or not p_side[1].any():
            break
        if level >= first:
            blocks = _with_radius(parameters.blocks, p_side[0].shape, q_side[0].shape, matrix)
            matches = match_blocks(p_side[0], q_side[0], p_side[1], q_side[1], matrix, blocks)
            found = _agreeing(p, q, _at_full_scale(matches, level), parameters)
            if found is not None and (best is None or len(found.p) > len(best.p)):
                best = found
            if best is not None and len(best.p) >= 0.5 * matches.tried:
                break
        p_side, q_side = halved(*p_side), halved(*q_side)
        matrix = _halved_map(matrix)
    return best


def with_small_blocks(parameters: PairParameters) -> PairParameters:
    """For overlaps that hold too few blocks of the usual size."""
    blocks = parameters.blocks
    small = replace(
        blocks,
        size=blocks.size // SMALL,
        spacing=blocks.spacing // SMALL,
        radius=min(blocks.radius, SMALL_RADIUS),
        inset=INSET,
    )
    return replace(parameters, blocks=small)


def _with_radius(
    blocks: BlockParameters, p_shape: tuple[int, ...], q_shape: tuple[int, ...], p_to_q: Matrix
) -> BlockParameters:
    """Blocks that are looked for as far as a turn by a degree moves the ends of the overlap."""
    box = overlap_box(p_shape, q_shape, p_to_q)
    length = 0.0 if box is None else float((box[2:] - box[:2]).max())
    reach = int(np.clip(8 + 0.01 * length, 8, 48))
    return replace(blocks, radius=max(blocks.radius, reach))


def _halved_map(matrix: Matrix) -> Matrix:
    """The same map between images at half the scale."""
    up = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1.0]])
    return np.linalg.inv(up) @ matrix @ up


def _at_full_scale(matches: BlockMatches, level: int) -> BlockMatches:
    factor, rest = 2.0**level, (2.0**level - 1) / 2
    return matches._replace(p=matches.p * factor + rest, q=matches.q * factor + rest)


def _agreeing(
    p: View, q: View, matches: BlockMatches, parameters: PairParameters
) -> PairMatch | None:
    limits = parameters.block_consensus
    consensus = find_consensus(matches.p, matches.q, parameters.model, limits, matches.weights)
    if consensus is None:
        return None
    found = checked(p, q, matches.p, matches.q, consensus, np.eye(3), parameters)
    if found.reason:
        return None
    return replace(found, weights=matches.weights[consensus.inliers], method="blocks")
