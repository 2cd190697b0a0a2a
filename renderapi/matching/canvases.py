"""Pictures of single tiles in the coordinates that matches are stored in.

Matches are stored in *post-local* coordinates: raw pixels of the full-scale image after the first
`local_transforms` (k) entries of the tile's transform list (the lens correction, as a rule). The
picture of a tile is drawn in those coordinates by the renderer, masks included; pixel (0, 0) of the
picture lies at `origin`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import EstimationError, ImageError, SpecError
from renderapi.matching.contrast import Mask, content_mask
from renderapi.matching.features import FeatureParameters, Features, find_features
from renderapi.matching.models import Matrix, Model, Points
from renderapi.matching.outline_masks import filled_rings, rings_within

if TYPE_CHECKING:
    from shapely import Geometry

    from renderapi.rendering.sources import SourceCache

SAMPLES = 9
"""Points per side of the grid on which a tile's transforms are taken as an affine."""


@dataclass(eq=False)
class View:
    """A picture as it is matched: grey values and which of them count.

    Features are found when they are first asked for, and kept.
    """

    image: NDArray
    mask: Mask
    _features: dict[FeatureParameters, Features] = field(default_factory=dict, repr=False)

    def features(self, parameters: FeatureParameters) -> Features:
        """SIFT features of the whole picture."""
        if parameters not in self._features:
            self._features[parameters] = find_features(self.image, self.mask, parameters)
        return self._features[parameters]

    @property
    def bytes_held(self) -> int:
        """Memory of the picture and its features."""
        features = sum(f.points.nbytes + f.descriptors.nbytes for f in self._features.values())
        return self.image.nbytes + self.mask.nbytes + features


@dataclass(frozen=True)
class CanvasSpec:
    """How a tile's picture is drawn, and where it belongs.

    Attributes
    ----------
    parameters : dict
        RenderParameters document of the picture.
    origin : (2,) array
        Post-local coordinates of pixel (0, 0).
    scale : float
        Pixels of the picture per post-local pixel.
    to_world : (3, 3) array
        Affine that comes closest to the tile's remaining transforms: post-local to world.
    outline : (N, 2) array, optional
        Edge of the tile in pixels of the picture; None where the tile fills it to the last pixel.
    as_stored : bool
        Whether the picture is all of the image, neither moved nor scaled.
    rings : tuple of (N, 2) arrays, optional
        Rings of the part of the picture that counts (see `within`), pixels; None: all of it.
    """

    parameters: dict[str, Any]
    origin: NDArray[np.float64]
    scale: float
    to_world: Matrix
    outline: Points | None = None
    as_stored: bool = False
    rings: tuple[Points, ...] | None = None

    def to_post_local(self, points: Points) -> Points:
        """Pixels of the picture to post-local coordinates."""
        return points / self.scale + self.origin

    @property
    def pixel_to_world(self) -> Matrix:
        """Pixels of the picture to world."""
        place = np.diag([1 / self.scale, 1 / self.scale, 1.0])
        place[:2, 2] = self.origin
        return self.to_world @ place


def canvas_spec(
    tile: Mapping[str, Any],
    lookup: Mapping[str, Any] | None,
    local_transforms: int = 0,
    scale: float = 1.0,
    channel: str | None = None,
) -> CanvasSpec:
    """How to draw a tile after its first `local_transforms` transforms.

    Parameters
    ----------
    tile : dict
        Tile spec; references may be unresolved.
    lookup : dict, optional
        Shared transforms by id.
    local_transforms : int
        Number k of entries of the tile's transform list that are applied.
    scale : float
        Of the picture.
    channel : str, optional
        Channel to draw; the first by default.

    Raises
    ------
    SpecError
        When the tile has fewer transforms, no size, or no such channel.
    """
    from renderapi.transform import specs

    name = tile.get("tileId")
    entries = list((tile.get("transforms") or {}).get("specList") or [])
    if local_transforms > len(entries):
        raise SpecError(
            f"tile {name} has {len(entries)} transforms, but local_transforms is {local_transforms}"
        )
    if not tile.get("width") or not tile.get("height"):
        raise SpecError(f"tile {name} has no width and height")
    local = specs.flatten({"type": "list", "specList": entries[:local_transforms]}, lookup)
    rest = specs.flatten({"type": "list", "specList": entries[local_transforms:]}, lookup)
    raw = _raw_grid(tile)
    post_local = specs.transform_points(specs.leaves(local), raw)
    world = specs.transform_points(specs.leaves(rest), post_local)
    to_world = Model("affine").fit(post_local, world)
    if not np.isfinite(to_world).all():
        raise EstimationError(f"the transforms of tile {name} do not spread it over an area")
    box = _box(tile, post_local, local_transforms)
    drawn = {**_of_channel(tile, channel), "transforms": {"type": "list", "specList": local}}
    parameters = {
        "x": box[0],
        "y": box[1],
        "width": box[2] - box[0],
        "height": box[3] - box[1],
        "scale": scale,
        "tileSpecs": [drawn],
    }
    origin = np.array(box[:2], float)
    exact = local_transforms == 0 and scale == 1.0
    outline = None if exact else (post_local[_edge()] - origin) * scale
    return CanvasSpec(parameters, origin, scale, to_world, outline, exact)


def within(spec: CanvasSpec, outline: Geometry) -> CanvasSpec:
    """The spec of a picture of which only what lies within an outline counts.

    Parameters
    ----------
    spec : CanvasSpec
    outline : shapely Polygon or MultiPolygon
        Of the section, world pixels: what is outside of it is resin, or another section. Where the
        remaining transforms of the tile bend, it is placed by the affine closest to them.
    """
    scale = spec.parameters["scale"]
    width, height = (spec.parameters[side] * scale for side in ("width", "height"))
    rings = rings_within(outline, np.linalg.inv(spec.pixel_to_world), width, height)
    return spec if rings is None else replace(spec, rings=rings)


def _raw_grid(tile: Mapping[str, Any]) -> NDArray[np.float64]:
    steps = np.linspace(0.0, 1.0, SAMPLES)
    x, y = np.meshgrid(steps * (float(tile["width"]) - 1), steps * (float(tile["height"]) - 1))
    return np.column_stack([x.ravel(), y.ravel()])


def _edge() -> NDArray[np.intp]:
    """Indices of the grid's outer points, once around."""
    index = np.arange(SAMPLES * SAMPLES).reshape(SAMPLES, SAMPLES)
    return np.concatenate([index[0, :-1], index[:-1, -1], index[-1, :0:-1], index[:0:-1, 0]])


def _box(tile: Mapping[str, Any], post_local: Points, local_transforms: int) -> list[int]:
    """Whole-pixel box (minX, minY, maxX, maxY) of the picture in post-local coordinates."""
    if local_transforms == 0:
        return [0, 0, int(tile["width"]), int(tile["height"])]
    low, high = np.floor(post_local.min(0)), np.ceil(post_local.max(0)) + 1
    return [int(low[0]), int(low[1]), int(high[0]), int(high[1])]


def _of_channel(tile: Mapping[str, Any], channel: str | None) -> dict[str, Any]:
    if channel is None:
        return dict(tile)
    named = [c for c in tile.get("channels") or [] if c.get("name") == channel]
    if not named:
        there = ", ".join(str(c.get("name")) for c in tile.get("channels") or []) or "none"
        raise SpecError(f"tile {tile.get('tileId')} has no channel {channel}; it has {there}")
    return {**tile, "channels": named}


def draw(spec: CanvasSpec, sources: SourceCache | None = None) -> View:
    """Picture of a tile; pixels that are masked, outside the tile or in a dead border don't count.

    Raises
    ------
    ImageError
        When an image or mask cannot be read.
    """
    from renderapi.rendering import render_canvas
    from renderapi.rendering.sources import SourceCache

    sources = SourceCache() if sources is None else sources
    stored = _stored_pixels(spec, sources)
    if stored is not None:
        return View(stored, content_mask(stored) & _counted(spec, stored.shape))
    canvas = render_canvas(spec.parameters, sources=sources)
    pixels = canvas.pixels[: canvas.height, : canvas.width]
    if pixels.ndim == 3:
        pixels = pixels.mean(axis=2, dtype=np.float32)
    alpha = canvas.alpha
    mask = None if alpha is None else alpha[: canvas.height, : canvas.width]
    shown = content_mask(pixels, mask)
    if spec.outline is not None:
        shown &= _inside(spec.outline, shown.shape)
    return View(pixels, shown & _counted(spec, shown.shape))


def _counted(spec: CanvasSpec, shape: tuple[int, ...]) -> Mask | np.bool_:
    """Pixels within the rings of a spec; True where it has none."""
    return np.True_ if spec.rings is None else filled_rings(spec.rings, shape)


def _stored_pixels(spec: CanvasSpec, sources: SourceCache) -> NDArray | None:
    """Grey values of an image whose picture is nothing else; None where it has to be drawn.

    Not to be written to. What is wrong with an image is left to the drawing to say.
    """
    from renderapi.rendering.sources import channels_of, level_info, load_pixels

    (tile,) = spec.parameters["tileSpecs"]
    channels = channels_of(tile)
    source = channels[0].levels.get(0)
    if not spec.as_stored or len(channels) != 1 or source is None or source.mask_url:
        return None
    view = sources.view()
    try:
        width, height, kind = level_info(source, view)
        if (width, height) != (tile["width"], tile["height"]) or kind not in ("8", "16"):
            return None
        if kind == "8" and channels[0].is_16_bit:
            return None
        return load_pixels(source, view)
    except ImageError:
        return None


def _inside(outline: Points, shape: tuple[int, ...]) -> Mask:
    """Pixels at least one pixel inside an outline: on it, resampling leaves pixels undrawn."""
    import cv2

    filled = np.zeros((shape[0] + 2, shape[1] + 2), np.uint8)
    cv2.fillPoly(filled, [np.rint(outline + 1).astype(np.int32)], 1)
    filled[[0, -1]] = 0
    filled[:, [0, -1]] = 0
    eroded = cv2.erode(filled, np.ones((3, 3), np.uint8))
    return np.asarray(eroded[1:-1, 1:-1], bool)
