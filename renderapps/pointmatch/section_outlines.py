"""Outlines of sections that a module is given: what lies outside of them does not count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from argschema.fields import InputDir, Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import OneOf

from renderapps.module import RenderModuleException, parameter

LISTED = 10


class SectionOutlineParameters(DefaultSchema):
    """Where outlines are, and what is done where there is none. Add to a schema."""

    polygon_dir = parameter(
        InputDir,
        "folder with outlines of the sections (create_section_polygons makes them), in the world "
        "of the stack: what is outside of them, resin for example, is not matched",
        default=None,
        default_text="all of every tile counts, but for its mask",
    )
    missing_polygon = parameter(
        Str,
        "what is done where polygon_dir has no outline of a section: error stops before anything "
        "is matched, keep takes all of it to count",
        default="error",
        validate=OneOf(("error", "keep")),
    )


def read_outlines(
    args: Mapping[str, Any], zs: Iterable[float]
) -> tuple[dict[float, bytes], list[float]]:
    """WKB of the outlines of sections by z, and the sections that have none.

    Parameters
    ----------
    args : mapping
        With `polygon_dir` and `missing_polygon`; nothing is found and missing without a folder.
    zs : iterable of float

    Raises
    ------
    RenderModuleException
        An outline is missing that must be there, or one cannot be read.
    """
    folder, zs = args["polygon_dir"], sorted(zs)
    if folder is None:
        return {}, []
    from renderapps.pointmatch.polygon_files import polygons_in

    found = polygons_in(Path(folder))
    missing = [z for z in zs if z not in found]
    if missing and args["missing_polygon"] == "error":
        listed = ", ".join(f"{z:g}" for z in missing[:LISTED])
        raise RenderModuleException(
            f"folder {folder} has no polygon of {len(missing)} of {len(zs)} sections "
            f"(z={listed}{' ...' if missing[LISTED:] else ''}): make them, or give "
            "missing_polygon keep"
        )
    return {z: found[z].outline.wkb for z in zs if z in found}, missing
