"""Places of units from matched points: regularised, robust, sparse least squares.

Conventions: points are N x 2 float64 in world pixels *as the units lie before solving* (their
transforms already applied). What is solved for is a change of each unit (a tile, or a section that
moves as one), D_i, applied after those transforms; its family is the model. Minimised is

    sum over links  s_l g_l * sum_k w_k |D_i(p_k) - D_j(q_k)|^2
    + sum over units  a |D_i(c_i) - P_i(c_i)|^2
                    + b mean over corners |(D_i(e) - D_i(c_i)) - (P_i(e) - P_i(c_i))|^2
                    + c sum over higher terms |d_k|^2

with c_i the centre and e the corners of unit i, and P_i the prior: the identity, unless another is
given. A link's weights w_k sum to n / (n + 10), so a well matched pair weighs about 1 however many
points it has; g_l is a factor of collections and of distance in z; `a` settles what the links leave
free (a whole component may slide) and is tiny; `b` is the regularisation of rotation, scale and
shear, `c` that of bending. The trust s_l is 1 for links that agree and 0 for those that a cycle of
others contradicts (see `agreement.py`). docs/alignment.md says more.

Of a link's residual, the part that its points have in common is its *misfit*: what a shift (or the
model's other freedoms) of one unit against the other would take away. The rest is the *scatter* of
its points, which no place of the units changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from renderapps.alignment.agreement import Agreement, agree, bridges, components
from renderapps.alignment.models import (
    SPLINE,
    Floats,
    Model,
    apply_changes,
    changes_of,
    with_changes,
)
from renderapps.alignment.moments import Link, Moments, PairPoints, reduced
from renderapps.alignment.normal_equations import DIRECT
from renderapps.alignment.tile_problem import Problem, Stiffness, unit_sizes

__all__ = ["Link", "Rules", "Solution", "apply_changes", "model_for", "solve", "solve_moments"]


@dataclass(frozen=True)
class Rules:
    """How is solved.

    Attributes
    ----------
    stiffness : Stiffness
    rigid_first : bool
        The prior is the solution by rigid maps, not where the units lie now.
    robust : bool
        Whether links that a cycle contradicts are found and rejected.
    minimum_tolerance, maximum_tolerance : float
        Bounds of the misfit, in pixels, beyond which a link on a cycle is rejected; in between it
        is three times the spread of the links that agree.
    by_stage : bool
        Where cycles leave open which link is wrong, let a model of the stage tell.
    own_scale : bool
        The common rotation, scale and shear that no link determines is made that of the prior, so
        that nothing shrinks; without it the regularisation alone settles it.
    solver : {"direct", "iterative"}
    """

    stiffness: Stiffness = field(default_factory=Stiffness)
    rigid_first: bool = False
    robust: bool = True
    minimum_tolerance: float = 0.75
    maximum_tolerance: float = 20.0
    by_stage: bool = True
    own_scale: bool = False
    solver: str = DIRECT


@dataclass(frozen=True, slots=True)
class Solution:
    """Changes of the tiles and what became of the links.

    Attributes
    ----------
    terms : (T, K, 2) float64
        Of the maps D_i (see `models.py`).
    centres, sizes : (T, 2), (T,) float64
        Of the units.
    model : Model
    changes : (T, 3, 3) float64
        Affine part of D_i, to be applied after each tile's present transforms.
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

    terms: np.ndarray
    centres: np.ndarray
    sizes: np.ndarray
    model: Model
    misfits: np.ndarray
    scatters: np.ndarray
    accepted: np.ndarray
    tolerance: float
    components: np.ndarray
    bridges: np.ndarray
    by_stage: np.ndarray
    moves: np.ndarray

    changes: np.ndarray = field(init=False)
    linked: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", changes_of(self.terms, self.centres, self.sizes))
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
    model : str
        One of `models.MODELS`.
    regularization : float
        `b` above; ignored by the translation model.
    anchoring : float
        `a` above.
    minimum_tolerance, maximum_tolerance : float
        Bounds of the misfit, in pixels, beyond which a link on a cycle is rejected; in between it
        is three times the spread of the links that agree.
    """
    corners = np.asarray(corners, float)
    family = model_for(model, corners)
    moments = reduced(PairPoints.of(links), family, *unit_sizes(corners))
    rules = Rules(
        Stiffness(anchoring, regularization),
        minimum_tolerance=minimum_tolerance,
        maximum_tolerance=maximum_tolerance,
    )
    return solve_moments(corners, moments, family, rules)


def model_for(name: str, corners: Floats, grid: int = 3) -> Model:
    """A model whose control points cover all units of (T, 4, 2) corners."""
    if name != SPLINE or not len(corners):
        return Model(name, grid)
    centres, sizes = unit_sizes(corners)
    arms = np.abs(corners - centres[:, None]) / sizes[:, None, None]
    x, y = np.maximum(arms.max(axis=(0, 1)), 0.1).tolist()
    return Model(name, grid, (x, y))


def solve_moments(
    corners: Floats,
    moments: Moments,
    model: Model,
    rules: Rules,
    free: NDArray[np.bool_] | None = None,
    strengths: Floats | None = None,
    sections: NDArray[np.int64] | None = None,
) -> Solution:
    """Solve for the change of every unit.

    Parameters
    ----------
    corners : (T, 4, 2) float64
        Of the units, in world pixels as they lie now.
    moments : Moments
        Of their links.
    free : (T,) bool, optional
        Units that may move; all by default. The others are one component, as if links joined them.
    strengths : (L,) float64, optional
        Factors g_l of the links.
    sections : (T,) int, optional
        The section of each unit; the iterative solver groups units by it.
    """
    prior = None
    if rules.rigid_first and model.name not in ("translation", "rigid"):
        prior = _rigid_terms(corners, moments, model, rules, free, strengths, sections)
    problem = Problem(
        corners, moments, model, rules.stiffness, free, prior, strengths, rules.solver, sections
    )
    found = _agreement(problem, rules)
    problem.solve_with(found.accepted)
    first, second = problem.joined_ends()
    groups = components(len(corners), first[found.accepted], second[found.accepted])
    if not problem.free.all():
        groups[~problem.free] = groups[np.flatnonzero(~problem.free)[0]]
    if rules.own_scale and model.name not in ("translation", "rigid"):
        problem.terms = _own_scale(problem, groups)
    return Solution(
        terms=problem.terms,
        centres=problem.centres,
        sizes=problem.sizes,
        model=model,
        misfits=problem.misfits(),
        scatters=problem.scatters,
        accepted=found.accepted,
        tolerance=found.tolerance,
        components=groups,
        bridges=found.bridges,
        by_stage=found.by_stage,
        moves=problem.moves(),
    )


def _agreement(problem: Problem, rules: Rules) -> Agreement:
    if rules.robust:
        return agree(problem, rules.minimum_tolerance, rules.maximum_tolerance, rules.by_stage)
    every = np.ones(len(problem.first), bool)
    problem.solve_with(every)
    alone = bridges(*problem.joined_ends(), every)
    return Agreement(every, problem.misfits(), np.inf, alone, ~every)


def _rigid_terms(
    corners: Floats,
    moments: Moments,
    model: Model,
    rules: Rules,
    free: NDArray[np.bool_] | None,
    strengths: Floats | None,
    sections: NDArray[np.int64] | None,
) -> Floats:
    """(T, K, 2) terms of the solution by rigid maps."""
    stiffness = replace(rules.stiffness, shape=rules.stiffness.place)
    only = replace(rules, rigid_first=False, stiffness=stiffness, own_scale=False)
    affine = moments.with_terms(3)
    found = solve_moments(corners, affine, Model("rigid"), only, free, strengths, sections)
    terms = np.zeros((len(corners), model.terms, 2))
    terms[:, :3] = found.terms
    return terms


def _own_scale(problem: Problem, groups: NDArray[np.int64]) -> Floats:
    """Terms after each group that hangs on nothing fixed has got the mean linear part of its prior.

    What links say is relative: a map of the whole group changes no residual, but for its scale. The
    regularisation alone would let a group shrink by the noise of its matches against it.
    """
    changes, terms = problem.changes.copy(), problem.terms.copy()
    prior = changes_of(problem.prior, problem.centres, problem.sizes)[:, :2, :2]
    held = np.bincount(groups, ~problem.free, minlength=int(groups.max(initial=0)) + 1) > 0
    back = np.linalg.inv(prior) @ changes[:, :2, :2]
    for group in np.flatnonzero(~held & (np.bincount(groups, minlength=len(held)) > 1)):
        members = groups == group
        undo = np.linalg.inv(back[members].mean(axis=0))
        places = apply_changes(changes[members], problem.centres[members])
        middle = places.mean(axis=0)
        common = np.eye(3)
        common[:2, :2] = undo
        common[:2, 2] = middle - undo @ middle
        changes[members] = common @ changes[members]
        terms[members, 3:] = terms[members, 3:] @ undo.T
    return with_changes(terms, changes, problem.centres, problem.sizes)
