"""What a notebook shows: names of things instead of addresses, and pictures."""

import numpy as np
import pytest
from picture_stacks import HEIGHT, WIDTH, make_picture_stack, texture
from PIL import Image

import renderapi
from renderapi.layout import Layout
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel

WORLD = texture(3)


@pytest.fixture
def stack(render, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    make_picture_stack(render, folder, "pictures", {5: WORLD})
    return "pictures"


def test_a_section_is_shown_whole(render, stack):
    shown = renderapi.image.show(stack, 5, render=render)
    assert isinstance(shown, Image.Image)
    assert shown._repr_png_()[:4] == b"\x89PNG"
    bounds = renderapi.stack.get_bounds_from_z(stack, 5, render=render)
    width, height = (int(bounds[f"max{a}"] - bounds[f"min{a}"]) for a in "XY")
    assert shown.size == (width, height)
    tile = np.asarray(shown)[:HEIGHT, :WIDTH, 0]
    np.testing.assert_array_equal(tile, WORLD[:HEIGHT, :WIDTH])


def test_a_box_and_a_scale_may_be_given(render, stack):
    shown = renderapi.image.show(stack, 5, x=10, y=20, width=60, height=40, render=render)
    np.testing.assert_array_equal(np.asarray(shown)[..., 0], WORLD[20:60, 10:70])
    small = renderapi.image.show(stack, 5, width=4000, scale=0.1, height=100, render=render)
    assert small.size == (400, 10)
    assert renderapi.image.show(stack, 5, width=4096, height=100, render=render).size == (1024, 25)


def test_things_say_what_they_are(render, tmp_path):
    where = f"<Render store {tmp_path / 'render.db'}, owner test, project project>"
    assert repr(render) == where
    remote = renderapi.Render("http://host", 8080, "me", "brain")
    assert repr(remote) == "<Render http://host:8080, owner me, project brain>"
    tile = TileSpec(
        "t1", 3.0, 100, 80, imageUrl="file:///a.png", tforms=[AffineModel()],
        layout=Layout(sectionId="s", force_pixelsize=False),
    )  # fmt: skip
    assert repr(tile) == "<TileSpec 't1' z=3.0, 100 x 80 pixels, 1 transform, file:///a.png>"
    assert repr(TileSpec(json=tile.to_dict())) == repr(tile)
    assert repr(tile.layout) == "Layout(sectionId='s')"
