"""The bulk answers of the dashboard: residuals of pairs, links of sections, section polygons."""

from __future__ import annotations

import json

import numpy as np
import pytest
import requests

TURN = np.deg2rad(3.0)
# world = M (x, y) + B, by tile
PLACES = {
    "a": (np.eye(2), (0.0, 0.0)),
    "b": (np.array([[np.cos(TURN), -np.sin(TURN)], [np.sin(TURN), np.cos(TURN)]]), (90.0, 2.0)),
    "c": (np.eye(2), (1.0, 1.0)),
}
SECTIONS = {"a": "one", "b": "one", "c": "two"}
ZS = {"a": 1.0, "b": 1.0, "c": 2.0}
LENS = {
    "id": "lens",
    "className": "mpicbg.trakem2.transform.AffineModel2D",
    "dataString": "1 0 0 1 5 -3",
}
AB = {"p": [[95, 97, 99], [10, 50, 12]], "q": [[6, 8, 11], [9, 48, 12]], "w": [1, 0.5, 1]}
AC = {"p": [[1, 50, 1, 3], [1, 1, 50, 3]], "q": [[0, 49, 0, 70], [0, 0, 49, 70]]}
AC["w"] = [1, 1, 1, 0]


def tile(name):
    (m, b) = PLACES[name]
    numbers = [m[0, 0], m[1, 0], m[0, 1], m[1, 1], *b]
    last = {**LENS, "dataString": " ".join(map(str, numbers))}
    return {
        "tileId": name,
        "z": ZS[name],
        "width": 100,
        "height": 80,
        "layout": {"sectionId": SECTIONS[name]},
        "mipmapLevels": {"0": {"imageUrl": "file:/none.png"}},
        "transforms": {"type": "list", "specList": [{"type": "ref", "refId": "lens"}, last]},
    }


def world(name, points, after):
    """By the formula: what is after all transforms, of points that are after so many."""
    m, b = PLACES[name]
    x = np.array(points, float)
    return m @ (x + (np.array([[5.0], [-3.0]]) if after == 0 else 0.0)) + np.array(b)[:, None]


def pair(p, q, matches):
    ids = {"pGroupId": SECTIONS[p], "pId": p, "qGroupId": SECTIONS[q], "qId": q}
    return ids | {"matches": matches}


@pytest.fixture
def compared(bare_service):
    service = bare_service
    tiles = {
        "transformIdToSpecMap": {"lens": LENS},
        "tileIdToSpecMap": {name: tile(name) for name in PLACES},
    }
    service.must("POST S:s", {})
    service.must("PUT S:s/resolvedTiles?deriveData=true", tiles)
    service.must("PUT S:s/state/COMPLETE")
    service.must("PUT C:m/matches", [pair("a", "b", AB), pair("a", "c", AC)])
    return service


@pytest.mark.parametrize("after", [0, 1])
def test_residuals_are_distances_in_the_world(compared, after):
    path = f"GET S:s/z/1/matchResiduals/m?matchOwner=test&localTransforms={after}&points=true"
    (found,) = compared.must(path).json()
    p, q = world("a", AB["p"], after), world("b", AB["q"], after)
    distances = np.hypot(*(p - q))
    assert (found["pId"], found["qId"], found["matchCount"], found["weighted"]) == ("a", "b", 3, 3)
    assert found["mean"] == pytest.approx(distances.mean())
    assert found["rootMeanSquare"] == pytest.approx(np.sqrt((distances**2).mean()))
    assert found["maximum"] == pytest.approx(distances.max())
    assert np.allclose(found["p"], p, atol=1e-3) and np.allclose(found["q"], q, atol=1e-3)
    assert found["w"] == AB["w"]


def test_pairs_with_another_layer_without_what_has_no_weight(compared):
    path = "GET S:s/z/1/matchResiduals/m?toZ=2&localTransforms=1"
    (found,) = compared.must(path).json()
    assert (found["pId"], found["qId"], found["matchCount"], found["weighted"]) == ("a", "c", 4, 3)
    assert found["maximum"] == pytest.approx(0.0, abs=1e-9)
    assert "p" not in found
    # a right triangle of 49 by 49 in the overlap of (0..100, 0..80) + (5, -3) with that + (1, 1)
    assert found["coverage"] == pytest.approx(0.5 * 49 * 49 / (99 * 79), rel=0.03)
    assert compared.must("GET S:s/z/2/matchResiduals/m?localTransforms=1").json() == []


def test_the_coordinates_of_points_are_recorded_or_asked_for(compared):
    answer = compared("GET S:s/z/1/matchResiduals/m")
    assert answer.status_code == 400 and "localTransforms" in answer.text
    compared.must("PUT C:m/metadata", {"local_transforms": 1})
    recorded = compared.must("GET S:s/z/1/matchResiduals/m").json()
    assert recorded == compared.must("GET S:s/z/1/matchResiduals/m?localTransforms=1").json()


def test_what_is_not_there_is_said(compared):
    for path, status in (
        ("GET S:s/z/1/matchResiduals/none?localTransforms=0", 404),
        ("GET S:none/z/1/matchResiduals/m?localTransforms=0", 404),
        ("GET S:s/z/1/matchResiduals/m?localTransforms=-1", 400),
        ("GET S:s/sectionLinks/none", 404),
        ("GET /sectionPolygons", 400),
        ("GET /sectionPolygons?directory=a%00b", 400),
        (f"GET /sectionPolygons?directory=/{'a' * 3000}", 404),
        ("GET /sectionPolygons?directory=/there/is/none", 404),
    ):
        assert compared(path).status_code == status, path


def test_links_of_sections_count_pairs_and_matches(compared):
    fewer = {"p": [[1], [1]], "q": [[2], [2]], "w": [1]}
    compared.must("PUT C:m/matches", [pair("b", "c", fewer)])
    found = compared.must("GET S:s/sectionLinks/m").json()
    assert [(s["sectionId"], s["z"], s["tileCount"]) for s in found["sections"]] == [
        ("one", 1.0, 2),
        ("two", 2.0, 1),
    ]
    keys = ("pGroupId", "qGroupId", "pairCount", "matchCount", "leastMatchCount")
    assert [tuple(link[key] for key in keys) for link in found["links"]] == [
        ("one", "one", 1, 3, 3),
        ("one", "two", 2, 5, 1),
    ]
    below = compared.must("GET S:s/sectionLinks/m?maxZ=1").json()
    assert len(below["sections"]) == len(below["links"]) == 1


def test_section_polygons_are_read_by_their_z(compared, tmp_path):
    ring = [[[0, 0], [10, 0], [10, 5], [0, 0]]]
    good = {"z": 3.5, "roi": {"type": "Polygon", "coordinates": ring}, "filepath": "x"}
    (tmp_path / "polygon_00003.5.json").write_text(json.dumps(good))
    (tmp_path / "polygon_00004.json").write_text('{"z": 4}')
    (tmp_path / "other.json").write_text(json.dumps(good))
    found = compared.must(f"GET /sectionPolygons?directory={tmp_path}").json()
    assert found == {
        "polygons": [{"z": 3.5, "file": "polygon_00003.5.json", "roi": good["roi"]}],
        "unreadable": ["polygon_00004.json"],
    }


def test_polygons_elsewhere_than_below_an_image_root_are_refused(serve_process, tmp_path):
    roots, secret = tmp_path / "roots", tmp_path / "secret"
    for folder in (roots, secret):
        folder.mkdir()
    (secret / "polygon_1.json").write_text('{"z": 1, "roi": {"type": "Polygon"}}')
    (roots / "polygon_1.json").symlink_to(secret / "polygon_1.json")
    server = serve_process(tmp_path, image_roots=[roots])
    for folder in (secret, roots):
        url = f"{server.base}/render-ws/v1/sectionPolygons"
        answer = requests.get(url, params={"directory": str(folder)}, timeout=60)
        assert answer.status_code == 400, answer.text
        assert "image root" in answer.text
