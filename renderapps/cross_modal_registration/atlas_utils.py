"""ATLAS 5 projects: their XML as nested dicts, and their 4 x 4 transforms."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import SpecError

Node = dict[str, Any]
KeyPath = tuple[str | int, ...]

_NANOMETRES = {"nm": 1.0, "um": 1e3, "µm": 1e3, "mm": 1e6}


def read_xml(path: str | os.PathLike[str]) -> Node:
    """An XML file as nested dicts: {root: children}.

    Children of one name are a list, a child of text alone is that text, and attributes have names
    that begin with @. Entities and external documents are not read.

    Raises
    ------
    SpecError
        Naming the file, where it is no XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.parse(os.fspath(path), parser).getroot()
    except (etree.XMLSyntaxError, OSError) as error:
        raise SpecError(f"{path} is not an XML file: {error}") from error
    return {_name(root): _value(root)}


def _value(element: etree._Element) -> Any:
    found: Node = {f"@{key}": value for key, value in element.attrib.items()}
    for child in element.iterchildren(tag=etree.Element):
        name, value = _name(child), _value(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    text = (element.text or "").strip()
    if found:
        return found | ({"#text": text} if text else {})
    return text or None


def _name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def as_list(value: Any) -> list[Any]:
    """What XML has once or several times, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def traverse(
    obj: Any, prev_path: str = "obj", path_repr: str = "{}[{!r}]"
) -> Iterator[tuple[str, Any]]:
    """All leaves of nested dicts and lists: (path such as `obj['a'][0]`, value)."""
    if isinstance(obj, Mapping):
        items: Any = obj.items()
    elif isinstance(obj, list):
        items = enumerate(obj)
    else:
        yield prev_path, obj
        return
    for key, value in items:
        yield from traverse(value, path_repr.format(prev_path, key), path_repr)


def _nodes(obj: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Node]]:
    """All dicts, outer before inner, with the keys that lead to them."""
    if isinstance(obj, dict):
        yield path, obj
        for key, value in obj.items():
            yield from _nodes(value, (*path, key))
    elif isinstance(obj, list):
        for index, value in enumerate(obj):
            yield from _nodes(value, (*path, index))


def find_nodes_by_field(
    doc: Any, field: str = "Name", name: str = "test"
) -> tuple[list[Node], list[str]]:
    """All dicts in which `field` is `name`, and the paths to these fields."""
    found = [(path, node) for path, node in _nodes(doc) if node.get(field) == name]
    paths = ["obj" + "".join(f"[{key!r}]" for key in (*path, field)) for path, _ in found]
    return [node for _, node in found], paths


def find_node_by_field(doc: Any, field: str = "Name", name: str = "test") -> Node | None:
    """The first dict in which `field` is `name`; None if there is none."""
    return next((node for _, node in _nodes(doc) if node.get(field) == name), None)


class AtlasTransform:
    """A 4 x 4 matrix that maps points (x, y, z, 1) written as columns.

    Parameters
    ----------
    td : mapping, optional
        Entries M11 to M44 as files have them, for points written as rows: M41 and M42 are the
        translation. The identity if None.
    """

    def __init__(self, td: Mapping[str, Any] | None = None) -> None:
        self.M: NDArray[np.float64] = np.eye(4)
        for key, value in (td or {}).items():
            if len(key) == 3 and key[0] == "M" and key[1:].isdigit():
                i, j = int(key[1]), int(key[2])
                if not (1 <= i <= 4 and 1 <= j <= 4):
                    raise SpecError(f"a transform has the entry {key}")
                try:
                    self.M[j - 1, i - 1] = float(value)
                except (TypeError, ValueError):
                    raise SpecError(f"{key} of a transform is {value!r}, not a number") from None

    def load_from_openCV(self, matrix: ArrayLike) -> None:
        """Take a 2 x 3 matrix: the linear part and the translation in x and y."""
        given = np.asarray(matrix, float)
        self.M = np.eye(4)
        self.M[:2, :2], self.M[:2, 3] = given[:, :2], given[:, 2]

    def to_tuple(self) -> tuple[float, ...]:
        """The sixteen numbers, row by row."""
        return tuple(self.M.ravel().tolist())

    def tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map N x 2 (z = 0) or N x 3 points."""
        return _mapped(self.M, points)

    def inverse_tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map N x 2 (z = 0) or N x 3 points back; SpecError where there is no way back."""
        try:
            return _mapped(np.asarray(np.linalg.inv(self.M), float), points)
        except np.linalg.LinAlgError:
            raise SpecError("a transform of the ATLAS project cannot be inverted") from None


def _mapped(matrix: NDArray[np.float64], points: ArrayLike) -> NDArray[np.float64]:
    given = np.atleast_2d(np.asarray(points, float))
    columns = np.zeros((len(given), 4))
    columns[:, : given.shape[1]] = given
    columns[:, 3] = 1.0
    mapped = columns @ matrix.T
    return mapped[:, : given.shape[1]] / mapped[:, 3:]


def get_protocol(uid: str, project: Node) -> Node:
    """The node with a UID."""
    node = find_node_by_field(project, "UID", uid)
    if node is None:
        raise SpecError(f"the ATLAS project has no node with the UID {uid}")
    return node


def get_protocol_metadata(uid: str, project: Node) -> tuple[float, int, int]:
    """Pixel size in nanometres, and width and height in pixels, of a protocol."""
    tile = get_protocol(uid, project)["Tile"]
    size = tile["PixelSizeX"]
    factor = _NANOMETRES.get(size.get("Units", "nm"))
    if factor is None:
        raise SpecError(f"protocol {uid} has pixel sizes in {size['Units']}")
    width, height = (int(float(tile[f"PixelCount{a}"]["IdealValue"])) for a in "XY")
    return float(size["IdealValue"]) * factor, width, height


def local_path(windows_path: str, project: Path) -> Path:
    """File of a project on this machine, of the path that ATLAS wrote on another one.

    What follows the first occurrence of the project's own name is taken to be below its folder.
    """
    text = windows_path.replace("\\", "/")
    for name in (project.stem, project.parent.name):
        place = text.find(f"/{name}/")
        if place >= 0 and project.parent.name == name:
            return project.parent / text[place + len(name) + 2 :]
        start = text.find(name)
        if start >= 0:
            return project.parent / text[start:]
    return project.parent / text.rpartition("/")[2]
