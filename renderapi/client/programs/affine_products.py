"""Products of affine transform documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from renderapi.errors import ClientScriptError
from renderapi.transform import specs
from renderapi.transform.leaf.affine_models import AffineModel

Json = dict[str, Any]


def translation_document(dx: float, dy: float) -> Json:
    """Document of an affine that shifts only."""
    return specs.affine_spec(np.array([[1.0, 0.0, dx], [0.0, 1.0, dy], [0.0, 0.0, 1.0]]))


def matrix_of(spec: Mapping[str, Any], shared: Mapping[str, Json], who: str) -> np.ndarray:
    """Matrix (3 x 3) of a document that must be affine."""
    matrix = np.eye(3)
    for leaf in specs.leaves(specs.flatten(spec, shared)):
        if not isinstance(leaf, AffineModel):
            raise ClientScriptError(f"{who} is not affine, so it cannot be concatenated")
        matrix = np.asarray(leaf.M, float) @ matrix
    return matrix


def after(new: Json, last: Json, shared: Mapping[str, Json], tile_id: str) -> Json:
    """Affine document of `last` followed by `new`."""
    first = matrix_of(last, shared, f"the last transform of tile {tile_id}")
    second = matrix_of(new, shared, "the new transform")
    return specs.affine_spec(second @ first)
