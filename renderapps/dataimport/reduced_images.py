"""Reduced copies of images whose names and formats the caller chooses, level by level.

A level is made from the one below by 2 x 2 means at the full pixel depth, and only then converted
to 8 bit; sides have floor(size / 2^level) pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError, RenderError
from renderapi.files import atomic_path
from renderapi.urls import path_to_url, url_scheme, url_to_path

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
    method : {"block_reduce", "PIL"}
        Means of 2 x 2 pixels from level to level, or Pillow's bicubic resampling of the image.
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


@dataclass(frozen=True)
class Source:
    """An image: its URL, and the loader and slice that a tile names for it."""

    url: str
    loader: str | None = None
    slice: int | None = None

    @classmethod
    def image(cls, entry: Mapping[str, Any]) -> Source:
        """The image of one level of a tile."""
        return cls(entry["imageUrl"], entry.get("imageLoaderType"), entry.get("imageSliceNumber"))

    @classmethod
    def mask(cls, entry: Mapping[str, Any]) -> Source:
        """The mask of one level of a tile."""
        return cls(entry["maskUrl"], entry.get("maskLoaderType"), entry.get("maskSliceNumber"))

    def read(self) -> NDArray:
        """Its pixels."""
        from renderapi.rendering.sources import read_image

        return read_image(self.url, loader=self.loader, slice=self.slice)

    def info(self) -> tuple[int, int, np.dtype[Any]]:
        """(width, height, pixel type)."""
        from renderapi.rendering.readers import read_info

        found = read_info(self.url, self.loader, self.slice)
        return found.width, found.height, found.dtype


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
    window: tuple[float, float] | None = None,
    overwrite: bool = False,
) -> int:
    """Write levels of an image; how many files were written.

    Parameters
    ----------
    targets : mapping
        File of each level.
    window : (float, float), optional
        Values of a 16 bit or float image that become 0 and 255; by default 16 bit is divided by
        256.
    overwrite : bool
        Make files again that are newer than the image and have the size and pixel type wanted.

    Raises
    ------
    ImageError
        The image cannot be read, or its pixels cannot be written in the format asked for.
    """
    width, height, dtype = source.info()
    missing = [
        spec
        for spec in fitting(list(targets), width, height)
        if overwrite or not _is_current(targets[spec], source, (width, height), dtype, spec)
    ]
    if not missing:
        return 0
    full = pixels = source.read()
    at = 0
    for spec in missing:
        if spec.method == "PIL":
            reduced = resampled(full, width >> spec.level, height >> spec.level)
        else:
            from renderapi.rendering.pyramid import downsample

            pixels, at = downsample(pixels, spec.level - at), spec.level
            reduced = pixels
        write_image(targets[spec], to_8_bit(reduced, window) if spec.to_8_bit else reduced, spec)
    return len(missing)


def write_mask_levels(
    source: Source, targets: Mapping[LevelSpec, Path], overwrite: bool = False
) -> int:
    """Write levels of a mask, as 8 bit png or tif, by taking the nearest pixel."""
    from renderapi.rendering.masks import to_mask

    width, height, _ = source.info()
    eight = np.dtype(np.uint8)
    missing = [
        spec
        for spec in fitting(list(targets), width, height)
        if overwrite or not _is_current(targets[spec], source, (width, height), eight, spec)
    ]
    if not missing:
        return 0
    mask = to_mask(source.read())
    for spec in missing:
        step = 1 << spec.level
        nearest = mask[step // 2 :: step, step // 2 :: step]
        nearest = nearest[: height >> spec.level, : width >> spec.level]
        write_image(targets[spec], np.ascontiguousarray(nearest), spec)
    return len(missing)


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


def write_image(path: Path, pixels: NDArray, spec: LevelSpec) -> None:
    """Write an image whole or not at all."""
    from renderapi.rendering.mipmaps import write_pixels

    with atomic_path(path) as temporary:
        if spec.format == "tif" and spec.lzw:
            import tifffile

            kind = "rgb" if pixels.ndim == 3 else "minisblack"
            tifffile.imwrite(
                temporary, pixels, photometric=kind, compression="lzw", metadata=None, software=""
            )
        elif spec.format == "png" and spec.png_level != 1 and pixels.dtype.kind == "u":
            import imagecodecs

            data = imagecodecs.png_encode(np.ascontiguousarray(pixels), level=spec.png_level)
            temporary.write_bytes(data)
        else:
            write_pixels(temporary, pixels)


def _is_current(
    path: Path, source: Source, size: tuple[int, int], dtype: np.dtype[Any], spec: LevelSpec
) -> bool:
    from renderapi.rendering.sources import image_size_and_dtype

    original = url_to_path(source.url)
    try:
        if original is None or original.stat().st_mtime_ns > path.stat().st_mtime_ns:
            return False
        width, height, found = image_size_and_dtype(path)
    except (OSError, RenderError):
        return False
    wanted = np.dtype(np.uint8) if spec.to_8_bit else dtype
    return (width, height, found) == (size[0] >> spec.level, size[1] >> spec.level, wanted)


def mask_levels(
    entry: Mapping[str, Any], folder: Path, stem: str, specs: Sequence[LevelSpec], overwrite: bool
) -> tuple[dict[int, dict[str, Any]], int]:
    """Mask entries by level, written below `folder` where they are files; how many were."""
    url = entry.get("maskUrl")
    if not url:
        return {}, 0
    if url_scheme(url) == "mask":
        loader = {k: entry[k] for k in ("maskLoaderType",) if entry.get(k) is not None}
        return {s.level: {"maskUrl": f"{url}&level={s.level}", **loader} for s in specs}, 0
    name = f"{stem}_{Path(url_to_path(url) or url).stem}"
    targets = {}
    for spec in specs:
        suffix = "png" if spec.format == "jpg" else spec.format
        as_mask = LevelSpec(spec.level, suffix, lzw=spec.lzw, png_level=spec.png_level)
        targets[as_mask] = folder / level_name(name, spec.level, suffix)
    written = write_mask_levels(Source.mask(entry), targets, overwrite)
    return {s.level: {"maskUrl": path_to_url(path)} for s, path in targets.items()}, written
