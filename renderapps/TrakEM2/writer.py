"""Projects as XML files that TrakEM2 opens, `.xml` or `.xml.gz`; written whole or not at all."""

from __future__ import annotations

import gzip
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree

from renderapi.errors import SpecError
from renderapi.files import atomic_path
from renderapps.TrakEM2.header import header
from renderapps.TrakEM2.project import Area, AreaList, Layer, Matrix, Node, Patch, Project, Tree

SUFFIXES = (".xml", ".xml.gz")
_ENCODING = "ISO-8859-1"
_LARGEST_OID = 2**63 - 1

#: classes that TrakEM2 can invert, which go into an element of their own
INVERTIBLE = tuple(
    f"mpicbg.trakem2.transform.{name}"
    for name in (
        *("AffineModel2D", "HomographyModel2D", "RigidModel2D", "SimilarityModel2D"),
        "TranslationModel2D",
    )
)
_LAYER_SET = {
    "transform": "matrix(1.0,0.0,0.0,1.0,0.0,0.0)",
    "title": "Top Level",
    "links": "",
    "rot_x": "0.0",
    "rot_y": "0.0",
    "rot_z": "0.0",
    "snapshots_quality": "true",
    "snapshots_mode": "Full",
    "color_cues": "true",
    "area_color_cues": "true",
    "avoid_color_cue_colors": "false",
    "n_layers_color_cue": "0",
    "paint_arrows": "true",
    "paint_tags": "true",
    "paint_edge_confidence_boxes": "true",
    "prepaint": "false",
    "preload_ahead": "0",
}


def write_project(project: Project, path: str | os.PathLike[str]) -> None:
    """Write a project.

    Raises
    ------
    SpecError
        For a file name that TrakEM2 does not open, or numbers (oid) that are no Java long or occur
        twice.
    """
    target = Path(path)
    if not target.name.lower().endswith(SUFFIXES):
        raise SpecError(f"{target}: TrakEM2 opens files named .xml or .xml.gz")
    require_numbers(project)
    with _output(target) as out:
        out.write(header.encode(_ENCODING))
        with etree.xmlfile(out, encoding=_ENCODING) as xml, xml.element("trakem2"):
            _write_root(xml, project, target)


def require_numbers(project: Project) -> None:
    """Refuse numbers that TrakEM2 cannot read, or would take for one object."""
    seen: set[int] = set()
    for oid in _numbers(project):
        if not 0 <= oid <= _LARGEST_OID:
            raise SpecError(f"oid {oid} is not a number that TrakEM2 reads (0 to 2^63 - 1)")
        if oid in seen:
            raise SpecError(f"oid {oid} is given to two objects")
        seen.add(oid)


def _numbers(project: Project) -> Iterator[int]:
    yield from (0, LAYER_SET_OID)
    yield from (a.oid for a in project.area_lists)
    yield from (t.oid for t in project.trees)
    for layer in project.layers:
        yield layer.oid
        yield from (patch.oid for patch in layer.patches)


#: number of the layer set; 0 is the project
LAYER_SET_OID = 3


def new_unuid() -> str:
    """Random name of a project, as TrakEM2 makes them: three numbers of 13, 9 and 10 digits."""
    return ".".join(str(secrets.randbelow(9 * 10**n) + 10**n) for n in (12, 8, 9))


@contextmanager
def _output(target: Path) -> Iterator[Any]:
    with atomic_path(target) as temporary, open(temporary, "wb") as file:
        if target.name.lower().endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                yield packed
        else:
            yield file


def _write_root(xml: Any, project: Project, target: Path) -> None:
    folder = project.storage_folder or f"{target.absolute().parent.as_posix()}/"
    unuid = project.unuid or new_unuid()
    attributes = {
        "id": "0",
        "title": "Project",
        "unuid": unuid,
        "mipmaps_folder": f"{folder}trakem2.{unuid}/trakem2.mipmaps/",
        "storage_folder": folder,
        "mipmaps_format": "4",
        "image_resizing_mode": "Area downsampling",
    } | project.attributes
    with xml.element("project", attributes):
        pass
    size = (_decimals(project.layer_width), _decimals(project.layer_height))
    layer_set = {
        "oid": str(LAYER_SET_OID),
        "width": size[0],
        "height": size[1],
        "layer_width": size[0],
        "layer_height": size[1],
    } | _LAYER_SET
    with xml.element("t2_layer_set", layer_set):
        if project.calibration:
            xml.write(etree.Element("t2_calibration", dict(project.calibration)))
        for areas in project.area_lists:
            xml.write(_area_list_element(areas))
        for tree in project.trees:
            xml.write(_tree_element(tree))
        for layer in project.layers:
            _write_layer(xml, layer)


def _write_layer(xml: Any, layer: Layer) -> None:
    attributes = {
        "oid": str(layer.oid),
        "thickness": _number(layer.thickness),
        "z": _number(layer.z),
        "title": layer.title,
    }
    with xml.element("t2_layer", attributes):
        for patch in layer.patches:
            xml.write(_patch_element(patch))


def _patch_element(patch: Patch) -> etree._Element:
    optional: dict[str, Any] = {
        "min": patch.min,
        "max": patch.max,
        "ct_id": patch.ct_id,
        "alpha_mask_id": patch.alpha_mask_id,
        "visible": None if patch.visible else "false",
        "locked": "true" if patch.locked else None,
    }
    size = {name: patch.attributes.get(name) for name in ("width", "height")}
    known = {
        "oid": patch.oid,
        "width": size["width"] or float(patch.o_width),
        "height": size["height"] or float(patch.o_height),
        "transform": matrix_text(patch.transform),
        "links": "",
        "type": patch.type,
        "file_path": patch.file_path,
        "title": patch.title,
        "style": "fill-opacity:1.0;stroke:#ffff00;",
        "o_width": patch.o_width,
        "o_height": patch.o_height,
        **{key: value for key, value in optional.items() if value is not None},
        "mres": patch.mres,
    }
    element = etree.Element("t2_patch", _texts(known | patch.attributes))
    if patch.ct:
        leaves = etree.SubElement(element, "ict_transform_list")
        for leaf in patch.ct:
            tag = "iict_transform" if leaf["className"] in INVERTIBLE else "ict_transform"
            etree.SubElement(leaves, tag, {"class": leaf["className"], "data": leaf["dataString"]})
    return element


def _area_list_element(areas: AreaList) -> etree._Element:
    known = {
        "oid": areas.oid,
        "transform": matrix_text(areas.transform),
        "title": areas.title,
        "links": "",
        "layer_ids": ",".join(str(area.layer_id) for area in areas.areas),
        "style": "stroke:none;fill-opacity:0.4;fill:#ffff00;",
        "fill_paint": "true",
    }
    element = etree.Element("t2_area_list", _texts(known | areas.attributes))
    for area in areas.areas:
        inner = etree.SubElement(element, "t2_area", {"layer_id": str(area.layer_id)})
        _add_paths(inner, area)
    return element


def _add_paths(parent: etree._Element, area: Area) -> None:
    for ring in area.rings:
        points = ring[:-1] if len(ring) > 1 and np.array_equal(ring[0], ring[-1]) else ring
        words = [f"{_plain(x)} {_plain(y)}" for x, y in points.tolist()]
        etree.SubElement(parent, "t2_path", {"d": "M " + " L ".join(words) + " z"})


def _tree_element(tree: Tree) -> etree._Element:
    known = {
        "oid": tree.oid,
        "transform": matrix_text(tree.transform),
        "title": tree.title,
        "links": "",
        "style": "stroke:#ffff00;stroke-opacity:1.0;",
    }
    root = etree.Element(tree.kind, _texts(known))
    made: list[etree._Element] = []
    for node in tree.nodes:
        parent = root if node.parent is None else made[node.parent]
        made.append(_node_element(parent, node))
    return root


def _node_element(parent: etree._Element, node: Node) -> etree._Element:
    optional = {"r": node.radius, "c": node.confidence}
    known: dict[str, Any] = {"x": node.x, "y": node.y, "lid": node.layer_id}
    known |= {key: value for key, value in optional.items() if value is not None}
    element = etree.SubElement(parent, "t2_node", _texts(known))
    for tag in node.tags:
        etree.SubElement(element, "t2_tag", {"name": tag, "key": "T"})
    return element


def matrix_text(matrix: Matrix) -> str:
    """`matrix(a,b,c,d,e,f)` with all digits."""
    return f"matrix({','.join(repr(float(v)) for v in matrix)})"


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {key: v if isinstance(v, str) else _number(v) for key, v in attributes.items()}


def _number(value: float) -> str:
    """Shortest text with all digits; whole floats keep their `.0`, as Java writes them."""
    return str(value) if isinstance(value, int) else repr(float(value))


def _plain(value: float) -> str:
    """Coordinate of a path: without a fraction where there is none."""
    return str(int(value)) if value.is_integer() else repr(value)


def _decimals(value: float) -> str:
    return f"{value:f}"
