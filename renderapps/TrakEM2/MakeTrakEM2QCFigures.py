"""Draw each annotation, in files numbered by its volume: those that were merged come last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from argschema import ArgSchema
from argschema.fields import Float, InputFile, List, OutputDir
from marshmallow.validate import Length, Range
from numpy.typing import NDArray

from renderapi.files import atomic_path, atomic_write
from renderapps.module import ParallelParameters, RenderModuleException, TaskFailure, parameter
from renderapps.module.file_module import FileModule
from renderapps.module.report import ReportSchema
from renderapps.module.result import to_json
from renderapps.TrakEM2.annotations import AreaList, read_annotations

Json = dict[str, Any]
Extent = tuple[float, float, float, float]


class MakeTrakEM2QCFiguresParameters(ParallelParameters, ArgSchema):
    """Parameters of MakeTrakEM2QCFigures."""

    annotationFile = parameter(InputFile, "annotations of any generation")
    outputDir = parameter(OutputDir, "folder of the figures and of index.json")
    voxel_size = parameter(
        List,
        "nanometres per pixel in x and y, and per section",
        Float(validate=Range(min=0, min_inclusive=False)),
        default=lambda: [3.0, 3.0, 3.0],
        validate=Length(equal=3),
    )
    dz_threshold = parameter(
        Float,
        "annotations over more sections than this are drawn red",
        default=10.0,
        validate=Range(min=0),
    )


@dataclass(frozen=True)
class Drawn:
    """An annotation as it is drawn: its rings, its box and its volume."""

    areas: AreaList
    rings: tuple[NDArray[np.float64], ...]
    extent: Extent
    dz: float
    volume: float


class MakeTrakEM2QCFigures(FileModule):
    """The volume is that of the box around an annotation, in cubic micrometres.

    World coordinates are drawn where there are any, else those of the canvas, else those of the
    tiles. index.json and index.csv say which file shows which annotation.
    """

    default_schema = MakeTrakEM2QCFiguresParameters
    default_output_schema = ReportSchema

    def run(self) -> None:
        """Measure, sort, draw, and write the index."""
        annotations = read_annotations(self.args["annotationFile"]).area_lists
        found = [measured(areas, self.args["voxel_size"]) for areas in annotations]
        drawn = sorted((d for d in found if d is not None), key=lambda d: d.volume)
        if not drawn:
            raise RenderModuleException(f"{self.args['annotationFile']} has no areas to draw")
        folder = Path(self.args["outputDir"])
        whole = joined([d.extent for d in drawn])
        work = partial(draw, folder, whole, self.args["dz_threshold"])
        results = self.map_tasks(work, list(enumerate(drawn)), "drawing")
        index = [
            {"rank": i, "oid": d.areas.oid, "id": d.areas.id, "volume_um3": d.volume, "dz": d.dz}
            for i, d in enumerate(drawn)
        ]
        atomic_write(folder / "index.json", to_json(index))
        atomic_write(folder / "index.csv", table(index))
        failed = [
            {"oid": d.areas.oid, "reason": r.reason}
            for d, r in zip(drawn, results, strict=True)
            if isinstance(r, TaskFailure)
        ]
        self.output(
            {
                "figures": len(drawn) - len(failed),
                "index": folder / "index.json",
                "without_areas": [
                    a.oid for a, d in zip(annotations, found, strict=True) if d is None
                ],
                "failed_annotations": failed,
            }
        )
        if failed:
            raise RenderModuleException(
                f"{len(failed)} of {len(drawn)} figures failed; {failed[0]['oid']}: "
                f"{failed[0]['reason']}"
            )


def measured(areas: AreaList, voxel_size: Sequence[float]) -> Drawn | None:
    """Rings, box and volume of an annotation; None where it has none."""
    for kind in ("global_path", "frame_path", "local_path"):
        rings = [getattr(area, kind) for area in areas.areas]
        rings = [ring for ring in rings if ring is not None and len(ring)]
        if rings:
            break
    else:
        return None
    points = np.vstack(rings)
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    dz = areas.zs[-1] - areas.zs[0] if areas.zs else 0.0
    volume = float(np.prod(np.multiply(voxel_size, (x1 - x0, y1 - y0, dz))) / 1e9)
    return Drawn(areas, tuple(rings), (x0, y0, x1, y1), dz, volume)


def joined(extents: Sequence[Extent]) -> Extent:
    """The box around boxes."""
    boxes = np.array(extents)
    x0, y0 = boxes[:, :2].min(axis=0).tolist()
    x1, y1 = boxes[:, 2:].max(axis=0).tolist()
    return x0, y0, x1, y1


def draw(folder: Path, whole: Extent, threshold: float, item: tuple[int, Drawn]) -> None:
    """Draw one annotation within the box of all, y downwards."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rank, drawn = item
    figure = Figure(figsize=(14, 14))
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    color, marker = ("red", "x") if drawn.dz > threshold else ("green", None)
    for ring in drawn.rings:
        axis.plot(
            *np.vstack([ring, ring[:1]]).T,
            color=color,
            marker=marker,
        )
    axis.set_title(f"{drawn.areas.oid} dz:{drawn.dz:g}")
    axis.set(xlabel="x (pixels)", ylabel="y (pixels)", aspect="equal")
    axis.set_xlim(whole[0], whole[2])
    axis.set_ylim(whole[3], whole[1])
    with atomic_path(folder / f"{rank:07d}.png") as temporary:
        figure.savefig(temporary, format="png")


def table(index: Sequence[Json]) -> str:
    """The index as CSV."""
    lines = [",".join(index[0])]
    lines += [",".join(str(value) for value in entry.values()) for entry in index]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    MakeTrakEM2QCFigures.main()
