"""Affine transforms and their special cases: translation, rigid, similarity.

All are an `AffineModel` with a 3 x 3 matrix `M`. The special cases differ in what they fit and in
the data string they read (Java's meaning, the one the service uses):

=====================  ====================  ==============================================
class                  data string           meaning
=====================  ====================  ==============================================
AffineModel2D          M00 M10 M01 M11 B0 B1
TranslationModel2D     tx ty
RigidModel2D           theta tx ty           rotation by theta radians
SimilarityModel2D      a b tx ty             a = s cos(theta), b = s sin(theta)
=====================  ====================  ==============================================

A special case that was read and not changed is written as it was read. In all other cases (built
from arguments, fitted, or read with six numbers) it carries the class name AffineModel2D and six
numbers, which every reader understands.
"""

from __future__ import annotations

import logging
from typing import Any

from renderapi.transform.leaf.affine_model import AffineModel
from renderapi.transform.leaf.common import calc_first_order_properties, svd_of
from renderapi.transform.leaf.special_affines import (
    RigidModel,
    SimilarityModel,
    TranslationModel,
)

__all__ = [
    "AffineModel",
    "RigidModel",
    "SimilarityModel",
    "TranslationModel",
    "calc_first_order_properties",
]

logger = logging.getLogger(__name__)


def __getattr__(name: str) -> Any:
    """`svd`: scipy's, or numpy's where scipy cannot be imported; looked for when asked for."""
    return svd_of(__name__, name)
