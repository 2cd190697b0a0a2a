"""Canvas -> RGBA or 16 bit values -> bytes of an image file."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.rendering.canvas import Canvas
from renderapi.rendering.intensity import to_8_bit, to_16_bit
from renderapi.rendering.png import encode_png

CONTENT_TYPES = {
    "png": "image/png",
    "png16": "image/png",
    "jpeg": "image/jpeg",
    "tiff": "image/tiff",
    "tiff16": "image/tiff",
    "raw": "application/octet-stream",
    "raw16": "application/octet-stream",
}
LARGEST_JPEG_SIDE = 65_500
LUMA = np.array([0.299, 0.587, 0.114])


def encode(canvas: Canvas, format: str, quality: float | None = None) -> bytes:
    """Bytes of an image file.

    Parameters
    ----------
    canvas : Canvas
    format : str
        png (RGBA), jpeg (RGB; one component with convertToGray), tiff (RGB), tiff16, png16,
        raw (big endian 0xAARRGGBB), raw16 (big endian).
    quality : float, optional
        JPEG quality, 0 to 1; that of the canvas when absent.
    """
    if format in ("tiff16", "png16", "raw16"):
        return _encode_16_bit(canvas, format)
    if format == "jpeg":
        return encode_jpeg(
            to_rgb_over_black(canvas), canvas.quality if quality is None else quality
        )
    if format == "png":
        return encode_png(to_rgba(canvas))
    if format == "tiff":
        return encode_tiff(to_rgb(canvas))
    if format == "raw":
        return np.ascontiguousarray(to_rgba(canvas)[:, :, [3, 0, 1, 2]]).tobytes()
    raise SpecError(f"unknown image format {format!r}; known: {', '.join(CONTENT_TYPES)}")


def _encode_16_bit(canvas: Canvas, format: str) -> bytes:
    values = to_values_16(canvas)
    if format == "tiff16":
        return encode_tiff(values)
    return encode_png(values) if format == "png16" else values.astype(">u2").tobytes()


def to_values_16(canvas: Canvas) -> NDArray[np.uint16]:
    """Canvas values without display range, alpha, background or noise: (height, width) uint16."""
    return to_16_bit(canvas.pixels[: canvas.height, : canvas.width], canvas.shown)


def to_gray(canvas: Canvas) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Grey levels of a grey canvas with its alpha (None: opaque), over its background.

    Returns
    -------
    levels : (height, width) uint8, or (height, width, 3) where canvas or background are coloured
    alpha : (height, width) uint8 or None
    """
    crop = (slice(canvas.height), slice(canvas.width))
    pixels = canvas.pixels[crop]
    levels = pixels if canvas.kind == "rgb" else to_8_bit(pixels, canvas.shown)
    if canvas.alpha is None:
        return levels, None
    alpha = canvas.alpha[crop]
    if canvas.binary_mask:
        alpha = np.where(alpha == 255, alpha, np.uint8(0))
    if not canvas.has_tiles or (alpha == 255).all():
        return levels, alpha
    if canvas.background is None and canvas.noise_seed is None:
        return _unpremultiplied(levels, alpha), alpha
    return _over(levels, alpha, _background(canvas, levels.ndim == 3)), None


def to_rgba(canvas: Canvas) -> NDArray[np.uint8]:
    """Picture as (height, width, 4) uint8, alpha last, colours not multiplied by alpha."""
    if not canvas.has_tiles:
        return np.zeros((canvas.height, canvas.width, 4), dtype=np.uint8)
    levels, alpha = to_gray(canvas)
    if levels.ndim == 2:  # one word per pixel, byte order R G B A
        words = levels.astype("<u4")
        words *= 0x010101
        words |= 0xFF000000 if alpha is None else alpha.astype("<u4") << np.uint32(24)
        return words.view(np.uint8).reshape(*levels.shape, 4)
    result = np.empty((canvas.height, canvas.width, 4), dtype=np.uint8)
    result[:, :, :3] = levels
    result[:, :, 3] = 255 if alpha is None else alpha
    return result


def to_rgb(canvas: Canvas) -> NDArray[np.uint8]:
    """Picture as (height, width, 3) uint8: the colours of `to_rgba`."""
    if not canvas.has_tiles:
        return np.zeros((canvas.height, canvas.width, 3), dtype=np.uint8)
    return _three_components(to_gray(canvas)[0])


def _three_components(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    if levels.ndim == 3:
        return np.ascontiguousarray(levels)
    return cv2.cvtColor(levels, cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)


def to_rgb_over_black(canvas: Canvas) -> NDArray[np.uint8]:
    """Picture blended onto black: (height, width) where grey was asked for, else (h, w, 3)."""
    if not canvas.has_tiles:
        levels = np.zeros((canvas.height, canvas.width), dtype=np.uint8)
    else:
        levels, alpha = to_gray(canvas)
        if alpha is not None and not (alpha == 255).all():
            weight = alpha if levels.ndim == 2 else alpha[:, :, None]
            levels = _share(levels, weight)
    if canvas.convert_to_gray:
        return levels if levels.ndim == 2 else _luma(levels)
    return _three_components(levels)


def _luma(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # rounded half up, so that r = g = b stays what it is
    return np.floor(levels @ LUMA + 0.5).clip(0, 255).astype(np.uint8)


def _share(levels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """floor(level * alpha / 255 + 0.5)."""
    product = levels.astype(np.uint32) * alpha
    return ((2 * product + 255) // 510).astype(np.uint8)


def _unpremultiplied(levels: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Levels after a multiplication by alpha and the division that undoes it."""
    if levels.ndim == 3:
        alpha = np.broadcast_to(alpha[:, :, None], levels.shape)
    share = _share(levels, alpha).astype(np.int64)
    divisor = np.maximum(alpha, 1).astype(np.int64)
    undone = (0x800000 + share * ((0xFF000000 + divisor // 2) // divisor)) >> 24
    undone = np.where(share >= alpha, 255, undone)
    return np.where(alpha == 255, levels, np.where(alpha == 0, 0, undone)).astype(np.uint8)


def _over(
    levels: NDArray[np.uint8], alpha: NDArray[np.uint8], background: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    if background.ndim > levels.ndim:
        levels = np.broadcast_to(levels[:, :, None], (*levels.shape, 3))
    elif levels.ndim > background.ndim:
        background = np.broadcast_to(background[:, :, None], levels.shape)
    if levels.ndim == 3:
        alpha = alpha[:, :, None]
    mixed = _share(levels, alpha) + _share(background, np.uint8(255) - alpha)
    return mixed.astype(np.uint8)


def _background(canvas: Canvas, coloured: bool) -> NDArray[np.uint8]:
    """Background of a canvas: (height, width) grey, or (height, width, 3)."""
    if canvas.background is not None:
        colour = [canvas.background >> shift & 255 for shift in (16, 8, 0)]
        shape = (canvas.height, canvas.width)
        if len(set(colour)) == 1 and not coloured:
            return np.full(shape, colour[0], dtype=np.uint8)
        return np.broadcast_to(np.array(colour, dtype=np.uint8), (*shape, 3))
    noise = np.empty((canvas.height, canvas.width), dtype=np.uint8)
    for row in range(canvas.height):  # each row by its own number, so that bands agree
        generator = np.random.Generator(
            np.random.SFC64([canvas.noise_seed or 0, canvas.first_row + row])
        )
        noise[row] = np.frombuffer(generator.bytes(canvas.width), dtype=np.uint8)
    return noise


def check_jpeg_size(size: tuple[int, ...]) -> None:
    """Refuse sizes that a JPEG file cannot have."""
    if max(size) > LARGEST_JPEG_SIDE:
        raise SpecError("a JPEG side cannot exceed 65,500 pixels; choose png or tiff")


def encode_jpeg(array: NDArray[np.uint8], quality: float, restart_interval: int = 0) -> bytes:
    """JPEG of (h, w) or (h, w, 3) uint8; quality 0 to 1; restart markers after so many blocks."""
    import cv2

    check_jpeg_size(array.shape[:2])
    level = max(1, min(100, round(quality * 100)))
    # the same bytes as libjpeg-turbo by other ways, but without a copy per component
    pixels = array if array.ndim == 2 else cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, level, cv2.IMWRITE_JPEG_RST_INTERVAL, restart_interval]
    done, data = cv2.imencode(".jpg", pixels, options)
    if not done:
        raise SpecError(f"cannot encode a picture of shape {array.shape} as JPEG")
    return data.tobytes()


def encode_tiff(array: NDArray) -> bytes:
    """Uncompressed big endian TIFF in one strip, as ImageJ writes it."""
    import tifffile

    stream = io.BytesIO()
    options: dict[str, Any] = {"photometric": "rgb" if array.ndim == 3 else "minisblack"}
    height = array.shape[0]
    with tifffile.TiffWriter(stream, byteorder=">") as writer:
        writer.write(array, rowsperstrip=height, metadata=None, software=False, **options)
    return stream.getvalue()
