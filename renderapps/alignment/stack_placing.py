"""Where units end up that matches do not connect with the others, in a stack of sections.

The changes of a section's other tiles, or of the sections beside it, say where such a tile or
section belongs. Groups that hang together move as one, so that their matches stay satisfied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapps.alignment.models import Floats, with_changes
from renderapps.alignment.solving import Solution, apply_changes
from renderapps.alignment.stage_model import GROUP, MATCHES, STAGE

FIXED, SECTION, NEIGHBOURS = (
    "fixed",
    "model of the section's other tiles",
    "model of the neighbouring sections",
)


@dataclass(frozen=True, slots=True)
class StackPlaced:
    """Final maps of the units.

    Attributes
    ----------
    terms : (T, K, 2) float64
    rules : list of str
        What placed each unit.
    """

    terms: Floats
    rules: list[str]


def place_in_stack(
    solution: Solution,
    corners: Floats,
    zs: NDArray[np.float64],
    free: NDArray[np.bool_],
    move: bool = True,
) -> StackPlaced:
    """Place the units that hang on no match with the largest group, or that which is fixed.

    Parameters
    ----------
    solution : Solution
    corners : (T, 4, 2) float64
        Of the units as they lay before.
    zs : (T,) float64
        Section of each unit.
    free : (T,) bool
        Units that may move.
    move : bool
        Without it they stay where they lay, or where their own matches alone put them.
    """
    groups = solution.components
    counts = np.bincount(groups, minlength=1)
    rules = [MATCHES if counts[group] > 1 else STAGE for group in groups]
    for k in np.flatnonzero(~free):
        rules[k] = FIXED
    if free.all() and counts.max() < 2:
        return StackPlaced(solution.terms, rules)
    main = int(np.argmax(counts)) if free.all() else int(groups[np.flatnonzero(~free)[0]])
    known = groups == main
    if known.all() or not move:
        return StackPlaced(solution.terms, rules)
    sections = section_changes(solution.changes, corners, zs, known, solution.model.name)
    changes = solution.changes.copy()
    with_main = set(zs[known].tolist())
    for group in np.unique(groups[~known]):
        members = np.flatnonzero(groups == group)
        wanted = sections[np.searchsorted(np.unique(zs), zs[members])]
        if len(members) == 1:
            (k,) = members
            changes[k] = _of_family(wanted[0], corners[k], solution.model.name)
            rules[k] = SECTION if zs[k] in with_main else NEIGHBOURS
            continue
        common = _common(changes[members], wanted, corners[members], solution.model.name)
        changes[members] = common @ changes[members]
        for k in members:
            rules[k] = GROUP
    terms = with_changes(solution.terms, changes, solution.centres, solution.sizes)
    return StackPlaced(terms, rules)


def section_changes(
    changes: Floats, corners: Floats, zs: NDArray[np.float64], known: NDArray[np.bool_], model: str
) -> Floats:
    """(Z, 3, 3) affine change of each section; between known sections interpolated along z.

    Beyond the last known section that of the nearest holds.
    """
    sections = np.unique(zs)
    there = np.unique(zs[known])
    fitted = np.stack([_fitted(changes[k], corners[k]) for k in ((zs == z) & known for z in there)])
    flat = fitted.reshape(len(there), 9)
    columns = [np.interp(sections, there, flat[:, k]) for k in range(9)]
    result = np.stack(columns, axis=1).reshape(-1, 3, 3)
    if model in ("rigid", "translation"):
        u, _, v = np.linalg.svd(result[:, :2, :2])
        turned = u @ v
        middle = corners.mean(axis=(0, 1))
        at = np.einsum("nij,j->ni", result[:, :2, :2], middle) + result[:, :2, 2]
        result[:, :2, :2] = turned
        result[:, :2, 2] = at - np.einsum("nij,j->ni", turned, middle)
    return result


def _fitted(changes: Floats, corners: Floats) -> Floats:
    """(3, 3) affine that takes the corners of tiles nearest to where their changes take them."""
    source = corners.reshape(-1, 2)
    target = apply_changes(np.repeat(changes, corners.shape[1], axis=0), source)
    middle = source.mean(axis=0)
    scale = max(float(np.abs(source - middle).max()), 1.0)
    design = np.column_stack([np.ones(len(source)), (source - middle) / scale])
    weights = np.ones(len(source))
    for _ in range(5):  # least absolute distances: tiles that lie off do not count
        root = np.sqrt(weights)[:, None]
        values = np.linalg.lstsq(design * root, target * root, rcond=1e-9)[0]
        off = np.linalg.norm(target - design @ values, axis=1)
        weights = 1.0 / np.maximum(off, max(1e-6, float(np.median(off))))
    result = np.eye(3)
    result[:2, :2] = values[1:].T / scale
    result[:2, 2] = values[0] - result[:2, :2] @ middle
    return result


def _of_family(change: Floats, corners: Floats, model: str) -> Floats:
    """The change of a unit at the place that an affine says, of what its model allows."""
    centre = corners.mean(axis=0)
    at = change[:2, :2] @ centre + change[:2, 2]
    linear = change[:2, :2]
    if model == "translation":
        linear = np.eye(2)
    elif model in ("rigid", "similarity"):
        u, values, v = np.linalg.svd(linear)
        linear = u @ v * (1.0 if model == "rigid" else values.mean())
    result = np.eye(3)
    result[:2, :2] = linear
    result[:2, 2] = at - linear @ centre
    return result


def _common(changes: Floats, wanted: Floats, corners: Floats, model: str) -> Floats:
    """(3, 3) shift, or rigid movement, that takes a solved group nearest to where it belongs."""
    points = corners.reshape(-1, 2)
    source, target = (
        apply_changes(np.repeat(part, corners.shape[1], axis=0), points)
        for part in (changes, wanted)
    )
    result = np.eye(3)
    if model != "translation":
        one, two = source - source.mean(axis=0), target - target.mean(axis=0)
        u, _, v = np.linalg.svd(two.T @ one)
        result[:2, :2] = u @ np.diag([1.0, np.linalg.det(u @ v)]) @ v
    result[:2, 2] = target.mean(axis=0) - result[:2, :2] @ source.mean(axis=0)
    return result
