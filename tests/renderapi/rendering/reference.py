"""A slow, plain renderer of grey and RGB tiles, written from the text of the rendering rules.

It shares no code with the package: window-relative coordinates, one triangle after the other, one
fitted affine each, every pixel of the bounding box tested.
"""

import math

import numpy as np


def average_down(array, times):
    for _ in range(times):
        height, width = array.shape[0] // 2 * 2, array.shape[1] // 2 * 2
        wide = array[:height, :width].astype(np.float64)
        mean = (wide[0::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 0::2] + wide[1::2, 1::2]) / 4
        array = (
            mean.astype(array.dtype)
            if array.dtype.kind == "f"
            else np.floor(mean).astype(array.dtype)
        )
    return array


def average_scale(width, height, cell, transform):
    xs = [i * cell for i in range(10000) if i * cell < width]
    ys = [j * cell for j in range(10000) if j * cell < height]
    if len(xs) < 2 or len(ys) < 2:
        return 1.0
    source = np.array([(x, y) for y in ys for x in xs], dtype=float)
    target = transform(source)
    design = np.column_stack([source, np.ones(len(source))])
    fit = np.linalg.lstsq(design, target, rcond=None)[0]
    return math.sqrt(max(fit[0, 0] ** 2 + fit[0, 1] ** 2, fit[1, 0] ** 2 + fit[1, 1] ** 2))


def level_of(scale):
    inverse, level = int(1 / scale), 0
    while inverse > 1:
        inverse >>= 1
        level += 1
    return level


def mesh(width, height, full_width, cell):
    """Triangles as (3, 2) arrays of level pixels, in painting order."""
    nx = max(2, int(full_width / cell + 0.5))
    dx0 = width / (nx - 1)
    ny = max(2, int(height / (2 * math.sqrt(0.75 * dx0 * dx0)) + 0.5) + 1)
    dx, dy = (width - 1) / (nx - 1), (height - 1) / (ny - 1)
    triangles = []
    for j in range(1, ny):
        a = [(i * dx, (j - 1) * dy) for i in range(nx)]
        b = [(i * dx, j * dy) for i in range(nx)]
        c = [None] + [(i * dx - dx / 2, j * dy - dy / 2) for i in range(1, nx)]
        triangles.append((a[0], a[1], c[1]))
        for i in range(2, nx):
            triangles.append((a[i - 1], a[i], c[i]))
            triangles.append((a[i - 1], c[i], c[i - 1]))
        triangles.append((a[0], c[1], b[0]))
        for i in range(1, nx - 1):
            triangles.append((c[i], b[i], b[i - 1]))
            triangles.append((c[i], c[i + 1], b[i]))
        triangles.append((b[nx - 2], c[nx - 1], b[nx - 1]))
        triangles.append((c[nx - 1], a[nx - 1], b[nx - 1]))
    return [np.array(t) for t in triangles]


def bilinear(image, u, v):
    height, width = image.shape[:2]
    u, v = min(max(u, 0.0), width - 1.0), min(max(v, 0.0), height - 1.0)
    x, y = int(u), int(v)
    fx, fy = u - x, v - y
    x1, y1 = min(x + 1, width - 1), min(y + 1, height - 1)
    p = image
    top = float(p[y, x]) + (float(p[y, x1]) - float(p[y, x])) * fx
    bottom = float(p[y1, x]) + (float(p[y1, x1]) - float(p[y1, x])) * fx
    value = top + (bottom - top) * fy
    return value if image.dtype.kind == "f" else math.floor(value + 0.5)


def sample(image, u, v, nearest):
    if image.ndim == 3:
        return [sample(image[:, :, k], u, v, nearest) for k in range(3)]
    if nearest:
        height, width = image.shape
        x, y = int(max(u + 0.5, 0)), int(max(v + 0.5, 0))
        return image[min(y, height - 1), min(x, width - 1)]
    return bilinear(image, u, v)


def pixels_of(triangle, width, height):
    """Canvas pixels inside a mapped triangle, edges included for both orientations."""
    low, high = triangle.min(axis=0), triangle.max(axis=0)
    xs = range(max(0, int(low[0] + 0.5)), min(width - 1, int(high[0] + 0.5)) + 1)
    ys = range(max(0, int(low[1] + 0.5)), min(height - 1, int(high[1] + 0.5)) + 1)
    if not len(xs) or not len(ys):
        return []
    gx, gy = np.meshgrid(xs, ys)
    crosses = []
    for k in range(3):
        (x0, y0), (x1, y1) = triangle[k], triangle[(k + 1) % 3]
        crosses.append((x1 - x0) * (gy - y0) - (y1 - y0) * (gx - x0))
    crosses = np.array(crosses)
    inside = (crosses >= 0).all(axis=0) | (crosses <= 0).all(axis=0)
    return list(zip(gx[inside], gy[inside], strict=True))


def composite_grey(canvas, alpha, y, x, s, mask, binary):
    if binary:
        if mask > 0:
            canvas[y, x], alpha[y, x] = s, 255
        return
    t, at, a = float(canvas[y, x]), alpha[y, x] / 255.0, mask / 255.0
    if t == 0:
        value, total = s * a, a
    else:
        total = a + at * (1 - a)
        value = (s * a + t * at * (1 - a)) / total if total else 0.0
    canvas[y, x] = value if canvas.dtype.kind == "f" else int(value + 0.5)
    alpha[y, x] = int(total * 255 + 0.5)


def composite_colour(canvas, alpha, y, x, s, mask, binary):
    if binary:
        if mask > 0:
            canvas[y, x], alpha[y, x] = s, 255
        return
    at, a = alpha[y, x] / 255.0, mask / 255.0
    empty = not canvas[y, x].any()
    total = a if empty else a + at * (1 - a)
    for k in range(3):
        t = float(canvas[y, x, k])
        below = 0.0 if empty else t * at * (1 - a)
        value = s[k] * a if empty else (s[k] * a + below) / total if total else 0.0
        canvas[y, x, k] = int(value + 0.5)
    alpha[y, x] = int(total * 255)


def render(tiles, x, y, width, height, scale, cell=64.0, nearest=False, binary=False, levels=None):
    """Draw tiles, each a dict of image, mask (or None) and transform ((N, 2) -> (N, 2)).

    Returns
    -------
    canvas, alpha (None without masks and colour), levels
    """
    canvas_width, canvas_height = int(width * scale + 0.5), int(height * scale + 0.5)
    first = tiles[0]["image"]
    colour = first.ndim == 3
    masked = any(tile["mask"] is not None for tile in tiles)
    canvas = np.zeros((canvas_height, canvas_width, *first.shape[2:]), dtype=first.dtype)
    alpha = np.zeros(canvas.shape[:2], dtype=np.uint8)
    used = []
    for tile in tiles:
        image, mask = tile["image"], tile["mask"]
        full_height, full_width = image.shape[:2]

        def place(points, transform=tile["transform"]):
            return (transform(points) - np.array([x, y])) * scale

        level = level_of(average_scale(full_width, full_height, cell, place))
        used.append(level)
        image = average_down(image, level)
        if mask is not None:
            mask = average_down(mask, level)
        level_height, level_width = image.shape[:2]
        factor = 2**level
        for triangle in mesh(level_width, level_height, full_width, cell):
            target = place(factor * triangle + (factor - 1) / 2)
            system = np.column_stack([target, np.ones(3)])
            if abs(np.linalg.det(system)) < 1e-9:
                continue
            back = np.linalg.solve(system, triangle)
            for px, py in pixels_of(target, canvas_width, canvas_height):
                u, v = np.array([px, py, 1.0]) @ back
                s = sample(image, u, v, nearest)
                weight = 255 if mask is None else sample(mask, u, v, nearest)
                if colour and (masked or mask is None):
                    composite_colour(canvas, alpha, py, px, s, weight, binary and masked)
                elif masked:
                    composite_grey(canvas, alpha, py, px, s, weight, binary)
                else:
                    canvas[py, px] = s
    return canvas, alpha if masked or colour else None, used
