"""Points through lists of transforms, and one transform that stands for a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from renderapi.errors import ConversionError, EstimationError, UnresolvedReference
from renderapi.errors import RenderError as RenderError
from renderapi.transform.leaf.affine_models import AffineModel
from renderapi.transform.leaf.polynomial_models import Polynomial2DTransform
from renderapi.transform.transform import (
    InterpolatedTransform,
    ReferenceTransform,
    TransformList,
)

#: references to references beyond this many levels are refused, as by the service
MAXIMUM_LEVELS = 10


def flat_transforms(
    transforms: Any, reference_tforms: Sequence[Any] | None = None, _level: int = 0
) -> Iterator[Any]:
    """Transforms in the order they apply, without lists and references.

    Parameters
    ----------
    transforms : transform or (nested) list of transforms
    reference_tforms : sequence of transforms, optional
        What references may refer to, by transformId.

    Raises
    ------
    UnresolvedReference
        For a reference that is not among `reference_tforms`, or that leads more than 10 deep.
    """
    if isinstance(transforms, TransformList):
        transforms = transforms.tforms
    if isinstance(transforms, ReferenceTransform):
        if _level >= MAXIMUM_LEVELS:
            raise UnresolvedReference(f"{transforms}: more than {MAXIMUM_LEVELS} nested references")
        target = _find(transforms.refId, reference_tforms)
        yield from flat_transforms(target, reference_tforms, _level + 1)
    elif isinstance(transforms, InterpolatedTransform) and reference_tforms is not None:
        yield InterpolatedTransform(
            a=TransformList(list(flat_transforms(transforms.a, reference_tforms, _level))),
            b=TransformList(list(flat_transforms(transforms.b, reference_tforms, _level))),
            lambda_=transforms.lambda_,
        )
    elif isinstance(transforms, Iterable) and not hasattr(transforms, "tform"):
        for transform in transforms:
            yield from flat_transforms(transform, reference_tforms, _level)
    else:
        yield transforms


def _find(ref_id: str | None, reference_tforms: Sequence[Any] | None) -> Any:
    if reference_tforms is None:
        raise UnresolvedReference(
            f"transform {ref_id!r} is only referred to: give reference_tforms to resolve it"
        )
    for transform in reference_tforms:
        if getattr(transform, "transformId", None) == ref_id:
            return transform
    raise UnresolvedReference(f"transform {ref_id!r} is not among the reference_tforms")


def estimate_dstpts(
    transformlist: Any,
    src: ArrayLike | None = None,
    reference_tforms: Sequence[Any] | None = None,
) -> Any:
    """Map points through a list of transforms.

    Parameters
    ----------
    transformlist : transform or (nested) list of transforms
        Lists, TransformLists and references are followed.
    src : array_like, N x 2
        Points before the first transform.
    reference_tforms : sequence of transforms, optional
        What references may refer to, by transformId.

    Returns
    -------
    ndarray, N x 2
        `src` itself for an empty list.

    Raises
    ------
    RenderError
        Where a reference cannot be resolved, or a transform cannot map points.
    """
    points: Any = src
    for transform in flat_transforms(transformlist, reference_tforms):
        if not hasattr(transform, "tform"):
            name = getattr(transform, "className", type(transform).__name__)
            raise ConversionError(f"transforms of class {name} cannot map points here")
        points = transform.tform(points)
    return points


def estimate_transformsum(
    transformlist: Any,
    src: ArrayLike | None = None,
    order: int = 2,
    reference_tforms: Sequence[Any] | None = None,
) -> AffineModel | Polynomial2DTransform:
    """One transform in place of a list.

    Parameters
    ----------
    transformlist : transform or (nested) list of transforms
    src : array_like, N x 2
        Points at which a polynomial is fitted; not needed where all transforms are affine.
    order : int
        Order of the polynomial.
    reference_tforms : sequence of transforms, optional
        What references may refer to, by transformId.

    Returns
    -------
    AffineModel or Polynomial2DTransform
        The exact product where all transforms are affine, else the polynomial fitted to the points.

    Raises
    ------
    EstimationError
        Where points are needed and missing, or do not determine the polynomial.
    """
    transforms = list(flat_transforms(transformlist, reference_tforms))
    if all(isinstance(transform, AffineModel) for transform in transforms):
        product = AffineModel()
        for transform in transforms:
            product = transform.concatenate(product)
        return product
    if src is None:
        raise EstimationError("points are needed to fit a polynomial to transforms: give src")
    points = np.asarray(src, dtype=np.float64)
    return Polynomial2DTransform(src=points, dst=estimate_dstpts(transforms, points), order=order)
