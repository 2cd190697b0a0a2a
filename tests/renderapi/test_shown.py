"""How objects show themselves at a prompt and in a notebook."""

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

import renderapi
from renderapi.layout import Layout
from renderapi.shown import Picture
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A connection to a stack with one tile of a known gradient, moved by (100, 50)."""
    folder = tmp_path_factory.mktemp("shown")
    pixels = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
    Image.fromarray(pixels).save(folder / "a.png")
    render = renderapi.connect(host="local", store=str(folder / "r.db"), owner="me", project="p")
    tile = TileSpec(
        tileId="<script>", z=3, width=200, height=100, imageUrl=(folder / "a.png").as_uri(),
        minint=0, maxint=255, tforms=[AffineModel(B0=100, B1=50)], layout=Layout("3.0"),
    )  # fmt: skip
    renderapi.stack.create_stack("s", render=render)
    renderapi.client.import_tilespecs("s", [tile], render=render)
    renderapi.stack.set_stack_state("s", "COMPLETE", render=render)
    return render, tile, pixels


def test_lines_say_what_there_is(stack):
    render, tile, _ = stack
    assert repr(render).startswith("<Render http+local://") and "owner me" in repr(render)
    assert repr(tile) == "<TileSpec <script>, z 3, size 200 x 100>"
    assert repr(Layout("3.0", imageRow=2)) == "<Layout sectionId 3.0, imageRow 2, pixelsize 0.1>"
    version = renderapi.stack.StackVersion(stackResolutionX=4, stackResolutionY=4)
    assert repr(version).startswith("<StackVersion voxel 4 x 4 x None nm, made 2")
    found = renderapi.resolvedtiles.get_resolved_tiles_from_z("s", 3, render=render)
    assert repr(found) == "<ResolvedTiles tiles 1, transforms 0>"
    assert "<tr><th style='text-align:left'>tiles</th>" in found._repr_html_()


def test_a_tile_shows_its_picture_and_escapes_its_names(stack):
    _, tile, _ = stack
    html = tile._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    data = html.split("base64,")[1].split("'")[0]
    picture = np.asarray(Image.open(io.BytesIO(b64decode(data))))
    assert max(picture.shape[:2]) <= 192
    row = picture[48, 4:-4, 0].astype(float)
    across = np.arange(4, picture.shape[1] - 4) * 200 / picture.shape[1]
    assert np.abs(row - across).max() < 2


def test_a_tile_without_an_image_says_why():
    tile = TileSpec(tileId="t", z=0, width=10, height=10, imageUrl="file:///none/there.png")
    assert "no picture: " in tile._repr_html_() and "there.png" in tile._repr_html_()


def test_a_transform_shows_its_matrix_or_its_numbers():
    assert "<td>100</td></tr>" in AffineModel(B0=100)._repr_html_()
    html = Polynomial2DTransform(params=np.arange(6.0).reshape(2, 3))._repr_html_()
    assert "0.0 1.0 2.0" in html


def test_a_connection_lists_its_stacks(stack):
    render, _, _ = stack
    html = render._repr_html_()
    assert "<td>s</td><td>COMPLETE</td><td>1 tiles</td>" in html


def test_show_gives_a_picture_of_a_section(stack, tmp_path):
    render, _, pixels = stack
    picture = renderapi.image.show("s", render=render)
    assert repr(picture) == "<Picture stack s, z 3, scale 1, 200 x 100>"
    shown = np.asarray(Image.open(io.BytesIO(picture._repr_png_())))
    assert (shown[..., 0] == pixels).all() and (np.asarray(picture) == shown).all()
    box = {"minX": 150, "maxX": 250, "minY": 50, "maxY": 100}
    part = renderapi.image.show("s", 3, box, size=50, render=render)
    assert np.asarray(part).shape[:2] == (25, 50)
    picture.save(tmp_path / "shown.png")
    assert (np.asarray(Image.open(tmp_path / "shown.png")) == shown).all()


def test_show_names_a_stack_without_sections(stack):
    render, _, _ = stack
    renderapi.stack.create_stack("empty", render=render)
    with pytest.raises(renderapi.errors.RenderError, match="empty has no sections"):
        renderapi.image.show("empty", render=render)


def test_a_picture_is_an_array():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (np.asarray(Picture(pixels)) == pixels).all()
    assert np.asarray(Picture(pixels), dtype=float).dtype == float
    assert repr(Picture(pixels)) == "<Picture 4 x 3>"
