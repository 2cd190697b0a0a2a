"""Pictures drawn band by band."""

import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from renderapi.errors import SpecError
from renderapi.rendering import encode, render, render_bands, render_canvas, write_image
from renderapi.rendering.jpeg import JpegWriter
from renderapi.rendering.output import encode_jpeg, to_rgba, to_values_16

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


@pytest.fixture
def document(tmp_path, scenes):
    random = np.random.default_rng(2)
    tiles = []
    for n in range(4):
        image = random.integers(0, 256, (70, 90)).astype(np.uint8)
        mask = np.full((70, 90), 255, np.uint8)
        mask[:9] = 100
        transform = scenes.leaf(AFFINE, [1.01, 0.1, -0.1, 0.98, 60.3 * (n % 2), 50.7 * (n // 2)])
        tiles.append(
            scenes.tile(
                scenes.save(tmp_path / f"{n}.png", image), 90, 70, transform,
                mask=scenes.save(tmp_path / f"m{n}.png", mask), tile_id=str(n),
                maxIntensity=200.0 + n,
            )
        )  # fmt: skip
    return scenes.window(tiles, -5, -3, 170, 151, 0.9, fillWithNoise=True)


@pytest.mark.parametrize(("rows", "threads"), [(1, 1), (17, 2), (1000, 1)])
def test_bands_are_the_whole(document, rows, threads):
    bands = list(render_bands(document, rows, threads=threads))
    assert [first for first, _ in bands] == list(range(0, 135, rows))
    whole = render(document)
    assert np.array_equal(np.concatenate([to_rgba(canvas) for _, canvas in bands]), whole)
    values = np.concatenate([to_values_16(canvas) for _, canvas in bands])
    assert np.array_equal(values, to_values_16(render_canvas(document)))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_files_are_written_in_bands(document, tmp_path, name):
    write_image(document, tmp_path / name, rows=20)
    picture = np.asarray(Image.open(tmp_path / name))
    whole = render(document)
    if name == "a.jpg":
        one_piece = encode(render_canvas(document), "jpeg")
        assert np.array_equal(picture, np.asarray(Image.open(io.BytesIO(one_piece))))
    else:
        assert np.array_equal(picture, whole if name == "a.png" else whole[:, :, :3])
    assert sorted(p.name for p in tmp_path.glob("*a.*")) == [name]


@pytest.mark.parametrize("shape", [(333, 150, 3), (333, 150), (16, 17, 3), (5, 4)])
@pytest.mark.parametrize("rows", [1, 16, 50, 400])
def test_bands_of_a_jpeg_decode_to_what_one_piece_does(shape, rows):
    y, x = np.mgrid[: shape[0], : shape[1]]
    smooth = (127 + 60 * np.sin(x / 7) + 60 * np.cos(y / 9)).astype(np.uint8)
    picture = smooth if len(shape) == 2 else np.stack([smooth, 255 - smooth, smooth // 2], axis=2)
    stream = io.BytesIO()
    writer = JpegWriter(stream, shape[1::-1], 0.85)
    for first in range(0, shape[0], rows):
        writer.write(picture[first : first + rows])
    writer.close()
    whole = encode_jpeg(picture, 0.85)
    decoded = np.asarray(Image.open(stream))
    assert np.array_equal(decoded, np.asarray(Image.open(io.BytesIO(whole))))
    by_cv2, expected = (
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        for data in (stream.getvalue(), whole)
    )
    assert np.array_equal(by_cv2, expected)


def test_a_jpeg_that_is_too_large_is_refused_before_it_is_painted():
    with pytest.raises(SpecError, match="65,500"):
        JpegWriter(io.BytesIO(), (70_000, 3), 0.85)


@pytest.mark.parametrize("format", ["tiff16", "png16", "raw16"])
def test_16_bit_files_are_written_in_bands(document, tmp_path, format):
    path = tmp_path / "a.out"
    write_image(document, path, format, rows=31)
    expected = to_values_16(render_canvas(document))
    if format == "raw16":
        picture = np.frombuffer(path.read_bytes(), ">u2").reshape(expected.shape)
    else:
        picture = tifffile.imread(path) if format == "tiff16" else np.asarray(Image.open(path))
    assert np.array_equal(picture, expected)


def test_an_unknown_suffix_is_refused(document, tmp_path):
    with pytest.raises(SpecError, match="suffix"):
        write_image(document, tmp_path / "a.xyz")


def test_a_failure_leaves_no_file(document, tmp_path):
    document["tileSpecs"][3]["mipmapLevels"]["0"]["imageUrl"] = str(tmp_path / "bad.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(Exception, match=r"bad\.png"):
        write_image(document, tmp_path / "out.png", rows=20)
    assert not list(tmp_path.glob("*out*"))
