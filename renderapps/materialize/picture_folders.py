"""Pictures of blocks as files: PNG of 8 or 16 bits, JPEG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderapps.module.errors import RenderModuleException

JPEG_QUALITY = 85


def write_picture(path: Path, pixels: NDArray) -> None:
    """Write grey pixels, (rows, columns) uint8 or uint16, in the format of the suffix."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix == ".jpg" else []
    done, data = cv2.imencode(path.suffix, np.ascontiguousarray(pixels), options)
    if not done:
        raise RenderModuleException(f"{path.name}: {pixels.shape} pixels cannot be encoded")
    path.write_bytes(data.tobytes())


def z_name(z: float) -> str:
    """z in a file name: whole ones as five digits, others with their fraction.

    >>> z_name(12.0), z_name(12.5), z_name(-3.0)
    ('00012', '00012.5', '-0003')
    """
    whole, dot, fraction = f"{z:.10g}".partition(".")
    return f"{int(whole):05d}{dot}{fraction}"
