"""Reduced copies of images whose names and formats the caller chooses, level by level.

A level is made from the one below by 2 x 2 means at the full pixel depth, and only then converted
to 8 bit; sides have floor(size / 2^level) pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError
from renderapi.urls import path_to_url, url_scheme
from renderapps.module.derived_images import DerivedImage, Source, make_missing
from renderapps.module.image_files import Coding

Window = tuple[float, float]

FORMATS = ("jpg", "png", "tif")
METHODS = ("block_reduce", "PIL")
LOOKED_AT = 3
ENOUGH_LEVELS = 32


@dataclass(frozen=True)
class LevelSpec:
    """How one level is made.

    Attributes
    ----------
    level : int
        1 is half the size, 2 a quarter, ...
    format : {"jpg", "png", "tif"}
    to_8_bit : bool
        16 bit images become 8 bit; 8 bit images are as they are.
    method : {"block_reduce", "PIL", "nearest"}
        Means of 2 x 2 pixels from level to level, Pillow's bicubic resampling of the image, or (for
        masks) its nearest pixels.
    lzw : bool
        Compress tif files.
    png_level : int
        How hard png files are compressed, 0 to 9.
    """

    level: int
    format: str = "jpg"
    to_8_bit: bool = True
    method: str = METHODS[0]
    lzw: bool = False
    png_level: int = 1

    @property
    def coding(self) -> Coding:
        """How its pixels are packed."""
        return Coding("lzw" if self.lzw else None, self.png_level)

    def recipe(self, window: Window | None = None) -> dict[str, Any]:
        """All that its pixels depend on besides the image."""
        return {"made": "reduced", **asdict(self), "window": window}


def level_name(stem: str, level: int, suffix: str) -> str:
    """Name of the file of a level, on disk and in URLs.

    >>> level_name("DAPI_1_S0000", 2, "jpg")
    'DAPI_1_S0000_mip02.jpg'
    """
    return f"{stem}_mip{level:02d}.{suffix}"


def fitting(specs: Sequence[LevelSpec], width: int, height: int) -> list[LevelSpec]:
    """The levels at which both sides of an image have a pixel, ascending."""
    ordered = sorted(specs, key=lambda spec: spec.level)
    return [spec for spec in ordered if min(width, height) >> spec.level]


def write_levels(
    source: Source,
    targets: Mapping[LevelSpec, Path],
    window: Window | None = None,
    redo: bool = False,
) -> tuple[dict[LevelSpec, Path], int]:
    """Write levels of an image or mask; their files, and how many were written.

    Parameters
    ----------
    targets : mapping
        File of each level, if that name is free (see `renderapps.module.derived_images`).
    window : (float, float), optional
        Values of a 16 bit or float image that become 0 and 255; by default 16 bit is divided by
        256.
    redo : bool
        Write those again that are there.

    Raises
    ------
    ImageError
        The image cannot be read, or its pixels cannot be written in the format asked for.
    """
    width, height, _ = source.info()
    wanted = {
        spec: DerivedImage(source, spec.recipe(window), targets[spec], spec.coding)
        for spec in fitting(list(targets), width, height)
    }
    return make_missing(wanted, lambda missing: _levels(source, missing, window), redo)


def _levels(source: Source, specs: Sequence[LevelSpec], window: Window | None) -> Iterator[NDArray]:
    """Pixels of levels in ascending order."""
    from renderapi.rendering.pyramid import downsample

    full = halved = source.read()
    height, width = full.shape[:2]
    at = 0
    for spec in specs:
        w, h = width >> spec.level, height >> spec.level
        if spec.method == "PIL":
            pixels = resampled(full, w, h)
        elif spec.method == "nearest":
            step = 1 << spec.level
            pixels = full[step // 2 :: step, step // 2 :: step][:h, :w]
        else:
            pixels = halved = downsample(halved, spec.level - at)
            at = spec.level
        yield to_8_bit(pixels, window) if spec.to_8_bit else pixels


def to_8_bit(pixels: NDArray, window: tuple[float, float] | None = None) -> NDArray:
    """8 bit pixels: 16 bit is divided by 256 or shown through the window, 8 bit is kept."""
    if pixels.dtype == np.uint8:
        return pixels
    if window is not None:
        from renderapi.rendering.intensity import DisplayRange
        from renderapi.rendering.intensity import to_8_bit as shown

        return shown(pixels, DisplayRange(*window))
    if pixels.dtype != np.uint16:
        raise ImageError(
            f"{pixels.dtype} pixels become 8 bit only between minIntensity and maxIntensity; "
            "without these, keep them as they are (convert_to_8bit false)"
        )
    return (pixels >> 8).astype(np.uint8)


def few_grey_levels(sources: Sequence[Source]) -> str | None:
    """What is lost where 16 bit images are divided by 256 but fill little of their range.

    Some of the images are read; None where enough is left, or no image is of 16 bits.
    """
    step = max(1, -(-len(sources) // LOOKED_AT))
    some = [s for s in sources[::step] if s.info()[2] == np.uint16]
    brightest = max((int(source.read().max()) for source in some), default=65535)
    levels = (brightest >> 8) + 1
    if levels >= ENOUGH_LEVELS:
        return None
    return (
        f"no pixel of {len(some)} images is above {brightest}: in 8 bit their mipmaps have "
        f"{levels} grey levels; give convert_to_8bit false to keep all"
    )


def resampled(pixels: NDArray, width: int, height: int) -> NDArray:
    """Image of another size by Pillow's bicubic filter, of the same pixel type."""
    from PIL import Image

    if pixels.ndim == 3:
        planes = [resampled(pixels[..., c], width, height) for c in range(pixels.shape[2])]
        return np.stack(planes, axis=-1)
    image = Image.fromarray(pixels.astype(np.float32))
    values = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    if pixels.dtype.kind == "f":
        return values.astype(pixels.dtype)
    return np.clip(np.rint(values), 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)


def mask_levels(
    entry: Mapping[str, Any], targets: Mapping[LevelSpec, Path], redo: bool = False
) -> tuple[dict[int, dict[str, Any]], int]:
    """Mask entries by level, at the targets where they are files; how many were written.

    A mask must not be smeared: png takes the place of jpg.
    """
    url = entry.get("maskUrl")
    if not url:
        return {}, 0
    if url_scheme(url) == "mask":
        loader = {k: entry[k] for k in ("maskLoaderType",) if entry.get(k) is not None}
        return {s.level: {"maskUrl": f"{url}&level={s.level}", **loader} for s in targets}, 0
    as_masks = {
        replace(spec, format="png" if spec.format == "jpg" else spec.format, to_8_bit=False): path
        for spec, path in targets.items()
    }
    files = {spec: path.with_suffix(f".{spec.format}") for spec, path in as_masks.items()}
    paths, written = write_levels(Source.mask(entry), files, redo=redo)
    return {s.level: {"maskUrl": path_to_url(path)} for s, path in paths.items()}, written
