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
    tiles = {}
    for name, left in (("a", 0), ("b", 200)):
        path = tmp_path / f"{name}.png"
        Image.fromarray(np.ascontiguousarray(picture[:, left : left + 300])).save(path)
        tiles[name] = {
            "tileId": name, "z": 1, "width": 300, "height": 240,
            "layout": {"sectionId": "1.0"},
            "mipmapLevels": {"0": {"imageUrl": str(path)}},
            "transforms": {"type": "list", "specList": []},
        }  # fmt: skip
    bare_service.must("POST S", {})
    bare_service.must("PUT S/resolvedTiles?deriveData=true", {"tileIdToSpecMap": tiles})
    return bare_service


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


def test_geometric_descriptors_are_refused(overlapping):
    sent = {
        **parameters(overlapping),
        "geometricDescriptorAndMatchFilterParameters": {"gdEnabled": True},
    }
    response = overlapping("POST O/matchTrial", sent)
    assert (response.status_code, "geometric" in response.text) == (400, True)


def test_a_missing_tile_is_named(overlapping):
    sent = parameters(overlapping)
    sent["qRenderParametersUrl"] = sent["qRenderParametersUrl"].replace("tile/b/", "tile/z/")
    response = overlapping("POST O/matchTrial", sent)
    assert response.status_code == 400
    assert "tile z" in response.text
