"""Thin plate spline transform.

p' = p + A p + b + sum_k D_k u(|p - s_k|), u(r) = r^2 ln r. The affine part (A, b) is a displacement
and may be absent.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.base64arrays import decoded, encoded
from renderapi.errors import ConversionError, EstimationError, SpecError
from renderapi.transform.leaf import spline_kernel
from renderapi.transform.leaf.inverse import invert
from renderapi.transform.leaf.lazy import LazyArrays
from renderapi.transform.leaf.points import all_finite, as_pairs, as_points
from renderapi.transform.leaf.transform import CoordinateTransform

logger = logging.getLogger(__name__)

Array = NDArray[np.float64]

#: a fixed-point inverse whose steps have grown this much does not converge any more
DIVERGED = 10.0


class ThinPlateSplineTransform(LazyArrays, CoordinateTransform):
    """Thin plate spline.

    Parameters
    ----------
    dataString : str, optional
        ``ThinPlateSplineR2LogR ndims nLm affine landmarks``; without it, the spline has no
        landmarks yet and maps points to themselves.
    json : dict, optional
        Document to read instead.
    transformId : str, optional
    labels : sequence of str, optional

    Attributes
    ----------
    ndims, nLm : int
        Number of dimensions (2) and of landmarks.
    srcPts : ndarray, 2 x nLm
        Landmarks.
    dMtxDat : ndarray, 2 x nLm
        Their weights.
    aMtx : ndarray, 2 x 2, or None
    bVec : ndarray, 2, or None
    """

    className: Any = "mpicbg.trakem2.transform.ThinPlateSplineTransform"
    ndims = 2
    nLm = 0
    srcPts: Any
    dMtxDat: Any
    aMtx: Any
    bVec: Any
    _arrays = frozenset({"srcPts", "dMtxDat", "aMtx", "bVec"})
    #: big-endian bytes of the affine part (empty without one) and of the landmarks
    _packed: tuple[bytes, bytes] | None = None

    #: bytes that were written last, and their texts: packing them takes most of the time
    _written: tuple[tuple[bytes, bytes], str, str] | None = None

    def __init__(
        self,
        dataString: str | None = None,
        json: Mapping[str, Any] | None = None,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        if dataString is not None:
            self._process_dataString(dataString)
        else:
            self.srcPts, self.dMtxDat = np.empty((2, 0)), np.empty((2, 0))
            self.aMtx = self.bVec = None
        self.transformId = transformId
        self.labels = labels

    def _unpack(self, packed: tuple[bytes, bytes]) -> dict[str, Any]:
        """The arrays; SpecError for NaN in the data string."""
        affine, data = (np.frombuffer(part, ">f8").astype(np.float64) for part in packed)
        if not (all_finite(affine) and all_finite(data)):
            raise SpecError(
                f"{self.className}: cannot read the dataString: it holds NaN or infinite values"
            )
        count = len(data) // 4
        return {
            "aMtx": affine[:4].reshape(2, 2) if len(affine) else None,
            "bVec": affine[4:] if len(affine) else None,
            "srcPts": data[: 2 * count].reshape(count, 2).T,
            "dMtxDat": data[2 * count :].reshape(2, count),
        }

    def _state(self) -> tuple[bytes, bytes]:
        """The bytes of `_packed` for the arrays as they are now."""
        packed = self._untouched()
        if packed is not None:
            return packed
        affine = [] if self.aMtx is None else [np.ravel(self.aMtx), _vector(self.bVec)]
        landmarks = np.asarray(self.srcPts).T.ravel()
        data = [landmarks, np.ravel(getattr(self, "dMtxDat", ()))]
        return _big_endian(affine), _big_endian(data)

    def _parse(self, datastring: str) -> Any:
        words = datastring.split()
        if len(words) != 5:
            raise ValueError(f"5 words are needed, not {len(words)}")
        ndims, landmarks = int(words[1]), int(words[2])
        if ndims != 2:
            raise ValueError(f"only 2 dimensions are supported, not {ndims}")
        affine = b"" if words[3] == "null" else _numbers(words[3], 6, "the affine part")
        data = _numbers(words[4], 4 * landmarks, "the landmarks")
        self.ndims, self.nLm = ndims, landmarks
        self._keep((affine, data))
        return self._packed

    def _format(self) -> str:
        dimensions, count = np.asarray(self.srcPts).shape
        state = self._state()
        if self._written is None or self._written[0] != state:
            self._written = (state, encoded(state[0]), encoded(state[1]))
        _, affine, data = self._written
        block = "null" if self.aMtx is None else affine
        return f"ThinPlateSplineR2LogR {dimensions} {count} {block} {data}"

    def _canonical(self) -> str:
        self.complete()
        positive = type(self).__new__(type(self))
        for name in self._arrays:
            value = self.__dict__.get(name)
            setattr(positive, name, None if value is None else np.asarray(value) + 0.0)
        return positive._format()

    def _map(self, points: Array) -> Array:
        if getattr(self, "dMtxDat", None) is None:
            return points.copy()
        result = self.computeDeformationContribution(points)
        result += points
        if self.aMtx is not None:
            result += points @ np.reshape(self.aMtx, (2, 2)).T
        if self.bVec is not None:
            result += self.bVec
        return result

    def _jacobian(self, points: Array) -> Array:
        weights = np.asarray(self.dMtxDat).T
        jacobian = spline_kernel.deformation_jacobian(points, np.asarray(self.srcPts).T, weights)
        jacobian += np.eye(2)
        if self.aMtx is not None:
            jacobian += np.reshape(self.aMtx, (2, 2))
        return jacobian

    def apply(self, points: ArrayLike) -> Array:
        """Map N x 2 points, or one point of shape (2,)."""
        array = np.asarray(points)
        if array.shape == (2,):
            return self._map(as_points(array[None]))[0]
        return self._map(as_points(array))

    def tform(self, points: ArrayLike) -> Array:
        """Map N x 2 points, or one point of shape (2,)."""
        return self.apply(points)

    def computeDeformationContribution(self, points: ArrayLike) -> Array:
        """Displacement N x 2 of N x 2 points without the affine part."""
        landmarks = np.asarray(self.srcPts, dtype=np.float64).T
        weights = np.asarray(self.dMtxDat, dtype=np.float64).T
        return spline_kernel.deformation(as_points(points), landmarks, weights)

    @staticmethod
    def fit(
        A: ArrayLike, B: ArrayLike, computeAffine: bool = True
    ) -> tuple[Array, Array | None, Array | None]:
        """Spline through the pairs A, B (n x 2 each).

        Parameters
        ----------
        A, B : array_like, n x 2
        computeAffine : bool
            Whether the spline has an affine part. It then is the one of least bending energy;
            without it the weights are those of the bare kernel.

        Returns
        -------
        tuple
            Weights (2 x n), aMtx (2 x 2) and bVec (2), both None without an affine part.

        Raises
        ------
        EstimationError
            Unequal numbers of points; duplicate points, and with an affine part fewer than 3 or
            collinear ones (then also a numpy LinAlgError).
        """
        p, q = as_pairs(A, B, 3 if computeAffine else 1, "thin plate spline")
        weights, affine = spline_kernel.fit(p, q - p, computeAffine)
        if affine is None:
            return weights.T.copy(), None, None
        return weights.T.copy(), affine[:2].T.copy(), affine[2].copy()

    def estimate(self, A: ArrayLike, B: ArrayLike, computeAffine: bool = True) -> None:
        """Make this the spline through the pairs A, B; see `fit`."""
        self.dMtxDat, self.aMtx, self.bVec = self.fit(A, B, computeAffine)
        self.srcPts = as_points(A).T.copy()
        self.ndims, self.nLm = self.srcPts.shape

    def inverse_tform(
        self,
        points: ArrayLike,
        gamma: float = 1.0,
        precision: float = 0.0001,
        max_iters: int = 1000,
    ) -> Array:
        """Map points back to 1e-9 pixel.

        By Newton's method; where any of the arguments of the iteration is given, or Newton's method
        fails, by `gradient_descent`.
        """
        if (gamma, precision, max_iters) == (1.0, 0.0001, 1000):
            with contextlib.suppress(EstimationError):
                return super().inverse_tform(points)
        return self.gradient_descent(points, gamma, precision, max_iters)

    def gradient_descent(
        self,
        pts: ArrayLike,
        gamma: float = 1.0,
        precision: float = 0.0001,
        max_iters: int = 1000,
    ) -> Array:
        """Map points back by the iteration x -= gamma (T(x) - p), ended by Newton steps.

        Parameters
        ----------
        pts : array_like, N x 2
        gamma : float
            Length of the steps.
        precision : float
            The iteration ends when all steps are shorter than this.
        max_iters : int
            Limit of iterations.

        Returns
        -------
        ndarray, N x 2
            Mapped forward they meet the points to 1e-9 pixel where Newton's method, started from
            the end of the iteration, converges; else to `precision` / `gamma`.

        Raises
        ------
        EstimationError
            When the limit of iterations is reached, and where the iteration diverges and Newton's
            method fails as well.
        """
        targets = as_points(pts)
        result, converged = self._fixed_point(targets, gamma, precision, max_iters)
        try:
            return invert(self._map, targets, self._jacobian, result, str(self.className))
        except EstimationError:
            if not converged:
                raise
            return result

    def _fixed_point(
        self, targets: Array, gamma: float, precision: float, max_iters: int
    ) -> tuple[Array, bool]:
        result = targets.copy()
        active = np.arange(len(targets))
        first = None
        for _ in range(max_iters):
            step = gamma * (self._map(result[active]) - targets[active])
            lengths = np.abs(step).max(axis=1, initial=0.0)
            longest = lengths.max(initial=0.0)
            first = longest if first is None else first
            if not longest <= DIVERGED * max(first, precision):
                return targets, False
            result[active] -= step
            active = active[lengths >= precision]
            if len(active) == 0:
                return result, True
        raise EstimationError(
            f"thin plate spline: {len(active)} of {len(targets)} points did not reach a precision "
            f"of {precision:g} in {max_iters} iterations"
        )

    @staticmethod
    def src_array(xmin: float, ymin: float, xmax: float, ymax: float, nx: int, ny: int) -> Array:
        """Grid of nx * ny points, (nx ny) x 2, y fastest."""
        x, y = np.linspace(xmin, xmax, nx), np.linspace(ymin, ymax, ny)
        return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)

    def _grid(self, count: int) -> Array:
        (xmin, ymin), (xmax, ymax) = np.min(self.srcPts, axis=1), np.max(self.srcPts, axis=1)
        return self.src_array(xmin, ymin, xmax, ymax, count, count)

    def scale_coordinates(
        self, factor: float, ngrid: int = 20, preserve_srcPts: bool = False
    ) -> ThinPlateSplineTransform:
        """Same deformation in coordinates `factor` times as large, as a new transform.

        Parameters
        ----------
        factor : float
        ngrid : int
            The new landmarks are a grid of ngrid x ngrid points over the box of the old ones.
        preserve_srcPts : bool
            Also keep the old landmarks, but for those within 1e-3 of a point of the grid.
        """
        self._require_landmarks()
        source = self._grid(ngrid)
        if preserve_srcPts:
            from scipy.spatial import cKDTree

            old = np.asarray(self.srcPts).T
            distance, _ = cKDTree(source).query(old)
            source = np.vstack((source, old[distance >= 1e-3]))
        result = ThinPlateSplineTransform()
        result.estimate(source * factor, self._map(source) * factor, self.aMtx is not None)
        return result

    def _require_landmarks(self) -> None:
        if np.size(self.srcPts) == 0:
            raise ConversionError("the thin plate spline has no landmarks")

    def adaptive_mesh_estimate(
        self,
        starting_grid: int = 7,
        computeAffine: bool = True,
        tol: float = 1.0,
        max_iter: int = 50,
        nworst: int = 10,
    ) -> ThinPlateSplineTransform:
        """Spline of fewer landmarks that stays within `tol` of this one at all its landmarks.

        Starts from a regular grid and adds the old landmarks that are worst, `nworst` per round.

        Parameters
        ----------
        starting_grid : int
            Points along each side of the first grid.
        computeAffine : bool
        tol : float
            Largest allowed distance, pixels.
        max_iter : int
            Limit of rounds.
        nworst : int

        Raises
        ------
        EstimationError
            When the limit of rounds is reached.
        """
        self._require_landmarks()
        old = np.asarray(self.srcPts, dtype=np.float64).T
        return self.mesh_refine(
            self._grid(starting_grid),
            old,
            self._map(old),
            old_tf=self,
            computeAffine=computeAffine,
            tol=tol,
            max_iter=max_iter,
            nworst=nworst,
        )

    @staticmethod
    def mesh_refine(
        new_src: ArrayLike,
        old_src: ArrayLike,
        old_dst: ArrayLike,
        old_tf: ThinPlateSplineTransform | None = None,
        computeAffine: bool = True,
        tol: float = 1.0,
        max_iter: int = 50,
        nworst: int = 10,
        niter: int = 0,
    ) -> ThinPlateSplineTransform:
        """Spline with landmarks `new_src` and as many of `old_src` as `tol` demands.

        Parameters
        ----------
        new_src : array_like, M x 2
            First landmarks; where they go is asked of `old_tf`.
        old_src, old_dst : array_like, N x 2
            Pairs that the result must meet within `tol`.
        old_tf : ThinPlateSplineTransform, optional
            Spline through these pairs; fitted to them if left out.
        computeAffine, tol, max_iter, nworst
            As for `adaptive_mesh_estimate`.
        niter : int
            Rounds done already.

        Raises
        ------
        EstimationError
            When `niter` reaches `max_iter` before `tol` is met.
        """
        if nworst < 1:
            raise EstimationError("thin plate spline: nworst must be at least 1")
        source, (p, q) = as_points(new_src), as_pairs(old_src, old_dst, 1, "thin plate spline")
        reference = old_tf
        if reference is None:
            reference = ThinPlateSplineTransform()
            reference.estimate(p, q, computeAffine)
        target = reference.tform(source)
        result = ThinPlateSplineTransform()
        for _ in range(niter, max_iter):
            result.estimate(source, target, computeAffine)
            error = np.linalg.norm(result.tform(p) - q, axis=1)
            if error.max() < tol:
                return result
            worst = np.argsort(error)[::-1][:nworst]
            worst = worst[error[worst] > 0]
            source = np.vstack((source, p[worst]))
            target = np.vstack((target, q[worst]))
            source, kept = np.unique(source, axis=0, return_index=True)
            target = target[kept]
        raise EstimationError(
            f"thin plate spline: {tol} px are not reached within {max_iter} rounds; "
            "raise max_iter, nworst or tol"
        )


def _numbers(word: str, count: int, what: str) -> bytes:
    data = decoded(word, 8 * count) if count or len(word) > 1 else b""
    if len(data) != 8 * count:
        raise ValueError(f"{what} need {count} numbers, not {len(data) / 8:g}")
    return data


def _vector(vector: Any) -> Array:
    return np.zeros(2) if vector is None else np.ravel(vector)


def _big_endian(parts: Sequence[Any]) -> bytes:
    return np.concatenate([*parts, ()]).astype(">f8").tobytes()
