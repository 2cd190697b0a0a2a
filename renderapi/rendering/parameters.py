"""Render parameters: the JSON document of a picture, checked and typed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from renderapi.errors import SpecError

DEFAULT_MESH_CELL_SIZE = 64.0
DEFAULT_JPEG_QUALITY = 0.85
LARGEST_SIDE = 1 << 20


@dataclass(frozen=True)
class Window:
    """Part of the world that a picture shows.

    World point (wx, wy) falls on canvas pixel (scale * (wx - x), scale * (wy - y)); pixel (0, 0)
    of the picture samples the world exactly at (x, y). `width` and `height` are world pixels.
    """

    x: float = 0.0
    y: float = 0.0
    width: int = 256
    height: int = 256
    scale: float = 1.0

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the picture: truncated."""
        return int(self.scale * self.width), int(self.scale * self.height)

    @property
    def canvas_size(self) -> tuple[int, int]:
        """Width and height of the canvas that is painted: rounded."""
        return int(self.width * self.scale + 0.5), int(self.height * self.scale + 0.5)


@dataclass(frozen=True)
class Parameters:
    """Everything a picture is made from; field by field as in a RenderParameters document."""

    window: Window = field(default_factory=Window)
    tiles: list[dict[str, Any]] = field(default_factory=list)
    mesh_cell_size: float = DEFAULT_MESH_CELL_SIZE
    minimum: float | None = None
    maximum: float | None = None
    convert_to_gray: bool = False
    quality: float = DEFAULT_JPEG_QUALITY
    skip_interpolation: bool = False
    binary_mask: bool = False
    exclude_mask: bool = False
    background: int | None = None
    fill_with_noise: bool = False
    channels: str | None = None
    mipmap_path_builder: dict[str, Any] | None = None
    filters: tuple[dict[str, Any], ...] = ()


def parse_parameters(document: Mapping[str, Any]) -> Parameters:
    """Check a RenderParameters document and fill in its defaults.

    `tileSpecUrl` is not followed here: see `renderapi.rendering.sources.load_tile_specs`.

    Raises
    ------
    SpecError
        Naming the key that is wrong.
    """
    if not isinstance(document, Mapping):
        raise SpecError("render parameters must be a JSON object")
    if document.get("addWarpFieldDebugOverlay"):
        raise SpecError("addWarpFieldDebugOverlay, a debugging aid, is not offered; leave it out")
    scale = number(document, "scale", 1.0)
    window = Window(
        number(document, "x", 0.0),
        number(document, "y", 0.0),
        whole_number(document, "width", 256),
        whole_number(document, "height", 256),
        scale,
    )
    check_window(window)
    return Parameters(
        window=window,
        tiles=_tiles(document),
        mesh_cell_size=_mesh_cell_size(document, scale),
        minimum=optional_number(document, "minIntensity"),
        maximum=optional_number(document, "maxIntensity"),
        convert_to_gray=_flag(document, "convertToGray"),
        quality=_quality(document),
        skip_interpolation=_flag(document, "skipInterpolation"),
        binary_mask=_flag(document, "binaryMask"),
        exclude_mask=_flag(document, "excludeMask"),
        background=_background(document),
        fill_with_noise=_flag(document, "fillWithNoise"),
        channels=_channels(document),
        mipmap_path_builder=_builder(document),
        filters=_filters(document),
    )


def check_window(window: Window) -> None:
    """Refuse a window that has no pixels, or more in a row than any image can have."""
    if not (window.scale > 0 and math.isfinite(window.x) and math.isfinite(window.y)):
        raise SpecError(
            f"a picture needs a finite x and y and a scale above 0, not x={window.x} "
            f"y={window.y} scale={window.scale}"
        )
    if not window.scale * max(window.width, window.height) <= 2 * LARGEST_SIDE:
        raise SpecError(
            f"a window of {window.width} x {window.height} at scale {window.scale} is too large; "
            "lower the scale"
        )
    width, height = window.image_size
    if width < 1 or height < 1:
        raise SpecError(
            f"a window of {window.width} x {window.height} at scale {window.scale} is a picture of "
            f"{width} x {height} pixels: nothing to draw"
        )
    if max(width, height) > LARGEST_SIDE:
        raise SpecError(f"a picture of {width} x {height} pixels is too large; lower the scale")


def optional_number(document: Mapping[str, Any], key: str) -> float | None:
    """Finite number at `key`; None when it is absent or null."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise SpecError(f"{key} must be a number, not {value!r}")
    try:
        result = float(value)
    except ValueError:
        raise SpecError(f"{key} must be a number, not {value!r}") from None
    if not math.isfinite(result):
        raise SpecError(f"{key} must be a finite number, not {value!r}")
    return result


def number(document: Mapping[str, Any], key: str, default: float) -> float:
    """Finite number at `key`, or the default."""
    value = optional_number(document, key)
    return default if value is None else value


def whole_number(document: Mapping[str, Any], key: str, default: int) -> int:
    """Whole number at `key` (3.0 counts), or the default."""
    value = number(document, key, default)
    if value != int(value):
        raise SpecError(f"{key} must be a whole number, not {value}")
    return int(value)


def _flag(document: Mapping[str, Any], key: str) -> bool:
    value = document.get(key)
    return value.strip().lower() == "true" if isinstance(value, str) else bool(value)


def _mesh_cell_size(document: Mapping[str, Any], scale: float) -> float:
    cell = max(
        number(document, "meshCellSize", DEFAULT_MESH_CELL_SIZE),
        number(document, "minMeshCellSize", 0.0) / scale,
    )
    if cell <= 0:
        raise SpecError(f"meshCellSize must be above 0, not {cell}")
    return cell


def _channels(document: Mapping[str, Any]) -> str | None:
    channels = document.get("channels") or None
    if channels is not None and not isinstance(channels, str):
        raise SpecError(f"channels must be a text, not {str(channels)[:60]}")
    return channels


def _builder(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where reduced images are, checked as far as it is used."""
    builder = document.get("mipmapPathBuilder")
    if builder is None:
        return None
    if not isinstance(builder, dict):
        raise SpecError("mipmapPathBuilder must be an object")
    for key in ("rootPath", "extension", "imageMipmapPatternString"):
        text = builder.get(key)
        if text is not None and (not isinstance(text, str) or "\0" in text or len(text) > 1000):
            raise SpecError(f"{key} of mipmapPathBuilder must be a text of at most 1000 characters")
    number(builder, "numberOfLevels", 0)
    return builder


def _tiles(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    tiles = document.get("tileSpecs") or []
    if not isinstance(tiles, list) or not all(isinstance(tile, dict) for tile in tiles):
        raise SpecError("tileSpecs must be a list of tile specs")
    return tiles


def _quality(document: Mapping[str, Any]) -> float:
    quality = number(document, "quality", DEFAULT_JPEG_QUALITY)
    if not 0 <= quality <= 1:
        raise SpecError(f"quality must lie between 0 and 1, not {quality}")
    return quality


def _background(document: Mapping[str, Any]) -> int | None:
    if document.get("backgroundRGBColor") is None:
        return None
    return whole_number(document, "backgroundRGBColor", 0) & 0xFFFFFF


def _filters(document: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    specs = document.get("filterSpecs")
    if specs is None:
        if not _flag(document, "doFilter"):
            return ()
        from renderapi.rendering.filters import DEFAULT_FILTERS

        return DEFAULT_FILTERS
    if not isinstance(specs, list) or not all(isinstance(spec, dict) for spec in specs):
        raise SpecError("filterSpecs must be a list of {className, parameters}")
    return tuple(specs)
