"""Projects from XML files, ours and those that TrakEM2 saved.

The file is read as a stream, so that memory grows with what is kept and not with the text. Nothing
outside the file is read: no external DTD, no entities of its own, no network.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree

from renderapi.errors import SpecError
from renderapps.TrakEM2.project import (
    IDENTITY,
    MESH_RESOLUTION,
    Area,
    AreaList,
    Layer,
    Matrix,
    Node,
    Patch,
    Points,
    Project,
    Tree,
)

#: a file that unpacks to more than this is refused
MAXIMUM_BYTES = 8 * 2**30
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_TREES = ("t2_treeline", "t2_areatree", "t2_connector")
_LEAVES = ("ict_transform", "iict_transform")
_LISTS = ("ict_transform_list", "iict_transform_list")
_STRUCTURE = ("trakem2", "project", "anything", "t2_layer_set", "t2_layer", "t2_display")
_NUMBERS = r"[-+0-9.eE]+"
_MATRIX = re.compile(rf"[^(]*\(\s*({_NUMBERS}(?:\s*,\s*{_NUMBERS}){{5}})\s*\)")
_TOKEN = re.compile(rf"[A-Za-z]|{_NUMBERS}")
_PATCH_KEYS = {
    *("oid", "title", "transform", "file_path", "o_width", "o_height", "type", "min", "max"),
    *("mres", "visible", "locked", "ct_id", "alpha_mask_id"),
}


def read_project(path: str | os.PathLike[str]) -> Project:
    """Project of a `.xml` or `.xml.gz` file, its layers by z.

    Patches of layer sets that are nested in a layer are not part of the result; they are counted in
    `ignored`, as is everything else that is not read.

    Raises
    ------
    SpecError
        For a file that is not XML, declares entities, is too large, or whose objects lack what they
        need; it names the file and the object.
    OSError
        Where the file cannot be read.
    """
    reader = _Reader()
    try:
        for event, element in _events(Path(path)):
            (reader.start if event == "start" else reader.end)(element)
    except (etree.XMLSyntaxError, EOFError, gzip.BadGzipFile) as error:
        raise SpecError(f"{path} is not a whole XML file: {error}") from error
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error
    if reader.project is None:
        raise SpecError(f"{path} is not a TrakEM2 project: it has no element project")
    reader.project.layers.sort(key=lambda layer: layer.z)
    return reader.project


def _events(path: Path) -> Iterator[tuple[str, etree._Element]]:
    parser = etree.XMLPullParser(
        ("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    first = True
    for chunk in _chunks(path):
        parser.feed(chunk)
        for event, element in parser.read_events():
            if first:
                _refuse_entities(element)
                first = False
            yield event, element
    parser.close()


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        source: Any = gzip.GzipFile(fileobj=file) if packed else file
        total = 0
        while chunk := source.read(_CHUNK):
            total += len(chunk)
            if total > MAXIMUM_BYTES:
                raise SpecError(f"it unpacks to more than {MAXIMUM_BYTES >> 30} GB")
            yield chunk


def _refuse_entities(root: etree._Element) -> None:
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise SpecError("it declares entities, which no TrakEM2 project does: refused")


class _Reader:
    """State while the elements of a file pass by."""

    def __init__(self) -> None:
        self.project: Project | None = None
        self.sets = 0
        self.layer: Layer | None = None
        self.kept = 0

    def start(self, element: etree._Element) -> None:
        """An element begins: its attributes are known."""
        tag = element.tag
        if tag == "project":
            get = element.attrib.get
            self.project = Project(get("unuid", ""), storage_folder=get("storage_folder", ""))
            self.project.attributes = {
                key: value
                for key, value in element.attrib.items()
                if key in ("title", "preprocessor")
            }
        elif tag == "t2_layer_set":
            self.sets += 1
            if self.sets == 1:
                project = self._project()
                project.layer_width = _float(element, "layer_width")
                project.layer_height = _float(element, "layer_height")
        elif tag == "t2_layer" and self.sets == 1:
            self.layer = _layer(element)
            self._project().layers.append(self.layer)
        elif tag in ("t2_patch", "t2_area_list", *_TREES):
            self.kept += 1  # its children are needed at its end

    def end(self, element: etree._Element) -> None:
        """An element is complete."""
        tag = element.tag
        if tag in ("t2_patch", "t2_area_list", *_TREES):
            self.kept -= 1
            self._take(tag, element)
        elif tag == "t2_layer_set":
            self.sets -= 1
        elif tag == "t2_layer" and self.sets == 1:
            self.layer = None
        elif tag == "t2_calibration" and self.sets == 1:
            self._project().calibration = dict(element.attrib)
        elif isinstance(tag, str) and not self.kept and tag not in _STRUCTURE:
            self._ignore(tag)
        if not self.kept:
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]

    def _take(self, tag: str, element: etree._Element) -> None:
        project = self._project()
        if self.sets != 1 or self.kept:
            self._ignore(f"{tag} of a nested layer set")
        elif tag == "t2_patch" and self.layer is not None:
            self.layer.patches.append(_patch(element))
        elif tag == "t2_area_list":
            project.area_lists.append(_area_list(element))
        elif tag in _TREES:
            project.trees.append(_tree(element))
        else:
            self._ignore(tag)

    def _ignore(self, kind: str) -> None:
        if self.project is not None:
            self.project.ignored[kind] = self.project.ignored.get(kind, 0) + 1

    def _project(self) -> Project:
        if self.project is None:
            raise SpecError("layers come before the element project: not a TrakEM2 project")
        return self.project


def _layer(element: etree._Element) -> Layer:
    return Layer(
        _int(element, "oid"),
        _float(element, "z"),
        _float(element, "thickness", 1.0),
        element.get("title", ""),
    )


def _patch(element: etree._Element) -> Patch:
    get = element.get
    for key in ("oid", "file_path", "o_width", "o_height"):
        if get(key) is None:
            raise SpecError(f"patch {get('oid', '')} ({get('title', '')}) has no {key}")
    mask = get("alpha_mask_id")
    return Patch(
        oid=_int(element, "oid"),
        title=get("title", ""),
        transform=_matrix(element),
        file_path=get("file_path", ""),
        o_width=round(_float(element, "o_width")),
        o_height=round(_float(element, "o_height")),
        type=_int(element, "type", 1),
        min=None if get("min") is None else _float(element, "min"),
        max=None if get("max") is None else _float(element, "max"),
        mres=_int(element, "mres", MESH_RESOLUTION),
        visible=get("visible") != "false",
        locked=get("locked") == "true",
        ct=list(_leaves(element)),
        ct_id=get("ct_id") or None,
        alpha_mask_id=int(mask) if mask not in (None, "", "0") else None,
        attributes={k: v for k, v in element.attrib.items() if k not in _PATCH_KEYS},
    )


def _leaves(element: etree._Element) -> Iterator[dict[str, str]]:
    """Leaves of the coordinate transform, in order: bare, in a list, in lists of lists."""
    for child in element:
        if child.tag in _LEAVES:
            kind, data = child.get("class"), child.get("data")
            if kind is None or data is None:
                owner = next(p for p in (child, *child.iterancestors()) if p.tag == "t2_patch")
                raise SpecError(f"a transform of patch {owner.get('oid')} lacks class or data")
            yield {"className": kind, "dataString": data}
        elif child.tag in _LISTS:
            yield from _leaves(child)


def _area_list(element: etree._Element) -> AreaList:
    known = ("oid", "transform", "title")
    return AreaList(
        _int(element, "oid"),
        _matrix(element),
        element.get("title", ""),
        [_area(child) for child in element.iterchildren("t2_area")],
        {key: value for key, value in element.attrib.items() if key not in known},
    )


def _area(element: etree._Element) -> Area:
    area = Area(_int(element, "layer_id"))
    for path in element.iterchildren("t2_path"):
        rings, left_open = rings_of(path.get("d", ""))
        area.rings += rings
        area.open_paths += left_open
    return area


def rings_of(text: str) -> tuple[list[Points], int]:
    """Closed rings of path data (`M x y L x y ... z`, one or several), and how many stay open.

    Numbers may follow a letter with or without a blank, or be separated by commas.
    """
    rings: list[Points] = []
    numbers: list[float] = []
    left_open = 0
    for token in _TOKEN.findall(text):
        if token in "Mm":
            left_open += bool(numbers)
            numbers = []
        elif token in "Zz":
            if numbers:
                rings.append(_closed(numbers))
            numbers = []
        elif token not in "Ll":
            numbers.append(_to_float(token, "a path"))
    return rings, left_open + bool(numbers)


def _closed(numbers: list[float]) -> Points:
    if len(numbers) % 2 or len(numbers) < 6:
        raise SpecError(f"a path of an area has {len(numbers)} numbers: three points are needed")
    points = np.array(numbers).reshape(-1, 2)
    return points if np.array_equal(points[0], points[-1]) else np.vstack([points, points[:1]])


def _tree(element: etree._Element) -> Tree:
    tree = Tree(_int(element, "oid"), str(element.tag), _matrix(element), element.get("title", ""))
    pending: list[tuple[etree._Element, int | None]] = [
        (child, None) for child in element.iterchildren("t2_node")
    ]
    while pending:  # not recursion: a neurite may be thousands of nodes deep
        child, parent = pending.pop()
        tree.nodes.append(_node(child, parent))
        index = len(tree.nodes) - 1
        pending += [(inner, index) for inner in reversed(list(child.iterchildren("t2_node")))]
    return tree


def _node(element: etree._Element, parent: int | None) -> Node:
    radius, confidence = element.get("r"), element.get("c")
    return Node(
        _float(element, "x"),
        _float(element, "y"),
        _int(element, "lid"),
        None if radius is None else _float(element, "r"),
        None if confidence is None else _int(element, "c"),
        parent,
        [tag.get("name", "") for tag in element.iterchildren("t2_tag")],
    )


def _matrix(element: etree._Element) -> Matrix:
    text = element.get("transform")
    if text is None:
        return IDENTITY
    found = _MATRIX.match(text)
    if found is None:
        raise SpecError(
            f"{_name(element)} has the transform {text[:80]!r}, not matrix(a,b,c,d,e,f)"
        )
    a, b, c, d, e, f = (_to_float(part, _name(element)) for part in found[1].split(","))
    return (a, b, c, d, e, f)


def _float(element: etree._Element, key: str, default: float | None = None) -> float:
    text = element.get(key)
    if text is None and default is not None:
        return default
    if text is None:
        raise SpecError(f"{_name(element)} has no {key}")
    return _to_float(text, f"{key} of {_name(element)}")


def _int(element: etree._Element, key: str, default: int | None = None) -> int:
    text = element.get(key)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError:
        raise SpecError(f"{_name(element)}: {key} must be a whole number, not {text!r}") from None


def _to_float(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise SpecError(f"{what}: {text[:80]!r} is not a number") from None
    if not np.isfinite(value):
        raise SpecError(f"{what}: {text[:80]!r} is not a finite number")
    return value


def _name(element: Mapping[str, Any] | etree._Element) -> str:
    return f"{element.tag} {element.get('oid', '')}".strip()  # type: ignore[union-attr]
