"""Pairs of tiles that may show the same place: neighbours in a layer and across layers.

The rules are those of render's TilePairClient: a tile's neighbours are the tiles whose box comes
within a radius of the tile's centre. Boxes are (minX, minY, maxX, maxY) in world pixels. A pair is
ordered by (groupId, id) as text, p before q, and comes once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_RANKS = {"TOP": "0", "BOTTOM": "1", "LEFT": "2", "RIGHT": "3"}


class Pair(NamedTuple):
    """Two tiles.

    `p_position` and `q_position` (TOP, BOTTOM, LEFT, RIGHT) are for tiles of one layer, "" across
    layers; `delta_z` is the distance of the layers, None for tiles of one layer.
    """

    p_group: str
    p_id: str
    p_position: str
    q_group: str
    q_id: str
    q_position: str
    delta_z: float | None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Groups and ids, without positions."""
        return self.p_group, self.p_id, self.q_group, self.q_id

    @property
    def order(self) -> tuple[str, ...]:
        """Key by which pairs are sorted: p, then q, by group, id and position.

        Positions come in the order TOP, BOTTOM, LEFT, RIGHT, none last.
        """
        return (
            *(self.p_group, self.p_id, _RANKS.get(self.p_position, "4")),
            *(self.q_group, self.q_id, _RANKS.get(self.q_position, "4")),
        )


@dataclass(frozen=True)
class Layer:
    """Tiles of one z.

    Attributes
    ----------
    z : float
    ids : sequence of str
        Tile ids.
    groups : sequence of str
        Group id (sectionId) of each tile.
    boxes : (N, 4) array
        World boxes.
    """

    z: float
    ids: Sequence[str]
    groups: Sequence[str]
    boxes: NDArray[np.float64]

    def select(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Layer:
        """The tiles that a mask or an index selects."""
        index = np.arange(len(self.ids))[keep]
        return Layer(
            self.z,
            [self.ids[i] for i in index],
            [self.groups[i] for i in index],
            self.boxes[index],
        )


@dataclass(frozen=True, slots=True)
class NeighbourParameters:
    """Which tiles are neighbours.

    Attributes
    ----------
    xy_factor : float
        The radius is this times the longer side of the tile's box.
    radius : float, optional
        Radius in pixels instead.
    z_distance : float
        Layers up to this far above are neighbours; 0 leaves pairs within layers only.
    exclude_corners : bool
        Leave out a tile whose centre lies beside the box of the other in both x and y.
    exclude_same_layer : bool
        Leave out pairs within a layer.
    exclude_same_section : bool
        Leave out pairs of one group id.
    exclude_obscured : bool
        Leave out tiles that lie wholly under tiles of a greater tile id.
    exclude_position : str, optional
        Leave out pairs within a layer in which a tile has this position.
    """

    xy_factor: float = 0.9
    radius: float | None = None
    z_distance: float = 0.0
    exclude_corners: bool = True
    exclude_same_layer: bool = False
    exclude_same_section: bool = False
    exclude_obscured: bool = True
    exclude_position: str | None = None


def group_of(section_id: str | None, z: float) -> str:
    """Match group of a tile: its sectionId, or its z as text where it has none."""
    return str(float(z)) if section_id is None else section_id


def layer_of_bounds(z: float, bounds: Iterable[dict[str, Any]]) -> Layer:
    """Layer of the tile bounds that a service lists; a tile without section goes by its z."""
    rows = sorted(bounds, key=lambda row: row["tileId"])
    boxes = [[row["minX"], row["minY"], row["maxX"], row["maxY"]] for row in rows]
    return Layer(
        z,
        [row["tileId"] for row in rows],
        [group_of(row.get("sectionId"), z) for row in rows],
        np.array(boxes, float).reshape(-1, 4),
    )


def tiles_in_box(layer: Layer, box: Sequence[float]) -> Layer:
    """Tiles whose box touches the box (minX, minY, maxX, maxY)."""
    b = layer.boxes
    keep = (b[:, 0] <= box[2]) & (b[:, 2] >= box[0]) & (b[:, 1] <= box[3]) & (b[:, 3] >= box[1])
    return layer.select(keep)


def visible_tiles(layer: Layer) -> Layer:
    """The tiles that are not wholly under the tiles of a greater id (which are drawn later)."""
    import shapely

    if len(layer.ids) < 2:
        return layer
    boxes = shapely.box(*layer.boxes.T)
    below, above = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    ids = np.array(layer.ids, object)
    later = ids[above] > ids[below]
    below, above = below[later], above[later]
    b = layer.boxes
    shared = np.minimum(b[below, 2:], b[above, 2:]) - np.maximum(b[below, :2], b[above, :2])
    covered = np.zeros(len(ids))
    np.add.at(covered, below, shared.clip(0).prod(1))
    areas = (b[:, 2:] - b[:, :2]).prod(1)
    visible = np.ones(len(ids), bool)
    for tile in np.flatnonzero(covered >= areas * (1 - 1e-9)):
        cover = shapely.union_all(boxes[above[below == tile]])
        visible[tile] = not cover.covers(boxes[tile])
    return layer.select(visible)


def neighbour_pairs(
    layers: Iterable[Layer],
    parameters: NeighbourParameters,
    sources: set[str] | None = None,
) -> Iterator[list[Pair]]:
    """Pairs of each layer with itself and the layers above, one sorted list per layer.

    Parameters
    ----------
    layers : iterable of Layer
        In ascending z. Only as many as `z_distance` spans are held at a time.
    parameters : NeighbourParameters
    sources : set of str, optional
        Only pairs found from one of these tile ids.
    """
    waiting: list[Layer] = []
    for layer in layers:
        shown = visible_tiles(layer) if parameters.exclude_obscured else layer
        while waiting and shown.z > waiting[0].z + parameters.z_distance:
            yield _pairs_of_first(waiting, parameters, sources)
            waiting.pop(0)
        waiting.append(shown)
    while waiting:
        yield _pairs_of_first(waiting, parameters, sources)
        waiting.pop(0)


def _pairs_of_first(
    layers: list[Layer], parameters: NeighbourParameters, sources: set[str] | None
) -> list[Pair]:
    """Pairs of the first layer with itself and with all others."""
    first = layers[0]
    others = layers[1:] if parameters.exclude_same_layer else layers
    pairs: set[Pair] = set()
    for other in others:
        pairs.update(pairs_between(first, other, parameters, sources))
    return sorted(pairs, key=lambda pair: pair.order)


def pairs_between(
    source: Layer,
    other: Layer,
    parameters: NeighbourParameters,
    sources: set[str] | None = None,
) -> set[Pair]:
    """Pairs of tiles of `source` with their neighbours in `other`, which may be the same layer."""
    same = other is source
    i, j = _near(source, other, parameters)
    keep = (i != j) if same else np.ones(len(i), bool)
    if parameters.exclude_corners:
        keep &= _beside(source.boxes[i], other.boxes[j])
    if sources is not None:
        chosen = np.array([tile in sources for tile in source.ids], bool)
        keep &= chosen[i]
    i, j = i[keep], j[keep]
    delta = None if same else abs(other.z - source.z)
    pairs = (_pair(source, int(a), other, int(b), delta) for a, b in zip(i, j, strict=True))
    return {
        pair
        for pair in pairs
        if not (parameters.exclude_same_section and pair.p_group == pair.q_group)
        and not (
            parameters.exclude_position
            and parameters.exclude_position in (pair.p_position, pair.q_position)
        )
    }


def _near(
    source: Layer, other: Layer, parameters: NeighbourParameters
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of source tiles and of the tiles within the radius of their centres."""
    import shapely

    if not len(source.ids) or not len(other.ids):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    b = source.boxes
    centres = shapely.points((b[:, :2] + b[:, 2:]) / 2)
    sides = (b[:, 2:] - b[:, :2]).max(1)
    radius = sides * parameters.xy_factor if parameters.radius is None else parameters.radius
    tree = shapely.STRtree(shapely.box(*other.boxes.T))
    found = tree.query(centres, predicate="dwithin", distance=radius)
    return found[0], found[1]


def _beside(source: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the centres of the other boxes lie in the x range or the y range of the source."""
    centres = (other[:, :2] + other[:, 2:]) / 2
    inside = (centres >= source[:, :2]) & (centres <= source[:, 2:])
    return inside[:, 0] | inside[:, 1]


def _pair(first: Layer, i: int, second: Layer, j: int, delta_z: float | None) -> Pair:
    a, b = (first.groups[i], first.ids[i]), (second.groups[j], second.ids[j])
    a_box, b_box = first.boxes[i], second.boxes[j]
    if a > b:
        a, b, a_box, b_box = b, a, b_box, a_box
    where = relative_positions(a_box, b_box) if delta_z is None else ("", "")
    return Pair(a[0], a[1], where[0], b[0], b[1], where[1], delta_z)


def relative_positions(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[str, str]:
    """Positions of two boxes of one layer relative to each other."""
    dx, dy = float(first[0] - second[0]), float(first[1] - second[1])
    if abs(dx) > abs(dy):
        return ("RIGHT", "LEFT") if dx > 0 else ("LEFT", "RIGHT")
    return ("BOTTOM", "TOP") if dy > 0 else ("TOP", "BOTTOM")
