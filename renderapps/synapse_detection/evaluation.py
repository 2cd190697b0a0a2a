"""What the modules that score synapse detections share."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from argschema import ArgSchema
from argschema.fields import InputFile, Int, Str
from marshmallow.validate import Range

from renderapps.module import RenderModuleException, parameter
from renderapps.module.file_module import FileModule
from renderapps.module.report import ReportSchema
from renderapps.synapse_detection.annotation_scores import (
    boundaries_of,
    chosen_oids,
    is_edge,
    scores,
)
from renderapps.TrakEM2.annotations import AreaList, read_annotations

Condition = tuple[str, Collection[Any], bool]

_SECONDS = 60
_MOST_BYTES = 1 << 28


class EvaluationParameters(ArgSchema):
    """Parameters of the modules that score synapse detections."""

    EM_annotation_json = parameter(InputFile, "true objects, with global_path and z")
    LM_annotation_json = parameter(InputFile, "detections, with global_path and z")
    EM_boundary_json = parameter(InputFile, "the annotated region: one area list for each section")
    EM_metadata_csv = parameter(
        Str,
        "table about the true objects, a path or a URL: a line that is skipped, a line of names, "
        "then a row for each object; the column oid names it",
    )
    EM_not_synapse_column = parameter(Str, "column above 0 for what is to be ignored")
    edge_distance = parameter(
        Int, "margin to the boundary, world pixels", default=100, validate=Range(min=0)
    )
    edge_min_sections = parameter(
        Int,
        "objects in fewer sections that are in the first or last section of the region are edge "
        "cases",
        default=4,
        validate=Range(min=0),
    )


class EvaluationModule(FileModule):
    """Score detections; give a schema, and the conditions on the rows of the table."""

    default_output_schema = ReportSchema

    def conditions(self) -> list[Condition]:
        """(column, values, invert) that all must hold."""
        raise NotImplementedError(f"{type(self).__name__} has no conditions()")

    def run(self) -> None:
        """Read, choose, compare, report."""
        args = self.args
        rows = read_table(args["EM_metadata_csv"])
        conditions = self.conditions()
        columns = [args["EM_not_synapse_column"], *(column for column, _, _ in conditions)]
        require_columns(rows, ["oid", *columns], args["EM_metadata_csv"])
        good = chosen_oids(rows, args["EM_not_synapse_column"], conditions)
        everything = with_world(args["EM_annotation_json"])
        em = [areas for areas in everything if areas.oid in good]
        lm = with_world(args["LM_annotation_json"])
        boundaries = boundaries_of(read_annotations(args["EM_boundary_json"]).area_lists)
        rule = (boundaries, args["edge_distance"], args["edge_min_sections"])
        em_edge, lm_edge = (
            np.array([is_edge(areas, *rule) for areas in lists], bool) for lists in (em, lm)
        )
        named = {row["oid"].strip() for row in rows}
        self.output(
            scores(em, lm, em_edge, lm_edge)
            | {
                "EM_objects": len(em),
                "LM_objects": len(lm),
                "EM_left_out": [a.oid for a in everything if a.oid not in good],
                "EM_without_row": [a.oid for a in everything if a.oid not in named],
            }
        )


def with_world(path: str) -> list[AreaList]:
    """Annotations of a file, all of which must have world coordinates."""
    lists = read_annotations(path).area_lists
    for areas in lists:
        if any(area.global_path is None or area.z is None for area in areas.areas):
            raise RenderModuleException(
                f"{path}: annotation {areas.oid} has areas without global_path and z: "
                "transform_local_annotation_json_to_global adds them"
            )
    return lists


def read_table(where: str) -> list[dict[str, str]]:
    """Rows of the table, by the names in its second line; blank lines are skipped."""
    lines = list(csv.reader(io.StringIO(_text_of(where))))
    if len(lines) < 2:
        raise RenderModuleException(f"{where} has no second line with the names of its columns")
    names = [name.strip() for name in lines[1]]
    return [
        dict(zip(names, [*line, *[""] * (len(names) - len(line))], strict=False))
        for line in lines[2:]
        if any(cell.strip() for cell in line)
    ]


def require_columns(rows: Sequence[dict[str, str]], columns: Sequence[str], where: str) -> None:
    """Refuse a table that lacks a column, naming those it has."""
    there = list(rows[0]) if rows else []
    missing = [column for column in columns if column not in there]
    if not rows:
        raise RenderModuleException(f"{where} has no rows")
    if missing:
        listed = ", ".join(name for name in there if name)
        raise RenderModuleException(f"{where} has no column {missing[0]}; it has {listed}")


def _text_of(where: str) -> str:
    if where.startswith(("http://", "https://")):
        return _download(where).decode("utf-8-sig")
    path = Path(where.removeprefix("file://"))
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RenderModuleException(f"{where} is not a text file") from None
    except OSError as error:
        raise RenderModuleException(f"{where} cannot be read: {error.strerror}") from error


def _download(url: str) -> bytes:
    import requests

    try:
        with requests.get(url, timeout=_SECONDS, stream=True) as answer:
            answer.raise_for_status()
            data = answer.raw.read(_MOST_BYTES + 1, decode_content=True)
    except requests.RequestException as error:
        raise RenderModuleException(f"{url} cannot be read: {error}") from error
    if len(data) > _MOST_BYTES:
        raise RenderModuleException(f"{url} is larger than {_MOST_BYTES >> 20} MB")
    return bytes(data)
