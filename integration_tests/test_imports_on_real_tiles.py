"""The modules of the theme dataimport, started from the command line on real tiles.

Two services run as processes of their own, as they do in a laboratory; every module is a process
too. What is compared is what counts: pictures that the services draw with the pixels of the files.
"""

import shutil

import numpy as np
import pytest
from PIL import Image
from tomography_project import CHANNELS, drawn

import renderapi
from renderapi.rendering.pyramid import downsample
from renderapi.rendering.readers import read_image
from renderapi.urls import url_to_path


def test_a_statetable_becomes_the_pictures_of_its_channels(tiles, here, imported):
    render = here.render("at")
    assert imported is None or [s["stack"] for s in imported["output_stacks"]] == [
        "ACQ_DAPI_1",
        "ACQ_GFP",
    ]
    for channel in CHANNELS:
        for section in (0, 1):
            expected = tiles.mosaic(section, channel)
            picture = drawn(render, f"ACQ_{channel}", 400 + section, expected.shape)
            np.testing.assert_array_equal(picture, expected)
    tile = renderapi.tilespec.get_tile_specs_from_z("ACQ_GFP", 401, render=render)[3]
    assert (tile.layout.sectionId, tile.minint, tile.maxint) == ("4001", 0, 65535)
    for level, mipmap in tile.ip.items():
        path = url_to_path(mipmap.imageUrl)
        with Image.open(path) as image:
            assert image.size == (tiles.width >> int(level), tiles.height >> int(level))
        if level == "1":
            raw = downsample(tiles.pixels(1, "GFP", 3), 1) >> 8
            with Image.open(path) as image:
                apart = np.abs(np.asarray(image).astype(int) - raw)
            assert apart.mean() < 2  # JPEG


def test_sessions_become_tiles_of_several_channels(tiles, here, run):
    parameters = {
        "render": here.group("multi"),
        "statetableFile": tiles.statetable("statetable"),
        "projectDirectory": str(tiles.folder),
        "dataOutputFolder": "processed multi",
        "maxIntensity": 65535,
        "pool_size": 2,
    }
    run("dataimport.create_fast_stacks_multi", parameters, "--reference_channel", "GFP")
    render = here.render("multi")
    for channel in (None, *CHANNELS):
        expected = tiles.mosaic(1, channel or "GFP")
        options = {} if channel is None else {"channel": channel}
        picture = drawn(render, "ACQSession1", 401, expected.shape, **options)
        np.testing.assert_array_equal(picture, expected)


def test_sections_can_be_appended(tiles, here, run):
    project = {"projectDirectory": str(tiles.folder), "render": here.group("appended")}
    for section in (0, 1):
        table = {"statetableFile": tiles.statetable(f"statetable_{section}", section)}
        run("stack.append_fast_stacks", project | table, "--levels", 0, "--maxIntensity", 65535)
    for section in (0, 1):
        expected = tiles.mosaic(section)
        picture = drawn(here.render("appended"), "ACQ_DAPI_1", 400 + section, expected.shape)
        np.testing.assert_array_equal(picture, expected)
    said = run("stack.append_fast_stacks", project | table, "--delete_stack", "true", status=2)
    assert "delete_stack" in said


def test_mipmaps_of_one_image(real_data, tmp_path, folder, run):
    image = real_data("tem_2x2") / "col0075_row0021_cam1.png_level_1_mipmap.png"
    with Image.open(image) as opened:
        pixels = np.asarray(opened.convert("L"))
    flags = ("--outputDirectory", tmp_path / "small", "--outputformat", "png")
    made = run("dataimport.create_mipmaps", {"inputImage": str(image)}, *flags)["mipmaps"]
    assert sorted(made) == ["1", "2", "3"]
    for level, url in made.items():
        with Image.open(url_to_path(url)) as opened:
            np.testing.assert_array_equal(np.asarray(opened), downsample(pixels, int(level)))


SPECS = [
    {"level": 1, "compression": "LZW"},
    {"level": 2, "compression": "PNG", "png_options": {"compress_level": 6}},
]


@pytest.mark.parametrize(
    ("module", "more"),
    [
        ("dataimport.add_downsample_to_render_project", {"levels": 2}),
        ("dataimport.add_downsample_to_render_project_v3", {"mipmapspecs": SPECS}),
        ("dataimport.generate_mipmaps", {"levels": 2}),
    ],
)
def test_stacks_with_mipmaps_show_means(tiles, here, run, imported, module, more):
    name = module.rpartition("_")[2]
    parameters = {"render": here.group("at"), "input_stack": "ACQ_DAPI_1"} | more
    if module.endswith("generate_mipmaps"):
        parameters |= {"output_directory": str(tiles.folder / "mip maps"), "overwrite": True}
    else:
        parameters |= {
            "convert_to_8bit": False,
            "path_replace": f"processed/by {name}",
        }
    flags = ("--output_stack", f"reduced_{name}", "--pool_size", 2)
    run(module, parameters, *flags)
    render = here.render("at")
    found = renderapi.tilespec.get_tile_specs_from_z(f"reduced_{name}", 400, render=render)
    assert len(found) == 25
    for tile in found:
        frame = int(tile.tileId[-6:-3])
        assert {"0", "1", "2"} <= set(tile.ip.levels)
        raw = tiles.pixels(0, "DAPI_1", frame)
        for level in (1, 2):
            read = read_image(tile.ip[str(level)].imageUrl)
            np.testing.assert_array_equal(read, downsample(raw, level))
        x, y = tiles.places[frame]
        assert (tile.minX, tile.minY) == (x, y)


def test_tile_files_of_folders(tiles, here, run, imported):
    made = tiles.folder / "processed" / "downsamp_tilespec" / "Ribbon0004" / "session01"
    flat = tiles.folder / "tile specs"
    flat.mkdir()
    for channel in CHANNELS:
        for path in (made / channel).glob("at_*.json"):
            shutil.copy(path, flat / f"{channel}_{path.name}")
    render = {"render": here.group("uploaded")}
    from_folder = render | {"inputDir": str(made / "GFP"), "outputStack": "of_folder"}
    run(
        "dataimport.upload_tilespecdir",
        from_folder,
        "--pattern",
        "at_*",
        "--pixel_size_nm",
        650,
        650,
        70,
    )
    of_channel = render | {"inputDir": str(flat), "outputStack": "of_channel"}
    run("dataimport.upload_channeltilespec", of_channel, "--channel", "GFP")
    expected = tiles.mosaic(1, "GFP")
    for stack in ("of_folder", "of_channel"):
        picture = drawn(here.render("uploaded"), stack, 401, expected.shape)
        np.testing.assert_array_equal(picture, expected)
    version = renderapi.stack.get_stack_metadata("of_folder", render=here.render("uploaded"))
    assert (version.stackResolutionX, version.stackResolutionZ) == (650, 70)
    said = run("dataimport.upload_channeltilespec", of_channel, "--channel", "GF", status=1)
    assert "no GF_*.json" in said


def test_a_folder_of_sections(real_data, folder, here, run):
    images = folder / "sstem 50%"
    images.mkdir()
    for number in (2, 9, 10):
        shutil.copy(
            real_data("sstem_30_sections") / f"z{number:02d}.png", images / f"s{number}.png"
        )
    parameters = {"render": here.group("sections"), "inputTileDirectory": str(images)}
    flags = (
        "--outputStack",
        "sections",
        "--pattern",
        "*.png",
        "--z_start",
        2,
        "--pixelsize",
        0.004,
    )
    run("dataimport.upload_tiledir", parameters, *flags)
    for z, number in ((2, 2), (3, 9), (4, 10)):
        with Image.open(images / f"s{number}.png") as image:
            expected = np.asarray(image)
        picture = renderapi.image.get_bb_image(
            "sections", z, 0, 0, 512, 512, render=here.render("sections")
        )
        np.testing.assert_array_equal(picture[..., 0], expected)


def test_a_montage_of_serialem(real_data, folder, here, there, run):
    """Pieces cut from a section, in an MRC file (bytes, IMOD's stamp) with its .mdoc.

    It is drawn from the file, with mipmaps, and from a bucket.
    """
    with Image.open(real_data("sstem_30_sections") / "z00.png") as image:
        section = np.asarray(image)
    size, step = 190, 161
    places = [(x, y) for x in range(0, 323, step) for y in range(0, 323, step)]
    header = np.zeros(256, "<i4")
    header[:4] = size, size, len(places), 0
    header[16:19], header[38], header[52] = (1, 2, 3), 1146047817, int.from_bytes(b"MAP ", "little")
    header[53] = 0x4444
    with (folder / "mont 1.st").open("wb") as file:
        file.write(header.tobytes())
        for x, y in places:  # y upwards, of the lower left corner
            file.write(section[::-1][y : y + size, x : x + size].tobytes())
    (folder / "mont 1.st.mdoc").write_text(
        "PixelSpacing = 40\nImageFile = mont 1.st\n[T = SerialEM: test]\n"
        + "".join(
            f"[ZValue = {n}]\nPieceCoordinates = {x} {y} 5\n" for n, (x, y) in enumerate(places)
        )
    )
    render = {"render": here.group("serialem")}
    parameters = render | {"mdoc_file": str(folder / "mont 1.st.mdoc")}
    flags = ("--image_directory", folder, "--output_stack", "em")
    run("dataimport.import_tiles", parameters, *flags)
    parameters = render | {"input_stack": "em", "output_directory": str(folder / "em mips")}
    run("dataimport.generate_mipmaps", parameters, "--output_stack", "em_mips", "--levels", 1)
    for stack in ("em", "em_mips"):
        picture = renderapi.image.get_bb_image(
            stack, 5, 0, 0, 512, 512, render=here.render("serialem")
        )
        np.testing.assert_array_equal(picture[..., 0], section)
    version = renderapi.stack.get_stack_metadata("em", render=here.render("serialem"))
    assert version.stackResolutionX == 4.0
    parameters = {
        "render_source": here.group("serialem"),
        "render_target": there.group("serialem"),
        "input_stacks": ["em"],
        "data_destination": "s3://lab/em",
        "source_prefix": str(folder),
    }
    sent = run("transfer.move_stacks_and_data_to_s3", parameters, "--upload_data", "true")
    assert sent["uploaded"] == ["s3://lab/em/mont=201.st"]
    picture = renderapi.image.get_bb_image("em", 5, 0, 0, 512, 512, render=there.render("serialem"))
    np.testing.assert_array_equal(picture[..., 0], section)
