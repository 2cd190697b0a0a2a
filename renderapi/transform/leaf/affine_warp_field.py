"""Affine warp field: a grid of affines, interpolated at each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.base64arrays import decodeBase64, encodeBase64
from renderapi.errors import SpecError
from renderapi.transform.leaf.points import BLOCK, java_double
from renderapi.transform.leaf.transform import CoordinateTransform

_FACTORIES = "net.imglib2.interpolation.randomaccess."
LINEAR = _FACTORIES + "NLinearInterpolatorFactory"
NEAREST = _FACTORIES + "NearestNeighborInterpolatorFactory"

#: as many numbers as this are written in base 64
ENCODED_FROM = 64

#: label of a field that is drawn as it is, however large the cells of a picture's mesh are
SECTION_WARP = "section_warp"


class AffineWarpFieldTransform(CoordinateTransform):
    """Affine warp field.

    Parameters
    ----------
    offset : (float, float)
        World position of the upper left corner of the field.
    size : (float, float)
        Width and height of the field.
    values : array_like, 6 x rows x columns, optional
        Planes m00, m10, m01, m11, m02, m12; one cell of the identity if left out. The affine of a
        cell holds at the cell's centre and acts on the point itself, not on its distance from the
        offset.
    factory : str
        Name of the interpolator: linear (default) or nearest neighbour.
    transformId : str, optional
    labels : sequence of str, optional
    json : dict, optional
        Document to read instead.
    """

    className: Any = "org.janelia.alignment.transform.AffineWarpFieldTransform"
    _parameters = ("offset", "size", "values", "factory")

    def __init__(
        self,
        offset: tuple[float, float] = (0.0, 0.0),
        size: tuple[float, float] = (1.0, 1.0),
        values: ArrayLike | None = None,
        factory: str = LINEAR,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        planes = np.reshape((1.0, 0, 0, 1, 0, 0), (6, 1, 1)) if values is None else values
        try:
            self._set(offset, size, np.array(planes, dtype=np.float64), factory)
        except ValueError as error:
            raise SpecError(f"{self.className}: {error}") from error
        self.transformId = transformId
        self.labels = labels

    def _set(
        self,
        offset: tuple[float, float],
        size: tuple[float, float],
        values: NDArray[np.float64],
        factory: str,
    ) -> None:
        if values.ndim != 3 or values.shape[0] != 6 or values.size == 0:
            raise ValueError(f"values must be 6 x rows x columns, not {values.shape}")
        if not (size[0] > 0 and size[1] > 0):
            raise ValueError(f"the field must have a size, not {size[0]:g} x {size[1]:g}")
        if factory not in (LINEAR, NEAREST):
            raise ValueError(f"unknown interpolator {factory}; known: {LINEAR}, {NEAREST}")
        self.offset, self.size, self.values, self.factory = offset, size, values, factory

    def _parse(self, datastring: str) -> None:
        words = datastring.split()
        if len(words) < 9:
            raise ValueError("offX offY width height rows cols FACTORY ENC values... are needed")
        x, y, width, height = map(float, words[:4])
        rows, columns, factory, encoding = int(words[4]), int(words[5]), words[6], words[7]
        if encoding == "none":
            numbers = np.array([float(word) for word in words[8:]])
        elif encoding == "base64" and len(words) == 9:
            numbers = decodeBase64(words[8])
        else:
            raise ValueError("the values must follow the word none, or base64 and one text")
        if len(numbers) != rows * columns * 6:
            raise ValueError(
                f"{rows} x {columns} cells need {rows * columns * 6} values, not {len(numbers)}"
            )
        if not np.isfinite(numbers).all():
            raise ValueError("it holds NaN or infinite values")
        self._set((x, y), (width, height), numbers.reshape(6, rows, columns), factory)

    def _format(self) -> str:
        _, rows, columns = self.values.shape
        head = [java_double(value) for value in (*self.offset, *self.size)]
        head += [str(rows), str(columns), self.factory]
        numbers = self.values.ravel()
        if len(numbers) >= ENCODED_FROM:
            return " ".join((*head, "base64", encodeBase64(numbers)))
        return " ".join((*head, "none", *map(java_double, numbers.tolist())))

    def _canonical(self) -> str:
        positive = type(self)(self.offset, self.size, self.values + 0.0, self.factory)
        return super(AffineWarpFieldTransform, positive)._canonical()

    @property
    def finest(self) -> float:
        """Smaller side of a cell of the field."""
        _, rows, columns = self.values.shape
        return float(min(self.size[0] / columns, self.size[1] / rows))

    def affines_at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Interpolated m00, m10, m01, m11, m02, m12 (6 x N) at N x 2 points."""
        _, rows, columns = self.values.shape
        gx = (points[:, 0] - self.offset[0]) / (self.size[0] / columns) - 0.5
        gy = (points[:, 1] - self.offset[1]) / (self.size[1] / rows) - 0.5
        if self.factory == NEAREST:
            column, row = _within(np.floor(gx + 0.5), columns), _within(np.floor(gy + 0.5), rows)
            return self.values[:, row, column]
        x0, y0 = np.floor(gx), np.floor(gy)
        fx, fy = gx - x0, gy - y0
        left, right = _within(x0, columns), _within(x0 + 1.0, columns)
        top, bottom = _within(y0, rows), _within(y0 + 1.0, rows)
        upper = self.values[:, top, left] * (1.0 - fx) + self.values[:, top, right] * fx
        lower = self.values[:, bottom, left] * (1.0 - fx) + self.values[:, bottom, right] * fx
        return upper * (1.0 - fy) + lower * fy

    def _map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.empty((len(points), 2))
        for first in range(0, len(points), BLOCK):
            block = points[first : first + BLOCK]
            x, y = block[:, 0], block[:, 1]
            m00, m10, m01, m11, m02, m12 = self.affines_at(block)
            result[first : first + BLOCK, 0] = m00 * x + m01 * y + m02
            result[first : first + BLOCK, 1] = m10 * x + m11 * y + m12
        return result


def _within(index: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Indices clamped to 0..count-1; cells beyond the border repeat the border."""
    return np.clip(index, 0, count - 1).astype(np.intp)
