"""Planes of a volume from the z of sections, and what a plane without a section shows."""

from __future__ import annotations

from collections.abc import Sequence

from renderapps.module.errors import RenderModuleException

MOST_PLANES = 1_000_000
GAPS = ("blank", "repeat", "interpolate")

Plane = tuple[tuple[float, float], ...]


def plane_zs(zs: Sequence[float], step: float) -> tuple[float | None, ...]:
    """z of every plane from the first section to the last; None where there is no section.

    Raises
    ------
    RenderModuleException
        A section lies between two planes, or there would be more than `MOST_PLANES`.
    """
    numbers = [(z - zs[0]) / step for z in zs]
    if numbers[-1] >= MOST_PLANES:
        raise RenderModuleException(
            f"z={zs[0]:g} to {zs[-1]:g} with a z_step of {step:g} is more than {MOST_PLANES} "
            "planes; give a larger z_step"
        )
    for z, number in zip(zs, numbers, strict=True):
        if abs(number - round(number)) > 1e-6:
            raise RenderModuleException(
                f"z={z:g} lies between two planes of a volume that starts at z={zs[0]:g} with a "
                f"z_step of {step:g}; choose a z_step that meets every section"
            )
    placed = dict(zip((round(number) for number in numbers), zs, strict=True))
    return tuple(placed.get(plane) for plane in range(max(placed) + 1))


def filled(zs: Sequence[float | None], gaps: str) -> tuple[Plane, ...]:
    """Sections that each plane shows, with their weights.

    Parameters
    ----------
    zs : sequence of float or None
        z of each plane; the first and the last have one.
    gaps : str
        "blank": nothing. "repeat": the nearest section, of two the one before. "interpolate": the
        sections before and after, by how near they are.

    Returns
    -------
    tuple of ((z, weight), ...)
        The weights of a plane add up to 1.
    """
    present = [k for k, z in enumerate(zs) if z is not None]
    return tuple(
        ((z, 1.0),) if z is not None else _gap(zs, present, k, gaps) for k, z in enumerate(zs)
    )


def _gap(zs: Sequence[float | None], present: Sequence[int], plane: int, gaps: str) -> Plane:
    if gaps == "blank":
        return ()
    before = max(k for k in present if k < plane)
    after = min(k for k in present if k > plane)
    first, second = zs[before], zs[after]
    assert first is not None and second is not None
    part = (plane - before) / (after - before)
    if gaps == "repeat":
        return ((second if part > 0.5 else first, 1.0),)
    return ((first, 1 - part), (second, part))
