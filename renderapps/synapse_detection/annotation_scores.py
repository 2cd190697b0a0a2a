"""How well detections and true objects correspond: pure functions on annotations."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapps.TrakEM2.annotations import AreaList

Flags = NDArray[np.bool_]


def boundaries_of(lists: Sequence[AreaList]) -> dict[float, Any]:
    """Polygon of the annotated region by z: the first area of each list.

    Raises
    ------
    SpecError
        For a list without world coordinates and z.
    """
    import shapely

    found = {}
    for areas in lists:
        first = next((a for a in areas.areas if a.global_path is not None), None)
        if first is None or first.z is None:
            raise SpecError(f"the boundary {areas.oid} has no global_path and z")
        found[first.z] = shapely.make_valid(shapely.Polygon(first.global_path))
    if not found:
        raise SpecError("there is no boundary")
    return found


def is_edge(
    areas: AreaList, boundaries: Mapping[float, Any], distance: float, min_sections: int
) -> bool:
    """Whether an object may reach out of the annotated region.

    It is an edge case if it is in fewer than `min_sections` sections and in the first or last one
    of the region, if it lies beyond these, or if one of its areas is not within the boundary of its
    section shrunk by `distance`. Areas in sections without a boundary do not count.
    """
    zs = areas.zs
    first, last = min(boundaries), max(boundaries)
    if not zs:
        return True
    if zs[-1] < first or zs[0] > last:
        return True
    if len(zs) < min_sections and (first in zs or last in zs):
        return True
    return any(
        not boundaries[z].buffer(-distance).contains(areas.shape_at(z))
        for z in zs
        if z in boundaries
    )


def overlaps(ones: Sequence[AreaList], others: Sequence[AreaList]) -> Flags:
    """(len(ones), len(others)): whether areas of two objects in one section meet; to touch counts.

    Sections are the whole parts of z.
    """
    import shapely

    found = np.zeros((len(ones), len(others)), bool)
    mine, theirs = _by_section(ones), _by_section(others)
    for section in mine.keys() & theirs.keys():
        owners, shapes = mine[section]
        other_owners, other_shapes = theirs[section]
        tree = shapely.STRtree(other_shapes)
        i, j = tree.query(shapes, predicate="intersects")
        found[np.array(owners)[i], np.array(other_owners)[j]] = True
    return found


def _by_section(lists: Sequence[AreaList]) -> dict[int, tuple[list[int], list[Any]]]:
    found: dict[int, tuple[list[int], list[Any]]] = {}
    for index, areas in enumerate(lists):
        for z in areas.zs:
            owners, shapes = found.setdefault(math.floor(z), ([], []))
            owners.append(index)
            shapes.append(areas.shape_at(z))
    return found


def fractions(counts: NDArray[np.int64]) -> list[float]:
    """Shares of objects with no, one, and two or more partners; zeros without objects."""
    if not len(counts):
        return [0.0, 0.0, 0.0]
    return (np.bincount(np.minimum(counts, 2), minlength=3) / len(counts)).tolist()


def scores(
    em: Sequence[AreaList], lm: Sequence[AreaList], em_edge: Flags, lm_edge: Flags
) -> dict[str, Any]:
    """Shares and lists of oids, of objects that are no edge cases; partners may be.

    Parameters
    ----------
    em, lm : true objects and detections
    em_edge, lm_edge : (len(em),), (len(lm),)
    """
    meet = overlaps(em, lm)
    lm_per_em, em_per_lm = meet.sum(axis=1), meet.sum(axis=0)
    em_in, lm_in = ~em_edge, ~lm_edge

    def oids(lists: Sequence[AreaList], chosen: Flags) -> list[str]:
        return [areas.oid for areas, here in zip(lists, chosen, strict=True) if here]

    return {
        "LM_per_EM": fractions(lm_per_em[em_in]),
        "EM_per_LM": fractions(em_per_lm[lm_in]),
        "missed_EM": oids(em, em_in & (lm_per_em == 0)),
        "split_EM": oids(em, em_in & (lm_per_em > 1)),
        "correct_EM": oids(em, em_in & (lm_per_em == 1)),
        "false_pos_LM": oids(lm, lm_in & (em_per_lm == 0)),
        "merge_LM": oids(lm, lm_in & (em_per_lm > 1)),
        "correct_LM": oids(lm, lm_in & (em_per_lm == 1)),
        "edge_EM": oids(em, em_edge),
        "edge_LM": oids(lm, lm_edge),
    }


def chosen_oids(
    rows: Sequence[Mapping[str, str]],
    not_synapse: str,
    conditions: Sequence[tuple[str, Collection[float | str], bool]],
) -> set[str]:
    """oids of the rows that are synapses and fulfil all conditions.

    Parameters
    ----------
    rows : sequence of dict
        With a column `oid`.
    not_synapse : str
        Column that is above 0 for what is no synapse; blank counts as 0.
    conditions : sequence of (column, values, invert)
        Values are compared as numbers where both are numbers, else as texts.
    """
    return {
        row["oid"].strip()
        for row in rows
        if not _number(row[not_synapse]) > 0
        and all(_is_one_of(row[column], values) != invert for column, values, invert in conditions)
    }


def _number(text: str) -> float:
    try:
        return float(text) if text.strip() else 0.0
    except ValueError:
        return 0.0


def _is_one_of(text: str, values: Collection[float | str]) -> bool:
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        return text in {str(value) for value in values}
    return any(_equals(number, value) for value in values)


def _equals(number: float, value: float | str) -> bool:
    try:
        return float(value) == number
    except ValueError:
        return False
