"""A figure for each annotation: channels from top to bottom, sections from left to right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Float, InputFile, Int, Nested, OutputDir, Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import Length, Range
from numpy.typing import NDArray

import renderapi
from renderapi.errors import RenderError
from renderapi.files import atomic_path, atomic_write
from renderapi.image import get_bb_image
from renderapps.module import ParallelParameters, RenderModule, RenderModuleException, parameter
from renderapps.module.fields import NewFile
from renderapps.module.render_module import RenderParameters
from renderapps.module.report import ReportSchema
from renderapps.module.result import to_json
from renderapps.module.stacks import stack_metadata
from renderapps.module.tasks import TaskFailure, one_line
from renderapps.TrakEM2.annotations import AreaList, bounds_of, read_annotations

Json = dict[str, Any]

_ROOM_PER_ROW = 1.05
_DPI = 200  # half an inch per 100 px: so that a pixel stays one


class ChannelStack(DefaultSchema):
    """A row of a figure."""

    channel = parameter(Str, "channel of a stack that has several", default=None)
    stack = parameter(Str, "stack that is shown")
    maxIntensity = parameter(
        Int,
        "value shown white",
        default=None,
        default_text="that of the tiles",
        validate=Range(min=1),
    )


class MakeAnnotationSynaptogramParameters(ParallelParameters, RenderParameters):
    """Parameters of the modules that make synaptograms."""

    global_annotation_file = parameter(InputFile, "annotations with global_path and z")
    fig_directory = parameter(OutputDir, "folder of the figures")
    annotation_metadata_json = parameter(NewFile, "list with a record for each annotation")
    channel_stacks = parameter(
        Nested,
        "rows from top to bottom; the outline is drawn in all but the first where there are "
        "several, so name a stack twice to see it with and without",
        ChannelStack,
        many=True,
        validate=Length(min=1),
    )
    border = parameter(
        Float, "margin around the annotation, world pixels", default=133.0, validate=Range(min=0)
    )
    border_z = parameter(
        Int, "sections shown before and after the annotation", default=1, validate=Range(min=0)
    )
    max_width = parameter(
        Int,
        "annotations whose box is wider or higher get no figure, pixels",
        default=1000,
        validate=Range(min=1),
    )


@dataclass(frozen=True)
class Style:
    """How a figure looks."""

    outline: str
    outline_width: float
    background: str
    text: str
    text_size: int
    letters: int | None
    most_sections: int


LIGHT = Style("#00c000", 3, "white", "white", 16, None, 15)
DARK = Style("teal", 2, "black", "slategray", 14, 4, 16)


class SynaptogramModule(RenderModule):
    """What the modules that make synaptograms share; they give schema, style and a selection."""

    default_output_schema = ReportSchema
    style = LIGHT

    def chosen(self, annotations: Sequence[AreaList]) -> list[AreaList]:
        """The annotations to show."""
        return list(annotations)

    def run(self) -> None:
        """Draw, write the records, report; one failure does not stop the others."""
        for stack in {row["stack"] for row in self.args["channel_stacks"]}:
            stack_metadata(self.render, stack)
        wanted = self.chosen(read_annotations(self.args["global_annotation_file"]).area_lists)
        settings = Settings(
            self.render,
            tuple(
                (r["stack"], r["channel"], r["maxIntensity"]) for r in self.args["channel_stacks"]
            ),
            Path(self.args["fig_directory"]),
            self.args["border"],
            self.args["border_z"],
            self.args["max_width"],
            self.style,
        )
        results = self.map_tasks(settings.make, wanted, "drawing")
        failed = [
            {"oid": areas.oid, "id": areas.id, "reason": result.reason}
            for areas, result in zip(wanted, results, strict=True)
            if isinstance(result, TaskFailure)
        ]
        records = [result for result in results if not isinstance(result, TaskFailure)]
        atomic_write(self.args["annotation_metadata_json"], to_json(records))
        self.output(
            {
                "annotations": len(records),
                "figures": [r["figure"] for r in records if "figure" in r],
                "without_figure": {r["oid"]: r["reason"] for r in records if "reason" in r},
                "missing_images": [m for r in records for m in r.get("missing_images", ())],
                "failed_annotations": failed,
            }
        )
        if failed:
            raise RenderModuleException(
                f"{len(failed)} of {len(wanted)} annotations failed; {failed[0]['oid']}: "
                f"{failed[0]['reason']}"
            )


@dataclass(frozen=True)
class Settings:
    """What all figures of a run have in common."""

    render: renderapi.Render
    rows: tuple[tuple[str, str | None, int | None], ...]
    folder: Path
    border: float
    border_z: int
    most: int
    style: Style

    def make(self, areas: AreaList) -> Json:
        """Draw the figure of an annotation; its record."""
        record = record_of(areas, self.border, self.border_z)
        if reason := self.too_large(record):
            return record | {"reason": reason}
        path = self.folder / f"{file_name(areas.oid)}.png"
        images, missing = self.images(record)
        draw(path, areas, record, [name_of(row) for row in self.rows], images, self.style)
        return record | {"figure": str(path)} | ({"missing_images": missing} if missing else {})

    def too_large(self, record: Mapping[str, Any]) -> str | None:
        """Why there is no figure, if there is none."""
        if max(record["width"], record["height"]) > self.most:
            return f"its box of {record['width']} x {record['height']} px is larger than max_width"
        if record["Nz"] > self.style.most_sections:
            return f"it takes {record['Nz']} sections, more than {self.style.most_sections}"
        return None

    def images(self, record: Mapping[str, Any]) -> tuple[list[list[NDArray | None]], list[Json]]:
        """Images by row and section, None where there is none, and why."""
        images: list[list[NDArray | None]] = []
        missing: list[Json] = []
        for stack, channel, brightest in self.rows:
            row: list[NDArray | None] = []
            for z in range(record["minZ"], record["maxZ"]):
                try:
                    row.append(
                        get_bb_image(
                            stack,
                            z,
                            record["minX"],
                            record["minY"],
                            record["width"],
                            record["height"],
                            channel=channel,
                            maxIntensity=brightest,
                            img_format="png",
                            render=self.render,
                        )
                    )
                except RenderError as error:
                    row.append(None)
                    missing.append({"stack": stack, "z": z, "reason": one_line(error)})
            images.append(row)
        return images, missing


def record_of(areas: AreaList, border: float, border_z: int) -> Json:
    """Box and sections of an annotation, with margins.

    maxZ is the first section that is not shown. width and height count pixels: the box of an
    annotation from 0 to 10 is 11 wide.

    Raises
    ------
    RenderModuleException
        For an annotation without world coordinates.
    """
    paths = [area.global_path for area in areas.areas if area.global_path is not None]
    if not paths or not areas.zs:
        raise RenderModuleException(
            f"annotation {areas.oid} has no global_path and z: "
            "transform_local_annotation_json_to_global adds them"
        )
    x0, y0, x1, y1 = bounds_of(paths)
    low, high = (
        (math.floor(x0 - border), math.floor(y0 - border)),
        (math.ceil(x1 + border), math.ceil(y1 + border)),
    )
    first, last = math.floor(areas.zs[0]) - border_z, math.ceil(areas.zs[-1]) + border_z
    return {
        "oid": areas.oid,
        "id": areas.id,
        "minX": low[0],
        "maxX": high[0],
        "minY": low[1],
        "maxY": high[1],
        "Nz": last - first + 1,
        "minZ": first,
        "maxZ": last + 1,
        "width": high[0] - low[0] + 1,
        "height": high[1] - low[1] + 1,
    }


def file_name(oid: str) -> str:
    """An oid as the name of a file; RenderModuleException where it would be a path."""
    if not oid or oid.startswith(".") or any(sign in oid for sign in "/\\\0"):
        raise RenderModuleException(f"the oid {oid!r} cannot be the name of a file")
    return oid


def name_of(row: tuple[str, str | None, int | None]) -> str:
    """What a row is called: its channel, or its stack."""
    return row[1] or row[0]


def draw(
    path: Path,
    areas: AreaList,
    record: Mapping[str, Any],
    names: Sequence[str],
    images: Sequence[Sequence[NDArray | None]],
    style: Style,
) -> None:
    """Draw the matrix of images, y downwards as in images, with the outline of the annotation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    rows, columns = len(images), record["Nz"]
    wide = max(1.0, 0.5 * record["width"] * columns / 100)
    high = wide * rows * record["height"] * _ROOM_PER_ROW / (columns * record["width"])
    figure = Figure(figsize=(wide, high), facecolor=style.background)
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(0, 0, 1, 1, 0, 0)
    left, right = record["minX"] - 0.5, record["maxX"] + 0.5
    top, bottom = record["minY"] - 0.5, record["maxY"] + 0.5
    for i, row in enumerate(images):
        for k, image in enumerate(row):
            axis = grid[i, k]
            axis.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top), aspect="equal")
            axis.set_facecolor("black")
            if image is not None:
                axis.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(left, right, bottom, top))
            if i or rows == 1:
                _outline(axis, areas, record["minZ"] + k, style)
        grid[i, 0].text(
            record["minX"],
            record["minY"],
            names[i][: style.letters],
            color=style.text,
            fontsize=style.text_size,
            fontweight="bold",
            va="top",
            path_effects=[withStroke(linewidth=3, foreground="black")],
        )
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI, facecolor=figure.get_facecolor())


def _outline(axis: Any, areas: AreaList, z: int, style: Style) -> None:
    for area in areas.areas:
        if area.global_path is not None and area.z is not None and math.floor(area.z) == z:
            ring = np.vstack([area.global_path, area.global_path[:1]])
            axis.plot(ring[:, 0], ring[:, 1], color=style.outline, lw=style.outline_width)
