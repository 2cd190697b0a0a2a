"""Stacks mirrored through their image files."""

import numpy as np
import pytest
import tifffile
from layered_stacks import put, read, run, tile

from renderapi.errors import ImageError
from renderapi.rendering.sources import read_image
from renderapi.tilespec import MipMap, TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform, estimate_dstpts
from renderapi.urls import path_to_url
from renderapps.stack.flip_stack_by_raw_image_flip import FlipStack
from renderapps.stack.flipping import flipped_file, flipped_transforms

WIDTH, HEIGHT = 40, 30
PIXELS = np.arange(WIDTH * HEIGHT, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 50


@pytest.fixture
def files(tmp_path):
    """Image, mask and channel of a tile; the name has a blank and a percent sign."""
    folder = tmp_path / "raw 100%"
    folder.mkdir()
    made = {}
    for name, pixels in (
        ("image.tiff", PIXELS),
        ("mask.png", (PIXELS % 2 * 255).astype(np.uint8)),
        ("channel.tif", PIXELS.astype(np.float32) / 3),
    ):
        made[name] = folder / name
        if name.endswith("png"):
            import imagecodecs

            made[name].write_bytes(imagecodecs.png_encode(pixels))
        else:
            tifffile.imwrite(made[name], pixels)
    return made


def stack(render, files):
    spec = tile("a", 1.0, 100.0, 200.0, levels=(0, 1), channels=("GFP",))
    spec.imageUrl, spec.maskUrl = (path_to_url(files[n]) for n in ("image.tiff", "mask.png"))
    spec.channels[0].ip["0"].imageUrl = path_to_url(files["channel.tif"])
    spec.channels[0].ip["0"].maskUrl = None
    put(render, "raw", [[spec], [tile("other", 2.0)]])


def test_pixels_go_to_the_mirror_image_of_where_they_were(render, files):
    stack(render, files)
    given = {"input_stack": "raw", "output_stack": "out", "minZ": 1, "maxZ": 1}
    status, report = run(FlipStack, render, **given)
    assert status == 0 and report["sections"][0]["dropped_mipmaps"] == 2
    before, after = read(render, "raw")["a"], read(render, "out")["a"]
    folder = files["image.tiff"].parent
    assert after.imageUrl == path_to_url(folder / "image_flip.png")
    np.testing.assert_array_equal(read_image(after.imageUrl), PIXELS[::-1])
    assert read_image(after.imageUrl).dtype == np.uint16
    np.testing.assert_array_equal(
        read_image(after.maskUrl), read_image(path_to_url(files["mask.png"]))[::-1]
    )
    channel = after.channels[0].ip
    assert channel["0"].imageUrl == path_to_url(folder / "channel_flip.tif")
    np.testing.assert_array_equal(
        read_image(channel["0"].imageUrl), PIXELS[::-1].astype(np.float32) / 3
    )
    assert list(after.ip) == list(channel) == ["0"]
    # pixel (x, y) of the old image is (x, 29 - y) of the new one, and what covered the rows
    # y to y + 1 covers -y - 1 to -y, so that boxes are mirrored at y = 0
    (affine,) = after.tforms
    assert np.linalg.det(affine.M) > 0
    points = np.array([[0.0, 0.0], [39.0, 29.0], [7.0, 11.0]])
    world = points * [1.01, 0.99] + [100, 200]
    mirrored = world * [1, -1] - [0, 1]
    np.testing.assert_allclose(affine.tform(points * [1, -1] + [0, 29]), mirrored, atol=1e-9)
    assert before.imageUrl.endswith("image.tiff") and files["image.tiff"].exists()


def test_what_bends_is_kept_between_the_mirrors():
    bend = Polynomial2DTransform(params=[[0, 1, 0, 1e-3, 0, 0], [0, 0, 1, 0, 0, 2e-3]])
    spec = TileSpec(tileId="a", z=1, width=40, height=30, tforms=[bend, AffineModel(B1=5)])
    turned = TileSpec(json={**spec.to_dict(), "transforms": flipped_transforms(spec.to_dict(), {})})
    points = np.array([[0.0, 0.0], [39.0, 29.0], [7.0, 11.0]])
    new = estimate_dstpts(turned.tforms, points * [1, -1] + [0, 29])
    np.testing.assert_allclose(new, estimate_dstpts(spec.tforms, points) * [1, -1] - [0, 1])


def test_boxes_are_mirrored_at_zero():
    spec = TileSpec(tileId="a", z=1, width=40, height=30, tforms=[AffineModel(B0=5, B1=200)])
    (turned,) = flipped_transforms(spec.to_dict(), {})["specList"]
    assert [float(n) for n in turned["dataString"].split()] == [1, 0, 0, 1, 5, -230]


def test_originals_are_removed_only_when_all_is_done(render, files, capsys):
    stack(render, files)
    given = {"input_stack": "raw", "minZ": 1, "delete_after": True}
    assert run(FlipStack, render, **given, maxZ=1, output_stack="out")[0] == 2
    assert "delete_after" in capsys.readouterr().err
    assert run(FlipStack, render, **given, maxZ=2, in_place=True)[0] == 1  # z=2 has no images
    assert all(path.exists() for path in files.values())
    assert read(render, "raw")["a"].imageUrl == path_to_url(files["image.tiff"])
    status, report = run(FlipStack, render, **given, maxZ=1, in_place=True)
    assert status == 0 and sorted(report["deleted"]) == sorted(map(str, files.values()))
    assert not any(path.exists() for path in files.values())
    assert read(render, "raw")["a"].imageUrl.endswith("image_flip.png")


def test_the_first_level_that_there_is_counts(render, files):
    half = files["image.tiff"].with_name("half.tif")
    tifffile.imwrite(half, PIXELS[::2, ::2])
    spec = tile("a", 1.0, lens_id=None, levels=(1, 2))
    spec.ip["1"].imageUrl, spec.ip["1"].maskUrl = path_to_url(half), None
    put(render, "raw", [[spec]])
    given = {"input_stack": "raw", "output_stack": "out", "minZ": 1, "maxZ": 1}
    assert run(FlipStack, render, **given)[0] == 0
    after = read(render, "out")["a"]
    assert list(after.ip) == ["1"]
    np.testing.assert_array_equal(read_image(after.ip["1"].imageUrl), PIXELS[::2, ::2][::-1])
    bare = tile("b", 2.0)
    bare.ip = type(bare.ip)({})
    put(render, "bare", [[bare]])
    given = {"input_stack": "bare", "output_stack": "out", "minZ": 2, "maxZ": 2}
    assert run(FlipStack, render, **given)[0] == 1  # its transforms alone would be mirrored


def test_a_file_that_other_sections_show_is_not_removed(render, files):
    spec, other = tile("a", 1.0), tile("b", 2.0)
    for one in (spec, other):
        one.imageUrl, one.maskUrl = (path_to_url(files[n]) for n in ("image.tiff", "mask.png"))
    other.imageUrl = path_to_url(files["channel.tif"])
    put(render, "raw", [[spec], [other]])
    given = {"input_stack": "raw", "minZ": 1, "maxZ": 1, "delete_after": True}
    status, report = run(FlipStack, render, **given)  # an output that is not named is the input
    assert status == 0 and report["deleted"] == [str(files["image.tiff"])]
    assert report["still_used"] == [str(files["mask.png"])]
    assert files["mask.png"].exists() and not files["image.tiff"].exists()


def test_images_elsewhere_cannot_be_flipped(tmp_path):
    with pytest.raises(ImageError, match="no plain image file"):
        flipped_file({"imageUrl": "http://there/a.png"}, "image", None)


def test_files_go_where_they_are_wanted(files, tmp_path):
    image = {"imageUrl": path_to_url(files["image.tiff"])}
    old, new = flipped_file(image, "image", str(tmp_path / "made"))
    folders = files["image.tiff"].parent.relative_to("/")
    assert (old, new) == (files["image.tiff"], tmp_path / "made" / folders / "image_flip.png")


def test_a_file_that_shows_something_else_is_not_overwritten(files):
    image = {"imageUrl": path_to_url(files["image.tiff"])}
    _, made = flipped_file(image, "image", None)
    assert flipped_file(image, "image", None)[1] == made  # running again is fine
    tifffile.imwrite(files["image.tiff"].with_suffix(".tif"), PIXELS + 1)
    _, other = flipped_file({"imageUrl": image["imageUrl"][:-1]}, "image", None)
    np.testing.assert_array_equal(read_image(path_to_url(made)), PIXELS[::-1])
    np.testing.assert_array_equal(read_image(path_to_url(other)), PIXELS[::-1] + 1)


def test_a_file_of_several_images_is_flipped_page_by_page_and_never_removed(render, tmp_path):
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, np.stack([PIXELS, PIXELS + 7]), photometric="minisblack")
    spec = tile("a", 1.0)
    spec.ip = type(spec.ip)({"0": MipMap(path_to_url(path), None, imageSliceNumber=1)})
    put(render, "raw", [[spec]])
    given = {"input_stack": "raw", "minZ": 1, "maxZ": 1, "delete_after": True}
    assert run(FlipStack, render, **given)[0] == 0
    level = read(render, "raw")["a"].ip["0"]
    assert "imageSliceNumber" not in level.loaders and path.exists()
    np.testing.assert_array_equal(read_image(level.imageUrl), PIXELS[::-1] + 7)
