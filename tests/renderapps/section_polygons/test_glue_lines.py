"""Glue lines against where they were drawn."""

import numpy as np
import pytest
from glue_sections import HEIGHT, PLACES, WIDTH, farthest, glue_section, true_corners

from renderapps.section_polygons.glue_lines import LineSearch, find_glue_lines
from renderapps.section_polygons.outlines import between_lines

TOLERANCE = 0.005 * HEIGHT  # half of the 1 % that is asked for


def outline(picture, horizontal, search=None):
    lines = find_glue_lines(picture, horizontal, search)
    height, width = picture.shape
    return lines, between_lines(lines, width, height, horizontal)


@pytest.mark.parametrize("tilt", [-15, 0.4, 15])
@pytest.mark.parametrize("lines", [(True, True), (True, False), (False, True), (False, False)])
def test_corners_are_found_whichever_way_the_lines_run(tilt, lines):
    rng = np.random.default_rng([int(tilt + 15), *lines])
    picture, ends = glue_section(rng, tilt, lines, noise=30)
    found, ring = outline(picture, True)
    assert len(found) == sum(lines)
    assert len(ring) == 4
    assert farthest(true_corners(ends), ring) < TOLERANCE
    found, ring = outline(picture.T, False)
    assert len(found) == sum(lines)
    assert farthest(true_corners(ends)[:, ::-1], ring) < TOLERANCE


@pytest.mark.parametrize(
    "how",
    [
        {"noise": 60},
        {"width": 2, "noise": 5},
        {"width": 25},
        {"bright": 150},
        {"whole": 0.8},
        {"noise": 0},
    ],
)
def test_thin_thick_faint_broken_and_noisy_lines(how):
    picture, ends = glue_section(np.random.default_rng(5), 6.0, **how)
    found, ring = outline(picture, True)
    assert len(found) == 2
    assert farthest(true_corners(ends), ring) < 2 * TOLERANCE


def test_sixteen_bits_and_large_pictures():
    picture, ends = glue_section(np.random.default_rng(6), -9.0)
    large = np.kron(picture.astype(np.uint16) * 200 + 900, np.ones((3, 3), np.uint16))
    found, ring = outline(large, True)
    assert len(found) == 2
    assert farthest(true_corners(ends) * 3, ring) < 3 * TOLERANCE


def test_a_line_that_leaves_at_the_side_cuts_the_outline_there():
    picture, _ = glue_section(np.random.default_rng(7), -15.0, (True, False))
    cut = picture[140:]  # the line comes in at the left and leaves at the upper border
    found, ring = outline(cut, True)
    assert len(found) == 1
    slope = np.tan(np.radians(-15.0))
    leaves = WIDTH / 2 + (140 - PLACES[0]) / slope
    corner = [(0, PLACES[0] - 140 - slope * WIDTH / 2), (leaves, 0), (WIDTH, 0)]
    corner += [(WIDTH, HEIGHT - 140), (0, HEIGHT - 140)]
    assert len(ring) == 5
    assert farthest(corner, ring) < 3 * TOLERANCE  # it meets the border at a low angle


def test_pictures_without_lines():
    rng = np.random.default_rng(8)
    for picture in (
        np.zeros((300, 400), np.uint8),
        np.full((300, 400), 7.0),
        rng.normal(100, 20, (300, 400)),
        np.repeat(np.arange(300)[:, None], 400, axis=1),  # brighter downwards
        np.where(np.arange(300)[:, None] > 120, 200, 30) * np.ones((1, 400)),  # a step
        np.ones((3, 3)),
    ):
        assert find_glue_lines(picture, True) == []
        assert find_glue_lines(picture, False) == []


def test_lines_have_to_be_parallel_apart_and_not_too_steep():
    picture, _ = glue_section(np.random.default_rng(9), 10.0)
    middles = sorted(line.middle for line in find_glue_lines(picture, True))
    np.testing.assert_allclose(middles, PLACES, atol=TOLERANCE)
    assert len(find_glue_lines(picture, True, LineSearch(separation=400))) == 1
    assert len(find_glue_lines(picture, True, LineSearch(separation=370))) == 2
    assert find_glue_lines(picture, True, LineSearch(max_tilt=8)) == []
    picture, _ = glue_section(np.random.default_rng(9), 2.0, (True, False))
    other, _ = glue_section(np.random.default_rng(9), -2.0, (False, True))
    both = np.maximum(picture, other)
    assert len(find_glue_lines(both, True)) == 1
    assert len(find_glue_lines(both, True, LineSearch(angle_difference=5))) == 2
