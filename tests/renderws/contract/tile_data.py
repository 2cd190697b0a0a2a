"""Operations on one tile, and its render parameters."""

from __future__ import annotations

from .cases import case, fields, first_tile, tile_ids_of
from .documents import LENS, TILES, affine

TILE_DATA = [
    case(64, "GET S/tile/a/", 200, TILES["a"]),
    case(64, "GET S/tile/none", 404, "~none"),
    case(64, "GET S/tile/with%2Fslash", 404, "~with/slash"),
    case(65, "DELETE S:open/tile/a", 200, None, then=("GET S:open/tileIds", ["b", "c"])),
    case(65, "DELETE S:open/tile/none", 200, None),
    case(65, "DELETE S/tile/a", 409, "~COMPLETE"),
    case(65, "DELETE S:missing/tile/a", 404, "~missing"),
    case(66, "GET S/tile/a/render-parameters", 200,
         fields(x=5.0, y=0.0, width=100, height=80, scale=1.0)),
    case(66, "GET S/tile/a/render-parameters", 200, first_tile("a")),
    case(66, "GET S/tile/b/render-parameters?normalizeForMatching=true&excludeAllTransforms=false",
         200, fields(x=0.0, y=0.0, width=100, height=80)),
    case(66, "GET S/tile/a/render-parameters?excludeAllTransforms=true", 200,
         lambda r: r.json()["tileSpecs"][0]["transforms"]["specList"] == [] and r.json()["x"] == 0),
    case(66, "GET S/tile/a/render-parameters?excludeTransformsAfterLast=lens&x=1&width=7", 200,
         lambda r: r.json()["tileSpecs"][0]["transforms"]["specList"] == [LENS]
         and (r.json()["x"], r.json()["width"]) == (6.0, 7)),
    case(66, "GET S/tile/none/render-parameters", 404, "~none"),
    case(66, "GET S/tile/a/render-parameters?width=7.0", 404, "~7.0"),
    case(66, "GET S/tile/a/render-parameters?excludeAllTransforms=&normalizeForMatching=true", 200,
         lambda r: r.json()["tileSpecs"][0]["transforms"]["specList"] == [LENS, affine(0, 0)]),
    case(66, "GET S/tile/a/render-parameters?x=1.5", 404, "~1.5"),
    case(72, "GET S/tile/a/png-image?y=2.0", 404, "~2.0"),
    case(67, "GET S/tile/a/validation-info", 200, ""),
    case(67, "GET S/tile/none/validation-info", 404, "~none"),
    case(68, "GET S/tile/a/source/scale/0.5/render-parameters", 200,
         fields(x=0.0, y=0.0, width=100, height=80, scale=0.5)),
    case(69, "GET S/tile/c/mask/scale/1/render-parameters", 200, lambda r: r.json()[
        "tileSpecs"][0]["mipmapLevels"]["0"]["imageUrl"].endswith("mask.png")),
    case(69, "GET S/tile/a/mask/scale/1/render-parameters", 200,
         lambda r: "imageUrl" not in r.json()["tileSpecs"][0]["mipmapLevels"]["0"]),
    case(70, "GET S/tile/b/withNeighbors/render-parameters", 200,
         fields(x=60.0, y=-24.0, width=160, height=128)),
    case(70, "GET S/tile/b/withNeighbors/render-parameters", 200, tile_ids_of("a", "b")),
    case(70, "GET S/tile/none/withNeighbors/render-parameters", 404, "~none"),
]  # fmt: skip
