"""What a TrakEM2 project holds, as far as this suite reads and writes it.

Coordinates: layer set pixels, x to the right, y down. A matrix is (a, b, c, d, e, f) in the order
of SVG and of an affine's data string: x' = a x + c y + e, y' = b x + d y + f.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = tuple[float, float, float, float, float, float]
Points = NDArray[np.float64]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
MESH_RESOLUTION = 32


@dataclass(slots=True)
class Patch:
    """An image in a layer.

    Attributes
    ----------
    oid : int
        Number of the object, unique in the project.
    title : str
        For projects of this suite the tileId.
    transform : Matrix
        From the image, or from the box of its image under `ct`, to the layer set.
    file_path : str
        As it stands in the file: absolute, or relative to the folder of the project.
    o_width, o_height : int
        Size of the image.
    type : int
        0 grey 8 bit, 1 grey 16 bit, 2 float, 3 indexed colour, 4 RGB.
    min, max : float or None
        Display range.
    ct : list of dict
        Leaves (`className`, `dataString`) that apply before `transform`, lists flattened.
    ct_id : str or None
        Name of a file that holds the coordinate transform instead.
    alpha_mask_id : int or None
    attributes : dict
        The other attributes of the element, as texts.
    """

    oid: int
    title: str
    transform: Matrix
    file_path: str
    o_width: int
    o_height: int
    type: int = 1
    min: float | None = None
    max: float | None = None
    mres: int = MESH_RESOLUTION
    visible: bool = True
    locked: bool = False
    ct: list[dict[str, str]] = field(default_factory=list)
    ct_id: str | None = None
    alpha_mask_id: int | None = None
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Layer:
    """A section: its patches in the order they are painted, the last on top."""

    oid: int
    z: float
    thickness: float = 1.0
    title: str = ""
    patches: list[Patch] = field(default_factory=list)


@dataclass(slots=True)
class Area:
    """What one area list covers in one layer: rings that combine by the even-odd rule.

    Attributes
    ----------
    rings : list of (N, 2) float64
        Closed (the last point repeats the first), in the frame of the area list.
    open_paths : int
        Paths without a closing z, which cover nothing.
    """

    layer_id: int
    rings: list[Points] = field(default_factory=list)
    open_paths: int = 0


@dataclass(slots=True)
class AreaList:
    """Areas in several layers that are one object; `transform` maps them to the layer set."""

    oid: int
    transform: Matrix = IDENTITY
    title: str = ""
    areas: list[Area] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Node:
    """A point of a tree, in the frame of the tree."""

    x: float
    y: float
    layer_id: int
    radius: float | None = None
    confidence: int | None = None
    parent: int | None = None
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Tree:
    """A treeline, area tree or connector; `parent` of a node is an index into `nodes`."""

    oid: int
    kind: str = "t2_treeline"
    transform: Matrix = IDENTITY
    title: str = ""
    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Project:
    """A project: layers by z, and what is drawn over them.

    Attributes
    ----------
    layer_width, layer_height : float
        Size of the canvas.
    calibration : dict
        Attributes of the element `t2_calibration`, as texts.
    ignored : dict
        How many elements there are of each kind that is not read.
    """

    unuid: str = ""
    layer_width: float = 0.0
    layer_height: float = 0.0
    storage_folder: str = ""
    layers: list[Layer] = field(default_factory=list)
    area_lists: list[AreaList] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    calibration: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)

    def layer_of(self, oid: int) -> Layer | None:
        """Layer of that number."""
        return next((layer for layer in self.layers if layer.oid == oid), None)


def compose(after: Matrix, before: Matrix) -> Matrix:
    """Matrix of `before`, then `after`."""
    return from_array(as_array(after) @ as_array(before))


def inverted(matrix: Matrix) -> Matrix:
    """Matrix of the way back; numpy.linalg.LinAlgError where there is none."""
    return from_array(np.linalg.inv(as_array(matrix)))


def as_array(matrix: Matrix) -> NDArray[np.float64]:
    """3 x 3 array."""
    a, b, c, d, e, f = matrix
    return np.array([[a, c, e], [b, d, f], [0.0, 0.0, 1.0]])


def from_array(array: NDArray[Any]) -> Matrix:
    """Matrix of a 2 x 3 or 3 x 3 array."""
    a, b, c, d, e, f = np.asarray(array, float)[:2].T.ravel().tolist()
    return (a, b, c, d, e, f)


def translation(x: float, y: float) -> Matrix:
    """Matrix of a shift."""
    return (1.0, 0.0, 0.0, 1.0, x, y)


def map_points(matrix: Matrix, points: Points) -> Points:
    """N x 2 points through a matrix."""
    a, b, c, d, e, f = matrix
    return points @ np.array([[a, b], [c, d]]) + (e, f)
