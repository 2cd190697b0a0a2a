"""Transforms that stand on their own: one file per family."""

from renderapi.transform.leaf import (
    affine_models,
    common,
    polynomial_models,
    transform,
)
from renderapi.transform.leaf.affine_models import (
    AffineModel,
    RigidModel,
    SimilarityModel,
    TranslationModel,
)
from renderapi.transform.leaf.polynomial_models import Polynomial2DTransform
from renderapi.transform.leaf.registry import load_leaf_json
from renderapi.transform.leaf.transform import Transform

__all__ = [
    "AffineModel",
    "Polynomial2DTransform",
    "RigidModel",
    "SimilarityModel",
    "Transform",
    "TranslationModel",
    "affine_models",
    "common",
    "load_leaf_json",
    "polynomial_models",
    "transform",
]
