"""Leaf transforms by their documents, under the module name of the published client."""

from __future__ import annotations

import logging

from renderapi.errors import RenderError
from renderapi.transform.leaf.affine_models import (
    AffineModel,
    RigidModel,
    SimilarityModel,
    TranslationModel,
)
from renderapi.transform.leaf.nonlinear_models import (
    LensCorrection,
    NonLinearCoordinateTransform,
    NonLinearTransform,
)
from renderapi.transform.leaf.polynomial_models import Polynomial2DTransform
from renderapi.transform.leaf.registry import load_leaf_json
from renderapi.transform.leaf.thin_plate_spline import ThinPlateSplineTransform
from renderapi.transform.leaf.transform import Transform

__all__ = [
    "AffineModel",
    "LensCorrection",
    "NonLinearCoordinateTransform",
    "NonLinearTransform",
    "Polynomial2DTransform",
    "RenderError",
    "RigidModel",
    "SimilarityModel",
    "ThinPlateSplineTransform",
    "Transform",
    "TranslationModel",
    "load_leaf_json",
]

logger = logging.getLogger(__name__)
