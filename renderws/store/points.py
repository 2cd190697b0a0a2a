"""Match points as compact bytes, and back exactly.

A blob is a header of two characters and the numbers, little-endian. The first character is the type
of the coordinates: `d` for 64-bit floats, `f` for 32-bit ones where these hold every value exactly;
a capital means that p and q are point by point, N x 2, where others are rows, 2 x N. The second is
the kind of the weights: `c` when all are one value, which is then stored once, else `d`. After it
come the 2N coordinates of p, row by row, the 2N of q, and the weights.
"""

from __future__ import annotations

import numpy as np

from renderws.store.protocol import Invalid, Match

HEADER = 2
DOUBLE = np.dtype("<f8")
SINGLE = np.dtype("<f4")


def encode_points(match: Match) -> bytes:
    """Bytes of p, q and w of a match; Invalid where their shapes do not fit together."""
    p, q, w = (np.asarray(value, DOUBLE) for value in _points(match))
    shape, size = p.shape, w.size
    if w.ndim != 1 or q.shape != shape or not (shape == (2, size) or shape == (size, 2)):
        raise Invalid(
            f"the match of {match.p_id} and {match.q_id} has points of shapes p {p.shape}, "
            f"q {q.shape}, w {w.shape}; needed are (2, N), (2, N), (N,) or (N, 2), (N, 2), (N,)"
        )
    coordinates = np.concatenate([p.ravel(), q.ravel()])
    with np.errstate(over="ignore"):
        single = coordinates.astype(SINGLE)
    narrow = bool(np.array_equal(single, coordinates))
    constant = size > 0 and w.tobytes() == w[:1].tobytes() * size
    kind = b"f" if narrow else b"d"
    if is_point_by_point(p):
        kind = kind.upper()
    body = (single if narrow else coordinates).tobytes()
    return kind + (b"c" if constant else b"d") + body + (w[:1] if constant else w).tobytes()


def decode_points(blob: bytes, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """p and q, float64 of shape (2, N) or (N, 2), and w, (N,), of a match with N points."""
    dtype = SINGLE if blob[:1].lower() == b"f" else DOUBLE
    coordinates = np.frombuffer(blob, dtype, 4 * count, HEADER).astype(np.float64)
    weights = np.frombuffer(blob, DOUBLE, offset=HEADER + 4 * count * dtype.itemsize)
    w = np.full(count, weights[0]) if blob[1:2] == b"c" else weights.astype(np.float64)
    p, q = coordinates.reshape((2, count, 2) if blob[:1].isupper() else (2, 2, count))
    return p, q, w


def is_point_by_point(points: np.ndarray) -> bool:
    """Whether points are N x 2 and not 2 x N; two points, which may be either, count as rows."""
    return points.shape[0] != 2


def _points(match: Match) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if match.p is None or match.q is None or match.w is None:
        raise Invalid(f"the match of {match.p_id} and {match.q_id} has no points")
    return match.p, match.q, match.w
