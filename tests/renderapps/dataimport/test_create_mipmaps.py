"""create_mipmaps: the function and its command line."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from renderapi.errors import ImageError
from renderapi.urls import url_to_path
from renderapps.dataimport.create_mipmaps import CreateMipMaps, create_mipmaps
from renderapps.module import ParameterError, RenderModuleException


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a b 50%.x.tiff"
    tifffile.imwrite(path, np.full((40, 61), 0x1234, np.uint16))
    return path


def test_names_sizes_and_values(image, tmp_path):
    mipmaps = create_mipmaps(image, tmp_path / "new" / "folder")
    assert list(mipmaps) == [1, 2, 3]
    for level, url in mipmaps.items():
        path = url_to_path(url)
        assert path == tmp_path / "new" / "folder" / f"a b 50%.x_mip0{level}.jpg"
        pixels = np.array(Image.open(path))
        assert pixels.shape == (40 >> level, 61 >> level)
        assert np.abs(pixels.astype(int) - 0x12).max() <= 1


def test_8_bit_input_is_not_black(tmp_path):
    path = tmp_path / "eight.png"
    Image.new("L", (20, 20), 200).save(path)
    (url,) = create_mipmaps(path, tmp_path, [1], "png").values()
    assert (np.array(Image.open(url_to_path(url))) == 200).all()


def test_16_bit_is_kept_where_it_can_be(image, tmp_path):
    (url,) = create_mipmaps(image, tmp_path, [2], "tif", convertTo8bit=False).values()
    assert (tifffile.imread(url_to_path(url)) == 0x1234).all()
    with pytest.raises(ImageError, match="choose tif"):
        create_mipmaps(image, tmp_path, [2], "jpg", convertTo8bit=False)
    with pytest.raises(RenderModuleException, match="not 'gif'"):
        create_mipmaps(image, tmp_path, [2], "gif")


def test_another_window_makes_another_file(image, tmp_path):
    def made(*window):
        (url,) = create_mipmaps(
            image, tmp_path, [1], "png", window=window, overwrite=False
        ).values()
        return url_to_path(url)

    first, second = made(0, 5000), made(4000, 5000)
    assert (made(0, 5000), made(4000, 5000)) == (first, second)
    shown = [int(np.array(Image.open(path))[0, 0]) for path in (first, second)]
    assert shown == pytest.approx([256 * 4660 / 5001, 256 * 660 / 1001], abs=1)


def test_the_command_line_needs_no_service(image, tmp_path, capsys):
    out = tmp_path / "out.json"
    flags = ["--inputImage", str(image), "--output_json", str(out), "--mipmaplevels", "1", "9"]
    window = ["--minIntensity", "0", "--maxIntensity", "5000", "--verbose"]
    with pytest.raises(SystemExit) as ended:
        CreateMipMaps.main([*flags, *window])
    assert ended.value.code == 0
    report = json.loads(out.read_text())
    assert (list(report["mipmaps"]), report["levels_left_out"]) == (["1"], [9])
    pixels = np.array(Image.open(url_to_path(report["mipmaps"]["1"])))
    assert abs(int(pixels[3, 3]) - 4660 * 256 / 5001) < 2
    with pytest.raises(SystemExit) as ended:
        CreateMipMaps.main(["--inputImage", str(tmp_path / "none.tif")])
    assert ended.value.code == 2
    assert "no such file" in capsys.readouterr().err
    with pytest.raises(ParameterError, match="minIntensity: not below"):
        data = {"inputImage": str(image), "minIntensity": 5.0, "maxIntensity": 5.0}
        CreateMipMaps(input_data=data, args=[])
