"""Sections and z, units and origins."""

from pathlib import Path

import pytest

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.dataimport.placement import PlacementRules, place_images
from renderapps.module.errors import RenderModuleException


def image(x=0.0, y=0.0, section=None, z=None):
    return AcquiredImage(Path("a.tif"), x, y, "p.csv, line 2", section=section, z=z)


def test_sections_without_z_follow_the_natural_order_of_their_names():
    names = ["S10", "S9", "S10", "S1"]
    placed = place_images([image(section=s) for s in names], PlacementRules(z_start=5, z_step=2))
    assert [(p.section, p.z) for p in placed] == [
        ("S10", 9.0),
        ("S9", 7.0),
        ("S10", 9.0),
        ("S1", 5.0),
    ]


def test_sections_are_named_by_their_z_where_they_have_no_name():
    placed = place_images([image(z=2.5), image(z=0.0)], PlacementRules())
    assert [(p.section, p.z) for p in placed] == [("2.5", 2.5), ("0.0", 0.0)]


def test_without_sections_and_z_all_is_one_section():
    placed = place_images([image(), image(1.0)], PlacementRules(z_start=3))
    assert [(p.section, p.z) for p in placed] == [("3.0", 3.0)] * 2


def test_z_of_the_table_is_kept():
    placed = place_images([image(section="b", z=7.0), image(section="a", z=9.0)], PlacementRules())
    assert [(p.section, p.z) for p in placed] == [("b", 7.0), ("a", 9.0)]


def test_micrometres_become_pixels_of_each_axis():
    rules = PlacementRules(unit="micrometer", pixel_size_um=(0.1, 0.2))
    (placed,) = place_images([image(50.0, 50.0)], rules)
    assert (placed.x, placed.y) == pytest.approx((500.0, 250.0))


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("table", [(10, 5), (20, 9), (100, 7)]),
        ("section", [(0, 0), (10, 4), (0, 0)]),
        ("stack", [(0, 0), (10, 4), (90, 2)]),
    ],
)
def test_the_origin(origin, expected):
    images = [image(10, 5, "a"), image(20, 9, "a"), image(100, 7, "b")]
    placed = place_images(images, PlacementRules(origin=origin))
    assert [(p.x, p.y) for p in placed] == expected


def test_a_stage_that_runs_the_other_way_is_turned_before_the_origin_is_taken():
    images = [image(10, 5), image(20, 9)]
    placed = place_images(images, PlacementRules(flip_x=True, origin="section"))
    assert [(p.x, p.y) for p in placed] == [(10.0, 0.0), (0.0, 4.0)]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([image(z=1.0), image()], "line 2: no z, which other images have"),
        ([image(section="a"), image()], "line 2: no section, which other images have"),
        ([image(section="a", z=1.0), image(section="a", z=2.0)], "section a has z=2 here and z=1"),
        ([image(section="a", z=1.0), image(section="b", z=1.0)], "sections a, b all have z=1"),
    ],
)
def test_contradictions_are_refused(images, message):
    with pytest.raises(RenderModuleException, match=message):
        place_images(images, PlacementRules())
