"""Operations 108 to 118: points from tiles to the world and back."""

from __future__ import annotations

from .cases import case
from .documents import IDENTITY, REF, TRANSLATED

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
    case(114, "PUT S/z/1/local-to-world-coordinates", 200,
         lambda r: r.json()[0]["error"].startswith("tile '7' is not in stack"),
         [{"tileId": 7, "local": [1, 2]}]),
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
