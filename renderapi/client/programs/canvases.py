"""Pictures that are matched: drawn from render parameters that a service gives, described once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from renderapi.errors import ClientScriptError, SpecError
from renderapi.files import atomic_path
from renderapi.matching.canvas_matches import SiftParameters
from renderapi.matching.canvases import CanvasSpec, View, draw
from renderapi.matching.features import FeatureParameters, Features, find_features
from renderapi.rendering.sources import SourceCache
from renderapi.utils import get_json

Json = dict[str, Any]
OPPOSITE = {"TOP": "BOTTOM", "BOTTOM": "TOP", "LEFT": "RIGHT", "RIGHT": "LEFT"}
MEGABYTE = 1 << 20
STORED_FORMAT = 2
"""Of the files of descriptions: to be raised when what they hold, or how it is found, changes."""


@dataclass(frozen=True)
class CanvasRequest:
    """A picture: its render parameters URL, and the side at which it overlaps its partner.

    `position` (TOP, BOTTOM, LEFT, RIGHT: where the picture lies) matters for clipping only.
    """

    url: str
    position: str | None = None


@dataclass(frozen=True)
class Clip:
    """Width and height (full scale) of the strips that are matched, where they are clipped."""

    width: int | None = None
    height: int | None = None

    def __bool__(self) -> bool:
        return self.width is not None or self.height is not None

    def window(self, document: Json, position: str) -> tuple[Json, tuple[float, float]]:
        """Parameters of the strip that overlaps the partner, and its offset in the whole."""
        width, height = int(document["width"]), int(document["height"])
        if position in ("LEFT", "RIGHT"):
            strip = min(self.width or width, width)
            dx = width - strip if position == "LEFT" else 0
            return {**document, "x": document["x"] + dx, "width": strip}, (float(dx), 0.0)
        strip = min(self.height or height, height)
        dy = height - strip if position == "TOP" else 0
        return {**document, "y": document["y"] + dy, "height": strip}, (0.0, float(dy))


@dataclass(frozen=True)
class DescribedCanvas:
    """A picture that has been drawn and described.

    Attributes
    ----------
    features : Features
        In pixels of the picture.
    shown : (H, W / 8) uint8 array
        Which pixels count, packed.
    width, height : int
        Of the picture.
    offset : (dx, dy)
        Of the picture in the whole canvas, full-scale pixels.
    section_id, tile_id, z
        Of the first tile.
    """

    features: Features
    shown: np.ndarray
    width: int
    height: int
    offset: tuple[float, float]
    section_id: str | None
    tile_id: str
    z: float | None

    @property
    def mask(self) -> np.ndarray:
        """(H, W) boolean."""
        return np.unpackbits(self.shown, axis=1, count=self.width).astype(bool)

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.features.points.nbytes + self.features.descriptors.nbytes + self.shown.nbytes


@dataclass
class CanvasStore:
    """Described pictures, bounded by bytes; each is drawn by one thread while others wait.

    Attributes
    ----------
    session : requests.Session
    sift : SiftParameters
    scale : float
        Of the pictures.
    clip : Clip
    feature_bytes, source_bytes : int
        Bounds of what is kept of descriptions and of source images.
    debug_folder : Path, optional
        Where pictures are saved as `{tile id}.{debug_format}`.
    feature_folder : Path, optional
        Where descriptions are kept from one run to the next.
    stored_only : bool
        Fail where a description is not in that folder.
    """

    session: Any
    sift: SiftParameters
    scale: float = 1.0
    clip: Clip = field(default_factory=Clip)
    feature_bytes: int = 1024 * MEGABYTE
    source_bytes: int = 512 * MEGABYTE
    debug_folder: Path | None = None
    debug_format: str = "jpg"
    feature_folder: Path | None = None
    stored_only: bool = False
    drawn: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 4:
            raise SpecError(f"renderScale must lie between 0 and 4, not {self.scale}")
        self._described = SourceCache(max_bytes=self.feature_bytes)
        self._sources = SourceCache(max_bytes=self.source_bytes)

    def get(self, wanted: CanvasRequest) -> DescribedCanvas:
        """The picture, drawn and described if it is not at hand."""
        if not self.clip:
            wanted = replace(wanted, position=None)
        found: DescribedCanvas = self._described.get(wanted, lambda: self._describe(wanted))
        return found

    def _describe(self, wanted: CanvasRequest) -> DescribedCanvas:
        stored = self._stored_path(wanted)
        if stored is not None and stored.exists():
            return _load(stored)
        if self.stored_only:
            raise ClientScriptError(f"no features of {wanted.url} in {self.feature_folder}")
        document: Json = get_json(self.session, wanted.url)
        tiles = document.get("tileSpecs") or []
        if not tiles:
            raise SpecError(f"{wanted.url} shows no tiles")
        offset = (0.0, 0.0)
        if wanted.position is not None:
            document, offset = self.clip.window(document, wanted.position)
        document = {**document, "scale": self.scale}
        spec = CanvasSpec(document, np.zeros(2), self.scale, np.eye(3))
        view = draw(spec, self._sources)
        self.drawn += 1
        self._save_picture(view, str(tiles[0]["tileId"]))
        canvas = _described(view, self.sift, tiles[0], offset)
        if stored is not None:
            _save(stored, canvas)
        return canvas

    def _stored_path(self, wanted: CanvasRequest) -> Path | None:
        """Place of a description: named for everything that it depends on."""
        if self.feature_folder is None:
            return None
        import cv2

        made_by = (STORED_FORMAT, cv2.__version__)
        key = repr((made_by, wanted, self.sift, self.scale, self.clip))
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.feature_folder / name[:2] / f"{name}.npz"

    def _save_picture(self, view: View, tile_id: str) -> None:
        if self.debug_folder is None:
            return
        from PIL import Image

        low, high = np.percentile(view.image, [0.2, 99.8])
        levels = (view.image - low) * (255.0 / max(high - low, 1e-6))
        name = tile_id.replace("/", "_")
        with atomic_path(self.debug_folder / f"{name}.{self.debug_format}") as path:
            Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8)).save(path)


def _described(
    view: View, sift: SiftParameters, tile: Json, offset: tuple[float, float]
) -> DescribedCanvas:
    height, width = view.image.shape
    parameters: FeatureParameters = sift.features()
    section = (tile.get("layout") or {}).get("sectionId")
    return DescribedCanvas(
        find_features(view.image, view.mask, parameters),
        np.packbits(view.mask, axis=1),
        width,
        height,
        offset,
        section,
        str(tile["tileId"]),
        tile.get("z"),
    )


def _save(path: Path, canvas: DescribedCanvas) -> None:
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            points=canvas.features.points,
            descriptors=canvas.features.descriptors,
            shown=canvas.shown,
            size=np.array([canvas.width, canvas.height]),
            offset=np.array(canvas.offset),
            names=np.array([canvas.section_id or "", canvas.tile_id]),
            z=np.array([np.nan if canvas.z is None else canvas.z]),
        )


def _load(path: Path) -> DescribedCanvas:
    with np.load(path) as stored:
        section, tile_id = stored["names"].tolist()
        width, height = stored["size"].tolist()
        dx, dy = stored["offset"].tolist()
        z = float(stored["z"][0])
        return DescribedCanvas(
            Features(stored["points"], stored["descriptors"]),
            stored["shown"],
            width,
            height,
            (dx, dy),
            section or None,
            tile_id,
            None if np.isnan(z) else z,
        )
