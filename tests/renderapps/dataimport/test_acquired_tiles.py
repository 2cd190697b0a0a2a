"""Positions of the stage, ids, display ranges."""

from pathlib import Path

import numpy as np
import pytest

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.dataimport.acquired_tiles import (
    channel_order,
    check_channel_names,
    data_range,
    dtype_range,
    group_positions,
    lacking_channels,
    only_channel,
    tile_ids,
)
from renderapps.dataimport.placement import PlacementRules, place_images
from renderapps.module.errors import RenderModuleException


def image(file, channel=None, x=0.0, **options):
    return AcquiredImage(Path(file), x, 0.0, f"table, {file}", channel=channel, **options)


def positions(*images, channels=(None,)):
    return group_positions(place_images(images, PlacementRules()), channels)


def files(position):
    return [placed.image.file.name for placed in position.images]


def test_images_of_one_place_in_the_grid_are_one_tile_in_the_order_of_the_channels():
    found = positions(
        image("a0", "A", x=0.0, row=0, column=0),
        image("b0", "B", x=0.3, row=0, column=0),
        image("a1", "A", x=9.0, row=0, column=1),
        image("b1", "B", x=9.0, row=0, column=1),
        channels=("B", "A"),
    )
    assert [files(p) for p in found] == [["b0", "a0"], ["b1", "a1"]]
    assert [files(p) for p in only_channel(found, "A")] == [["a0"], ["a1"]]


def test_without_rows_and_columns_the_position_decides():
    found = positions(
        image("a0", "A"), image("a1", "A", x=9.0), image("b0", "B"), channels=("A", "B")
    )
    assert [files(p) for p in found] == [["a0", "b0"], ["a1"]]
    assert lacking_channels(found, ("A", "B")) == [{"file": Path("a1"), "missing_channels": ["B"]}]


def test_two_images_of_one_place_are_refused():
    with pytest.raises(RenderModuleException, match=r"b: section 0\.0 has two images at x 0, y 0"):
        positions(image("a"), image("b"))
    with pytest.raises(RenderModuleException, match=r"two images of channel A at row 1, column 2"):
        positions(
            image("a", "A", row=1, column=2), image("b", "A", row=1, column=2), channels=("A",)
        )


def test_channels_that_lie_apart_are_refused():
    with pytest.raises(RenderModuleException, match=r"channel B lies 3\.0 pixels from channel A"):
        positions(
            image("a", "A", row=0, column=0),
            image("b", "B", x=3.0, row=0, column=0),
            channels=("A", "B"),
        )


def test_the_order_of_the_channels():
    images = [image("b", "B"), image("a", "A")]
    assert channel_order(images) == ["B", "A"]
    assert channel_order(images, ["A"]) == ["A"]
    assert channel_order([image("a")]) == [None]
    with pytest.raises(RenderModuleException, match="c: no channel, which other images have"):
        channel_order([*images, image("c")])


@pytest.mark.parametrize(
    ("images", "channels", "expected"),
    [
        ([image("raw/s1 t#1.tif")], (None,), ["s1_t_1"]),
        (
            [image("A/A_S1_F2.tif", "A"), image("B/B_S1_F2.tif", "B")],
            ("A", "B"),
            ["S1_F2"],
        ),
        ([image("t.tif", tile_id="my tile")], (None,), ["my tile"]),
        (
            [
                image("s1/t.tif", section="s1", row=0, column=3),
                image("s2/t.tif", section="s2", row=0, column=3),
            ],
            (None,),
            ["s1_r000_c003", "s2_r000_c003"],
        ),
        (
            [image("s1/t.tif", section="s1"), image("s2/t.tif", section="s2")],
            (None,),
            ["s1_t", "s2_t"],
        ),
    ],
)
def test_ids_come_from_file_names_and_are_longer_where_these_repeat(images, channels, expected):
    assert tile_ids(positions(*images, channels=channels)) == expected


def test_ids_that_repeat_all_the_same_are_refused():
    images = [image("a", tile_id="t"), image("b", x=5.0, tile_id="t")]
    with pytest.raises(RenderModuleException, match="tile id 't' is already that of table, a"):
        tile_ids(positions(*images))


def test_display_ranges_of_pixel_types():
    assert dtype_range(np.dtype("uint8")) == (0.0, 255.0)
    assert dtype_range(np.dtype("uint16")) == (0.0, 65535.0)
    assert dtype_range(np.dtype("float32")) is None


def test_display_range_of_data():
    ramp = np.arange(70_000).reshape(100, 700) // 7

    def span(values, dtype):
        return data_range([Path("a")], np.dtype(dtype), lambda _: values.astype(dtype))

    assert span(ramp, "uint16") == (9.0, 9990.0)
    assert span(np.full((20, 20), 9), "uint16") == (9.0, 256.0)
    assert span(np.full((20, 20), 9), "uint8") == (9.0, 10.0)
    low, high = span(ramp / 1e4, "float32")
    assert (low, high) == (pytest.approx(0.001, abs=1e-5), pytest.approx(0.999, abs=1e-4))


def test_pixels_that_are_no_number_do_not_count():
    values = np.arange(70_000, dtype=np.float32).reshape(100, 700)
    values[::2] = np.nan
    values[1] = np.inf
    low, high = data_range([Path("a")], np.dtype("f4"), lambda _: values)
    assert (low, high) == pytest.approx(
        np.percentile(values[3::2].ravel()[::7], (0.1, 99.9)), rel=0.01
    )
    with pytest.raises(RenderModuleException, match="no pixel of a is a finite number"):
        data_range([Path("a")], np.dtype("f4"), lambda _: np.full((9, 9), np.nan))


def test_only_some_files_are_read_for_it():
    read = []

    def pixels(path):
        read.append(path)
        return np.zeros((8, 8), np.uint8)

    data_range([Path(str(n)) for n in range(100)], np.dtype("uint8"), pixels)
    assert len(read) <= 8
    assert read[0] == Path("0")
    assert int(read[-1].name) > 80


def test_channels_must_fit_the_name_of_the_stack():
    check_channel_names(["A", "B"], "ACQ_{channel}")
    check_channel_names(["A__1"], "acquired")
    with pytest.raises(RenderModuleException, match="asks for the channel"):
        check_channel_names([None], "ACQ_{channel}")
    with pytest.raises(RenderModuleException, match="channel A__1 cannot be addressed"):
        check_channel_names(["A__1", "B"], "acquired")
