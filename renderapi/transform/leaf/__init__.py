"""Transforms that stand on their own: one file per family."""

from renderapi.transform.leaf import (
    affine_models,
    affine_warp_field,
    common,
    homography,
    moving_least_squares,
    nonlinear_models,
    offsets,
    polynomial_models,
    thin_plate_spline,
    transform,
    utils,
)
from renderapi.transform.leaf.affine_models import (
    AffineModel,
    RigidModel,
    SimilarityModel,
    TranslationModel,
)
from renderapi.transform.leaf.affine_warp_field import (
    AffineWarpFieldTransform,
)
from renderapi.transform.leaf.homography import (
    HomographyModel,
)
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
from renderapi.transform.leaf.polynomial_models import (
    Polynomial2DTransform,
)
from renderapi.transform.leaf.registry import (
    load_leaf_json,
)
from renderapi.transform.leaf.thin_plate_spline import (
    ThinPlateSplineTransform,
)
from renderapi.transform.leaf.transform import (
    Transform,
)

__all__ = [
    "AffineModel",
    "AffineWarpFieldTransform",
    "ExponentialFunctionOffsetTransform",
    "ExponentialRecoveryOffsetTransform",
    "HomographyModel",
    "LensCorrection",
    "MovingLeastSquaresTransform",
    "MovingLeastSquaresTransform2",
    "NonLinearCoordinateTransform",
    "NonLinearTransform",
    "Polynomial2DTransform",
    "RigidModel",
    "SEMDistortionTransformA",
    "SimilarityModel",
    "ThinPlateSplineTransform",
    "Transform",
    "TranslationModel",
    "affine_models",
    "affine_warp_field",
    "common",
    "homography",
    "load_leaf_json",
    "moving_least_squares",
    "nonlinear_models",
    "offsets",
    "polynomial_models",
    "thin_plate_spline",
    "transform",
    "utils",
]
