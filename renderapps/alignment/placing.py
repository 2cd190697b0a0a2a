"""Where the tiles of a section end up: by their matches, or by how the stage errs elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from renderapps.alignment.models import with_changes
from renderapps.alignment.solving import Solution
from renderapps.alignment.stage_model import (
    STAGE,
    StageModel,
    fit_stage,
    placed,
    unmoved,
    whole_pixels,
)


@dataclass(frozen=True, slots=True)
class Placed:
    """Final changes of the tiles of a section.

    Attributes
    ----------
    terms : (T, K, 2) float64
        Of the maps to be applied after each tile's present transforms (see `models.py`).
    changes : (T, 3, 3) float64
        Affine part of these.
    rules : list of str
        What placed each tile (see `stage_model.py`).
    stage : StageModel
    """

    terms: np.ndarray
    changes: np.ndarray
    rules: list[str]
    stage: StageModel


def stage_of(solution: Solution, corners: np.ndarray) -> StageModel:
    """How the stage errs, by the tiles of a solved section that have accepted matches."""
    linked = solution.linked
    centres = corners.mean(axis=1)
    return fit_stage(centres[linked], solution.moves[linked], solution.components[linked])


def stage_of_sections(sections: Iterable[tuple[np.ndarray, Solution]]) -> StageModel:
    """How the stage errs, by all sections together: corners and solution of each.

    Every section has a shift of its own.
    """
    centres, moves, groups, count = [], [], [], 0
    for corners, solution in sections:
        linked = solution.linked
        centres.append(corners.mean(axis=1)[linked])
        moves.append(solution.moves[linked])
        groups.append(solution.components[linked] + count)
        count += int(solution.components.max(initial=-1)) + 1
    if not centres:
        return unmoved()
    return fit_stage(np.concatenate(centres), np.concatenate(moves), np.concatenate(groups))


def place(
    solution: Solution,
    corners: np.ndarray,
    model: str,
    stage: StageModel | None = None,
    to_whole_pixels: bool = True,
) -> Placed:
    """Place the tiles and groups that no match connects with the largest group.

    Parameters
    ----------
    solution : Solution
    corners : (T, 4, 2) float64
        Corners of each tile in world pixels as they lay before, that of the first pixel first.
    model : str
        Of the solution.
    stage : StageModel, optional
        By default that of the section itself.
    to_whole_pixels : bool
        Bring the common shift of each group of a translation montage onto whole pixels.
    """
    stage = stage_of(solution, corners) if stage is None else stage
    more, rules = placed(stage, corners.mean(axis=1), solution.moves, solution.components)
    changes = solution.changes.copy()
    if model != "translation":
        changes = _with_usual_linear_part(changes, corners, solution.linked)
    changes[:, :2, 2] += more
    moved = np.array([rule != STAGE for rule in rules], bool)
    if model == "translation" and to_whole_pixels and moved.any():
        origins = corners[moved, 0] + changes[moved, :2, 2]
        changes[moved, :2, 2] += whole_pixels(origins, solution.components[moved])
    terms = with_changes(solution.terms, changes, solution.centres, solution.sizes)
    return Placed(terms, changes, rules, stage)


def _with_usual_linear_part(
    changes: np.ndarray, corners: np.ndarray, linked: np.ndarray
) -> np.ndarray:
    """Tiles without matches turn and stretch about their centres as the others usually do.

    The median of matrices of one family (rigid ones up to their scale) is of the family.
    """
    if linked.all() or not linked.any():
        return changes
    linear = np.median(changes[linked, :2, :2], axis=0)
    sizes = np.sqrt(np.abs(np.linalg.det(changes[linked, :2, :2])))
    if np.allclose(sizes, 1.0, atol=1e-9):
        linear /= np.sqrt(np.linalg.det(linear))
    result = changes.copy()
    centres = corners[~linked].mean(axis=1)
    result[~linked, :2, :2] = linear
    result[~linked, :2, 2] = centres - centres @ linear.T
    return result
