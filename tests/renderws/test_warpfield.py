"""Warp fields of a tier of two aligned boxes side by side."""

from __future__ import annotations

import numpy as np
import pytest

from renderapi.transform import AffineModel
from renderapi.transform.leaf.affine_warp_field import AffineWarpFieldTransform
from renderws.warpfield import AlignedBox, warp_field

SCALE = 0.25
BOXES = {0: (1000.0, 500.0), 1: (1400.0, 500.0)}  # upper left corners; each is 400 x 200
SHIFTS = {0: (3.0, -2.0), 1: (-1.0, 5.0)}  # of the pictures, in their pixels


def tier_stack(service, column, tier=2, aligned=True):
    (x, y), (dx, dy) = BOXES[column], SHIFTS[column]
    name = f"tier{tier}_{column}"
    data = {
        "alignedStackId": {"owner": "test", "project": "p", "stack": f"{name}_align"},
        "tier": tier, "tierRow": 3, "tierColumn": column, "scale": SCALE,
        "fullScaleBounds": {"minX": x, "minY": y, "maxX": x + 400, "maxY": y + 200},
    }  # fmt: skip
    service.must(f"POST S:{name}", {})
    service.must(f"PUT S:{name}/hierarchicalData", data)
    if aligned:
        move = AffineModel(B0=dx, B1=dy).to_dict()
        tile = {"tileId": "layer", "z": 7, "width": 100, "height": 50,
                "transforms": {"type": "list", "specList": [move]}}  # fmt: skip
        service.must(f"POST S:{name}_align", {})
        body = {"tileIdToSpecMap": {"layer": tile}}
        service.must(f"PUT S:{name}_align/resolvedTiles?deriveData=true", body)


def field(service, query=""):
    spec = service.must(f"GET P/z/7/affineWarpFieldTransform{query}").json()
    return spec, AffineWarpFieldTransform(json=spec)


@pytest.fixture
def tier(service):
    for column in BOXES:
        tier_stack(service, column)
    tier_stack(service, 0, tier=1)
    return service


def test_each_cell_moves_as_the_box_of_its_centre(tier):
    spec, made = field(tier)
    assert spec["id"] == "7.0_AFFINE_WARP_FIELD"
    assert made.values.shape == (6, 10, 10)
    points = np.array([[1020.0, 510.0], [1180.0, 650.0], [1620.0, 510.0], [1780.0, 690.0]])
    shifts = np.array([SHIFTS[0], SHIFTS[0], SHIFTS[1], SHIFTS[1]]) / SCALE
    np.testing.assert_allclose(made.tform(points), points + shifts)


def test_interpolated_cells_move_as_between_the_centres_of_boxes(tier):
    query = "?consensusBuildMethod=INTERPOLATE&consensusRows=1&consensusColumns=5"
    _, made = field(tier, query)
    centres = np.array([[1080.0 + 160 * k, 600] for k in range(5)])
    part = np.clip((centres[:, 0] - 1200) / 400, 0, 1)[:, None]
    shift = (np.array(SHIFTS[0]) * (1 - part) + np.array(SHIFTS[1]) * part) / SCALE
    np.testing.assert_allclose(made.tform(centres), centres + shift)


def test_the_debug_answer_names_what_the_field_was_made_of(tier):
    path = "GET P/z/7/affineWarpFieldTransformDebug?consensusRows=2&consensusColumns=3"
    found = tier.must(path).json()
    assert found["transform"] == field(tier, "?consensusRows=2&consensusColumns=3")[0]
    assert [entry["tierColumn"] for entry in found["stacks"]] == [0, 1]
    assert found["stacks"][1]["affine"] == [1, 0, 0, 1, -4, 20]
    assert len(found["cells"]) == 6


def test_boxes_that_are_not_aligned_move_as_their_neighbour(service):
    tier_stack(service, 0)
    tier_stack(service, 1, aligned=False)
    _, made = field(service)
    assert made.offset == (1000, 500)
    assert made.size == (400, 200)


def test_hierarchical_data_without_a_scale_are_refused(service):
    tier_stack(service, 0)
    data = service.must("GET S:tier2_0/hierarchicalData").json()
    service.must("PUT S:tier2_0/hierarchicalData", {**data, "scale": None})
    answer = service("GET P/z/7/affineWarpFieldTransform")
    assert answer.status_code == 400
    assert "tier2_0" in answer.text
    assert "scale" in answer.text


def test_a_gap_in_the_grid_is_filled_by_the_nearest_box():
    def box(column, shift):
        bounds = (100.0 * column, 0.0, 100.0 * column + 100, 100.0)
        return AlignedBox(0, column, bounds, np.array([1, 0, 0, 1, shift, 0.0]))

    made = warp_field([box(0, 1.0), box(3, 9.0)], 1, 4, "SIMPLE", "t")
    assert made.values[4, 0].tolist() == [1, 1, 9, 9]
