"""Match trials: two overlapping tiles are matched through the service."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def overlapping(bare_service, tmp_path):
    """A service with two tiles of 300 x 240 that are cut 200 pixels apart from one picture."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(240, 500)).astype(np.float32)
    picture = cv2.GaussianBlur(noise, None, 2.5)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    parts = {name: picture[:, left : left + 300] for name, left in (("a", 0), ("b", 200))}
    return put_tiles(bare_service, tmp_path, parts)


def put_tiles(service, folder, pictures):
    """Stack of tiles without transforms that show pictures, by tile id."""
    tiles = {}
    for name, pixels in pictures.items():
        path = folder / f"{name}.png"
        Image.fromarray(np.ascontiguousarray(pixels)).save(path)
        height, width = pixels.shape
        tiles[name] = {
            "tileId": name, "z": 1, "width": width, "height": height,
            "layout": {"sectionId": "1.0"},
            "mipmapLevels": {"0": {"imageUrl": str(path)}},
            "transforms": {"type": "list", "specList": []},
        }  # fmt: skip
    service.must("POST S", {})
    service.must("PUT S/resolvedTiles?deriveData=true", {"tileIdToSpecMap": tiles})
    return service


def parameters(service, scale=1.0, **more):
    query = f"?excludeAllTransforms=true&normalizeForMatching=true&scale={scale}"
    urls = [service.path(f"S/tile/{name}/render-parameters{query}") for name in ("a", "b")]
    return {
        "pRenderParametersUrl": urls[0],
        "qRenderParametersUrl": urls[1],
        "featureAndMatchParameters": {
            "siftFeatureParameters": {"fdSize": 4, "minScale": 0.5, "maxScale": 1.0, "steps": 3},
            "matchDerivationParameters": {
                "matchModelType": "TRANSLATION",
                "matchMaxEpsilonFullScale": 3.0,
                "matchFullScaleCoverageRadius": 50,
            },
            **more,
        },
    }


def test_a_trial_finds_the_shift_and_is_kept(overlapping):
    sent = parameters(overlapping)
    result = overlapping.must("POST O/matchTrial", sent).json()
    assert len(result["id"]) == 24
    assert result["parameters"] == sent
    (found,) = result["matches"]
    p, q = np.array(found["p"]), np.array(found["q"])
    assert p.shape == q.shape == (2, len(found["w"]))
    assert p.shape[1] > 20
    assert np.allclose(np.median(q - p, axis=1), (-200, 0), atol=0.2)
    stats = result["stats"]
    assert stats["consensusSetSizes"] == [p.shape[1]]
    assert stats["pFeatureCount"] > 20
    assert stats["overlappingImagePixels"] == pytest.approx(100 * 240, rel=0.1)
    assert 0 < stats["overlappingCoveragePixels"] <= stats["overlappingImagePixels"]
    assert stats["aggregateDeltaXStandardDeviation"] < 1.5
    assert overlapping.must(f"GET O/matchTrial/{result['id']}").json() == result
    overlapping.must(f"DELETE O/matchTrial/{result['id']}")
    assert overlapping(f"GET O/matchTrial/{result['id']}").status_code == 404


def test_null_parameters_are_left_out_of_the_answer(overlapping):
    sent = parameters(overlapping)
    sent["featureAndMatchParameters"]["pClipPosition"] = None
    sent["geometricDescriptorAndMatchFilterParameters"] = None
    result = overlapping.must("POST O/matchTrial", sent).json()
    assert result["parameters"] == parameters(overlapping)


def test_points_are_full_scale_whatever_the_scale_of_the_canvases(overlapping):
    result = overlapping.must("POST O/matchTrial", parameters(overlapping, scale=0.5)).json()
    (found,) = result["matches"]
    shift = np.median(np.array(found["q"]) - np.array(found["p"]), axis=1)
    assert np.allclose(shift, (-200, 0), atol=0.5)


def test_clipped_canvases_match_in_the_strips_that_face_each_other(overlapping):
    sent = parameters(overlapping, pClipPosition="LEFT", clipPixels=80)
    (found,) = overlapping.must("POST O/matchTrial", sent).json()["matches"]
    assert min(found["p"][0]) >= 219
    assert max(found["q"][0]) <= 81


def test_coverage_that_is_too_low_leaves_no_matches(overlapping):
    sent = parameters(overlapping)
    derivation = sent["featureAndMatchParameters"]["matchDerivationParameters"]
    derivation |= {"matchMinCoveragePercentage": 99.9, "matchFullScaleCoverageRadius": 2}
    result = overlapping.must("POST O/matchTrial", sent).json()
    assert result["matches"] == []
    assert result["stats"]["consensusSetSizes"] == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"pClipPosition": "LEFT"}, "clipPixels"),
        ({"matchDerivationParameters": {"matchFilter": "ALL"}}, "matchFilter"),
        ({"siftFeatureParameters": {"minScale": 2, "maxScale": 1}}, "minScale"),
    ],
)
def test_bad_parameters(overlapping, change, text):
    response = overlapping("POST O/matchTrial", parameters(overlapping, **change))
    assert response.status_code == 400
    assert text in response.text


@pytest.fixture(scope="module")
def spotted_picture():
    """Dark spots, and texture in the upper half only; 620 x 300."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:300, :620]
    picture = np.full((300, 620), 170.0)
    texture = cv2.GaussianBlur(rng.normal(size=picture.shape), None, 1.5)
    picture[:130] += (60 * texture)[:130]
    places = np.empty((0, 2))
    while len(places) < 160:
        place = rng.uniform((8, 140), (612, 292))
        if not len(places) or np.linalg.norm(places - place, axis=1).min() > 11:
            places = np.vstack([places, place])
    for a, b in places:
        picture -= 70 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 2.5**2))
    return picture


@pytest.fixture
def spotted(bare_service, tmp_path, spotted_picture):
    """A service with two tiles of 400 x 300, 220 apart, whose pixels have noise of their own."""
    rng = np.random.default_rng(9)
    parts = {}
    for name, left in (("a", 0), ("b", 220)):
        part = spotted_picture[:, left : left + 400] + rng.normal(scale=1.5, size=(300, 400))
        parts[name] = part.clip(0, 255).astype(np.uint8)
    return put_tiles(bare_service, tmp_path, parts)


def geometric(service, clipped=True, **more):
    """Trial of which the geometric stage sees the strips of the overlap."""
    sent = parameters(service, **({"pClipPosition": "LEFT", "clipPixels": 190} if clipped else {}))
    sent["geometricDescriptorAndMatchFilterParameters"] = {
        "gdEnabled": True,
        "renderScale": 1.0,
        "renderWithFilter": False,
        "geometricDescriptorParameters": {
            "numberOfNeighbors": 3, "redundancy": 1, "significance": 2.0, "sigma": 2.04,
            "threshold": 0.05, "localization": "THREE_D_QUADRATIC", "lookForMinima": True,
            "lookForMaxima": False, "similarOrientation": True, "fullScaleBlockRadius": 5.0,
            "fullScaleNonMaxSuppressionRadius": 4.0, "gdStoredMatchWeight": 0.25,
        },
        "matchDerivationParameters": {
            "matchModelType": "TRANSLATION", "matchMaxEpsilonFullScale": 3.0,
            "matchFullScaleCoverageRadius": 40,
        },
        "runGeoRegardlessOfSiftResults": False,
        **more,
    }  # fmt: skip
    return sent


def test_spots_are_matched_where_sift_found_nothing(spotted):
    sent = geometric(spotted)
    sent["featureAndMatchParameters"]["siftFeatureParameters"]["maxScale"] = 0.5
    result = spotted.must("POST O/matchTrial", sent).json()
    (found,) = result["matches"]
    p, q, w = (np.array(found[key]) for key in ("p", "q", "w"))
    assert set(w.tolist()) == {1.0, 0.25}
    assert np.abs(q - p - [[-220], [0]]).max() < 3
    spots = w == 0.25
    assert spots.sum() >= 15
    assert np.abs((q - p)[:, spots] - [[-220], [0]]).max() < 0.5
    assert (p[1, spots] > 130).sum() > 15
    assert w.size == spots.sum() + result["stats"]["consensusSetSizes"][0]
    (number,) = result["gdStats"]["consensusSetSizes"]
    assert number >= spots.sum()
    stats = result["stats"]
    assert stats["consensusSetSizes"] == [(~spots).sum()]
    assert result["gdStats"]["overlappingCoveragePixels"] > 0.95 * 180 * 300
    assert result["gdStats"]["pFeatureCount"] > 20
    assert spotted.must(f"GET O/matchTrial/{result['id']}").json() == result


def test_spots_alone_are_matched_when_asked_for(spotted):
    for regardless in (False, True):
        sent = geometric(spotted, runGeoRegardlessOfSiftResults=regardless)
        derivation = sent["featureAndMatchParameters"]["matchDerivationParameters"]
        derivation["matchMinNumInliers"] = 5000
        result = spotted.must("POST O/matchTrial", sent).json()
        assert result["stats"]["consensusSetSizes"] == []
        assert ("gdStats" in result) is regardless
        assert len(result["matches"]) == int(regardless)
    assert set(result["matches"][0]["w"]) == {0.25}


@pytest.mark.parametrize(
    "limit", [{"minCombinedInliers": 5000}, {"minCombinedCoveragePercentage": 100.1}]
)
def test_too_few_matches_of_both_stages_are_none(spotted, limit):
    result = spotted.must("POST O/matchTrial", geometric(spotted, **limit)).json()
    assert result["matches"] == []
    assert result["stats"]["consensusSetSizes"] != []


def test_spots_that_cover_too_little_are_not_added(spotted):
    sent = geometric(spotted)
    derivation = sent["geometricDescriptorAndMatchFilterParameters"]["matchDerivationParameters"]
    derivation["matchMinCoveragePercentage"] = 100.1
    result = spotted.must("POST O/matchTrial", sent).json()
    assert result["gdStats"]["consensusSetSizes"] == []
    assert set(result["matches"][0]["w"]) == {1.0}


def test_geometric_descriptors_can_be_switched_off(overlapping):
    off = {"geometricDescriptorAndMatchFilterParameters": {"gdEnabled": False, "renderScale": "x"}}
    result = overlapping.must("POST O/matchTrial", {**parameters(overlapping), **off}).json()
    assert "gdStats" not in result


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"geometricDescriptorParameters": {"localization": "GAUSS"}}, "localization"),
        ({"geometricDescriptorParameters": {"numberOfNeighbors": 2.5}}, "numberOfNeighbors"),
        ({"geometricDescriptorParameters": [1]}, "geometricDescriptorParameters"),
        ({"renderScale": "big"}, "renderScale"),
        ({"renderFilterListName": "none such"}, "none such"),
        ({"minCombinedInliers": "many"}, "minCombinedInliers"),
    ],
)
def test_bad_geometric_parameters(spotted, change, text):
    response = spotted("POST O/matchTrial", geometric(spotted, **change))
    assert (response.status_code, text in response.text) == (400, True)


def test_a_missing_tile_is_named(overlapping):
    sent = parameters(overlapping)
    sent["qRenderParametersUrl"] = sent["qRenderParametersUrl"].replace("tile/b/", "tile/z/")
    response = overlapping("POST O/matchTrial", sent)
    assert response.status_code == 400
    assert "tile z" in response.text
