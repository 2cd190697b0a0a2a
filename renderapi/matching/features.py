"""SIFT features of an image.

D. G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60(2), 2004; OpenCV's
implementation. Deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask


@dataclass(frozen=True, slots=True)
class FeatureParameters:
    """Which features are looked for.

    Attributes
    ----------
    scale : float
        The image is reduced to this scale first. The finest features are those of the reduced
        image at twice its size, where OpenCV starts; as it is blurred to a standard deviation of
        1.6 pixels there, reducing by 2 loses nothing against starting from the image itself.
    steps : int
        Steps per octave.
    max_features : int
        The strongest that are kept.
    contrast : float
        Least contrast (OpenCV's contrastThreshold).
    max_octaves : int, optional
        Features coarser than this many octaves above the scale are left out.
    """

    scale: float = 0.5
    steps: int = 3
    max_features: int = 5000
    contrast: float = 0.02
    max_octaves: int | None = None


class Features(NamedTuple):
    """Places and descriptors.

    Attributes
    ----------
    points : (N, 2) float64
        Pixels of the image at full scale.
    descriptors : (N, 128) uint8
        SIFT histograms as OpenCV gives them: whole numbers, a quarter of the memory of floats.
    """

    points: NDArray[np.float64]
    descriptors: NDArray[np.uint8]


NO_FEATURES = Features(np.empty((0, 2)), np.empty((0, 128), np.uint8))


def find_features(
    image: NDArray, mask: Mask, parameters: FeatureParameters | None = None
) -> Features:
    """SIFT features on the pixels that count.

    Parameters
    ----------
    image : (H, W) array of any number type
    mask : (H, W) boolean array
    parameters : FeatureParameters, optional

    Returns
    -------
    Features, strongest first; none where fewer than 16 pixels a side remain.
    """
    import cv2

    parameters = parameters or FeatureParameters()
    small, shown = _reduced(image, mask, parameters.scale)
    if min(small.shape) < 16 or not shown.any():
        return NO_FEATURES
    sift = cv2.SIFT.create(
        nfeatures=parameters.max_features,
        nOctaveLayers=parameters.steps,
        contrastThreshold=parameters.contrast,
        enable_precise_upscale=True,  # without it, places are a quarter of a pixel off
    )
    keypoints, descriptors = sift.detectAndCompute(
        _eight_bit(small, shown), shown.astype(np.uint8) * 255
    )
    if descriptors is None:
        return NO_FEATURES
    strength = np.array([-k.response for k in keypoints])
    points = np.array([k.pt for k in keypoints], float).reshape(-1, 2)
    order = np.lexsort((points[:, 1], points[:, 0], strength))
    if parameters.max_octaves is not None:
        octave = np.array([(k.octave & 255) for k in keypoints], np.uint8).astype(np.int8)
        order = order[octave[order] < parameters.max_octaves]
    order = order[: parameters.max_features]
    ratio = np.array(image.shape[1::-1]) / np.array(small.shape[1::-1])
    full = (points[order] + 0.5) * ratio - 0.5
    return Features(full, np.asarray(descriptors[order], np.uint8))


def _reduced(image: NDArray, mask: Mask, scale: float) -> tuple[NDArray, Mask]:
    import cv2

    values = np.ascontiguousarray(image, np.float32)
    if scale == 1.0:
        return values, mask
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    weight = cv2.resize(mask.astype(np.float32), size, interpolation=way)
    return cv2.resize(values, size, interpolation=way), weight > 0.999


def _eight_bit(image: NDArray, mask: Mask) -> NDArray[np.uint8]:
    """Values stretched to 0..255 between the 0.2 % tails of the pixels that count."""
    low, high = np.percentile(image[mask], [0.2, 99.8])
    stretched = (image - low) * (255.0 / max(high - low, 1e-6))
    return np.where(mask, np.clip(np.rint(stretched), 0, 255), 127).astype(np.uint8)


def match_features(
    p: Features, q: Features, ratio: float = 0.92
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corresponding points by nearest descriptors.

    Exact search by matrix products of the square roots of the normalised histograms ("RootSIFT",
    R. Arandjelovic and A. Zisserman, CVPR 2012). A feature of p is matched when its nearest
    neighbour in q is nearer than `ratio` times the second nearest; a place of q that several places
    of p are matched to is left out, and so is a place of p matched to several places of q.

    Returns
    -------
    (N, 2), (N, 2) float64
        Points of p and of q.
    """
    empty = np.empty((0, 2))
    if len(p.points) == 0 or len(q.points) < 2:
        return empty, empty
    nearest, passed = _nearest(_unit(p.descriptors), _unit(q.descriptors), ratio)
    index = np.flatnonzero(passed)
    table = np.concatenate([p.points[index], q.points[nearest[index]]], axis=1)
    table = np.unique(table, axis=0)  # one place has a feature per orientation
    kept = alone(table[:, :2]) & alone(table[:, 2:])
    return table[kept, :2], table[kept, 2:]


def _unit(histograms: NDArray) -> NDArray[np.float32]:
    """Square roots of histograms whose sum is made 1: vectors of length 1."""
    values = np.asarray(histograms, np.float32)
    return np.sqrt(values / np.maximum(values.sum(1, keepdims=True), 1e-12))


def _nearest(
    p: NDArray[np.float32], q: NDArray[np.float32], ratio: float, block: int = 2048
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Nearest q of every p, and whether it passes the ratio test."""
    nearest = np.empty(len(p), np.intp)
    passed = np.empty(len(p), bool)
    for start in range(0, len(p), block):
        near = p[start : start + block] @ q.T
        rows = np.arange(len(near))
        best = near.argmax(1)
        first = near[rows, best].copy()
        near[rows, best] = -np.inf
        second = near.max(1)
        # of unit vectors: squared distance = 2 - 2 * product
        d1, d2 = 2 - 2 * first, 2 - 2 * second
        nearest[start : start + block] = best
        passed[start : start + block] = d1 < ratio**2 * d2
    return nearest, passed


def alone(points: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Which rows occur once."""
    _, inverse, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    return counts[inverse.ravel()] == 1
