"""Features of two pictures where the other one may show the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.canvases import View
from renderapi.matching.features import NO_FEATURES, FeatureParameters, Features
from renderapi.matching.frames import overlap_box
from renderapi.matching.models import Matrix, apply

MOST = 0.7
"""Overlaps that are a larger share of a picture are not cut out of it."""
RIM = 32
"""Pixels around an overlap that features in it are described by."""


def features_near(
    p: View,
    q: View,
    p_to_q: Matrix,
    parameters: FeatureParameters,
    radius: float,
    whole: bool = True,
) -> tuple[Features, Features]:
    """Features of p and of q that the other may show, in pixels of their pictures.

    Parameters
    ----------
    p, q : View
    p_to_q : (3, 3) array
        Expected map from pixels of p to pixels of q.
    parameters : FeatureParameters
    radius : float
        Search radius, pixels.
    whole : bool
        Look for features of whole pictures, which keep them for the other pairs that they are in;
        else only where the pictures may overlap, which is cheaper for one pair.
    """
    back = np.linalg.inv(p_to_q)
    sides = ((p, q.image.shape, p_to_q), (q, p.image.shape, back))
    one, two = (
        _inside(_found(view, shape, there, parameters, radius, whole), shape, there, radius)
        for view, shape, there in sides
    )
    return one, two


def _found(
    view: View,
    other: tuple[int, ...],
    there: Matrix,
    parameters: FeatureParameters,
    radius: float,
    whole: bool,
) -> Features:
    """Features of all of a picture, or of what the other one may cover of it and some more."""
    if whole:
        return view.features(parameters)
    box = overlap_box(view.image.shape, other, there, radius + RIM)
    if box is None:
        return NO_FEATURES
    x0, y0, x1, y1 = (int(v) for v in (*np.floor(box[:2]), *np.ceil(box[2:]) + 1))
    if (x1 - x0) * (y1 - y0) > MOST * view.image.size:
        return view.features(parameters)
    part = View(view.image[y0:y1, x0:x1], view.mask[y0:y1, x0:x1]).features(parameters)
    return Features(part.points + np.array([x0, y0]), part.descriptors)


def _inside(features: Features, shape: tuple[int, ...], there: Matrix, radius: float) -> Features:
    """Those that lie within the search radius of the other picture."""
    if not len(features.points):
        return features
    x, y = apply(there, features.points).T
    within: NDArray[np.bool_] = (x > -radius) & (y > -radius)
    within &= (x < shape[1] + radius) & (y < shape[0] + radius)
    return Features(features.points[within], features.descriptors[within])
