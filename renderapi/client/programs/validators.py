"""Checks that tiles must pass to be stored.

Files are looked for on this machine. Names and data strings are those of the Java classes in
org.janelia.alignment.spec.validator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from renderapi.client.programs.options import Options
from renderapi.client.programs.tile_documents import transform_document
from renderapi.errors import ClientScriptError, RenderError

Json = dict[str, Any]
Shared = Mapping[str, Json]


class Validator(Protocol):
    """Tells what is wrong with tiles."""

    def problems(self, tiles: Sequence[Json], shared: Shared) -> dict[str, str]:
        """The reason for each tile (by tileId) that is invalid."""
        ...


class TemTileSpecValidator:
    """Tiles of a plausible size at a plausible place, with files and transforms that work."""

    DEFAULTS = {
        "minCoordinate": 0.0,
        "maxCoordinate": 400000.0,
        "minSize": 500.0,
        "maxSize": 5000.0,
    }

    def __init__(self, data: str | None = None) -> None:
        self.limits = _numbers(data, self.DEFAULTS)

    def problems(self, tiles: Sequence[Json], shared: Shared) -> dict[str, str]:
        """The reason for each tile (by tileId) that is invalid."""
        return _collected(tiles, lambda tile: _core_problem(tile, shared) or self._limits(tile))

    def _limits(self, tile: Json) -> str | None:
        keys = ("minX", "minY", "maxX", "maxY")
        missing = [key for key in ("z", *keys) if tile.get(key) is None]
        if missing:
            return f"{', '.join(missing)} missing"
        min_x, min_y, max_x, max_y = (float(tile[key]) for key in keys)
        low, high = self.limits["minCoordinate"], self.limits["maxCoordinate"]
        small, large = self.limits["minSize"], self.limits["maxSize"]
        if min(min_x, min_y) < low:
            return f"minX {min_x:g} or minY {min_y:g} is below {low:g}"
        if max(max_x, max_y) > high:
            return f"maxX {max_x:g} or maxY {max_y:g} is above {high:g}"
        for name, size in (("width", max_x - min_x), ("height", max_y - min_y)):
            if not small <= size <= large:
                return f"{name} {size:g} of the box is outside {small:g} to {large:g}"
        return None


class WarpedTileSpecValidator:
    """Tiles whose transforms stay near a rotation and shift."""

    DEFAULTS = {
        "maxDeltaThreshold": 1000.0,
        "warnDeltaThreshold": 600.0,
        "samplesPerDimension": 64.0,
    }

    def __init__(self, data: str | None = None) -> None:
        self.limits = _numbers(data, self.DEFAULTS)
        if self.limits["samplesPerDimension"] < 2:
            raise ClientScriptError("samplesPerDimension must be at least 2")

    def problems(self, tiles: Sequence[Json], shared: Shared) -> dict[str, str]:
        """The reason for each tile (by tileId) that is invalid."""
        return _collected(
            tiles, lambda tile: _core_problem(tile, shared) or self._warp(tile, shared)
        )

    def _warp(self, tile: Json, shared: Shared) -> str | None:
        from renderapi.matching.models import Model, distances

        points = _grid(tile, int(self.limits["samplesPerDimension"]))
        world = _mapped(tile, shared, points)
        delta = float(distances(Model("rigid").fit(points, world), points, world).max())
        limit = self.limits["maxDeltaThreshold"]
        return None if delta <= limit else f"it warps points by {delta:.1f}, more than {limit:g}"


def validator_of(options: Options) -> Validator | None:
    """The validator of --validatorClass and --validatorData; None where there is none."""
    if options.validatorClass is None:
        return None
    name = options.validatorClass.rpartition(".")[2]
    kinds = {kind.__name__: kind for kind in (TemTileSpecValidator, WarpedTileSpecValidator)}
    if name not in kinds:
        raise ClientScriptError(f"no validator {name}; there are {', '.join(kinds)}")
    return kinds[name](options.validatorData)


def _numbers(data: str | None, defaults: dict[str, float]) -> dict[str, float]:
    """Values of a data string `name:value,name:value`; those not named keep their defaults."""
    values = dict(defaults)
    for item in (data or "").split(","):
        name, _, text = item.strip().partition(":")
        if not name:
            continue
        if name not in defaults:
            raise ClientScriptError(
                f"validator data {data!r}: unknown {name!r}; known: {', '.join(defaults)}"
            )
        try:
            values[name] = float(text)
        except ValueError:
            raise ClientScriptError(f"validator data {data!r}: {text!r} is no number") from None
    return values


def _collected(tiles: Sequence[Json], check: Any) -> dict[str, str]:
    reasons = {}
    for tile in tiles:
        try:
            reason = check(tile)
        except RenderError as error:
            reason = str(error)
        if reason:
            reasons[tile["tileId"]] = reason
    return reasons


def _core_problem(tile: Json, shared: Shared) -> str | None:
    """Image and mask files of all levels exist, and the transforms can be built."""
    from renderapi.rendering.sources import SourceCache, validate_sources
    from renderapi.transform import specs

    try:
        validate_sources(tile, SourceCache(0).view())
        specs.leaves(specs.flatten(transform_document(tile), shared))
    except (RenderError, OSError) as error:
        return str(error)
    return None


def _grid(tile: Json, samples: int) -> np.ndarray:
    x = np.linspace(0, float(tile["width"]) - 1, samples)
    y = np.linspace(0, float(tile["height"]) - 1, samples)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _mapped(tile: Json, shared: Shared, points: np.ndarray) -> np.ndarray:
    from renderapi.transform import specs

    leaves = specs.leaves(specs.flatten(transform_document(tile), shared))
    return specs.transform_points(leaves, points)
