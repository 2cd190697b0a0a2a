"""BoxClient: draw the layers of a stack as pyramids of boxes, as CATMAID reads them.

Files are `{root}/{project}/{stack}/{width}x{height}[-label]/{level}/{z}/{row}/{column}.{format}`.
A run that was killed is resumed by the same command: what is there is kept.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from renderapi.client.programs.box_drawings import LabelDrawing, LayerDrawing
from renderapi.client.programs.box_pyramids import BoxGrid, BoxPyramid, Pixels
from renderapi.client.programs.drawn_tiles import DrawnTiles
from renderapi.client.programs.java_text import java_double
from renderapi.client.programs.mipmaps import share_of
from renderapi.client.programs.options import STACK, Option, Options, flag, optional, z_values
from renderapi.client.programs.pictures import image_format
from renderapi.client.programs.service import Json, StackService, query_of, stack_of
from renderapi.client.programs.tile_documents import touches
from renderapi.errors import ClientScriptError
from renderapi.files import atomic_path, atomic_write
from renderapi.rendering.sources import SourceCache
from renderapi.utils import get_json
from renderapi.web import join

OPTIONS = (
    *STACK,
    Option("rootDirectory", required=True),
    Option("width", "whole", required=True),
    Option("height", "whole", required=True),
    Option("maxLevel", "whole", 0),
    Option("format", default="png"),
    Option("convertToGray", "boolean", True),
    *optional("whole", "maxOverviewWidthAndHeight"),
    *optional("text", "filterListName"),
    *flag("doFilter", "skipInterpolation", "binaryMask", "label", "createIGrid"),
    *flag("forceGeneration", "sortByClusterGroupId", "cleanUpPriorRun"),
    *flag("explainPlan", "validateLabelsOnly"),
    Option("renderGroup", "whole", 1),
    Option("numberOfRenderGroups", "whole", 1),
    *optional("number", "minZ", "maxZ"),
    Option("z", "numbers"),
    Option("maxImageCacheGb", "number", 1.0),
)
POSITIONAL = "any"
GIGABYTE = 1 << 30

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Draw layer after layer."""
    _check(options)
    stack = stack_of(options)
    zs = _layers(stack, options)
    sources = SourceCache(max_bytes=int(options.maxImageCacheGb * GIGABYTE))
    for z in zs:
        layer = _Layer(stack, z, options, sources)
        if options.explainPlan:
            log.info("z %s: %d boxes of level 0", z, len(list(layer.grid.boxes(0))))
        elif options.validateLabelsOnly:
            layer.validate_labels()
        else:
            layer.make()


def _check(options: Options) -> None:
    if options.width < 1 or options.height < 1 or options.maxLevel < 0:
        raise ClientScriptError("width and height must be at least 1, maxLevel at least 0")
    if options.maxLevel and (options.width % 2 or options.height % 2):
        raise ClientScriptError("width and height must be even to make levels above 0")
    image_format(options.format)
    if options.label and image_format(options.format) != "png":
        raise ClientScriptError("labels are written as png")
    if options.validateLabelsOnly and not options.label:
        raise ClientScriptError("validateLabelsOnly needs label")


def _layers(stack: StackService, options: Options) -> list[float]:
    wanted = z_values(options.words) or options.z
    zs = stack.z_values(options.minZ, options.maxZ)
    if wanted:
        missing = sorted(set(wanted) - set(zs))
        if missing:
            raise ClientScriptError(f"{stack} has no layers at z {missing}")
        return list(wanted)
    if not zs:
        raise ClientScriptError(f"{stack} has no layers in the z range given")
    return zs


@dataclass
class _Layer:
    """The boxes of a layer, its overview, and its list of files."""

    stack: StackService
    z: float
    options: Options
    sources: SourceCache

    def __post_init__(self) -> None:
        options = self.options
        self.grid = BoxGrid.of_bounds(
            self.stack.layer_bounds(self.z), options.width, options.height
        )
        kind = f"{options.width}x{options.height}{'-label' if options.label else ''}"
        root = Path(options.rootDirectory).absolute()
        self.base = root / options.project / options.stack / kind
        self.suffix = options.format.lower()
        self.empty = self.base / f"empty.{self.suffix}"

    def path(self, level: int, row: int, column: int) -> Path:
        """File of a box."""
        folder = self.base / str(level) / str(int(self.z)) / str(row)
        return folder / f"{column}.{self.suffix}"

    def make(self) -> None:
        """Draw the boxes of this group; the last group also writes overview and list of files."""
        options = self.options
        pyramid = self.pyramid()
        if options.cleanUpPriorRun:
            self.clean(pyramid)
        self.write_empty(pyramid)
        areas = share_of(
            list(self.grid.boxes(options.maxLevel)),
            options.renderGroup,
            options.numberOfRenderGroups,
        )
        for row, column in areas:
            if not pyramid.is_there(options.maxLevel, row, column):
                pyramid.make(options.maxLevel, row, column)
        log.info("z %s: %d of %d areas, %d boxes drawn", self.z, len(areas),
                 len(list(self.grid.boxes(options.maxLevel))), pyramid.drawn)  # fmt: skip
        pyramid = replace(pyramid, force=False)  # what has been made is read from now on
        if options.numberOfRenderGroups > 1 and not self.complete():
            return
        if options.maxOverviewWidthAndHeight:
            self.write_overview(pyramid, options.maxOverviewWidthAndHeight)
        if options.createIGrid:
            self.write_igrid()

    def complete(self) -> bool:
        """Whether every area with tiles is there, those of the other groups included."""
        level, tiles = self.options.maxLevel, self.stack.tile_bounds(self.z)

        def empty(row: int, column: int) -> bool:
            extent = self.grid.extent(level, row, column)
            return not any(touches(tile, extent) for tile in tiles)

        return all(
            self.path(level, row, column).exists() or empty(row, column)
            for row, column in self.grid.boxes(level)
        )

    def pyramid(self) -> BoxPyramid:
        """The pyramid, with what is drawn in it."""
        options, document = self.options, self.document()
        drawn = DrawnTiles(self.sources)
        drawn.add(document, f"z {self.z}")
        drawn.report()
        drawing: Any
        if options.label:
            drawing = LabelDrawing(document, self.grid, self.sources)
        else:
            format = image_format(options.format)
            drawing = LayerDrawing(document, self.grid, options.convertToGray, format, self.sources)
        return BoxPyramid(self.grid, drawing, self.path, options.maxLevel, options.forceGeneration)

    def document(self) -> Json:
        """Render parameters of the whole layer: its tiles are read once."""
        options = self.options
        query = {
            "filter": options.doFilter or None,
            "filterListName": options.filterListName,
            "binaryMask": options.binaryMask or None,
        }
        url = join(self.stack.url, "z", self.z, "render-parameters")
        document: Json = get_json(self.stack.session, url, query_of(query))
        document["skipInterpolation"] = options.skipInterpolation
        if options.sortByClusterGroupId:
            document["tileSpecs"].sort(key=lambda t: (str(t.get("groupId") or ""), t["tileId"]))
        return document

    def clean(self, pyramid: BoxPyramid) -> None:
        """Remove what an earlier run left broken."""
        for level in range(self.options.maxLevel + 1):
            for row, column in self.grid.boxes(level):
                path = self.path(level, row, column)
                if path.exists() and not _readable(pyramid, path):
                    log.warning("%s is removed: it cannot be read", path)
                    path.unlink()

    def write_empty(self, pyramid: BoxPyramid) -> None:
        """Write the file that stands for boxes without tiles."""
        if not self.empty.exists():
            with atomic_path(self.empty) as temporary:
                blank = pyramid.drawing.blank(self.grid.height, self.grid.width)
                pyramid.drawing.write(temporary, blank)

    def write_overview(self, pyramid: BoxPyramid, longest: int) -> None:
        """Write the picture of the whole layer whose longer stack side is `longest` pixels.

        It is made of the first level that is one box, row 0 and column 0; without such a level
        there is none, nor are there overviews of labels.
        """
        import cv2

        level = self.grid.top_level
        if self.options.label or level > self.options.maxLevel:
            why = "labels have none" if self.options.label else f"it needs maxLevel {level}"
            log.info("z %s: no overview is written: %s", self.z, why)
            return
        path = self.base / "small" / f"{int(self.z)}.{self.suffix}"
        if path.exists() and not self.options.forceGeneration:
            return
        pixels = pyramid.make(level, 0, 0)
        if pixels is None:
            return
        bounds = self.stack.bounds()
        size = (float(bounds["maxX"]), float(bounds["maxY"]))
        width, height = (max(1, int(side / 2**level)) for side in size)
        part: Any = np.ascontiguousarray(pixels[:height, :width])
        factor = longest / max(size)
        target = tuple(max(1, round(side * factor)) for side in size)
        with atomic_path(path) as temporary:
            overview: Pixels = cv2.resize(part, target, interpolation=cv2.INTER_LINEAR)
            pyramid.drawing.write(temporary, overview)

    def write_igrid(self) -> None:
        """Write the list of the level 0 files, row by row."""
        rows, columns = self.grid.rows[1] + 1, self.grid.columns[1] + 1
        paths = (self.path(0, row, column) for row in range(rows) for column in range(columns))
        lines = [str(path if path.exists() else self.empty) for path in paths]
        text = "\n".join([f"Columns: {columns}", f"Rows: {rows}", *lines]) + "\n"
        atomic_write(self.base / "0" / "iGrid" / f"{java_double(self.z)}.iGrid", text)

    def validate_labels(self) -> None:
        """Check that the label files that are there hold labels of this layer only."""
        pyramid = self.pyramid()
        known = np.array([*pyramid.drawing.labels.values(), 65535])  # type: ignore[attr-defined]
        for level in range(self.options.maxLevel + 1):
            for row, column in self.grid.boxes(level):
                path = self.path(level, row, column)
                if path.exists() and not np.isin(pyramid.drawing.read(path), known).all():
                    raise ClientScriptError(f"{path} holds labels that no tile of z {self.z} has")


def _readable(pyramid: BoxPyramid, path: Path) -> bool:
    try:
        pyramid.drawing.read(path)
    except Exception:  # whatever is wrong with the file, it is drawn again
        return False
    return True
