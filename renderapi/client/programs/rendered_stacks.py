"""Stacks whose images are the pictures drawn of the tiles of another stack."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from renderapi.client.programs.box_drawings import whole_shown
from renderapi.client.programs.derived_stacks import set_up_derived_stack
from renderapi.client.programs.layers import LayerTiles
from renderapi.client.programs.service import Json, StackService
from renderapi.errors import ClientScriptError
from renderapi.files import atomic_path
from renderapi.rendering import output, render_canvas
from renderapi.rendering.sources import SourceCache
from renderapi.transform.specs import affine_spec
from renderapi.urls import path_to_url

_KEPT = ("tileId", "z", "layout", "groupId", "labels")


class RenderedStack:
    """A stack that takes the tiles of another as they are drawn: one affine places each picture.

    It is LOADING afterwards, with the resolutions of the other stack.
    """

    def __init__(self, source: StackService, name: str, sources: SourceCache) -> None:
        self._target, self._sources = source.sibling(name), sources
        if self._target.same_as(source):
            raise ClientScriptError(f"{source} cannot take the pictures of its own tiles")
        set_up_derived_stack(source, self._target)

    def add(self, parameters: Json, picture: Path, z: float) -> None:
        """Store the tile of a picture that has been drawn, and a mask of what the tile covers."""
        (tile,) = parameters["tileSpecs"]
        mask = picture.with_name(f"{picture.stem}_mask.png")
        height, width = self._write_mask(parameters, tile, mask)
        urls = {"imageUrl": path_to_url(picture), "maskUrl": path_to_url(mask)}
        rendered = {
            **{key: tile[key] for key in _KEPT if tile.get(key) is not None},
            **{"z": z, "width": float(width), "height": float(height)},
            **{"minIntensity": 0.0, "maxIntensity": 255.0, "mipmapLevels": {"0": urls}},
            "transforms": {"type": "list", "specList": [_placement(parameters)]},
        }
        layer = LayerTiles([rendered])
        layer.derive_boxes()
        self._target.save_tiles(layer.tiles, [], z)

    def _write_mask(self, parameters: Json, tile: Json, path: Path) -> tuple[int, int]:
        """Write where the tile is drawn; height and width of the picture."""
        whole = {**parameters, "tileSpecs": [whole_shown(tile)], "fillWithNoise": False}
        canvas = render_canvas(whole, sources=self._sources)
        if canvas.alpha is None:
            raise ClientScriptError(f"tile {tile['tileId']} has no outline")
        shown = np.ascontiguousarray(canvas.alpha[: canvas.height, : canvas.width])
        with atomic_path(path) as temporary:
            temporary.write_bytes(output.encode_png(shown))
        return canvas.height, canvas.width


def _placement(parameters: Json) -> Json:
    """Affine from pixels of a picture to the world."""
    step = 1.0 / float(parameters.get("scale") or 1.0)
    x, y = float(parameters["x"]), float(parameters["y"])
    return affine_spec(np.array([[step, 0.0, x], [0.0, step, y], [0.0, 0.0, 1.0]]))
