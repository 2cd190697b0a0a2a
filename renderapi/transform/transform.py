"""Transforms made of other transforms (lists, references, interpolations), and reading them."""

from __future__ import annotations

import json as _json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import RenderError, SpecError, UnresolvedReference
from renderapi.transform.leaf.inverse import invert
from renderapi.transform.leaf.points import as_points
from renderapi.transform.leaf.registry import load_leaf_json

TYPES = ("leaf", "list", "ref", "interpolated")


def load_transform_json(d: Mapping[str, Any], default_type: str = "leaf") -> Any:
    """Transform, TransformList, ReferenceTransform or InterpolatedTransform of a document.

    Parameters
    ----------
    d : dict
    default_type : {'leaf', 'list', 'ref', 'interpolated'}
        What a document without `type` is.

    Raises
    ------
    RenderError
        For an unknown type, or where a required key is missing.
    """
    kind = d.get("type", default_type)
    if kind not in TYPES:
        raise RenderError(f"unknown type of transform {kind!r}; known: {', '.join(TYPES)}")
    try:
        if kind == "leaf":
            return load_leaf_json(d)
        if kind == "list":
            return TransformList(json=d)
        if kind == "ref":
            return ReferenceTransform(json=d)
        return InterpolatedTransform(json=d)
    except KeyError as error:
        raise SpecError(f"a transform of type {kind} lacks {error}") from error


def _labels_of(d: Mapping[str, Any]) -> list[str] | None:
    return (d.get("metaData") or {}).get("labels")


def document_of(transform: Any) -> dict[str, Any]:
    """`to_dict` of a transform, with data strings as they were read where they stand for the same.

    A Python list of transforms is the document of a list.
    """
    if isinstance(transform, list):
        return {"type": "list", "specList": [document_of(part) for part in transform]}
    write = getattr(transform, "document", None)
    document: dict[str, Any] = transform.to_dict() if write is None else write()
    return document


class _Compound:
    """Id, labels and whatever else every transform may have."""

    _keys: frozenset[str] = frozenset()
    transformId: str | None = None
    labels: Sequence[str] | None = None
    _extra: Mapping[str, Any] = {}
    _metadata: Mapping[str, Any] = {}

    def _add_identity(self, document: dict[str, Any]) -> dict[str, Any]:
        document.update(self._extra)
        if self.transformId is not None:
            document["id"] = self.transformId
        metadata = dict(self._metadata)
        if self.labels is not None:
            metadata["labels"] = list(self.labels)
        if metadata:
            document["metaData"] = metadata
        return document

    def _read_identity(self, d: Mapping[str, Any]) -> None:
        self.transformId = d.get("id")
        self.labels = _labels_of(d)
        metadata = d.get("metaData") or {}
        self._metadata = {key: value for key, value in metadata.items() if key != "labels"}
        known = self._keys | {"type", "id", "metaData"}
        self._extra = {key: value for key, value in d.items() if key not in known}


class TransformList(_Compound):
    """Transforms that apply one after the other, first to last.

    Parameters
    ----------
    tforms : list, optional
        Transforms of any kind; anything but a list is a RenderError.
    transformId : str, optional
    json : dict, optional
        Document to read instead.
    labels : sequence of str, optional
    """

    def __init__(
        self,
        tforms: list[Any] | None = None,
        transformId: str | None = None,
        json: Mapping[str, Any] | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        if tforms is not None and not isinstance(tforms, list):
            raise RenderError(f"a TransformList takes a list, not a {type(tforms).__name__}")
        self.tforms: list[Any] = [] if tforms is None else tforms
        self.transformId = transformId
        self.labels = labels

    _keys = frozenset({"specList"})

    def to_dict(self) -> dict[str, Any]:
        """Document: type, specList, and id and metaData if set."""
        document = {"type": "list", "specList": [tform.to_dict() for tform in self.tforms]}
        return self._add_identity(document)

    def document(self) -> dict[str, Any]:
        """`to_dict`, with data strings as they were read where they stand for the same."""
        return self._add_identity(document_of(self.tforms))

    def to_json(self) -> str:
        """Document as JSON text."""
        return _json.dumps(self.to_dict())

    def from_dict(self, d: Mapping[str, Any]) -> list[Any]:
        """Read a document in place; the transforms read are returned as well."""
        self.tforms = [load_transform_json(spec) for spec in d["specList"]]
        self._read_identity(d)
        return self.tforms

    def tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map N x 2 points through all transforms."""
        return _apply(self.tforms, as_points(points))

    def inverse_tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map N x 2 points back through all transforms, last to first."""
        result = as_points(points)
        for tform in reversed(self.tforms):
            result = tform.inverse_tform(result)
        return result


class ReferenceTransform(_Compound):
    """A transform that is stored elsewhere under the id `refId`.

    Equality is identity. It cannot map points: resolve it first, or give the transforms it may
    refer to as `reference_tforms` to `estimate_dstpts`.
    """

    def __init__(
        self,
        refId: str | None = None,
        json: Mapping[str, Any] | None = None,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        self.refId = refId
        self.transformId = transformId
        self.labels = labels

    _keys = frozenset({"refId"})

    def to_dict(self) -> dict[str, Any]:
        """Document: type and refId, and id and metaData if set."""
        return self._add_identity({"type": "ref", "refId": self.refId})

    def from_dict(self, d: Mapping[str, Any]) -> None:
        """Read a document in place; refId is required (KeyError)."""
        self.refId = d["refId"]
        self._read_identity(d)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.to_dict().items())

    def __str__(self) -> str:
        return f"ReferenceTransform({self.refId})"

    def __repr__(self) -> str:
        return str(self)


class InterpolatedTransform(_Compound):
    """Map between those of two transforms: p' = a(p) + lambda (b(p) - a(p)).

    Parameters
    ----------
    a, b : Transform, TransformList or InterpolatedTransform
        The transforms at lambda 0 and 1.
    lambda_ : float
    json : dict, optional
        Document to read instead.
    transformId : str, optional
    labels : sequence of str, optional
    """

    def __init__(
        self,
        a: Any = None,
        b: Any = None,
        lambda_: float | None = None,
        json: Mapping[str, Any] | None = None,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        self.a = a
        self.b = b
        self.lambda_ = lambda_
        self.transformId = transformId
        self.labels = labels

    _keys = frozenset({"a", "b", "lambda"})

    def to_dict(self) -> dict[str, Any]:
        """Document: type, a, b, lambda, and id and metaData if set."""
        return self._interpolated(self.a.to_dict(), self.b.to_dict())

    def document(self) -> dict[str, Any]:
        """`to_dict`, with data strings as they were read where they stand for the same."""
        return self._interpolated(document_of(self.a), document_of(self.b))

    def _interpolated(self, a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
        document = {"type": "interpolated", "a": a, "b": b, "lambda": self.lambda_}
        return self._add_identity(document)

    def from_dict(self, d: Mapping[str, Any]) -> None:
        """Read a document in place; a, b and lambda are required (KeyError)."""
        self.a = load_transform_json(d["a"])
        self.b = load_transform_json(d["b"])
        self.lambda_ = d["lambda"]
        self._read_identity(d)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.to_dict().items())

    def _map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.lambda_ is None:
            raise SpecError("an interpolated transform needs a lambda")
        start = _apply([self.a], points)
        return start + self.lambda_ * (_apply([self.b], points) - start)

    def tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map N x 2 points."""
        return self._map(as_points(points))

    def inverse_tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map N x 2 points back by Newton's method, to 1e-9 pixel; EstimationError if it fails."""
        return invert(self._map, as_points(points), name="interpolated transform")


def _apply(tforms: Sequence[Any], points: NDArray[np.float64]) -> NDArray[np.float64]:
    for tform in tforms:
        if isinstance(tform, ReferenceTransform):
            raise UnresolvedReference(
                f"{tform} cannot map points: resolve the reference first, "
                "or use estimate_dstpts with reference_tforms"
            )
        if not hasattr(tform, "tform"):
            name = getattr(tform, "className", type(tform).__name__)
            raise SpecError(f"transforms of class {name} cannot map points here")
        points = tform.tform(points)
    return points
