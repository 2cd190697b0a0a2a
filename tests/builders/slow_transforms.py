"""The transform classes once more, one point at a time, as the compatibility notes word them.

Nothing here is shared with `renderapi.transform`: the renderer's tests compare the two.
"""

import base64
import math
import struct
import zlib

import numpy as np


def map_point(specs, x, y):
    """Apply resolved transform specs, first to last, to one point."""
    for spec in specs:
        x, y = _apply(spec, x, y)
    return x, y


def _apply(spec, x, y):
    kind = spec.get("type", "leaf")
    if kind == "list":
        return map_point(spec["specList"], x, y)
    if kind == "interpolated":
        ax, ay = _apply(spec["a"], x, y)
        bx, by = _apply(spec["b"], x, y)
        return ax + spec["lambda"] * (bx - ax), ay + spec["lambda"] * (by - ay)
    name = spec["className"].rsplit(".", 1)[1]
    return _CLASSES[name](spec["dataString"], x, y)


def _single(text):
    """A number that is parsed in single precision."""
    return float(np.float32(text))


def _affine(data, x, y):
    a, b, c, d, e, f = map(float, data.split())
    return a * x + c * y + e, b * x + d * y + f


def _translation(data, x, y):
    tx, ty = map(_single, data.split())
    return x + tx, y + ty


def _rigid(data, x, y):
    theta, tx, ty = map(_single, data.split())
    c, s = math.cos(theta), math.sin(theta)
    return c * x - s * y + tx, s * x + c * y + ty


def _similarity(data, x, y):
    c, s, tx, ty = map(_single, data.split())
    return c * x - s * y + tx, s * x + c * y + ty


def _homography(data, x, y):
    m = np.array(data.split(), float).reshape(3, 3)
    u, v, d = m @ (x, y, 1)
    return u / d, v / d


def _polynomial(data, x, y):
    values = [float(word) for word in data.split()]
    n = len(values) // 2
    terms = []
    order = 0
    while len(terms) < n:
        terms += [x ** (order - k) * y**k for k in range(order + 1)]
        order += 1
    assert len(terms) == n
    return (
        sum(c * t for c, t in zip(values[:n], terms, strict=True)),
        sum(c * t for c, t in zip(values[n:], terms, strict=True)),
    )


def _lens(data, x, y):
    words = data.split()
    dimension, length = int(words[0]), int(words[1])
    beta = np.array(words[2 : 2 + 2 * length], float).reshape(length, 2)
    mean = np.array(words[2 + 2 * length : 2 + 3 * length], float)
    spread = np.array(words[2 + 3 * length : 2 + 4 * length], float)
    terms = []
    for i in range(1, dimension + 1):
        terms += [x**j * y ** (i - j) for j in range(i, -1, -1)]
    features = [(t - mean[k]) / spread[k] for k, t in enumerate(terms)] + [100.0]
    return float(np.dot(features, beta[:, 0])), float(np.dot(features, beta[:, 1]))


def _moving_least_squares(data, x, y, kind=float):
    words = data.split()
    model, alpha = words[0], float(words[2])
    rows = np.array(words[3:], kind).reshape(-1, 5).astype(float)
    p, q, w = rows[:, :2], rows[:, 2:4], rows[:, 4]
    here = np.array([x, y])
    squares = ((p - here) ** 2).sum(1)
    if (squares == 0).any():
        return tuple(q[np.argmin(squares)])
    w = w / squares**alpha
    pc, qc = (w[:, None] * p).sum(0) / w.sum(), (w[:, None] * q).sum(0) / w.sum()
    dp, dq = p - pc, q - qc
    if model == "translation":
        return tuple(here + qc - pc)
    if model == "affine":
        linear = np.linalg.solve((w[:, None] * dp).T @ dp, (w[:, None] * dp).T @ dq)
        return tuple((here - pc) @ linear + qc)
    along = (w * (dp * dq).sum(1)).sum()
    across = (w * (dp[:, 0] * dq[:, 1] - dp[:, 1] * dq[:, 0])).sum()
    size = math.hypot(along, across) if model == "rigid" else (w * (dp**2).sum(1)).sum()
    c, s = along / size, across / size
    u, v = here - pc
    return c * u - s * v + qc[0], s * u + c * v + qc[1]


def _moving_least_squares_2(data, x, y):
    return _moving_least_squares(data, x, y, np.float32)


def _doubles(word):
    raw = base64.b64decode(word.removeprefix("@"))
    if not word.startswith("@"):
        raw = zlib.decompress(raw)
    return struct.unpack(f">{len(raw) // 8}d", raw)


def _thin_plate_spline(data, x, y):
    _, dimensions, count, affine, landmarks = data.split()
    n = int(count)
    assert dimensions == "2"
    values = _doubles(landmarks)
    u = v = 0.0
    for i in range(n):
        r = math.hypot(x - values[2 * i], y - values[2 * i + 1])
        kernel = r * r * math.log(r) if r > 1e-8 else 0.0
        u += values[2 * n + i] * kernel
        v += values[3 * n + i] * kernel
    if affine != "null":
        a, b, c, d, e, f = _doubles(affine)
        u, v = u + a * x + b * y + e, v + c * x + d * y + f
    return x + u, y + v


def _warp_field(data, x, y):
    words = data.split()
    left, top, width, height = map(float, words[:4])
    rows, columns, factory, encoding = int(words[4]), int(words[5]), words[6], words[7]
    values = _doubles(words[8]) if encoding == "base64" else [float(w) for w in words[8:]]
    planes = np.array(values).reshape(6, rows, columns)
    gx = (x - left) / (width / columns) - 0.5
    gy = (y - top) / (height / rows) - 0.5

    def at(row, column):
        return planes[:, min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)]

    if "NearestNeighbor" in factory:
        m = at(math.floor(gy + 0.5), math.floor(gx + 0.5))
    else:
        i, j = math.floor(gx), math.floor(gy)
        fx, fy = gx - i, gy - j
        m = (at(j, i) * (1 - fx) + at(j, i + 1) * fx) * (1 - fy)
        m = m + (at(j + 1, i) * (1 - fx) + at(j + 1, i + 1) * fx) * fy
    return m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]


def _offset(change):
    def apply(data, x, y):
        words = data.replace(",", " ").split()
        point, axis = [x, y], int(words[-1])
        point[axis] += change(point[axis], *map(float, words[:-1]))
        return tuple(point)

    return apply


_CLASSES = {
    "AffineModel2D": _affine,
    "TranslationModel2D": _translation,
    "RigidModel2D": _rigid,
    "SimilarityModel2D": _similarity,
    "HomographyModel2D": _homography,
    "PolynomialTransform2D": _polynomial,
    "NonLinearCoordinateTransform": _lens,
    "NonLinearTransform": _lens,
    "MovingLeastSquaresTransform": _moving_least_squares,
    "MovingLeastSquaresTransform2": _moving_least_squares_2,
    "ThinPlateSplineTransform": _thin_plate_spline,
    "AffineWarpFieldTransform": _warp_field,
    "SEMDistortionTransformA": _offset(
        lambda v, a, b, c, d: a * math.exp(-v / b) + c * math.exp(-v / d)
    ),
    "ExponentialFunctionOffsetTransform": _offset(lambda v, a, b, c: -(a * math.exp(-b * v) + c)),
    "ExponentialRecoveryOffsetTransform": _offset(
        lambda v, a, b, c: -(a * (1 - math.exp(-b * v)) + c)
    ),
}
