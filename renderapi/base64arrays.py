"""Arrays of numbers as the base 64 texts that transforms carry."""

from __future__ import annotations

import base64
import binascii
import contextlib
import zlib
from typing import Any

import msgspec
import numpy as np

from renderapi.errors import RenderError

MOST_BYTES = 1 << 26
"""Of one array once it is inflated: eight million numbers, where a spline has some thousand."""

_LONG = 1024
"""Bytes from which the faster ways cost less than they save."""
_HIGHEST_RATIO = 1032
"""Of inflated to compressed bytes: what zlib's format can do."""


def encodeBase64(src: Any) -> str:
    """Text of an array of numbers: big-endian float64, zlib level 6, base 64."""
    return encoded(np.ascontiguousarray(src, dtype=">f8").tobytes())


def encoded(data: bytes) -> str:
    """Text of the big-endian bytes of an array."""
    return base64.b64encode(zlib.compress(data, 6)).decode("ascii")


def decodeBase64(src: str | bytes) -> np.ndarray:
    """float64 array (N,) of a text by `encodeBase64`; a leading "@" says it is not compressed."""
    return np.frombuffer(decoded(src), dtype=">f8").astype(np.float64)


def decoded(src: str | bytes, size: int | None = None) -> bytes:
    """The big-endian bytes of a text by `encodeBase64`; faster where their number is known."""
    src = src.decode("ascii", "replace") if isinstance(src, bytes) else src
    if not src:
        raise RenderError("an empty text holds no numbers")
    compressed = not src.startswith("@")
    try:
        # the check sum of zlib finds what is wrong with compressed ones, and is faster
        data = _binary(src if compressed else src[1:], strict=not compressed)
        data = _inflated(data, size) if compressed else data
    except (ValueError, zlib.error) as error:
        raise RenderError(f"{src[:40]!r}... is not a base 64 array: {error}") from error
    if len(data) % 8:
        raise RenderError(f"{len(data)} bytes are no whole number of float64 values")
    return data


def _binary(text: str, strict: bool) -> bytes:
    if len(text) > _LONG:
        with contextlib.suppress(msgspec.ValidationError):  # takes only what is strictly right
            return msgspec.convert(text, bytes)
    return binascii.a2b_base64(text, strict_mode=strict)


def _inflated(data: bytes, size: int | None) -> bytes:
    if size is not None and _LONG < size <= min(MOST_BYTES, _HIGHEST_RATIO * len(data)):
        import imagecodecs

        with contextlib.suppress(ImportError, RuntimeError):  # zlib says what is wrong
            return bytes(imagecodecs.deflate_decode(data, out=size))
    inflater = zlib.decompressobj()
    found = inflater.decompress(data, MOST_BYTES + 1)
    if len(found) > MOST_BYTES:
        raise RenderError(f"a base 64 array inflates to more than {MOST_BYTES} bytes")
    if not inflater.eof:
        raise ValueError("the compressed data are cut short")
    return found
