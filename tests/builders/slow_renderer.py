"""A slow renderer written from the compatibility notes alone, pixel by pixel.

It shares no line with `renderapi.rendering`: where the two agree on random scenes, the notes were
read alike. Images come as arrays, in a dictionary by URL.
"""

import math

import numpy as np
from slow_transforms import map_point


def half_up(value):
    return math.floor(value + 0.5)


class Source:
    """One image with what belongs to it: kind u8, u16, f32 or rgb, its mask, its range."""

    def __init__(self, pixels, mask, low, high):
        self.kind = "rgb" if pixels.ndim == 3 else {"B": "u8", "H": "u16"}.get(pixels.dtype.char)
        self.kind = self.kind or "f32"
        self.pixels = pixels.astype(float)
        self.mask = None if mask is None else mask.astype(float)
        self.low, self.high = low, high

    def convert(self, kind):
        """Become the kind of the canvas."""
        if self.kind == kind:
            return
        if kind == "rgb":
            grey = self._shown()
            self.pixels = np.stack([grey] * 3, -1)
        elif self.kind == "rgb":
            self.pixels = np.floor(self.pixels.sum(-1) / 3 + 0.5)
        elif kind == "u8":
            self.pixels = self._shown()
        self.kind = kind

    def _shown(self):
        flat = [byte_of(v, self.kind, self.low, self.high) for v in self.pixels.ravel().tolist()]
        return np.array(flat, float).reshape(self.pixels.shape)


def halve(pixels):
    h, w = pixels.shape[0] // 2, pixels.shape[1] // 2
    p = pixels[: 2 * h, : 2 * w]
    p = p.astype(float if p.dtype.kind == "f" else np.int64)
    total = p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]
    mean = total / 4 if pixels.dtype.kind == "f" else total // 4
    return mean.astype(pixels.dtype)


def channels_of(tile):
    if tile.get("channels"):
        return {c.get("name"): c for c in tile["channels"]}
    return {None: tile}


def level_pixels(levels, level, key, images):
    present = [int(n) for n in levels if int(n) <= level]
    entry = levels[str(max(present))]
    if key not in entry:
        return None
    pixels = images[entry[key]]
    for _ in range(level - max(present)):
        pixels = halve(pixels)
    return pixels


def stretched(mask):
    """A mask of more than 8 bit, lowest to highest value as 0 to 255."""
    low, high = float(mask.min()), float(mask.max())
    kind = "u16" if mask.dtype == np.uint16 else "f32"
    flat = [byte_of(float(v), kind, low, high) for v in mask.ravel()]
    return np.array(flat, np.uint8).reshape(mask.shape)


def fit_affine(source, target):
    """Least squares with equal weights, about the centroids; None when impossible."""
    if len(source) < 3:
        return None
    p, q = np.array(source), np.array(target)
    pc, qc = p.mean(0), q.mean(0)
    square = (p - pc).T @ (p - pc)
    if abs(np.linalg.det(square)) < 1e-12:
        return None
    linear = np.linalg.solve(square, (p - pc).T @ (q - qc)).T
    return linear, qc - linear @ pc


def sequential_scale(points, moved):
    """Longest image of a unit step of the affine fitted to points, one sum after the other."""
    n = len(points)
    px = py = qx = qy = 0.0
    for (x, y), (u, v) in zip(points, moved, strict=True):
        px, py, qx, qy = px + x, py + y, qx + u, qy + v
    px, py, qx, qy = px / n, py / n, qx / n, qy / n
    xx = xy = yy = xu = xv = yu = yv = 0.0
    for (x, y), (u, v) in zip(points, moved, strict=True):
        x, y, u, v = x - px, y - py, u - qx, v - qy
        xx, xy, yy = xx + x * x, xy + x * y, yy + y * y
        xu, xv, yu, yv = xu + x * u, xv + x * v, yu + y * u, yv + y * v
    d = xx * yy - xy * xy
    if n < 3 or d == 0:
        return 1.0
    ux, uy = (yy * xu - xy * yu) / d, (xx * yu - xy * xu) / d
    vx, vy = (yy * xv - xy * yv) / d, (xx * yv - xy * xv) / d
    return math.sqrt(max(ux * ux + vx * vx, uy * uy + vy * vy))


class Slow:
    """One RenderParameters document."""

    def __init__(self, parameters, images):
        self.p, self.images = parameters, images
        self.tiles = parameters.get("tileSpecs", [])
        self.scale = parameters.get("scale", 1.0)
        width, height = parameters.get("width", 256), parameters.get("height", 256)
        self.out = int(self.scale * width), int(self.scale * height)
        self.size = int(width * self.scale + 0.5), int(height * self.scale + 0.5)
        self.cell = max(
            parameters.get("meshCellSize", 64.0),
            parameters.get("minMeshCellSize", 0.0) / self.scale,
        )
        self.masked = not parameters.get("excludeMask") and any(
            "maskUrl" in next(iter(sorted(c["mipmapLevels"].items(), key=lambda e: int(e[0]))))[1]
            for tile in self.tiles
            for c in channels_of(tile).values()
        )

    def place(self, tile, x, y):
        specs = tile.get("transforms", {}).get("specList", [])
        x, y = map_point(specs, x, y)
        s = self.scale
        return s * (x - self.p.get("x", 0.0)), s * (y - self.p.get("y", 0.0))

    def level(self, tile, width, height):
        specs = tile.get("transforms", {}).get("specList", [])
        s, points, moved = self.scale, [], []
        for row in range(math.ceil(height / self.cell)):
            for column in range(math.ceil(width / self.cell)):
                x, y = column * self.cell, row * self.cell
                wx, wy = map_point(specs, x, y)
                points.append((x, y))
                moved.append((s * wx - self.p.get("x", 0.0) * s, s * wy - self.p.get("y", 0.0) * s))
        level, inverse = 0, int(1 / sequential_scale(points, moved))
        while inverse > 1:
            inverse >>= 1
            level += 1
        return level

    def load(self, tile, channel, level):
        pixels = level_pixels(channel["mipmapLevels"], level, "imageUrl", self.images)
        mask = None
        if self.masked:
            mask = level_pixels(channel["mipmapLevels"], level, "maskUrl", self.images)
            if mask is not None and mask.dtype != np.uint8:
                mask = stretched(mask)
            if mask is None or mask.shape != pixels.shape[:2]:
                mask = np.full(pixels.shape[:2], 255, np.uint8)
        high = channel.get("maxIntensity")
        high = 255.0 if high is None else high
        low = channel.get("minIntensity")
        low = 0.0 if low is None else low
        if high > 255 and pixels.dtype == np.uint8 and pixels.ndim == 2:
            pixels = pixels.astype(np.uint16) * 256
        low = self.p["minIntensity"] if self.p.get("minIntensity") is not None else low
        high = self.p["maxIntensity"] if self.p.get("maxIntensity") is not None else high
        source = Source(pixels, mask, low, high)
        if source.kind in ("u8", "rgb"):
            source.low, source.high = (half_up(low), half_up(high)) if low <= high else (0, 255)
        if source.kind == "u16":
            source.low = min(max(int(low), 0), 65535)
            source.high = min(max(int(high), 0), 65535)
        if source.kind == "rgb":
            source.pixels = np.vectorize(lambda c: byte_of(c, "u8", source.low, source.high))(
                source.pixels
            ).astype(float)
        return source

    def triangles(self, tile, source, level, width):
        H, W = source.pixels.shape[:2]
        columns = max(2, int(width / self.cell + 0.5))
        dx = W / (columns - 1)
        dy = 2 * math.sqrt(0.75 * dx * dx)
        rows = max(2, int(H / dy + 0.5) + 1)
        dx, dy = (W - 1) / (columns - 1), (H - 1) / (rows - 1)
        f, shift = 2**level, (2**level - 1) / 2

        def even(i, j):
            return i * dx, j * dy

        def odd(i, j):
            return i * dx - dx / 2, j * dy - dy / 2

        order = []
        for j in range(1, rows):
            a = [even(i, j - 1) for i in range(columns)]
            b = [even(i, j) for i in range(columns)]
            c = [None] + [odd(i, j) for i in range(1, columns)]
            order.append((a[0], a[1], c[1]))
            for i in range(2, columns):
                order += [(a[i - 1], a[i], c[i]), (a[i - 1], c[i], c[i - 1])]
            order.append((a[0], c[1], b[0]))
            for i in range(1, columns - 1):
                order += [(c[i], b[i], b[i - 1]), (c[i], c[i + 1], b[i])]
            last = columns - 1
            order.append((b[last - 1], c[last], b[last]))
            order.append((c[last], a[last], b[last]))
        for corners in order:
            yield corners, [self.place(tile, f * u + shift, f * v + shift) for u, v in corners]

    def canvas(self, name):
        canvas = None
        for tile in self.tiles:
            channel = channels_of(tile).get(name)
            if channel is None:
                continue
            first = level_pixels(channel["mipmapLevels"], 0, "imageUrl", self.images)
            width = tile.get("width", first.shape[1])
            height = tile.get("height", first.shape[0])
            level = self.level(tile, width, height)
            source = self.load(tile, channel, level)
            if canvas is None:
                canvas = Canvas(self.size, source.kind, self.masked, self.p)
            if canvas.kind not in ("u8", "rgb") or source.low <= source.high:
                canvas.low, canvas.high = source.low, source.high
            source.convert(canvas.kind)
            for corners, target in self.triangles(tile, source, level, width):
                canvas.paint(source, corners, target)
        return canvas

    def finished_canvas(self):
        names = self.p.get("channels")
        if not names:
            first = next(iter(channels_of(self.tiles[0]))) if self.tiles else None
            return self.canvas(first)
        words = names.split("__")
        if len(words) == 1:
            return self.canvas(words[0])
        weights = dict(zip(words[::2], map(float, words[1::2]), strict=True))
        return mixed([(self.canvas(n), w) for n, w in weights.items()])

    def rgba(self, noise=None):
        """The 8 bit picture, red green blue alpha."""
        out = np.zeros((self.out[1], self.out[0], 4), int)
        canvas = self.finished_canvas()
        if canvas is None:
            return out.astype(np.uint8)
        back = self.p.get("backgroundRGBColor")
        if back is not None:
            back = back >> 16 & 255, back >> 8 & 255, back & 255
        for y in range(self.out[1]):
            for x in range(self.out[0]):
                if y < self.size[1] and x < self.size[0]:
                    out[y, x] = over(*canvas.shown(x, y), back)
        return out.astype(np.uint8)

    def wide(self):
        """The 16 bit picture."""
        out = np.zeros((self.out[1], self.out[0]), int)
        canvas = self.finished_canvas()
        if canvas is not None:
            for y in range(self.out[1]):
                for x in range(self.out[0]):
                    out[y, x] = canvas.wide(x, y)
        return out.astype(np.uint16)


def mixed(parts):
    """Weighted sum of the canvases of several channels."""
    result = Canvas(parts[0][0].size, parts[0][0].kind, True, parts[0][0].p)
    result.low, result.high = parts[0][0].low, parts[0][0].high
    sums = np.zeros(result.alpha.shape)
    for canvas, weight in parts:
        alpha = canvas.alpha / 255 if canvas.alpha is not None else np.ones(sums.shape)
        shaped = alpha if canvas.kind != "rgb" else alpha[..., None]
        result.values = result.values + canvas.values * shaped * weight
        if result.kind != "f32":
            result.values = np.floor(result.values + 1e-9)
        sums += np.floor(255 * alpha * weight + 1e-9)
    result.alpha = sums
    return result


def over(colour, alpha, back):
    """Translucent pixels pass through 8 bit arithmetic; without a background they are divided."""
    if back is not None:
        return (
            *(
                math.floor(v * alpha / 255 + 0.5) + math.floor(b * (255 - alpha) / 255 + 0.5)
                for v, b in zip(colour, back, strict=True)
            ),
            255,
        )
    if alpha == 0:
        return 0, 0, 0, 0
    if alpha == 255:
        return (*colour, 255)
    grey = []
    for v in colour:
        p = math.floor(v * alpha / 255 + 0.5)
        q = (0x800000 + p * ((0xFF000000 + alpha // 2) // alpha)) >> 24
        grey.append(255 if p >= alpha else q)
    return (*grey, alpha)


def byte_of(v, kind, low, high):
    """Final 8 bit value of a canvas value."""
    if kind == "u16" and high < low:
        return 255 if v > low else 0
    if kind == "u16":
        return min(255, int(max(0, v - low) * (256.0 / (high - low + 1)) + 0.5))
    if kind == "f32":
        return min(255, int(max(0, v - low) * (255.0 / (high - low)) + 0.5))
    if v < low:
        return 0
    if v > high:
        return 255
    return min(255, max(0, int(256.0 * (v - low) / (high - low))))


class Canvas:
    def __init__(self, size, kind, masked, parameters):
        self.size, self.kind, self.p = size, kind, parameters
        depth = (3,) if kind == "rgb" else ()
        self.values = np.zeros((size[1], size[0], *depth))
        self.low, self.high = 0, 255
        self.alpha = np.zeros((size[1], size[0])) if masked else None
        self.drawn = np.zeros((size[1], size[0]), bool)

    def paint(self, source, corners, target):
        fit = fit_affine(corners, target)
        if fit is None or np.linalg.det(fit[0]) == 0:
            return
        inverse = np.linalg.inv(fit[0])
        (x0, y0), (x1, y1), (x2, y2) = target
        xs, ys = (x0, x1, x2), (y0, y1, y2)
        for y in range(max(0, int(min(ys) + 0.5)), min(self.size[1] - 1, int(max(ys) + 0.5)) + 1):
            for x in range(
                max(0, int(min(xs) + 0.5)), min(self.size[0] - 1, int(max(xs) + 0.5)) + 1
            ):
                a = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
                b = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
                c = (x0 - x2) * (y - y2) - (y0 - y2) * (x - x2)
                if min(a, b, c) >= 0 or max(a, b, c) <= 0:
                    u, v = inverse @ (np.array([x, y]) - fit[1])
                    self.put(source, x, y, u, v)

    def sample(self, plane, u, v, whole):
        H, W = plane.shape[:2]
        if self.p.get("skipInterpolation"):
            return plane[min(max(int(v + 0.5), 0), H - 1), min(max(int(u + 0.5), 0), W - 1)]
        u, v = min(max(u, 0), W - 1), min(max(v, 0), H - 1)
        i, j = int(u), int(v)
        k, m = min(i + 1, W - 1), min(j + 1, H - 1)
        fx, fy = u - i, v - j
        upper = plane[j, i] + fx * (plane[j, k] - plane[j, i])
        lower = plane[m, i] + fx * (plane[m, k] - plane[m, i])
        value = upper + fy * (lower - upper)
        # the half itself goes up, whatever the inverse of the triangle loses
        return np.floor(value + 0.5 + 1e-9) if whole else value

    def put(self, source, x, y, u, v):
        s = self.sample(source.pixels, u, v, source.kind != "f32")
        self.drawn[y, x] = True
        if self.alpha is None:
            self.values[y, x] = s
            return
        strength = self.sample(source.mask, u, v, True)
        if self.p.get("binaryMask"):
            if strength > 0:
                self.values[y, x], self.alpha[y, x] = s, 255
            return
        over, under = strength / 255, self.alpha[y, x] / 255
        t = self.values[y, x]
        if not np.any(t):
            value, alpha = s * over, over
        else:
            alpha = over + under * (1 - over)
            value = (s * over + t * under * (1 - over)) / alpha if alpha else 0 * s
        self.values[y, x] = value if self.kind == "f32" else np.floor(value + 0.5)
        self.alpha[y, x] = int(alpha * 255) if self.kind == "rgb" else int(alpha * 255 + 0.5)

    def shown(self, x, y):
        v = self.values[y, x]
        if self.kind == "rgb":
            colour = tuple(int(c) for c in v)
            alpha = 255 if self.drawn[y, x] else 0
        else:
            colour, alpha = (byte_of(float(v), self.kind, self.low, self.high),) * 3, 255
        if self.alpha is not None:
            alpha = int(self.alpha[y, x])
            if self.p.get("binaryMask") and alpha < 255:
                alpha = 0
        return colour, alpha

    def wide(self, x, y):
        if x >= self.size[0] or y >= self.size[1]:
            return 0
        v = self.values[y, x]
        if self.kind == "rgb":
            return int(v.sum() / 3 + 0.5)
        if self.kind == "f32":
            return int(min(max((v - self.low) * 65535 / (self.high - self.low) + 0.5, 0), 65535))
        return int(v)
