"""The documents that the cases send and expect: tiles, matches, stacks, parameters."""

from __future__ import annotations

from typing import Any

LENS = {
    "id": "lens",
    "type": "leaf",
    "className": "mpicbg.trakem2.transform.TranslationModel2D",
    "dataString": "5 0",
    "metaData": {"labels": ["lens"]},
}


def affine(x: float, y: float) -> dict[str, Any]:
    """Affine leaf that moves by (x, y)."""
    return {
        "type": "leaf",
        "className": "mpicbg.trakem2.transform.AffineModel2D",
        "dataString": f"1 0 0 1 {x} {y}",
    }


def tile(tile_id: str, z: float, specs: list[Any], box: list[float], **more: Any) -> dict[str, Any]:
    """Tile of 100 x 80 pixels in section `z`.0 as it is stored."""
    return {
        "tileId": tile_id,
        "layout": {"sectionId": f"{z}", "imageRow": 0, "imageCol": 1, "stageX": 1.5, "stageY": 2.5},
        "z": z,
        "width": 100.0,
        "height": 80.0,
        **dict(zip(("minX", "minY", "maxX", "maxY"), box, strict=True)),
        "mipmapLevels": {"0": {"imageUrl": "{images}/8bit.png"}},
        "transforms": {"type": "list", "specList": specs},
        "meshCellSize": 64.0,
        **more,
    }


REF = {"type": "ref", "refId": "lens"}
TILES = {
    "a": tile("a", 1.0, [REF, affine(0, 0)], [5.0, 0.0, 105.0, 80.0], groupId="g"),
    "b": tile("b", 1.0, [affine(90, 0)], [90.0, 0.0, 190.0, 80.0]),
    "c": tile(
        "c",
        2.0,
        [{"type": "list", "specList": [REF, affine(0, 10)]}],
        [5.0, 10.0, 105.0, 90.0],
        mipmapLevels={"0": {"imageUrl": "{images}/8bit.png", "maskUrl": "{images}/mask.png"}},
    ),
}
FLAT = {
    "a": {**TILES["a"], "transforms": {"type": "list", "specList": [LENS, affine(0, 0)]}},
    "b": TILES["b"],
    "c": {**TILES["c"], "transforms": {"type": "list", "specList": [LENS, affine(0, 10)]}},
}


def match(p: str, q: str, first: float = 0.0, **more: Any) -> dict[str, Any]:
    """Pair of the canvases p and q, "group/id" each, with two points."""
    (p_group, p_id), (q_group, q_id) = p.split("/"), q.split("/")
    points = {"p": [[first, 1.0], [2.0, 3.0]], "q": [[4.0, 5.0], [6.0, 7.0]], "w": [1.0, 0.5]}
    ids = {"pGroupId": p_group, "pId": p_id, "qGroupId": q_group, "qId": q_id}
    return {**ids, **more, "matches": points, "matchCount": 2}


def without_points(document: dict[str, Any]) -> dict[str, Any]:
    """The pair as it is answered with excludeMatchDetails."""
    return {key: value for key, value in document.items() if key != "matches"}


SET = {"consensusSetData": {"index": 0, "originalPId": "a", "originalQId": "d"}}
AB, AC, AD, EF = (
    match("1.0/a", "1.0/b"),
    match("1.0/a", "2.0/c"),
    match("1.0/a_set_1.0_2.0_0", "2.0/d", **SET),
    match("2.0/e", "2.0/f"),
)
MATCHES = [AB, AC, AD, EF]
MERGED = {
    **AB,
    "matches": {
        "p": [[0.0, 1.0, 9.0, 1.0], [2.0, 3.0, 2.0, 3.0]],
        "q": [[4.0, 5.0, 4.0, 5.0], [6.0, 7.0, 6.0, 7.0]],
        "w": [1.0, 0.5, 1.0, 0.5],
    },
    "matchCount": 4,
}


def stack_id(stack: str, project: str = "p") -> dict[str, str]:
    """Identity of a stack of the test owner."""
    return {"owner": "test", "project": project, "stack": stack}


def bounds(z: float, *tile_ids: str) -> list[dict[str, Any]]:
    """TileBounds of tiles of one section."""
    sides = ("minX", "minY", "maxX", "maxY")
    return [
        {**{s: TILES[i][s] for s in sides}, "tileId": i, "sectionId": f"{z}", "z": z}
        for i in tile_ids
    ]


def section(z: float, count: int, box: list[float]) -> dict[str, Any]:
    """SectionData of a section named for its z."""
    names = ("minX", "minY", "maxX", "maxY")
    return {"sectionId": f"{z}", "z": z, "tileCount": count, **dict(zip(names, box, strict=True))}


SECTIONS = [section(1.0, 2, [5.0, 0.0, 190.0, 80.0]), section(2.0, 1, [5.0, 10.0, 105.0, 90.0])]
STACK_BOUNDS = {"minX": 5.0, "minY": 0.0, "minZ": 1.0, "maxX": 190.0, "maxY": 90.0, "maxZ": 2.0}
BUILDER = {"rootPath": "/mips/", "numberOfLevels": 3, "extension": "tif"}
HIERARCHICAL = {
    "tier": 1,
    "scale": 0.5,
    "savedMatchPairCount": 4,
    "matchCollectionId": {"owner": "test", "name": "m"},
    "splitGroupIds": ["1.0"],
}
BOX = "S/z/1/box/0,0,200,80,0.5"
GROUP_BOX = "S/group/g/z/1.0/box/0,0,200,80,0.5"
DVID = "dvid/imagetile/raw/xy/200_80/0_0_1"
IDENTITY = {"tileId": "x", "z": 3.0, "width": 10, "height": 10, "transforms": {"specList": []}}
TRANSLATED = {**IDENTITY, "transforms": {"specList": [affine(5, -5)]}}
