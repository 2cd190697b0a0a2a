"""Which class reads which class name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renderapi.errors import RenderError
from renderapi.transform.leaf.affine_models import (
    AffineModel,
    RigidModel,
    SimilarityModel,
    TranslationModel,
)
from renderapi.transform.leaf.polynomial_models import Polynomial2DTransform
from renderapi.transform.leaf.transform import CoordinateTransform, Transform

TRAKEM2 = "mpicbg.trakem2.transform."

#: classes of the package mpicbg.trakem2.transform
_CLASSES: dict[str, type[CoordinateTransform]] = {
    "AffineModel2D": AffineModel,
    "TranslationModel2D": TranslationModel,
    "RigidModel2D": RigidModel,
    "SimilarityModel2D": SimilarityModel,
    "PolynomialTransform2D": Polynomial2DTransform,
}

#: models that also exist in the package mpicbg.models, with the same parameters
_MODELS = (
    "AffineModel2D",
    "TranslationModel2D",
    "RigidModel2D",
    "SimilarityModel2D",
)

LEAF_CLASSES: dict[str, type[CoordinateTransform]] = {
    **{TRAKEM2 + name: cls for name, cls in _CLASSES.items()},
    **{"mpicbg.models." + name: _CLASSES[name] for name in _MODELS},
}


def load_leaf_json(d: Mapping[str, Any]) -> Transform:
    """Transform of a leaf document.

    A class that is not known here becomes a plain `Transform`, which keeps its data string but
    cannot map points.

    Raises
    ------
    RenderError
        For a type other than leaf.
    KeyError
        Where className or dataString is missing.
    SpecError
        Where a known class cannot read its data string.
    """
    kind = d.get("type", "leaf")
    if kind != "leaf":
        raise RenderError(f"a transform of type {kind!r} is not a leaf")
    return LEAF_CLASSES.get(d["className"], Transform)(json=d)
