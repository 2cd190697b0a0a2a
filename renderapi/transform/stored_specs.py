"""JSON of a tile's transforms, which stands for them until they are asked for: checked when it is
read, and written as they would write it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from renderapi.errors import RenderError, SpecError
from renderapi.transform import load_transform_json

_REQUIRED_KEYS = {
    "leaf": ("className", "dataString"),
    "list": ("specList",),
    "ref": ("refId",),
    "interpolated": ("a", "b", "lambda"),
}
# written with six numbers by release 2.4.2, which is what an affine has
_SPECIAL_AFFINES = frozenset(
    package + name
    for package in ("mpicbg.trakem2.transform.", "mpicbg.models.")
    for name in ("TranslationModel2D", "RigidModel2D", "SimilarityModel2D")
)


def checked_spec(spec: Mapping[str, Any], tile: Any) -> dict[str, Any]:
    """Copy of a transform's JSON as the transform made of it will write it.

    SpecError naming the tile if no transform can be made of it.
    """
    kind = spec.get("type", "leaf")
    if kind not in _REQUIRED_KEYS:
        raise SpecError(f"tile {tile} has a transform of unknown type {kind!r}")
    for key in _REQUIRED_KEYS[kind]:
        if key not in spec:
            raise SpecError(f"tile {tile} has a transform ({kind}) without {key}")
    copy = {"type": kind, **spec}
    if len(copy) > 1 + len(_REQUIRED_KEYS[kind]):
        _tidy(copy)
    if kind == "leaf":
        if copy["className"] in _SPECIAL_AFFINES and str(copy["dataString"]).count(" ") > 3:
            with contextlib.suppress(RenderError):
                copy["className"] = load_transform_json(copy).className
    elif kind == "list":
        copy["specList"] = [checked_spec(inner, tile) for inner in spec["specList"]]
    elif kind == "interpolated":
        copy["a"], copy["b"] = checked_spec(spec["a"], tile), checked_spec(spec["b"], tile)
    return copy


def _tidy(spec: dict[str, Any]) -> None:
    """Take out an id of None, and labels and metaData that say nothing."""
    if spec.get("id", "") is None:
        del spec["id"]
    if "metaData" in spec:
        metadata = spec["metaData"] or {}
        if metadata.get("labels", "") is None:
            metadata = {key: value for key, value in metadata.items() if key != "labels"}
        if metadata:
            spec["metaData"] = metadata
        else:
            del spec["metaData"]


def copied_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """Copy of the JSON of a transform that shares no dict or list but its metaData."""
    copy = spec.copy()
    if "specList" in copy:
        copy["specList"] = [copied_spec(inner) for inner in copy["specList"]]
    elif "a" in copy:
        copy["a"], copy["b"] = copied_spec(copy["a"]), copied_spec(copy["b"])
    return copy
