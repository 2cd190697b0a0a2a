"""Small images of sections, on which outlines are drawn: where they are, and what they show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.readers import read_image
from renderapi.urls import path_to_url
from renderapps.materialize.section_files import java_number
from renderapps.module.errors import RenderModuleException

SUFFIXES = ("tiff", "tif", "png", "jpg", "jpeg")
LEAST_AGREEMENT = 0.02


def section_image(folder: Path, z: float, project: str, stack: str, template: str | None) -> Path:
    """The image of a section.

    Without a template it is `%05d.tiff` of a folder, the same with another suffix, or where
    render_section_images puts it: below the folder that was given there as image_directory, or
    below its `sections_at_SCALE`.

    Raises
    ------
    RenderModuleException
        There is none, or there are several of different scales.
    """
    if template is not None:
        path = folder / _filled(template, z, project, stack)
        if not path.is_file():
            raise RenderModuleException(f"section z={z:g} has no image {path}")
        return path
    for found in _places(folder, z, project, stack):
        if len(found) > 1:
            raise RenderModuleException(
                f"section z={z:g} has several images, {found[0]} and {found[1]}: give image_path"
            )
        if found:
            return found[0]
    raise RenderModuleException(
        f"folder {folder} has no image of section z={z:g}, neither {int(z):05d}.tiff nor any "
        "other name that is usual: give image_path"
    )


def _filled(template: str, z: float, project: str, stack: str) -> str:
    whole = int(z) if z == int(z) else z
    parts = {"thousands": f"{int(z) // 1000:03d}", "hundreds": str(int(z) % 1000 // 100)}
    try:
        return template.format(z=whole, project=project, stack=stack, **parts)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise RenderModuleException(
            f"image_path {template} cannot be filled in for z={z:g} ({error}): it may hold {{z}}, "
            "{z:05d}, {project}, {stack}, {thousands} and {hundreds}"
        ) from error


def _places(folder: Path, z: float, project: str, stack: str) -> Iterator[list[Path]]:
    names = [java_number(z)]
    if z == int(z):
        names = [f"{int(z):05d}", str(int(z)), *names]
    files = [f"{name}.{suffix}" for name in names for suffix in SUFFIXES]
    deep = Path(f"{int(z) // 1000:03d}") / str(int(z) % 1000 // 100)
    yield from ([folder / file] for file in files if (folder / file).is_file())
    yield from ([folder / deep / file] for file in files if (folder / deep / file).is_file())
    rendered = sorted((folder / project / stack).glob("sections_at_*"))
    yield [path for scale in rendered for f in files if (path := scale / deep / f).is_file()]


@dataclass(frozen=True)
class SectionImage:
    """A small image of a section.

    Attributes
    ----------
    path : Path
    grey : (h, w) array
    bounds : mapping
        World box that it shows: minX, minY, maxX, maxY.
    """

    path: Path
    grey: NDArray
    bounds: Mapping[str, float]

    @classmethod
    def read(cls, path: Path, bounds: Mapping[str, float]) -> SectionImage:
        """An image that spans the bounds.

        Raises
        ------
        RenderModuleException
            Its sides are not as those of the bounds.
        ImageError
            It cannot be read.
        """
        pixels = read_image(path_to_url(path))
        image = cls(path, pixels if pixels.ndim == 2 else pixels.mean(axis=2), bounds)
        x, y = image.scale
        if abs(x / y - 1) > max(LEAST_AGREEMENT, 2 / min(image.grey.shape)):
            height, width = image.grey.shape
            raise RenderModuleException(
                f"{path} has {width} x {height} pixels, but the section "
                f"{bounds['maxX'] - bounds['minX']:g} x {bounds['maxY'] - bounds['minY']:g}: "
                "it is not an image of the bounds of the section"
            )
        return image

    @property
    def scale(self) -> NDArray[np.float64]:
        """Pixels of the image for each world pixel, in x and y."""
        height, width = self.grey.shape
        box = self.bounds
        return np.array([width / (box["maxX"] - box["minX"]), height / (box["maxY"] - box["minY"])])

    def to_world(self, ring: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) world pixels of (N, 2) pixels of the image."""
        return ring / self.scale + (self.bounds["minX"], self.bounds["minY"])


def write_overlay(path: Path, image: SectionImage, ring: NDArray[np.float64]) -> None:
    """Write a PNG of an outline (pixels of the image) over its image."""
    import cv2
    import imagecodecs

    from renderapi.files import atomic_write

    low, high = np.percentile(image.grey, [0.5, 99.5])
    grey = np.clip((image.grey - low) * (255 / max(high - low, 1e-9)), 0, 255).astype(np.uint8)
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    thick = max(1, round(max(grey.shape) / 500))
    corners = np.round(ring).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(picture, [corners], True, (255, 40, 40), thick, cv2.LINE_AA)
    for x, y in corners[:, 0] if len(corners) <= 12 else ():
        cv2.circle(picture, (int(x), int(y)), 4 * thick, (255, 220, 0), thick, cv2.LINE_AA)
    atomic_write(path, bytes(imagecodecs.png_encode(picture, level=6)))
