"""Transform documents (JSON dicts): flattening, references, and mapping points with them.

Nothing here changes a document it was given; flattened lists share leaves with their source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError, UnresolvedReference
from renderapi.transform.expansion import (
    MAXIMUM_LEVELS,
    MAXIMUM_NESTING,
    MAXIMUM_PARTS,
    too_large,
)
from renderapi.transform.leaf.affine_models import (
    AffineModel,
    RigidModel,
    SimilarityModel,
    TranslationModel,
)
from renderapi.transform.leaf.points import read_floats
from renderapi.transform.leaf.registry import LEAF_CLASSES
from renderapi.transform.leaf.transform import CoordinateTransform
from renderapi.transform.transform import InterpolatedTransform, TransformList

Spec = Mapping[str, Any]
Lookup = Mapping[str, dict[str, Any]]
PointTransform = CoordinateTransform | InterpolatedTransform

CACHED_TRANSFORMS = 1024

_REQUIRED = {
    "leaf": ("className", "dataString"),
    "list": (),
    "ref": ("refId",),
    "interpolated": ("a", "b", "lambda"),
}
_AFFINE_NUMBERS = 6
_SINGLE_PRECISION = (TranslationModel, RigidModel, SimilarityModel)
_TEXTS = ("className", "dataString", "refId")


def flatten(spec: Spec, lookup: Lookup | None = None) -> list[dict[str, Any]]:
    """Leaves and interpolated transforms of a document, in the order they apply.

    Parameters
    ----------
    spec : dict
        Leaf, list, reference or interpolated.
    lookup : mapping of id to document, optional
        Shared transforms that references may refer to.

    Returns
    -------
    list of dict
        Each with its own labels and those of all lists and references around it. References inside
        an interpolated transform are replaced by what they refer to.

    Raises
    ------
    UnresolvedReference
        Naming all ids that are not in `lookup`.
    SpecError
        For references that go round in a circle or more than 10 levels deep, for documents that
        are no transforms, and for those of more than 10,000 parts once they are resolved.
    """
    missing: list[str] = []
    result = list(_walk(spec, lookup or {}, (), (), missing, 0, count()))
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        raise UnresolvedReference(f"shared transforms not found: {names}")
    return result


def _walk(
    spec: Spec,
    lookup: Lookup,
    labels: tuple[str, ...],
    path: tuple[str, ...],
    missing: list[str],
    depth: int,
    parts: Iterator[int],
) -> Iterator[dict[str, Any]]:
    kind = kind_of(spec)
    if next(parts) >= MAXIMUM_PARTS:
        raise too_large()
    if depth > MAXIMUM_NESTING:
        raise SpecError(f"transform lists are nested more than {MAXIMUM_NESTING} deep")
    if kind == "leaf":
        yield _labelled(spec, labels)
    elif kind == "interpolated":
        yield _labelled(_resolved(spec, lookup, path, missing, depth, parts), labels)
    elif kind == "list":
        labels = _union(labels, labels_of(spec))
        for entry in _entries(spec):
            yield from _walk(entry, lookup, labels, path, missing, depth + 1, parts)
    else:
        target = _target(spec, lookup, path, missing)
        if target is not None:
            labels = _union(labels, labels_of(spec))
            path = (*path, spec["refId"])
            yield from _walk(target, lookup, labels, path, missing, depth + 1, parts)


def kind_of(spec: Spec) -> str:
    """Type of a transform document; SpecError if it is none."""
    if not isinstance(spec, Mapping):
        raise SpecError(f"a transform must be an object, not {str(spec)[:60]!r}")
    kind = spec.get("type", "leaf")
    required = _REQUIRED.get(kind) if isinstance(kind, str) else None
    if required is None:
        raise SpecError(f"unknown type of transform {kind!r}")
    for key in required:
        value = spec.get(key)
        if value is None:
            raise SpecError(f"a transform of type {kind} lacks {key}")
        if key in _TEXTS and not isinstance(value, str):
            raise SpecError(f"the {key} of a transform must be a text, not {value!r}")
    return kind


def _entries(spec: Spec) -> Sequence[Spec]:
    entries = spec.get("specList")
    if entries is None:
        return ()
    if not isinstance(entries, list | tuple):
        raise SpecError("the specList of a transform list must be a list")
    return entries


def labels_of(spec: Spec) -> tuple[str, ...]:
    """Labels of a transform document."""
    metadata = spec.get("metaData")
    return tuple(metadata.get("labels") or ()) if isinstance(metadata, Mapping) else ()


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _labelled(spec: Spec, labels: tuple[str, ...]) -> dict[str, Any]:
    own = labels_of(spec)
    union = _union(own, labels)
    if len(union) == len(own):
        return spec if isinstance(spec, dict) else dict(spec)
    return {**spec, "metaData": {**(spec.get("metaData") or {}), "labels": list(union)}}


def _target(
    spec: Spec, lookup: Lookup, path: tuple[str, ...], missing: list[str]
) -> dict[str, Any] | None:
    ref_id = spec["refId"]
    if ref_id in path:
        circle = " -> ".join((*path[path.index(ref_id) :], ref_id))
        raise SpecError(f"shared transforms refer to each other in a circle: {circle}")
    if len(path) >= MAXIMUM_LEVELS:
        raise SpecError(
            f"shared transform {path[0]} leads more than {MAXIMUM_LEVELS} references deep"
        )
    target = lookup.get(ref_id)
    if target is None:
        missing.append(ref_id)
    return target


def _resolved(
    spec: Spec,
    lookup: Lookup,
    path: tuple[str, ...],
    missing: list[str],
    depth: int,
    counted: Iterator[int],
) -> Spec:
    """Interpolated document without references in its two transforms."""
    changed = {}
    for end in ("a", "b"):
        if not references(spec[end]):
            continue
        parts = list(_walk(spec[end], lookup, (), path, missing, depth + 1, counted))
        changed[end] = parts[0] if len(parts) == 1 else {"type": "list", "specList": parts}
    return {**spec, **changed} if changed else spec


def is_flat(spec: Spec) -> bool:
    """Whether `flatten` would change nothing: no references, nested lists or labels of lists."""
    kind = kind_of(spec)
    if kind != "list":
        return not references(spec)
    if labels_of(spec):
        return False
    return all(kind_of(entry) != "list" and not references(entry) for entry in _entries(spec))


def references(spec: Spec) -> set[str]:
    """Ids that a document refers to directly, at any depth of its lists."""
    return set(_references(spec, 0))


def _references(spec: Spec, depth: int) -> Iterator[str]:
    if depth > MAXIMUM_NESTING:
        raise SpecError(f"transforms are nested more than {MAXIMUM_NESTING} deep")
    kind = kind_of(spec)
    if kind == "ref":
        yield spec["refId"]
    elif kind == "list":
        for entry in _entries(spec):
            yield from _references(entry, depth + 1)
    elif kind == "interpolated":
        for end in ("a", "b"):
            yield from _references(spec[end], depth + 1)


def leaves(specs: Iterable[Spec]) -> list[PointTransform]:
    """Transforms of flattened documents, ready to map points.

    Transforms of leaves are kept in a cache and shared: do not change them.

    Raises
    ------
    SpecError
        For an unknown class, or a data string that its class cannot read.
    """
    return [_transform(spec) for spec in specs]


def _transform(spec: Spec) -> Any:
    kind = kind_of(spec)
    if kind == "leaf":
        return cached_leaf(spec["className"], spec["dataString"])
    if kind == "list":
        return TransformList(tforms=leaves(_entries(spec)))
    if kind == "interpolated":
        share = spec["lambda"]
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise SpecError(f"the lambda of an interpolated transform must be a number: {share!r}")
        a, b = leaves([spec["a"], spec["b"]])
        return InterpolatedTransform(a=a, b=b, lambda_=share)
    raise UnresolvedReference(f"shared transforms not found: {spec['refId']}")


@lru_cache(maxsize=CACHED_TRANSFORMS)
def cached_leaf(className: str, dataString: str) -> CoordinateTransform:
    """Transform of a class name and data string; shared by all callers, so not to be changed.

    As in the service, translations, rigid and similarity transforms have the numbers of their data
    string in single precision (but not the six of an affine under one of these names).
    """
    cls = LEAF_CLASSES.get(className)
    if cls is None:
        raise SpecError(f"unknown transform class {className}")
    transform = cls(json={"className": className, "dataString": dataString})
    transform.complete()
    if isinstance(transform, _SINGLE_PRECISION):
        numbers = read_floats(dataString)
        if len(numbers) != _AFFINE_NUMBERS:
            rounded = " ".join(repr(float(np.float32(number))) for number in numbers)
            return cls(json={"className": className, "dataString": rounded})
    return transform


def transform_points(transforms: Iterable[Any], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """N x 2 points through transforms, first to last."""
    for transform in transforms:
        points = transform.tform(points)
    return points


def affine_spec(matrix: NDArray[np.float64]) -> dict[str, Any]:
    """Document of the affine of a matrix (2 x 3, or 3 x 3), with all digits of its numbers."""
    numbers = np.asarray(matrix, np.float64)[:2].T.ravel().tolist()
    data = " ".join(map(repr, numbers))
    return {"type": "leaf", "className": AffineModel.className, "dataString": data}
