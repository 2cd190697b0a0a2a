"""Outlines of tiles instead of their pixels."""

import numpy as np

from renderapi.rendering.outlines import outline_canvas, outline_limit
from renderapi.rendering.output import to_rgba

TILE = {"tileId": "abcdefghijklmnopq", "minX": 110.0, "minY": 40.0, "maxX": 510.0, "maxY": 340.0}


def picture(scenes, *tiles, **more):
    return to_rgba(outline_canvas(scenes.window(tiles, 100, 20, 600, 400, 0.5, **more)))


def test_a_tile_is_a_green_rectangle_of_one_pixel(scenes):
    image = picture(scenes, {**TILE, "tileId": ""})
    expected = np.zeros((200, 300), bool)
    expected[[10, 160], 5:206] = True
    expected[10:161, [5, 205]] = True
    assert np.array_equal(image[:, :, 3] == 255, expected)
    assert (image[expected] == [0, 255, 0, 255]).all()


def test_the_name_is_inside_where_there_is_room(scenes):
    drawn = picture(scenes, TILE)[:, :, 3] > 0
    assert drawn[15:100, 20:200].sum() > 100
    narrow = picture(scenes, {**TILE, "maxX": 230.0})[:, :, 3] > 0
    assert not narrow[15:100, 8:60].any()


def test_letters_of_a_name_have_equal_distances(scenes):
    """Twelve letters a line, 7.2 pixels each: line two begins where line one does."""
    tile = {**TILE, "tileId": "HHHHHHHHHHHHHHHHHHHHHHHH"}
    drawn = picture(scenes, tile)[:, :, 3] > 0
    lines = drawn[20:100, 8:200]
    columns = np.flatnonzero(lines.any(0))
    assert 80 < columns[-1] - columns[0] < 12 * 7.2 + 2
    first, second = lines[:30].any(0), lines[30:].any(0)
    assert np.array_equal(first, second)


def test_a_background_colour_lies_below(scenes):
    image = picture(scenes, TILE, backgroundRGBColor=0x102030)
    assert image[0, 0].tolist() == [0x10, 0x20, 0x30, 255]
    assert image[10, 5].tolist() == [0, 255, 0, 255]


def test_the_limit_of_the_request_goes_before_that_of_the_server():
    tiles = [TILE] * 5
    assert outline_limit(0, None, tiles) and outline_limit(4, 100, tiles)
    assert not outline_limit(5, 1, tiles)
    assert outline_limit(-1, 4, tiles) and not outline_limit(None, None, tiles)
    assert not outline_limit(0, None, [])
