"""The contract of the web service, operation by operation: what is asked, and what must come back.

A case is `case(number, request, status, expected, send=..., then=..., ...)`:

request
    Method and path. The path begins with O, P, S or C as in the contract; `S:open` is the stack of
    that name (default: acq), `C:n` that match collection (default: m).
expected
    Compared with the JSON of the answer. Text compares with a text answer; a text that begins with
    "~" must occur in it; None: the body must be empty; `...`: not looked at. A function is called
    with the response and must give true.
send
    JSON body, or bytes as they are.
then
    A second request that must be answered 200 with the value given.

The stacks (owner test, project p): acq is COMPLETE and holds the tiles a, b (z 1, section 1.0) and
c (z 2, section 2.0); locked is the same, READ_ONLY; open the same, LOADING; empty is LOADING and
new; off is OFFLINE. The collections: m holds the pairs of MATCHES, n one pair that m has too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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


class Case(NamedTuple):
    """One request and what must come back."""

    number: int
    request: str
    status: int
    expected: Any
    send: Any
    then: tuple[str, Any] | None


def case(
    number: int,
    request: str,
    status: int = 200,
    expected: Any = None,
    send: Any = None,
    then: tuple[str, Any] | None = None,
) -> Case:
    """A case of the contract."""
    return Case(number, request, status, expected, send, then)


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


def tile_ids_of(*ids: str) -> Any:
    """Check that render parameters name these tiles, in this order, and all primitive keys."""

    def check(response: Any) -> bool:
        value = response.json()
        keys = {"x", "y", "width", "height", "scale", "meshCellSize", "quality", "doFilter"}
        return [t["tileId"] for t in value["tileSpecs"]] == list(ids) and keys <= value.keys()

    return check


def first_tile(tile_id: str) -> Any:
    """Check that the first tile of render parameters is the flattened one (but for its images)."""

    def check(response: Any) -> bool:
        found = response.json()["tileSpecs"][0]
        keys = FLAT[tile_id].keys() - {"mipmapLevels"}
        return found.keys() == FLAT[tile_id].keys() and all(
            found[key] == FLAT[tile_id][key] for key in keys
        )

    return check


def fields(**expected: Any) -> Any:
    """Check that a JSON answer has these values among its properties."""

    def check(response: Any) -> bool:
        value = response.json()
        return {key: value.get(key) for key in expected} == expected

    return check


def image(width: int, height: int, mode: str) -> Any:
    """Check size and mode of an image answer."""

    def check(response: Any) -> bool:
        import io

        from PIL import Image

        with Image.open(io.BytesIO(response.content)) as picture:
            found = (*picture.size, picture.mode)
        return found == (width, height, mode) and "max-age=3600" in response.headers.get(
            "Cache-Control", "max-age=3600"
        )

    return check


def raw_bytes(count: int) -> Any:
    """Check the length of an answer without a format."""
    return lambda response: len(response.content) == count


def names(*found: str) -> Any:
    """Check the names of stacks of a list of metadata, in order."""
    return lambda response: [s["stackId"]["stack"] for s in response.json()] == list(found)


def residuals(response: Any) -> bool:
    """Check the distances of a, moved by 5, and b, moved by 90, at the points of their match."""
    value = response.json()
    # p (0, 2), (1, 3) and q (4, 6), (5, 7) differ by (4, 4); the tiles by (85, 0)
    distance = (89.0**2 + 4.0**2) ** 0.5
    return value["matchCount"] == 2 and abs(value["mean"] - distance) < 1e-9


STACKS = [
    case(1, "GET /likelyUniqueId", 200, lambda r: len(r.text) == 24 and int(r.text, 16) >= 0),
    case(2, "GET /owners/", 200, ["test"]),
    case(3, "GET O/projects", 200, ["p", "q"]),
    case(3, "GET /owner/nobody/projects", 200, []),
    case(4, "GET O/stackIds", 200, lambda r: stack_id("acq") in r.json() and len(r.json()) == 6),
    case(5, "GET P/stackIds", 200, lambda r: len(r.json()) == 5),
    case(6, "GET O/stacks/", 200, lambda r: r.json()[-1]["stackId"] == stack_id("first", "q")),
    case(6, "GET /owner/nobody/stacks", 200, []),
    case(7, "GET P/stacks", 200, lambda r: len(r.json()) == 5),
    case(7, "GET /owner/test/project/q/stacks", 200, names("first")),
    case(8, "GET S", 200,
         fields(stackId=stack_id("acq"), state="COMPLETE", currentVersionNumber=0)),
    case(8, "GET S/", 200, lambda r: r.json()["stats"]["stackBounds"] == STACK_BOUNDS),
    case(8, "GET S", 200, lambda r: r.json()["stats"]["transformCount"] == 1),
    case(8, "GET S:open", 200, lambda r: "stats" not in r.json()),
    case(8, "GET S:missing", 404, "~missing"),
    case(8, "GET S:not_a___stack", 400, "~not_a___stack"),
    case(8, "GET S:with-dash", 400, "~with-dash"),
    case(9, "POST S:new", 201, None, {"stackResolutionX": 4, "unknown": 1, "versionNotes": None},
         then=("GET S:new", lambda r: r.json()["currentVersion"] == {"stackResolutionX": 4.0})),
    case(9, "POST S:new", 201, None, {"createTimestamp": "2024-01-01T10:20:30.00Z"},
         then=("GET S:new", lambda r: r.json()["currentVersion"]["createTimestamp"]
               == "2024-01-01T10:20:30.000Z")),
    case(9, "POST S", 201, None, {"cycleNumber": 2},
         then=("GET S", fields(state="LOADING", currentVersionNumber=1, stats=None))),
    case(9, "POST S", 201, None, {}, then=("GET S/zValues", [1.0, 2.0])),
    case(9, "POST S:new", 400, "~stack version", b""),
    case(9, "POST S:new", 400, "~JSON", b"{"),
    case(9, "POST S:new", 400, "~cycleNumber", {"cycleNumber": "many"}),
    case(9, "POST S:locked", 409, "~READ_ONLY", {}),
    case(9, "POST S:a__b", 400, "~a__b", {}),
    case(10, "DELETE S", 200, None, then=("GET P/stackIds", lambda r: len(r.json()) == 4)),
    case(10, "DELETE S:missing", 200, None),
    case(10, "DELETE S:locked", 409, "~READ_ONLY"),
    case(11, "PUT S/stackId", 200, None, stack_id("moved", "q"),
         then=("GET /owner/test/project/q/stack/moved/zValues", [1.0, 2.0])),
    case(11, "PUT S:missing/stackId", 404, "~missing", stack_id("moved")),
    case(11, "PUT S/stackId", 400, "~open", stack_id("open")),
    case(11, "PUT S:locked/stackId", 409, "~READ_ONLY", stack_id("moved")),
    case(11, "PUT S/stackId", 400, "~owner", b""),
    case(12, "PUT S/cloneTo/copy", 201, None, {}, then=("GET S:copy/zValues", [1.0, 2.0])),
    case(12, "PUT S/cloneTo/copy?z=2.0", 201, None, {"stackResolutionX": 1},
         then=("GET S:copy/tileIds", ["c"])),
    case(12, "PUT S/cloneTo/copy?toProject=q", 201, None, {},
         then=("GET /owner/test/project/q/stack/copy", fields(state="LOADING"))),
    case(12, "PUT S/cloneTo/copy", 400, "~stack version", b""),
    case(12, "PUT S:missing/cloneTo/copy", 404, "~missing", {}),
    case(12, "PUT S/cloneTo/open", 409, "~open", {}),
    case(12, "PUT S/cloneTo/locked", 409, "~locked", {}),
    case(13, "GET S/resolutionValues", 200, [4.0, 4.0, 40.0]),
    case(13, "GET S:empty/resolutionValues", 200, [None, None, None]),
    case(13, "GET S:missing/resolutionValues", 404, "~missing"),
    case(14, "PUT S/resolutionValues", 200, None, [1, 2.5, None],
         then=("GET S/resolutionValues", [1.0, 2.5, None])),
    case(14, "PUT S/resolutionValues", 400, "~three", [1, 2, 3, 4]),
    case(14, "PUT S:locked/resolutionValues", 409, "~READ_ONLY", [1, 2, 3]),
    case(15, "DELETE S/resolutionValues", 200, None,
         then=("GET S/resolutionValues", [None, None, None])),
    case(15, "DELETE S:locked/resolutionValues", 409, "~READ_ONLY"),
    case(16, "GET S/materializedBoxRootPath", 204, None),
    case(16, "GET S:missing/materializedBoxRootPath", 404, "~missing"),
    case(17, "PUT S/materializedBoxRootPath", 200, None, b" /boxes\n",
         then=("GET S/materializedBoxRootPath", "/boxes")),
    case(17, "PUT S:locked/materializedBoxRootPath", 409, "~READ_ONLY", b"/boxes"),
    case(18, "DELETE S/materializedBoxRootPath", 200, None),
    case(18, "DELETE S:missing/materializedBoxRootPath", 404, "~missing"),
    case(19, "GET S/mipmapPathBuilder", 204, None),
    case(19, "GET S:missing/mipmapPathBuilder", 404, "~missing"),
    case(20, "PUT S/mipmapPathBuilder", 200, None, {**BUILDER, "rootPath": "/mips"},
         then=("GET S/mipmapPathBuilder", BUILDER)),
    case(20, "PUT S/mipmapPathBuilder", 400, "~regular expression",
         {**BUILDER, "imageMipmapPatternString": "(x"}),
    case(20, "PUT S/mipmapPathBuilder", 400, "~two groups",
         {**BUILDER, "imageMipmapPatternString": "(x)"}),
    case(20, "PUT S:locked/mipmapPathBuilder", 409, "~READ_ONLY", BUILDER),
    case(21, "DELETE S/mipmapPathBuilder", 200, None),
    case(21, "DELETE S:locked/mipmapPathBuilder", 409, "~READ_ONLY"),
    case(22, "GET S/defaultChannel", 204, None),
    case(22, "GET S:missing/defaultChannel", 404, "~missing"),
    case(23, "PUT S/defaultChannel", 200, None, b"DAPI",
         then=("GET S/defaultChannel", lambda r: (
             r.content, r.headers["Content-Type"]) == (b"DAPI", "application/json"))),
    case(23, "PUT S:locked/defaultChannel", 409, "~READ_ONLY", b"DAPI"),
    case(24, "DELETE S/defaultChannel", 200, None),
    case(24, "DELETE S:locked/defaultChannel", 409, "~READ_ONLY"),
    case(25, "GET S/cycle", 200, {}),
    case(25, "GET S:missing/cycle", 404, "~missing"),
    case(26, "PUT S/cycle", 200, None, {"number": 3, "stepNumber": None},
         then=("GET S/cycle", {"number": 3})),
    case(26, "PUT S:locked/cycle", 409, "~READ_ONLY", {"number": 3}),
    case(27, "DELETE S/cycle", 200, None, then=("GET S/cycle", {})),
    case(27, "DELETE S:missing/cycle", 404, "~missing"),
    case(28, "DELETE S:open/section/1.0", 200, None, then=("GET S:open/tileIds", ["c"])),
    case(28, "DELETE S:open/section/none", 200, None),
    case(28, "DELETE S/section/1.0", 409, "~set its state to LOADING first"),
    case(28, "DELETE S:locked/section/1.0", 409, "~set its state to COMPLETE and then to LOADING"),
    case(28, "DELETE S:off/section/1.0", 409, "~create it again"),
    case(28, "DELETE S:missing/section/1.0", 404, "~missing"),
    case(29, "DELETE S:open/z/1", 200, None, then=("GET S:open/zValues", [2.0])),
    case(29, "DELETE S:open/z/77.5", 200, None),
    case(29, "DELETE S/z/1.0", 409, "~COMPLETE"),
    case(29, "DELETE S:missing/z/1.0", 404, "~missing"),
    case(29, "DELETE S:open/z/one", 404, "~one"),
    case(30, "PUT S:open/state/COMPLETE", 201, None,
         then=("GET S:open/sectionData", SECTIONS)),
    case(30, "PUT S/state/LOADING", 201, None,
         then=("GET S", fields(state="LOADING", currentVersionNumber=1, stats=None))),
    case(30, "PUT S/state/READ_ONLY", 201, None, then=("GET S/bounds", STACK_BOUNDS)),
    case(30, "PUT S:locked/state/COMPLETE", 201, None),
    case(30, "PUT S/state/OFFLINE", 201, None, then=("GET S/tileIds", [])),
    case(30, "PUT S:locked/state/LOADING", 409, "~READ_ONLY"),
    case(30, "PUT S:open/state/OFFLINE", 409, "~LOADING"),
    case(30, "PUT S:open/state/READ_ONLY", 409, "~LOADING"),
    case(30, "PUT S:off/state/LOADING", 409, "~OFFLINE"),
    case(30, "PUT S:off/state/READ_ONLY", 409, "~OFFLINE"),
    case(30, "PUT S:off/state/OFFLINE", 201, None),
    case(30, "PUT S:locked/state/READ_ONLY", 201, None),
    case(30, "PUT S:off/state/COMPLETE", 409, "~OFFLINE"),
    case(30, "PUT S:empty/state/COMPLETE", 409, "~empty"),
    case(30, "PUT S/state/DONE", 404, "~DONE"),
    case(30, "PUT S:missing/state/COMPLETE", 404, "~missing"),
    case(31, "GET S/bounds", 200, STACK_BOUNDS),
    case(31, "GET S:open/bounds", 400, "~LOADING"),
    case(31, "GET S:missing/bounds", 404, "~missing"),
    case(32, "GET S/tileIds", 200, ["a", "b", "c"]),
    case(32, "GET S/tileIds?minZ=2&_=123", 200, ["c"]),
    case(32, "GET S/tileIds?maxZ=1.0&matchPattern=[b-z]", 200, ["b"]),
    case(32, "GET S:missing/tileIds", 200, []),
    case(32, "GET S/tileIds?matchPattern=(", 400, "~regular expression"),
    case(32, "GET S/tileIds?minZ=low", 404, "~low"),
    case(33, "PUT S/tile-specs-with-ids", 200, [FLAT["a"], FLAT["c"]], ["c", "zzz", "a"]),
    case(33, "PUT S/tile-specs-with-ids", 200, [], []),
    case(33, "PUT S/tile-specs-with-ids", 400, "~list", {}),
]  # fmt: skip

LAYERS = [
    case(34, "GET S/layoutFile", 200, lambda r: [
        line.split("\t")[1] for line in r.text.splitlines()] == ["a", "b", "c"]),
    case(34, "GET S/layoutFile?format=SCHEFFER&maxZ=1", 200,
         lambda r: r.text.startswith("BBOX 5.0 0.0 190.0 90.0\nTRANSFORM '")
         and r.text.count("\n") == 3),
    case(34, "GET S/layoutFile?format=OTHER", 404, "~OTHER"),
    case(34, "GET S:missing/layoutFile", 404, "~missing"),
    case(35, "GET S/z/1/layoutFile", 200, lambda r: r.text.splitlines()[1].split("\t")[:11]
         == ["1.0", "b", "1", "0", "90", "0", "1", "0", "1", "0", "null"]
         and len(r.text.splitlines()[1].split("\t")) == 16),
    case(36, "GET S/zRange/1.5,9/layoutFile", 200,
         lambda r: r.text.split("\t")[2:8] == ["1.0", "0.0", "1.5", "0.0", "1.0", "2.5"]),
    case(37, "GET S/zValues/", 200, [1.0, 2.0]),
    case(37, "GET S/zValues?minZ=1.5&maxZ=2", 200, [2.0]),
    case(37, "GET S:empty/zValues", 200, []),
    case(37, "GET S:missing/zValues", 404, "~missing"),
    case(38, "GET S/sectionData", 200, SECTIONS),
    case(38, "GET S/sectionData?maxZ=1", 200, SECTIONS[:1]),
    case(38, "GET S:open/sectionData", 400, "~open"),
    case(38, "GET S:missing/sectionData", 404, "~missing"),
    case(39, "GET S/reorderedSectionData", 200, []),
    case(39, "GET S:missing/reorderedSectionData", 404, "~missing"),
    case(40, "GET S/mergedZValues", 200, []),
    case(41, "GET S/mergeableData", 200, ""),
    case(42, "GET S/mergeableZValues", 200, []),
    case(42, "GET S:missing/mergeableZValues", 404, "~missing"),
    case(43, "GET S:open/z/1.000000/bounds", 200,
         {"minX": 5.0, "minY": 0.0, "minZ": 1.0, "maxX": 190.0, "maxY": 80.0, "maxZ": 1.0}),
    case(43, "GET S/z/9/bounds", 400, "~9"),
    case(43, "GET S:missing/z/1/bounds", 404, "~missing"),
    case(44, "GET S:open/z/1/sectionData", 200, SECTIONS[:1]),
    case(44, "GET S:open/z/7/sectionData", 200, []),
    case(44, "GET S:missing/z/1/sectionData", 404, "~missing"),
    case(45, "GET S/z/1/tileBounds", 200, bounds(1.0, "a", "b")),
    case(45, "GET S/z/7/tileBounds", 200, []),
    case(45, "GET S:missing/z/1/tileBounds", 404, "~missing"),
    case(46, "PUT S:open/z/5/tileIds", 201, None, ["a"], then=("GET S:open/z/5/tileBounds",
         lambda r: [(t["tileId"], t["z"]) for t in r.json()] == [("a", 5.0)])),
    case(46, "PUT S/z/5/tileIds", 409, "~COMPLETE", ["a"]),
    case(46, "PUT S:missing/z/5/tileIds", 404, "~missing", ["a"]),
    case(46, "PUT S:open/z/5/tileIds", 400, "~list", b""),
    case(47, "GET S/z/1/resolvedTiles", 200, {
        "transformIdToSpecMap": {"lens": LENS},
        "tileIdToSpecMap": {"a": TILES["a"], "b": TILES["b"]}}),
    case(47, "GET S/z/9/resolvedTiles", 404, "~acq"),
    case(47, "GET S:missing/z/1/resolvedTiles", 404, "~missing"),
    case(48, "GET S/resolvedTiles?minX=150", 200,
         {"transformIdToSpecMap": {}, "tileIdToSpecMap": {"b": TILES["b"]}}),
    case(48, "GET S/resolvedTiles?groupId=g", 200,
         lambda r: [*r.json()["tileIdToSpecMap"]] == ["a"]),
    case(48, "GET S/resolvedTiles?minZ=8", 404, "~acq"),
    case(49, "PUT S:empty/resolvedTiles", 201, None,
         {"transformIdToSpecMap": {"lens": LENS}, "tileIdToSpecMap": TILES},
         then=("GET S:empty/z/2/resolvedTiles", {
             "transformIdToSpecMap": {"lens": LENS}, "tileIdToSpecMap": {"c": TILES["c"]}})),
    case(49, "PUT S:empty/resolvedTiles?deriveData=TRUE", 201, None,
         {"transformIdToSpecMap": {"lens": LENS}, "tileIdToSpecMap": {
             "a": {"tileId": "a", "z": 1, "width": 100, "height": 80, "frameId": "dropped",
                   "groupId": None, "transforms": {"specList": [REF]}}}},
         then=("GET S:empty/tile/a", {
             "tileId": "a", "z": 1.0, "width": 100.0, "height": 80.0, "meshCellSize": 64.0,
             "mipmapLevels": {}, "transforms": {"type": "list", "specList": [REF]},
             "minX": 5.0, "minY": 0.0, "maxX": 105.0, "maxY": 80.0})),
    case(49, "PUT S:open/resolvedTiles?deriveData=true", 201, None,
         {"tileIdToSpecMap": {"d": {**TILES["a"], "tileId": "d"}}},
         then=("GET S:open/tileIds", ["a", "b", "c", "d"])),
    case(49, "PUT S:open/resolvedTiles", 201, None,
         {"tileIdToSpecMap": {"a": {**TILES["a"], "z": 2.0}}},
         then=("GET S:open/z/2/tileBounds",
               lambda r: {t["tileId"] for t in r.json()} == {"a", "c"})),
    case(49, "PUT S:open/resolvedTiles", 400, "~'x' has no minX",
         {"tileIdToSpecMap": {"x": IDENTITY}}),
    case(49, "PUT S:open/resolvedTiles?deriveData=true", 400, "~tile n",
         {"tileIdToSpecMap": {"n": {**IDENTITY, "tileId": "n", "width": None}}}),
    case(49, "PUT S:empty/resolvedTiles?deriveData=true", 400, "~lens",
         {"tileIdToSpecMap": {"a": TILES["a"]}}),
    case(49, "PUT S:open/resolvedTiles", 400, "~no tiles", {"transformIdToSpecMap": {"l": LENS}}),
    case(49, "PUT S:open/resolvedTiles", 400, "~body", b""),
    case(49, "PUT S:open/resolvedTiles", 400, "~JSON", b'{"tileIdToSpecMap": '),
    case(49, "PUT S/resolvedTiles", 409, "~set its state to LOADING first",
         {"tileIdToSpecMap": TILES}),
    case(49, "PUT S:locked/resolvedTiles", 409, "~set its state to COMPLETE and then to LOADING",
         {"tileIdToSpecMap": TILES}),
    case(49, "PUT S:off/resolvedTiles", 409, "~create it again", {"tileIdToSpecMap": TILES}),
    case(49, "PUT S:missing/resolvedTiles", 404, "~missing", {"tileIdToSpecMap": TILES}),
    case(50, "PUT S:open/z/1/resolvedTiles", 201, None, {"tileIdToSpecMap": {"a": TILES["a"]}}),
    case(50, "PUT S:open/z/3/resolvedTiles", 400, "~z 1.0", {"tileIdToSpecMap": {"a": TILES["a"]}}),
    case(51, "GET S/section/2.0/z", 200, 2.0),
    case(51, "GET S/section/9/z", 404, "~9"),
    case(51, "GET S:missing/section/1.0/z", 404, "~missing"),
    case(52, "PUT S:open/section/1.0/z", 201, None, b"7.5",
         then=("GET S:open/zValues", [2.0, 7.5])),
    case(52, "PUT S/section/1.0/z", 409, "~COMPLETE", b"7.5"),
    case(52, "PUT S:missing/section/1.0/z", 404, "~missing", b"7.5"),
    case(52, "PUT S:open/section/1.0/z", 400, "~number", b""),
    case(52, "PUT S:open/section/1.0/z", 400, "~number", "low"),
    case(53, "GET S/section/1.0/tileBounds", 200, bounds(1.0, "a", "b")),
    case(53, "GET S:missing/section/1.0/tileBounds", 404, "~missing"),
    case(54, "GET S/transform/lens", 200, LENS),
    case(54, "GET S/transform/none", 404, "~none"),
    case(55, "GET S/z/1/box/0,0,50,50/tile-count", 200, 1),
    case(55, "GET S/z/1/box/0,0,90,50/tile-count", 200, 2),
    case(55, "GET S:missing/z/1/box/0,0,90,50/tile-count", 404, "~missing"),
    case(55, "GET S/z/1/box/0,0,90.0,50/tile-count", 404, "~90.0"),
    case(56, f"GET S/{DVID}/tile-count", 200, 2),
    case(57, "GET S/z/1.000000/tile-specs", 200, [FLAT["a"], FLAT["b"]]),
    case(57, "GET S/z/2/tile-specs", 200, [FLAT["c"]]),
    case(57, "GET S/z/9/tile-specs", 400, "~9"),
    case(57, "GET S:missing/z/1/tile-specs", 404, "~missing"),
    case(58, "GET S/z/1/last-tile-transforms", 200, [
        {"tileId": "a", "lastTransform": affine(0, 0)},
        {"tileId": "b", "lastTransform": affine(90, 0)}]),
    case(58, "GET S/z/9/last-tile-transforms", 400, "~9"),
    case(59, "GET S/z/1/render-parameters", 200, tile_ids_of("a", "b")),
    case(59, "GET S/z/1/render-parameters?scale=0.25", 200,
         fields(x=5.0, y=0.0, width=185, height=80, scale=0.25)),
    case(59, "GET S/z/9/render-parameters", 400, "~9"),
    case(59, "GET S:missing/z/1/render-parameters", 404, "~missing"),
    case(60, f"GET {BOX}/render-parameters", 200, tile_ids_of("a", "b")),
    case(60, f"GET {BOX}/render-parameters", 200, first_tile("a")),
    case(60, f"GET {BOX}/render-parameters?scale=0.1&filter=True&minIntensity=3&excludeMask=1", 200,
         fields(scale=0.1, doFilter=True, minIntensity=3.0, excludeMask=False)),
    case(60, "GET S/z/9/box/0,0,200,80,1/render-parameters", 200, tile_ids_of()),
    case(60, f"GET {BOX}/render-parameters?filterListName=none", 400, "~none"),
    case(60, f"GET {BOX.replace('S', 'S:missing')}/render-parameters", 404, "~missing"),
    case(61, f"GET S/{DVID}/render-parameters?scale=0.5", 200, fields(width=200, scale=0.5)),
    case(62, f"GET {GROUP_BOX}/render-parameters", 200, tile_ids_of("a")),
    case(63, f"GET S/group/none/{DVID}/render-parameters", 200, tile_ids_of()),
]  # fmt: skip

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

IMAGES = [
    case(71, "GET S/tile/a/jpeg-image", 200, image(100, 80, "RGB")),
    case(72, "GET S/tile/a/png-image?scale=0.5", 200, image(50, 40, "RGBA")),
    case(72, "GET S/tile/none/png-image", 404, "~none"),
    case(73, "GET S/tile/a/tiff-image", 200, image(100, 80, "RGB")),
    case(74, "GET S/tile/a/tiff16-image", 200, image(100, 80, "I;16B")),
    case(75, "GET S/tile/a/source/jpeg-image", 200, image(100, 80, "RGB")),
    case(76, "GET S/tile/a/source/png-image", 200, image(100, 80, "RGBA")),
    case(77, "GET S/tile/a/source/tiff-image", 200, image(100, 80, "RGB")),
    case(78, "GET S/tile/c/mask/jpeg-image", 200, image(100, 80, "RGB")),
    case(79, "GET S/tile/c/mask/png-image", 200, image(100, 80, "RGBA")),
    case(79, "GET S/tile/a/mask/png-image", 400, "~mask"),
    case(80, "GET S/tile/c/mask/tiff-image", 200, image(100, 80, "RGB")),
    case(81, "GET S/tile/b/withNeighbors/jpeg-image?scale=0.5", 200, image(80, 64, "RGB")),
    case(81, "GET S/tile/b/withNeighbors/jpeg-image?boundingBoxesOnly=true", 200,
         image(160, 128, "RGB")),
    case(85, "GET S/z/1/jpeg-image?scale=0.1", 200, image(18, 8, "RGB")),
    case(86, "GET S/z/1.0/png-image?scale=0.5&name=z1.png", 200, image(92, 40, "RGBA")),
    case(86, "GET S/z/1/png-image", 400, "~0.01"),
    case(86, "GET S/z/9/png-image", 400, "~9"),
    case(86, "GET S:missing/z/1/png-image", 404, "~missing"),
    case(87, "GET S/z/1/tiff-image?scale=0.5", 200, image(92, 40, "RGB")),
    case(0, "GET S/z/1/tiff16-image?scale=0.5", 200, image(92, 40, "I;16B")),
    case(88, f"GET {BOX}/jpeg-image", 200, image(100, 40, "RGB")),
    case(89, f"GET S/{DVID}/jpg", 200, image(200, 80, "RGB")),
    case(90, f"GET {BOX}/png-image", 200, image(100, 40, "RGBA")),
    case(90, "GET S/z/1/box/0,0,200,80,0.250000/png-image", 200, image(50, 20, "RGBA")),
    case(90, "GET S/z/9/box/0,0,200,80,1/png-image", 200, image(200, 80, "RGBA")),
    case(90, f"GET {BOX}/png-image?filterListName=none", 400, "~none"),
    case(90, f"GET {BOX}/png-image?channels=A__0.9__B__0.9", 400, "~1"),
    case(90, f"GET {BOX}/png-image?maxTileSpecsToRender=1", 200, image(100, 40, "RGBA")),
    case(90, "GET S/z/1/box/0,0,2000000,2000000,1/png-image", 400, "~large"),
    case(90, f"GET {BOX.replace('S', 'S:missing')}/png-image", 404, "~missing"),
    case(91, f"GET S/{DVID}/png?scale=0.5", 200, image(100, 40, "RGBA")),
    case(92, f"GET {BOX}/tiff-image", 200, image(100, 40, "RGB")),
    case(93, f"GET {BOX}/tiff16-image", 200, image(100, 40, "I;16B")),
    case(94, f"GET {BOX}/png16-image", 200, image(100, 40, "I;16")),
    case(95, f"GET {BOX}/raw16-image", 200, raw_bytes(2 * 100 * 40)),
    case(96, f"GET {BOX}/raw-image", 200, raw_bytes(4 * 100 * 40)),
    case(97, f"GET S/{DVID}/tif", 200, image(200, 80, "RGB")),
    case(98, f"GET {GROUP_BOX}/jpeg-image", 200, image(100, 40, "RGB")),
    case(99, f"GET S/group/g/{DVID}/jpg", 200, image(200, 80, "RGB")),
    case(100, f"GET {GROUP_BOX}/png-image", 200, image(100, 40, "RGBA")),
    case(101, f"GET S/group/g/{DVID}/png", 200, image(200, 80, "RGBA")),
    case(102, f"GET {GROUP_BOX}/tiff-image", 200, image(100, 40, "RGB")),
    case(103, f"GET S/group/g/{DVID}/tif", 200, image(200, 80, "RGB")),
    case(104, "GET S/largeDataTileSource/64/32/1/1/0/0.jpg", 200, image(64, 32, "RGB")),
    case(104, "GET S/largeDataTileSource/64/32/99/1/0/0.jpg", 400, "~99"),
    case(105, "GET S/largeDataTileSource/64/32/small/1.0.jpg", 200, image(192, 90, "RGB")),
    case(106, "GET S/largeDataTileSource/64/32/0/1/1/2.png", 200, image(64, 32, "RGBA")),
    case(107, "GET S/largeDataTileSource/64/32/small/1.png?maxOverviewWidthAndHeight=95", 200,
         image(95, 45, "RGBA")),
]  # fmt: skip

COORDINATES = [
    case(108, "PUT S/z/1/tileIdsForCoordinates", 200,
         [[{"world": [100, 20], "tileId": "a"}, {"world": [100, 20], "tileId": "b"}],
          [{"world": [-1, -1]}]],
         [{"world": [100, 20], "error": None}, {"world": [-1, -1], "visible": False}]),
    case(108, "PUT S/z/1/tileIdsForCoordinates", 400, "~both x and y", [{"world": [1]}]),
    case(109, "PUT S/tileIdsForCoordinates", 200, [[{"world": [10, 20, 2], "tileId": "c"}]],
         [{"world": [10, 20, 2]}]),
    case(109, "PUT S/tileIdsForCoordinates", 400, "~x, y, and z", [{"world": [1, 2]}]),
    case(109, "PUT S/tileIdsForCoordinates", 400, "~coordinates are missing", [None]),
    case(110, "PUT O/local-to-world-coordinates/1.5,2", 200, [6.5, -3.0, 3.0], TRANSLATED),
    case(110, "PUT O/local-to-world-coordinates/1,2", 400, "~lens",
         {**IDENTITY, "transforms": {"specList": [REF]}}),
    case(111, "PUT O/world-to-local-coordinates/6.5,-3", 200,
         lambda r: [round(v, 9) for v in r.json()] == [1.5, 2.0, 3.0], TRANSLATED),
    case(111, "PUT O/world-to-local-coordinates/600,-3", 400, "~600", TRANSLATED),
    case(112, "GET S/tile/a/local-to-world-coordinates/1.500000,2.000000", 200,
         {"tileId": "a", "world": [6.5, 2.0, 1.0]}),
    case(112, "GET S/tile/none/local-to-world-coordinates/1,2", 404, "~none"),
    case(113, "PUT S/local-to-world-coordinates", 200, [{"tileId": "b", "world": [91.0, 2.0, 1.0]}],
         [{"tileId": "b", "local": [1, 2], "visible": False}]),
    case(114, "PUT S/z/99/local-to-world-coordinates", 200, lambda r: [
        "error" in e for e in r.json()] == [True, True, True, False]
        and r.json()[1]["tileId"] == "none" and r.json()[3]["world"] == [6.0, 2.0, 1.0],
        [{"local": [1, 2]}, {"tileId": "none", "local": [1, 2]}, {"tileId": "a", "local": [1]},
         {"tileId": "a", "local": [1, 2]}]),
    case(114, "PUT S/z/1/local-to-world-coordinates", 200, [], []),
    case(114, "PUT S/z/1/local-to-world-coordinates", 200,
         [{"error": "coordinates are missing"}, {"tileId": "a", "world": [6.0, 2.0, 1.0]}],
         [None, {"tileId": "a", "local": [1, 2]}]),
    case(115, "GET S/z/1/world-to-local-coordinates/100,20", 200, lambda r: [
        (e["tileId"], [round(v, 9) for v in e["local"]], e.get("visible")) for e in r.json()]
        == [("a", [95.0, 20.0, 1.0], None), ("b", [10.0, 20.0, 1.0], True)]),
    case(115, "GET S/z/1/world-to-local-coordinates/-100,20", 400, "~no tile"),
    case(115, "GET S/z/1/world-to-local-coordinates/189.9,20", 400, "~b"),
    case(116, "GET S/z/1/world-coordinates/100,20/mapped-to-stack/open", 200,
         lambda r: r.json()["tileId"] == "b"
         and [round(v, 9) for v in r.json()["world"]] == [100.0, 20.0, 1.0]),
    case(116, "GET S/z/1/world-coordinates/100,20/mapped-to-stack/missing", 404, "~missing"),
    case(117, "PUT S/world-to-local-coordinates", 200, lambda r: [
        [e.get("tileId") for e in entries] for entries in r.json()] == [["c"], [None]]
        and r.json()[1][0]["world"] == [1, 2] and "x, y, and z" in r.json()[1][0]["error"],
        [{"world": [10, 20, 2]}, {"world": [1, 2]}]),
    case(118, "PUT S/z/1/world-to-local-coordinates", 200, lambda r: [
        [e["tileId"] for e in r.json()[0]], r.json()[1][0]["world"], "error" in r.json()[1][0]]
        == [["a", "b"], [-9, 0], True], [{"world": [100, 20]}, {"world": [-9, 0]}]),
    case(118, "PUT S/z/1/world-to-local-coordinates", 200, [], []),
    case(118, "PUT S/z/1/world-to-local-coordinates", 200, lambda r: [
        r.json()[0], len(r.json()[1])] == [[{"error": "coordinates are missing"}], 2],
        [None, {"world": [100, 20]}]),
    case(118, "PUT S/z/1/world-to-local-coordinates", 400, "~list", [3]),
]  # fmt: skip

MATCH_CASES = [
    case(119, "GET /matchCollectionOwners", 200, ["test"]),
    case(120, "GET O/matchCollections", 200, [
        {"collectionId": {"owner": "test", "name": "m"}, "pairCount": 4},
        {"collectionId": {"owner": "test", "name": "n"}, "pairCount": 1}]),
    case(120, "GET /owner/nobody/matchCollections", 200, []),
    case(121, "GET C/pGroupIds", 200, ["1.0", "2.0"]),
    case(121, "GET C:none/pGroupIds", 404, "~none"),
    case(122, "GET C/multiConsensusPGroupIds", 200, ["1.0"]),
    case(123, "GET C/multiConsensusGroupIds", 200, ["1.0", "2.0"]),
    case(124, "GET C/qGroupIds", 200, ["1.0", "2.0"]),
    case(125, "GET C/groupIds", 200, ["1.0", "2.0"]),
    case(125, "GET C:none/groupIds", 404, "~none"),
    case(126, "GET C/pGroup/1.0/matches/", 200, [AB, AC, AD]),
    case(126, "GET C/pGroup/1.0/matches?excludeMatchDetails=true", 200,
         [without_points(m) for m in (AB, AC, AD)]),
    case(126, "GET C/pGroup/9/matches", 200, []),
    case(126, "GET C:none/pGroup/1.0/matches", 404, "~none"),
    case(127, "GET C/group/1.0/matchesWithinGroup", 200, [AB]),
    case(127, "GET C/group/1.0/matchesWithinGroup?mergeCollection=n", 200, [MERGED]),
    case(127, "GET C/group/1.0/matchesWithinGroup?mergeCollection=n&excludeMatchDetails=true", 200,
         [without_points(MERGED)]),
    case(127, "GET C/group/1.0/matchesWithinGroup?mergeCollection=none", 404, "~none"),
    case(128, "GET C/group/2.0/matchesOutsideGroup", 200, [AC, AD]),
    case(129, "GET C/group/2.0/matchesWith/1.0", 200, [AC, AD]),
    case(130, "GET C/group/2.0/id/c/matchesWith/1.0/id/a", 200, [AC]),
    case(130, "GET C/group/2.0/id/c/matchesWith/1.0/id/zzz", 200, []),
    case(131, "GET C/group/2.0/id/c/matchesWith/1.0", 200, [AC]),
    case(132, "GET C/group/1.0/id/a/", 200, [AB, AC]),
    case(133, "DELETE C/group/1.0/id/a", 200, None, then=("GET C/pGroupIds", ["1.0", "2.0"])),
    case(133, "DELETE C:none/group/1.0/id/a", 404, "~none"),
    case(134, "DELETE C/group/2.0/id/c/matchesWith/1.0/id/a", 200, None,
         then=("GET C/pGroup/1.0/matches", [AB, AD])),
    case(134, "DELETE C/group/9/id/c/matchesWith/1.0/id/a", 200, None),
    case(135, "DELETE C/group/2.0/matchesWith/1.0", 200, None,
         then=("GET C/pGroup/1.0/matches", [AB])),
    case(136, "DELETE C/pGroup/1.0/matches", 200, None, then=("GET C/pGroupIds", ["2.0"])),
    case(137, "DELETE C/group/1.0/matchesOutsideGroup", 200, None,
         then=("GET C/pGroup/1.0/matches", [AB])),
    case(138, "PUT C:new/matches", 201, None, [match("2.0/x", "10.0/y")],
         then=("GET C:new/groupIds", ["10.0", "2.0"])),
    case(138, "PUT C:new/matches", 201, None,
         [{**match("b/x", "a/y"), "matchCount": 99, "matches": {
             "p": [[1], [2]], "q": [[3], [4]], "w": [1]}}],
         then=("GET C:new/pGroup/a/matches", [
             {"pGroupId": "a", "pId": "y", "qGroupId": "b", "qId": "x", "matchCount": 1,
              "matches": {"p": [[3.0], [4.0]], "q": [[1.0], [2.0]], "w": [1.0]}}])),
    case(138, "PUT C:new/matches", 201, None, [], then=("GET /matchCollectionOwners", ["test"])),
    case(138, "PUT C/matches", 400, "~qId", [{"pGroupId": "a", "pId": "b", "qGroupId": "c"}]),
    case(138, "PUT C/matches", 400, "~'x'", [{**match("a/x", "b/y"), "matches": {
        "p": [[1], [2]], "q": [[3, 4], [5, 6]], "w": [1]}}]),
    case(138, "PUT C/matches", 400, "~matches", b""),
    case(138, "PUT C:a-b/matches", 400, "~a-b", []),
    case(139, "GET C/pGroup/2.0/matchCounts", 200, [without_points(EF)]),
    case(139, "GET C:none/pGroup/2.0/matchCounts", 404, "~none"),
    case(140, "PUT C/pGroup/2.0/matchCounts", 201, None),
    case(140, "PUT C/pGroup/9/matchCounts", 400, "~9"),
    case(140, "PUT C:none/pGroup/9/matchCounts", 404, "~none"),
    case(141, "DELETE C", 200, None, then=("GET O/matchCollections", lambda r: len(r.json()) == 1)),
    case(141, "DELETE C:none", 404, "~none"),
    case(142, "PUT C/collectionId", 200, None, {"owner": "test", "name": "moved"},
         then=("GET C:moved/pGroupIds", ["1.0", "2.0"])),
    case(142, "PUT C/collectionId", 400, "~n", {"owner": "test", "name": "n"}),
    case(142, "PUT C:none/collectionId", 404, "~none", {"owner": "test", "name": "moved"}),
    case(0, "GET C:fresh/metadata", 200, {}),
    case(0, "PUT C:fresh/metadata", 200, None, {"local_transforms": 1},
         then=("GET C:fresh/metadata", {"local_transforms": 1})),
    case(0, "PUT C/metadata", 400, "~object", [1]),
]  # fmt: skip

THE_REST = [
    case(82, "PUT O/jpeg-image", 200, image(20, 10, "RGB"), {"width": 40, "height": 20.0,
                                                             "scale": 0.5}),
    case(83, "PUT O/png-image", 200, image(256, 256, "RGBA"), {}),
    case(83, "PUT O/png-image", 400, "~image", {"tileSpecs": [IDENTITY]}),
    case(83, "PUT O/png-image", 400, "~JSON", b"[}"),
    case(84, "PUT O/tiff-image", 200, image(256, 256, "RGB"), {}),
    case(0, "PUT O/tiff16-image", 200, image(256, 256, "I;16B"), {}),
    case(143, "GET O/matchTrial/000000000000000000000000", 404, "~000000000000000000000000"),
    case(143, "GET O/matchTrial/xyz", 400, "~xyz"),
    case(144, "POST O/matchTrial", 400, "~pRenderParametersUrl", {}),
    case(144, "POST O/matchTrial", 400, "~swap", {
        "pRenderParametersUrl": "http://h/x/tile/b/render-parameters",
        "qRenderParametersUrl": "http://h/x/tile/a/render-parameters?scale=1"}),
    case(145, "DELETE O/matchTrial/000000000000000000000000", 200, None),
    case(145, "DELETE O/matchTrial/xyz", 400, "~xyz"),
    case(154, "GET S/z/1/clusteredTileBoundsForCollection/m", 200, [bounds(1.0, "a", "b")]),
    case(154, "GET S/z/2/clusteredTileBoundsForCollection/m", 200, []),
    case(154, "GET S/z/1/clusteredTileBoundsForCollection/none", 404, "~none"),
    case(154, "GET S/z/1/clusteredTileBoundsForCollection/m?matchOwner=nobody", 404, "~nobody"),
    case(155, "POST S/pairResidualCalculation", 200, residuals, {
        "matchCollectionId": {"owner": "test", "name": "m"}, "pTileId": "b", "qTileId": "a",
        "localTransforms": 0, "matchRenderStackId": stack_id("open")}),
    case(155, "POST S/pairResidualCalculation", 400, "~localTransforms", {
        "matchCollectionId": {"owner": "test", "name": "m"}, "pTileId": "a", "qTileId": "b"}),
    case(155, "POST S/pairResidualCalculation", 404, "~none", {
        "matchCollectionId": {"owner": "test", "name": "none"}, "pTileId": "a", "qTileId": "b"}),
    case(155, "POST S/pairResidualCalculation", 400, "~pTileId", {}),
    case(146, "DELETE P/tierData", 200, "~0 tier stacks"),
    case(147, "GET S/missingTierMatchLayers", 400, "~hierarchical"),
    case(147, "GET S:missing/missingTierMatchLayers", 404, "~missing"),
    case(148, "GET P/missingTierMatchLayers", 200, []),
    case(149, "GET S/hierarchicalData", 204, None),
    case(150, "PUT S/hierarchicalData", 200, None, {**HIERARCHICAL, "unknown": 1},
         then=("GET S/hierarchicalData", HIERARCHICAL)),
    case(150, "PUT S/hierarchicalData", 200, None, HIERARCHICAL,
         then=("GET S/missingTierMatchLayers", [])),
    case(150, "PUT S/hierarchicalData", 400, "~project, stack",
         {"alignedStackId": {"owner": "test"}}),
    case(150, "PUT S:locked/hierarchicalData", 409, "~READ_ONLY", HIERARCHICAL),
    case(151, "DELETE S/hierarchicalData", 200, None),
    case(151, "DELETE S:missing/hierarchicalData", 404, "~missing"),
    case(152, "GET P/z/1/affineWarpFieldTransform", 404, "~no aligned stacks"),
    case(152, "GET P/z/1/affineWarpFieldTransform?consensusBuildMethod=x", 404, "~SIMPLE"),
    case(152, "GET P/z/1/affineWarpFieldTransform?consensusRows=0", 400, "~consensusRows"),
    case(153, "GET P/z/1/affineWarpFieldTransformDebug", 404, "~no aligned stacks"),
    case(156, "PUT O/validate-json/render", 200, "~can be used", {"tileSpecs": [FLAT["b"]]}),
    case(156, "PUT O/validate-json/render", 400, "~scale", {"scale": -1}),
    case(157, "PUT O/validate-json/tile", 200, "~can be used", FLAT["b"]),
    case(157, "PUT O/validate-json/tile", 400, "~images", IDENTITY),
    case(158, "PUT O/validate-json/tile-array", 200, "~can be used", [FLAT["b"], FLAT["c"]]),
    case(158, "PUT O/validate-json/tile-array", 400, "~list", {}),
    case(159, "PUT O/validate-json/transform", 200, "~can be used", affine(1, 2)),
    case(159, "PUT O/validate-json/transform", 400, "~no.such.Class",
         {"className": "no.such.Class", "dataString": "1"}),
    case(160, "PUT O/validate-json/transform-array", 200, "~can be used", [LENS, REF]),
    case(160, "PUT O/validate-json/transform-array", 400, "~lens", [REF]),
    case(161, "GET /namedFilterSpecLists", 200,
         lambda r: {"default", "simpleTest"} <= r.json()["namedFilterSpecLists"].keys()),
    case(162, "GET /serverProperties", 200,
         lambda r: r.json()["properties"]["webService.maxTileSpecsToRender"] == ""),
    case(163, "GET /versionInfo", 200, lambda r: "git.build.version" in r.json()),
    case(0, "GET //health", 200, {"status": "ok"}),
    case(164, "DELETE /imageProcessorCache/allEntries", 200, None),
]  # fmt: skip

CASES = [*STACKS, *LAYERS, *TILE_DATA, *IMAGES, *COORDINATES, *MATCH_CASES, *THE_REST]
