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
from renderapi.transform.leaf.affine_warp_field import AffineWarpFieldTransform
from renderapi.transform.leaf.homography import HomographyModel
from renderapi.transform.leaf.moving_least_squares import (
    MovingLeastSquaresTransform,
    MovingLeastSquaresTransform2,
)
from renderapi.transform.leaf.nonlinear_models import (
    LensCorrection,
    NonLinearCoordinateTransform,
    NonLinearTransform,
)
from renderapi.transform.leaf.offsets import (
    ExponentialFunctionOffsetTransform,
    ExponentialRecoveryOffsetTransform,
    SEMDistortionTransformA,
)
from renderapi.transform.leaf.polynomial_models import Polynomial2DTransform
from renderapi.transform.leaf.thin_plate_spline import ThinPlateSplineTransform
from renderapi.transform.leaf.transform import CoordinateTransform, Transform

TRAKEM2 = "mpicbg.trakem2.transform."

#: models that exist under the same name and with the same parameters in mpicbg.models
_MODELS: dict[str, type[CoordinateTransform]] = {
    "AffineModel2D": AffineModel,
    "TranslationModel2D": TranslationModel,
    "RigidModel2D": RigidModel,
    "SimilarityModel2D": SimilarityModel,
    "HomographyModel2D": HomographyModel,
}

_OTHERS: tuple[type[CoordinateTransform], ...] = (
    AffineWarpFieldTransform,
    ExponentialFunctionOffsetTransform,
    ExponentialRecoveryOffsetTransform,
    LensCorrection,
    MovingLeastSquaresTransform,
    MovingLeastSquaresTransform2,
    NonLinearCoordinateTransform,
    NonLinearTransform,
    Polynomial2DTransform,
    SEMDistortionTransformA,
    ThinPlateSplineTransform,
)

LEAF_CLASSES: dict[str, type[CoordinateTransform]] = {
    **{cls.className: cls for cls in _OTHERS},
    **{TRAKEM2 + name: cls for name, cls in _MODELS.items()},
    **{"mpicbg.models." + name: cls for name, cls in _MODELS.items()},
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
