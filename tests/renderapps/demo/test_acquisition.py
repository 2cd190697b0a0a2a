"""The simulated acquisition: exact sub-pixel cutting, a table as the microscope writes it."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from renderapps.demo.acquisition import (
    QUICK_PLAN,
    Specimen,
    exposed,
    read_truth,
    simulate,
    specimen_channels,
    stage_visits,
)


@pytest.fixture(scope="module")
def acquisition(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("acquisition"), QUICK_PLAN)


@pytest.fixture(scope="module")
def specimen():
    return Specimen(specimen_channels()["DAPI_1"], QUICK_PLAN)


def test_tiles_cut_a_whole_number_of_pixels_apart_show_the_same_specimen(specimen):
    here, there = specimen.tile(1, (10.3, 20.7)), specimen.tile(1, (17.3, 15.7))
    np.testing.assert_allclose(there[5:, :-7], here[:-5, 7:], atol=1e-9)


def test_a_half_pixel_between_two_tiles_is_half_way_between_their_pixels(specimen):
    """Central difference: f(x + 1/2) - f(x) and f(x + 1) - f(x + 1/2) add up to f(x + 1) - f(x)."""
    left, middle = specimen.tile(0, (60.0, 60.0)), specimen.tile(0, (60.5, 60.0))
    smooth = np.abs(left[:, 1:] + left[:, :-1] - 2 * middle[:, :-1])
    assert np.median(smooth) < 0.02
    assert np.abs(np.diff(left, axis=1)).mean() > 3 * np.median(smooth)


def test_the_first_section_lies_straight_and_the_second_is_turned(specimen):
    inner = slice(20, -20)
    first, second = (specimen.tile(s, (150.0, 150.0))[inner, inner] for s in (0, 1))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.9


def test_the_camera_adds_its_offset_and_noise():
    plan = replace(QUICK_PLAN, vignetting=0.0)
    counts = exposed(np.full((300, 300), 0.5), plan, np.random.default_rng(0))
    electrons = 0.52 * plan.electrons_at_full_well
    gain = 24000.0 / plan.electrons_at_full_well
    assert counts.dtype == np.uint16
    assert counts.mean() == pytest.approx(400 + electrons * gain, rel=0.002)
    expected_variance = electrons * gain**2 + plan.read_noise**2
    assert counts.var() == pytest.approx(expected_variance, rel=0.05)


def test_the_table_lists_every_file_with_the_commanded_position(acquisition):
    with acquisition.positions_file.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 3 * 3
    for row in rows:
        path = acquisition.image_directory / row["file"]
        assert tifffile.imread(path).shape == (200, 200)
        assert float(row["stage_x_um"]) == pytest.approx(int(row["column"]) * 174 * 0.1)
        assert float(row["stage_y_um"]) == pytest.approx(int(row["row"]) * 174 * 0.1)


def test_the_truth_is_off_the_table_by_the_jitter_of_the_stage(acquisition):
    truth = read_truth(acquisition.truth_file)
    visits = {(f"{v.section:04d}", v.row, v.column): v for v in stage_visits(QUICK_PLAN)}
    assert truth == {key: visit.true for key, visit in visits.items()}
    misses = np.array([np.subtract(v.true, v.commanded) for v in visits.values()])
    assert np.abs(misses).max() <= QUICK_PLAN.largest_jitter
    assert 1.0 < misses.std() < 3.0


def test_the_same_plan_writes_the_same_bytes(acquisition, tmp_path):
    again = simulate(tmp_path, QUICK_PLAN)
    for path in sorted(acquisition.image_directory.rglob("*.*")):
        twin = again.image_directory / path.relative_to(acquisition.image_directory)
        assert path.read_bytes() == twin.read_bytes()
