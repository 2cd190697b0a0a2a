"""Maps of points: what a tile's pixels go through on their way to world coordinates."""

from renderapi.transform.transform import (
    InterpolatedTransform,
    ReferenceTransform,
    TransformList,
    load_transform_json,
)
from renderapi.transform.utils import estimate_dstpts, estimate_transformsum

# after the modules of this package: the name `transform` must end up as the module of the leaves,
# as in the published client
from renderapi.transform import leaf, utils  # isort: skip
from renderapi.transform.leaf import (  # isort: skip
    AffineModel,
    Polynomial2DTransform,
    RigidModel,
    SimilarityModel,
    Transform,
    TranslationModel,
    affine_models,
    common,
    load_leaf_json,
    polynomial_models,
    transform,
)

__all__ = [
    "AffineModel",
    "InterpolatedTransform",
    "Polynomial2DTransform",
    "ReferenceTransform",
    "RigidModel",
    "SimilarityModel",
    "Transform",
    "TransformList",
    "TranslationModel",
    "affine_models",
    "common",
    "estimate_dstpts",
    "estimate_transformsum",
    "leaf",
    "load_leaf_json",
    "load_transform_json",
    "polynomial_models",
    "transform",
    "utils",
]
