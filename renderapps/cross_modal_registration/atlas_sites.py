"""Tiles of a site of an ATLAS project, placed over light microscopy by stage coordinates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.transform.slices import TileTransforms
from renderapi.transform.specs import affine_spec
from renderapi.urls import path_to_url
from renderapps.cross_modal_registration.atlas_utils import (
    AtlasTransform,
    Node,
    as_list,
    find_node_by_field,
    local_path,
    read_xml,
)

Json = dict[str, Any]
Points = NDArray[np.float64]

#: corners of a tile in the frame of ATLAS, whose y points up
UNIT_CORNERS = np.array([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)])
_CENTRE = np.array([(0.5, 0.5)])
_ROW_COLUMN = re.compile(r"_r(\d+)-c(\d+)_")


@dataclass(frozen=True)
class Mosaic:
    """What was acquired at a site: the folder of its images, its tiles, and its transform."""

    folder: Path
    tiles: list[Node]
    transform: AtlasTransform


@dataclass(frozen=True)
class Site:
    """A site of a section."""

    name: str
    section_index: int
    mosaic: Mosaic | None


@dataclass(frozen=True)
class AtlasProject:
    """The parts of a project that place tiles.

    Attributes
    ----------
    lm : AtlasTransform
        Of the data set of light microscopy.
    imported : AtlasTransform
        Of the node `Imported Data` that holds it.
    sites : list of Site
    """

    path: Path
    lm: AtlasTransform
    imported: AtlasTransform
    sites: list[Site]

    def to_stage(self, tile: Node, mosaic: Mosaic, corners: Points) -> Points:
        """Points of a tile's unit square in stage coordinates of light microscopy, micrometres."""
        placed = AtlasTransform(tile.get("ParentTransform")).tform(corners)
        world = mosaic.transform.tform(placed)
        return self.lm.inverse_tform(self.imported.inverse_tform(world))


def read_atlas_project(path: Path, lm_dataset_name: str, site_name: str) -> AtlasProject:
    """Project with the sites of a site set.

    Raises
    ------
    SpecError
        Naming what the project lacks.
    """
    document = read_xml(path)
    root = document.get("F-BioSEM-Project") or {}
    project = root.get("BioSemProject") if isinstance(root, dict) else None
    if not isinstance(project, dict):
        raise SpecError(f"{path} is not an ATLAS project: it has no BioSemProject")
    sections, siteset = _site_set(project, site_name, path)
    lm, imported = (
        _transform_of(project, name, path) for name in (lm_dataset_name, "Imported Data")
    )
    indices = {s["UID"]: int(float(s["SectionIndex"])) for s in as_list(sections.get("Section"))}
    mosaics = _mosaics(project, site_name, path)
    return AtlasProject(path, lm, imported, list(_sites(siteset, indices, mosaics, path)))


def _site_set(project: Node, name: str, path: Path) -> tuple[Node, Node]:
    carrier = project.get("AtlasCarrier")
    if not isinstance(carrier, dict) or not as_list(carrier.get("SectionSet")):
        raise SpecError(f"{path} has no set of sections")
    sections = as_list(carrier["SectionSet"])[0]
    linked = [
        s for s in as_list(carrier.get("SiteSet")) if s.get("LinkedToUID") == sections.get("UID")
    ]
    for siteset in linked:
        if siteset.get("Name") == name:
            return sections, siteset
    there = ", ".join(str(s.get("Name")) for s in linked) or "none"
    raise SpecError(f"{path} has no set of sites {name}; it has {there}")


def _transform_of(project: Node, name: str, path: Path) -> AtlasTransform:
    node = find_node_by_field(project, "Name", name)
    if node is None or "ParentTransform" not in node:
        raise SpecError(f"{path} has no data set {name} with a transform")
    return AtlasTransform(node["ParentTransform"])


def _mosaics(project: Node, name: str, path: Path) -> dict[str, Mosaic]:
    found = {}
    for data in _data_sets(project):
        if data.get("Name") != name:
            continue
        for node in as_list(data.get("PlaceableMosaic")):
            file = local_path(node["FileName"], path)
            updates = file.with_suffix(".ve-updates")
            if not updates.is_file():
                raise SpecError(f"{path}: the mosaic {node.get('Name')} lacks the file {updates}")
            stitched = read_xml(updates).get("ATLAS-Stitch-Info") or {}
            transform = AtlasTransform(node.get("ParentTransform"))
            found[node["UID"]] = Mosaic(file.parent, as_list(stitched.get("Tile")), transform)
    return found


def _data_sets(project: Any) -> Iterator[Node]:
    if isinstance(project, dict):
        yield from as_list(project.get("OrderedDataSet"))
        for value in project.values():
            yield from _data_sets(value)
    elif isinstance(project, list):
        for value in project:
            yield from _data_sets(value)


def _sites(
    siteset: Node, indices: Mapping[str, int], mosaics: Mapping[str, Mosaic], path: Path
) -> Iterator[Site]:
    for site in as_list(siteset.get("Site")):
        section = site.get("LinkedToUID")
        if section not in indices:
            raise SpecError(f"{path}: site {site.get('Name')} is linked to no section")
        acquired = (site.get("AcquisitionSpec") or {}).get("AcquiredDataUID")
        yield Site(str(site.get("Name")), indices[section], mosaics.get(str(acquired)))


@dataclass(frozen=True)
class Placing:
    """How tiles are placed and named; see the parameters of import_atlas_project."""

    lm_pixel_size: float
    flip: bool
    exact: bool
    scope: str
    camera: str
    pixel_size: float
    short_names: bool

    def tile(
        self,
        project: AtlasProject,
        mosaic: Mosaic,
        node: Node,
        lm_tiles: Sequence[Mapping[str, Any]],
        z: float,
        section_id: str,
    ) -> Json:
        """Tile spec of a tile of a mosaic.

        Parameters
        ----------
        lm_tiles : sequence of dict
            Tiles of the section with stageX, stageY in their layout, transforms resolved.
        """
        width, height = (float(node[key]) for key in ("Width", "Height"))
        corners = project.to_stage(node, mosaic, UNIT_CORNERS)
        (centre,) = project.to_stage(node, mosaic, _CENTRE)
        world = through_nearest(corners, centre, lm_tiles, self.lm_pixel_size)
        matrix = em_affine(world, width, height, self.flip, self.exact)
        (placed,) = AtlasTransform(node.get("ParentTransform")).tform(_CENTRE)
        row, column = row_and_column(node["Name"])
        image, mask = self.files(mosaic.folder, node["Name"])
        level = {"imageUrl": path_to_url(image)}
        if mask is not None:
            level["maskUrl"] = path_to_url(mask)
        return {
            "tileId": node["UID"],
            "z": z,
            "width": width,
            "height": height,
            "minIntensity": 0,
            "maxIntensity": 255,
            "layout": {
                "sectionId": section_id,
                "temca": self.scope,
                "camera": self.camera,
                "imageRow": row,
                "imageCol": column,
                "stageX": placed[0],
                "stageY": placed[1],
                "rotation": 0.0,
                "pixelsize": self.pixel_size,
            },
            "mipmapLevels": {"0": level},
            "transforms": {"type": "list", "specList": [affine_spec(matrix)]},
        }

    def files(self, folder: Path, name: str) -> tuple[Path, Path | None]:
        """Image and mask of a tile; as acquired there is no mask."""
        stem = name[:-4] if self.short_names or name.lower().endswith(".tif") else name
        if not self.flip:
            return acquired_file(folder, name), None
        return folder / f"{stem}_flip.jpg", folder / f"{stem}_mask.tif"


def acquired_file(folder: Path, name: str) -> Path:
    """The image that the microscope wrote."""
    return folder / (name if name.lower().endswith(".tif") else f"{name}.tif")


def through_nearest(
    stage: Points, centre: NDArray[np.float64], lm_tiles: Sequence[Mapping[str, Any]], size: float
) -> Points:
    """Stage coordinates in the world of light microscopy, through the tile nearest to `centre`.

    Stage axes are taken to be those of the images: +x right, +y down, the tile's stage position at
    the middle of its image.

    Parameters
    ----------
    stage : (N, 2) micrometres
    size : float
        Micrometres per LM pixel.
    """
    places = np.array([(t["layout"]["stageX"], t["layout"]["stageY"]) for t in lm_tiles], float)
    nearest = int(np.argmin(((places - centre) ** 2).sum(axis=1)))
    tile = lm_tiles[nearest]
    local = (stage - places[nearest]) / size + np.array((tile["width"] / 2, tile["height"] / 2))
    return TileTransforms(tile).forward(local)


def em_affine(
    world: Points, width: float, height: float, flip: bool, exact: bool
) -> NDArray[np.float64]:
    """Affine (2 x 3) from pixels of a tile's image to the world.

    Parameters
    ----------
    world : (4, 2)
        Places of `UNIT_CORNERS`.
    flip : bool
        Whether the image is upside down with respect to what was acquired.
    exact : bool
        Least squares over the four corners; else the placement of older imports, which is off by
        about the height of a tile and turns the wrong way, for stacks that go on from these.
    """
    if exact or not flip:
        up = UNIT_CORNERS[:, 1] if flip else 1 - UNIT_CORNERS[:, 1]
        pixels = np.column_stack([UNIT_CORNERS[:, 0] * width, up * height, np.ones(4)])
        return np.asarray(np.linalg.lstsq(pixels, world, rcond=None)[0].T, float)
    raw = np.array([(0, height, 1), (0, 0, 1), (width, height, 1)], float)
    matrix = np.linalg.solve(raw, world[:3]).T
    matrix[1, :2] *= -1
    return matrix


def row_and_column(name: str) -> tuple[int | None, int | None]:
    """Row and column of a tile named `Tile_r<row>-c<col>_...`."""
    found = _ROW_COLUMN.search(name)
    return (int(found[1]), int(found[2])) if found else (None, None)


def ribbon_number(path: Path) -> int:
    """Number of the ribbon: the folder of the project is called `Ribbon0004` or the like."""
    text = path.absolute().parent.name.lower().replace("ribbon", "")
    try:
        return int(text)
    except ValueError:
        raise SpecError(
            f"the folder of {path} names no ribbon (Ribbon0004): give the parameter ribbon"
        ) from None
