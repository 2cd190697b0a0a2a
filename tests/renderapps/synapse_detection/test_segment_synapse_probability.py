"""Objects in a probability volume: a case computed by hand, and a synthetic one."""

import numpy as np
import pytest
import shapely
import tifffile
from layered_stacks import run
from trakem2_scenes import put, tile

from renderapps.synapse_detection.segment_synapse_probability import (
    SegmentSynapses,
    outlined,
    planes_of,
    segmented,
    without_small,
)
from renderapps.TrakEM2.annotations import read_annotations


def small_volume():
    volume = np.zeros((3, 5, 6))
    for place, value in {
        (0, 1, 1): 0.1,
        (0, 1, 2): 0.3,
        (1, 1, 2): 0.2,
        (2, 4, 5): 0.2,
        (1, 3, 4): 0.5,
        (2, 4, 4): 0.6,
    }.items():
        volume[place] = value
    return volume


def flat(render, zs=(7.0, 8.0, 9.0), width=48, height=40):
    """A stack whose world is width x height from (100, -20)."""
    tiles = [
        tile(f"t{z:g}", z, 100, -20, bent=False, angle=0, width=width, height=height) for z in zs
    ]
    put(render, "bounds", tiles)


@pytest.fixture
def given(render, tmp_path):
    flat(render)
    tifffile.imwrite(
        tmp_path / "p.tif", small_volume().astype(np.float32), photometric="minisblack"
    )
    return {
        "scale": 0.125,
        "stack_for_bounds": "bounds",
        "syn_probability_file": str(tmp_path / "p.tif"),
        "output_file": str(tmp_path / "out" / "objects.json"),
        "threshold_high": 0.25,
        "threshold_low": 0.065,
    }


def test_labels_of_the_small_case():
    labels = segmented(small_volume(), 0.065, 0.25)
    assert sorted(np.unique(labels)) == [0, 1, 2, 3]
    assert labels[0, 1, 1] == labels[0, 1, 2] == labels[1, 1, 2] == 1
    assert labels[1, 3, 4] == 2
    assert labels[2, 4, 4] == labels[2, 4, 5] == 3


def test_numbers_of_weak_objects_stay_free():
    volume = np.zeros((1, 1, 5))
    volume[0, 0, [0, 2, 4]] = 0.3, 0.2, 0.9
    assert segmented(volume, 0.1, 0.25).ravel().tolist() == [1, 0, 0, 0, 3]


def test_small_objects_are_left_out_and_named():
    labels, small = without_small(segmented(small_volume(), 0.065, 0.25), 2)
    assert small == [2]
    assert sorted(np.unique(labels)) == [0, 1, 3]


def test_areas_of_the_small_case_in_the_world(render, given):
    status, report = run(SegmentSynapses, render, **given)
    assert (status, report["objects"]) == (0, 3)
    found = read_annotations(given["output_file"]).area_lists
    assert [(a.oid, a.id) for a in found] == [("1", 0), ("2", 1), ("3", 2)]
    areas = [{z: a.shape_at(z).area / 64 for z in a.zs} for a in found]
    assert areas == [{7.0: 2, 8.0: 1}, {8.0: 1}, {9.0: 2}]
    ring = found[0].areas[0].global_path  # pixels (1,1) and (2,1), 8 world pixels each
    assert shapely.Polygon(ring).bounds == (100 + 8, -20 + 8, 100 + 24, -20 + 16)


def test_holes_are_areas_of_their_own():
    labels = np.ones((1, 3, 3), np.int32)
    labels[0, 1, 1] = 0
    (areas,) = outlined(labels, 2.0, (0, 0), [5.0]).area_lists
    assert [area.hole for area in areas.areas] == [False, True]
    assert areas.shape_at(5.0).area == (9 - 1) * 4


def test_known_balls_are_found_where_they_are(render, tmp_path):
    flat(render, zs=tuple(float(z) for z in range(20)), width=640, height=480)
    z, y, x = np.mgrid[:20, :60, :80]
    volume = np.zeros(z.shape)
    centres = [(5, 20, 20), (12, 40, 60)]
    for cz, cy, cx in centres:
        volume += np.exp(-((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) / 18)
    tifffile.imwrite(tmp_path / "p.tif", volume.astype(np.float32), photometric="minisblack")
    out, labels = tmp_path / "o.json", tmp_path / "labels.tif"
    status, _ = run(
        SegmentSynapses,
        render,
        scale=0.125,
        stack_for_bounds="bounds",
        syn_probability_file=str(tmp_path / "p.tif"),
        output_file=str(out),
        segment_tiff=str(labels),
        threshold_low=0.5,
        threshold_high=0.9,
    )
    assert status == 0
    for areas, (cz, cy, cx) in zip(read_annotations(out).area_lists, centres, strict=True):
        centre = areas.shape_at(float(cz)).centroid
        assert (centre.x, centre.y) == pytest.approx((100 + 8 * (cx + 0.5), -20 + 8 * (cy + 0.5)))
        radius = np.sqrt(18 * np.log(2))  # where the ball falls to 0.5
        assert areas.shape_at(float(cz)).area == pytest.approx(np.pi * (8 * radius) ** 2, rel=0.1)
        assert areas.zs == [float(k) for k in range(cz - 3, cz + 4)]
    np.testing.assert_array_equal(tifffile.imread(labels) > 0, volume.astype(np.float32) > 0.5)


def test_sections_with_gaps():
    assert planes_of(3, [1.0, 2.0, 4.0]) == [1.0, 2.0, 4.0]
    assert planes_of(4, [1.0, 2.0, 4.0]) == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"scale": 0.5}, 1, "the volume has 5 voxels in y, the bounds at scale 0.5 are 20"),
        ({"threshold_low": 0.9}, 2, "threshold_low: above threshold_high"),
        ({"stack_for_bounds": "none"}, 1, "no stack none"),
    ],
)
def test_bad_input(render, given, tmp_path, capsys, change, status, message):
    assert run(SegmentSynapses, render, **given | change)[0] == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_file_that_is_no_tiff(render, given, tmp_path, capsys):
    (tmp_path / "p.tif").write_text("hello")
    assert run(SegmentSynapses, render, **given)[0] == 1
    assert "p.tif cannot be read as TIFF" in capsys.readouterr().err
