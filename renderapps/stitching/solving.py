"""Positions of tiles from matched points: regularised, robust, sparse least squares.

Conventions: points are N x 2 float64 in world pixels *as the tiles lie before solving* (their
transforms already applied). What is solved for is a change of each tile, D_i, applied after those
transforms; its family (translation, rigid, similarity, affine) is the model. Minimised is

    sum over links  s_l * sum_k w_k |D_i(p_k) - D_j(q_k)|^2
    + sum over tiles  a |D_i(c_i) - c_i|^2
                    + b mean over corners |(D_i(e) - D_i(c_i)) - (e - c_i)|^2

with c_i the centre and e the corners of tile i. A link's weights w_k sum to n / (n + 10), so a well
matched pair weighs about 1 however many points it has; `a` settles what the links leave free (a
whole component may slide) and is tiny; `b` is the regularisation of rotation, scale and shear. The
trust s_l is 1 for links that agree and 0 for those that a cycle of others contradicts (see
`agreement.py`).

Of a link's residual, the part that its points have in common is its *misfit*: what a shift (or the
model's other freedoms) of one tile against the other would take away. The rest is the *scatter* of
its points, which no place of the tiles changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from renderapps.stitching.agreement import agree, components
from renderapps.stitching.tile_problem import PARAMETERS, Link, Problem, apply_changes

__all__ = ["Link", "Solution", "apply_changes", "solve"]


@dataclass(frozen=True, slots=True)
class Solution:
    """Changes of the tiles and what became of the links.

    Attributes
    ----------
    changes : (T, 3, 3) float64
        D_i, to be applied after each tile's present transforms.
    misfits : (L,) float64
        How far the two sides of each link are apart in common, pixels.
    scatters : (L,) float64
        Root of the weighted mean squared distance of each link's points from their own common
        movement, pixels.
    accepted : (L,) bool
        Links that took part in the final solve.
    tolerance : float
        Misfit in pixels beyond which a link on a cycle was rejected.
    components : (T,) int
        Tiles with the same number hang together through accepted links.
    bridges : (L,) bool
        Accepted links that nothing checks, as no cycle goes through them.
    by_stage : (L,) bool
        Rejected links where the cycle left open which is wrong, and the stage spoke against them.
    moves : (T, 2) float64
        How far the centre of each tile goes, pixels.
    """

    changes: np.ndarray
    misfits: np.ndarray
    scatters: np.ndarray
    accepted: np.ndarray
    tolerance: float
    components: np.ndarray
    bridges: np.ndarray
    by_stage: np.ndarray
    moves: np.ndarray

    linked: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        counts = np.bincount(self.components, minlength=len(self.components))
        object.__setattr__(self, "linked", counts[self.components] > 1)


def solve(
    corners: np.ndarray,
    links: Sequence[Link],
    model: str = "translation",
    *,
    regularization: float = 1e-3,
    anchoring: float = 1e-7,
    minimum_tolerance: float = 0.75,
    maximum_tolerance: float = 20.0,
) -> Solution:
    """Solve for the change of every tile.

    Parameters
    ----------
    corners : (T, 4, 2) float64
        Corners of each tile in world pixels as they lie now.
    links : sequence of Link
        A tile without links keeps its place.
    model : {"translation", "rigid", "similarity", "affine"}
    regularization : float
        `b` above; ignored by the translation model.
    anchoring : float
        `a` above.
    minimum_tolerance, maximum_tolerance : float
        Bounds of the misfit, in pixels, beyond which a link on a cycle is rejected; in between it
        is three times the spread of the links that agree.
    """
    if model not in PARAMETERS:
        raise ValueError(f"model {model!r} is not one of {', '.join(PARAMETERS)}")
    problem = Problem(np.asarray(corners, float), links, model, regularization, anchoring)
    found = agree(problem, minimum_tolerance, maximum_tolerance)
    problem.solve_with(found.accepted)
    return Solution(
        changes=problem.changes,
        misfits=problem.misfits(),
        scatters=problem.scatters,
        accepted=found.accepted,
        tolerance=found.tolerance,
        components=components(
            len(problem.corners), problem.first[found.accepted], problem.second[found.accepted]
        ),
        bridges=found.bridges,
        by_stage=found.by_stage,
        moves=problem.moves(),
    )
