"""From the table of a microscope to sections with a z, and positions in pixels of the world."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from renderapps.dataimport.acquired_image import AcquiredImage, listed, natural_key
from renderapps.module.errors import RenderModuleException

UNITS = ("pixel", "micrometer")
ORIGINS = ("section", "stack", "table")


@dataclass(frozen=True)
class PlacementRules:
    """How positions of a table become positions in the world.

    Attributes
    ----------
    unit : {"pixel", "micrometer"}
        Unit of the table.
    pixel_size_um : (float, float)
        Width and height of a pixel; used where the unit is micrometer.
    flip_x, flip_y : bool
        Whether the axis of the stage runs against that of the image.
    origin : {"section", "stack", "table"}
        What becomes (0, 0): the least x and y of each section, of all sections, or as the table.
    z_start, z_step : float
        z of the first section and distance to the next, where the table has no z.
    """

    unit: str = "pixel"
    pixel_size_um: tuple[float, float] = (1.0, 1.0)
    flip_x: bool = False
    flip_y: bool = False
    origin: str = "table"
    z_start: float = 0.0
    z_step: float = 1.0


@dataclass(frozen=True)
class PlacedImage:
    """An image with its section, and the world position (pixels) of its first pixel."""

    image: AcquiredImage
    section: str
    z: float
    x: float
    y: float


def place_images(images: Sequence[AcquiredImage], rules: PlacementRules) -> list[PlacedImage]:
    """Place every image, in the order given.

    Sections without a z are numbered in the natural order of their names. An image without a
    section belongs to the section named by its z (as "3.0"); without either all are one section.

    Raises
    ------
    RenderModuleException
        Some images have a z (or section) and others not, or a section has two z values, or two
        sections one z.
    """
    sections = _section_zs(images, rules)
    scaled = [_in_pixels(image, rules) for image in images]
    names = [_section_name(image, rules) for image in images]
    corners = _origins(names, scaled, rules)
    return [
        PlacedImage(image, name, sections[name], x - corners[name][0], y - corners[name][1])
        for image, name, (x, y) in zip(images, names, scaled, strict=True)
    ]


def _in_pixels(image: AcquiredImage, rules: PlacementRules) -> tuple[float, float]:
    size = rules.pixel_size_um if rules.unit == "micrometer" else (1.0, 1.0)
    x, y = image.x / size[0], image.y / size[1]
    return (-x if rules.flip_x else x, -y if rules.flip_y else y)


def _section_name(image: AcquiredImage, rules: PlacementRules) -> str:
    if image.section is not None:
        return image.section
    return str(float(rules.z_start if image.z is None else image.z))


def _section_zs(images: Sequence[AcquiredImage], rules: PlacementRules) -> dict[str, float]:
    _all_or_none(images, "z")
    _all_or_none(images, "section")
    first: dict[str, AcquiredImage] = {}
    for image in images:
        name = _section_name(image, rules)
        known = first.setdefault(name, image)
        if known.z != image.z:
            raise RenderModuleException(
                f"{image.source}: section {name} has z={image.z:g} here and z={known.z:g} in "
                f"{known.source}"
            )
    if images[0].z is None:
        ordered = sorted(first, key=natural_key)
        return {name: rules.z_start + k * rules.z_step for k, name in enumerate(ordered)}
    zs = {name: image.z for name, image in first.items() if image.z is not None}
    _refuse_shared_z(zs)
    return zs


def _all_or_none(images: Sequence[AcquiredImage], field: str) -> None:
    without = [image for image in images if getattr(image, field) is None]
    if without and len(without) < len(images):
        raise RenderModuleException(
            f"{without[0].source}: no {field}, which other images have; "
            f"give it for all images or for none"
        )


def _refuse_shared_z(zs: dict[str, float]) -> None:
    names: dict[float, list[str]] = defaultdict(list)
    for name, z in zs.items():
        names[z].append(name)
    for z, shared in names.items():
        if len(shared) > 1:
            raise RenderModuleException(f"sections {listed(shared)} all have z={z:g}")


def _origins(
    names: Sequence[str], positions: Sequence[tuple[float, float]], rules: PlacementRules
) -> dict[str, tuple[float, float]]:
    """What is subtracted from the positions of each section."""
    if rules.origin == "table":
        return dict.fromkeys(names, (0.0, 0.0))
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, position in zip(names, positions, strict=True):
        groups[name if rules.origin == "section" else ""].append(position)
    corners = {
        group: (min(x for x, _ in inside), min(y for _, y in inside))
        for group, inside in groups.items()
    }
    return {name: corners[name if rules.origin == "section" else ""] for name in names}
