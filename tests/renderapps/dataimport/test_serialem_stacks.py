"""Montages of SerialEM in MRC stacks, cut from real pictures: they come back pixel for pixel."""

import csv

import mrcfile
import numpy as np
import pytest
import tifffile
from PIL import Image
from transfer_stacks import group

import renderapi
from renderapi.rendering.pyramid import downsample
from renderapi.rendering.readers import read_image
from renderapps.dataimport.generate_mipmaps import GenerateMipMaps
from renderapps.dataimport.import_tiles import ImportTiles
from renderapps.module import RenderModuleException

OVERLAP = 24


@pytest.fixture
def section(real_data):
    """A section of a nerve cord, 8 bit, cut so that nothing about it is square or even."""
    with Image.open(real_data("sstem_30_sections") / "z07.png") as image:
        return np.array(image)[:403, :507]


@pytest.fixture
def mosaic(real_data):
    """The picture of which the tiles of the phase contrast data were cut, 16 bit."""
    folder = real_data("phase_contrast_5x5")
    with (folder / "true_positions.csv").open() as file:
        rows = [(r["file"], int(r["x"]), int(r["y"])) for r in csv.DictReader(file)]
    left, top = min(x for _, x, _ in rows), min(y for _, _, y in rows)
    tiles = [(tifffile.imread(folder / name), x - left, y - top) for name, x, y in rows]
    picture = np.zeros(
        (max(y + t.shape[0] for t, _, y in tiles), max(x + t.shape[1] for t, x, _ in tiles)),
        np.uint16,
    )
    for tile, x, y in tiles:
        picture[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return picture


class Montage:
    """Pieces of a picture as SerialEM acquires them: column by column, each from below.

    `places` holds the piece coordinates: x and y (upwards, of the lower left corner).
    """

    def __init__(self, picture, columns, rows):
        height, width = picture.shape
        self.size = (
            -(-(height + (rows - 1) * OVERLAP) // rows),
            -(-(width + (columns - 1) * OVERLAP) // columns),
        )
        xs = np.linspace(0, width - self.size[1], columns).astype(int)
        ys = np.linspace(0, height - self.size[0], rows).astype(int)
        self.places = [(int(x), int(y)) for x in xs for y in ys]
        tops = [(x, height - y - self.size[0]) for x, y in self.places]
        self.pieces = np.stack(
            [picture[y : y + self.size[0], x : x + self.size[1]] for x, y in tops]
        )

    def write(self, path, dtype):
        """An MRC stack: the bottom row of every piece comes first."""
        with mrcfile.new(path) as file:
            file.set_data(np.ascontiguousarray(self.pieces[:, ::-1]).astype(dtype))
        return path

    def write_unsigned_bytes(self, path):
        """As IMOD writes bytes: mode 0, and its stamp with no flag for signs."""
        self.write(path, np.int8)  # 200 is stored as -56, which are the same bits
        with path.open("r+b") as file:
            file.seek(152)
            file.write(np.array([1146047817, 0], "<i4").tobytes())
        return path

    def entries(self, z, shift=(0, 0), key="PieceCoordinates"):
        """Text of the .mdoc file."""
        return "".join(
            f"[ZValue = {number}]\n{key} = {x + shift[0]} {y + shift[1]} {z}\n"
            f"StagePosition = {x / 100} {y / 100}\nMinMaxMean = 1 2 3\n\n"
            for number, (x, y) in enumerate(self.places)
        )


def head(name, mode, pixel=45.0):
    return (
        f"PixelSpacing = {pixel}\nImageFile = {name}\nDataMode = {mode}\nMontage = 1\n\n"
        "[T = SerialEM: Digitized on a microscope]\n\n"
    )


@pytest.fixture
def run(render, tmp_path):
    """Function that imports and gives the module."""

    def call(**options):
        given = {"output_stack": "em", "image_directory": str(tmp_path)} | options
        module = ImportTiles(input_data={"render": group(render)} | given, args=[])
        module.run()
        return module

    return call


def shown(render, z, shape, image_format="png"):
    """What the service shows: grey levels, or 16 bit values for tiff16."""
    height, width = shape
    picture = renderapi.image.get_bb_image(
        "em", z, 0, 0, width, height, img_format=image_format, render=render
    )
    return picture if picture.ndim == 2 else picture[..., 0]


def test_a_section_in_bytes(run, render, section, tmp_path):
    montage = Montage(section, 4, 3)
    montage.write_unsigned_bytes(tmp_path / "mont 1.st")
    mdoc = tmp_path / "mont 1.st.mdoc"
    mdoc.write_text(
        head("mont 1.st", 0) + montage.entries(7) + "[MontSection = 0]\nStagePosition = 9 9\n"
    )
    result = run(mdoc_file=str(mdoc)).result
    assert result["output_stacks"][0]["tiles"] == 12
    assert result["output_stacks"][0]["sections"] == [{"z": 7.0, "sectionId": "7.0", "tiles": 12}]
    np.testing.assert_array_equal(shown(render, 7, section.shape), section)
    tile = renderapi.tilespec.get_tile_spec_raw("em", "mont_1_00005", render=render)
    assert (tile.layout.stageX, tile.layout.stageY) == tuple(v / 100 for v in montage.places[5])
    assert (tile.width, tile.height) == montage.size[::-1]
    version = renderapi.stack.get_stack_metadata("em", render=render)
    assert version.stackResolutionX == pytest.approx(4.5)


def test_sections_of_16_bits(run, render, mosaic, tmp_path):
    """Two montages in one file, unsigned: z is that of the pieces."""
    first, second = Montage(mosaic, 3, 4), Montage(mosaic[::-1, ::-1], 3, 4)
    both = Montage(mosaic, 3, 4)
    both.pieces = np.concatenate([first.pieces, second.pieces])
    both.write(tmp_path / "a.mrc", np.uint16)
    both.places = first.places
    text = head("a.mrc", 6) + both.entries(0)
    both.places = second.places
    text += both.entries(1).replace("[ZValue = ", "[ZValue = 1_")
    for number in range(12):
        text = text.replace(f"= 1_{number}]", f"= {12 + number}]")
    (tmp_path / "a.mrc.mdoc").write_text(text)
    run(mdoc_file=str(tmp_path / "a.mrc.mdoc"), pixel_size_nm=[4.0, 4.0, 60.0])
    for z, picture in ((0, mosaic), (1, mosaic[::-1, ::-1])):
        np.testing.assert_array_equal(shown(render, z, picture.shape, "tiff16"), picture)
    assert renderapi.stack.get_stack_metadata("em", render=render).stackResolutionZ == 60.0


def test_signed_16_bits_keep_what_is_below_0(run, render, mosaic, tmp_path):
    """Mode 1, the usual one: counts around a dark reference."""
    counts = mosaic.astype(np.int32) // 2 - 3
    assert counts.min() < 0 and counts.max() < 32768
    montage = Montage(counts, 3, 2)
    montage.write(tmp_path / "a.st", np.int16)
    (tmp_path / "a.mdoc").write_text(head("a.st", 1) + montage.entries(0))
    run(mdoc_file=str(tmp_path / "a.mdoc"), minIntensity=-3, maxIntensity=65532)
    np.testing.assert_array_equal(shown(render, 0, counts.shape, "tiff16"), counts + 3)


def test_the_display_range_is_that_of_all_sections(run, render, section, tmp_path):
    montage = Montage(section.astype(np.float32), 2, 2)
    montage.pieces[0] = 0  # the first section alone would say that there is nothing to see
    montage.write(tmp_path / "a.st", np.float32)
    (tmp_path / "a.mdoc").write_text(head("a.st", 2) + montage.entries(0))
    (stack,) = run(mdoc_file=str(tmp_path / "a.mdoc")).result["output_stacks"]
    assert stack["channels"][0]["maxIntensity"] > 200


def test_positions_that_serialem_has_aligned(run, render, section, tmp_path):
    """Pieces that came to lie elsewhere than planned: nominal ones are wrong, aligned ones not."""
    montage = Montage(section, 3, 3)
    montage.write_unsigned_bytes(tmp_path / "a.st")
    planned = [(x + 5 * (i % 3), y - 7 * (i % 2)) for i, (x, y) in enumerate(montage.places)]
    right = montage.entries(2, (-100, 40), "AlignedPieceCoords").split("\n\n")
    text = "".join(
        entry.replace("\nAligned", f"\nPieceCoordinates = {x} {y} 2\nAligned") + "\n\n"
        for entry, (x, y) in zip(right, planned, strict=False)
    )
    (tmp_path / "a.mdoc").write_text(head("a.st", 0) + text)
    run(mdoc_file=str(tmp_path / "a.mdoc"))
    assert not np.array_equal(shown(render, 2, section.shape), section)
    run(mdoc_file=str(tmp_path / "a.mdoc"), piece_coordinates="aligned")
    np.testing.assert_array_equal(shown(render, 2, section.shape), section)


def test_positions_of_the_stage(run, render, section, tmp_path):
    """Pixels of 100 Angstrom: StagePosition in micrometres is a hundredth of the pixels."""
    montage = Montage(section, 3, 3)
    montage.write_unsigned_bytes(tmp_path / "a.st")
    text = head("a.st", 0, 100.0) + montage.entries(0)
    text = "\n".join(line for line in text.splitlines() if "PieceCoord" not in line)
    (tmp_path / "a.mdoc").write_text(text)
    run(mdoc_file=str(tmp_path / "a.mdoc"), z_start=4, sectionId="S4")
    np.testing.assert_array_equal(shown(render, 4, section.shape), section)
    turned = {"stage_rotation": 180, "flip_x": True, "flip_y": True}
    run(mdoc_file=str(tmp_path / "a.mdoc"), existing="replace", **turned)
    np.testing.assert_array_equal(shown(render, 0, section.shape), section)


@pytest.mark.parametrize("name", ["a.st", "a.rec"])
def test_a_piece_list(run, render, section, tmp_path, name):
    montage = Montage(section, 4, 2)
    montage.write_unsigned_bytes(tmp_path / name)
    (tmp_path / "a.pl").write_text("".join(f"{x:7d}{y:7d}{3:7d}\n" for x, y in montage.places))
    run(piece_list=str(tmp_path / "a.pl"), piece_images=name)
    np.testing.assert_array_equal(shown(render, 3, section.shape), section)


def test_mipmaps(run, render, section, tmp_path):
    montage = Montage(section, 3, 2)
    montage.write_unsigned_bytes(tmp_path / "a.st")
    (tmp_path / "a.mdoc").write_text(head("a.st", 0) + montage.entries(0))
    run(mdoc_file=str(tmp_path / "a.mdoc"))
    given = {"input_stack": "em", "output_stack": "reduced", "levels": 2, "pool_size": 1}
    module = GenerateMipMaps(
        input_data={"render": group(render), "output_directory": str(tmp_path / "m")} | given,
        args=[],
    )
    module.run()
    for number, piece in enumerate(montage.pieces):
        tile = renderapi.tilespec.get_tile_spec_raw("reduced", f"a_{number:05d}", render=render)
        for level in (1, 2):
            read = read_image(tile.ip[str(level)].imageUrl)
            np.testing.assert_array_equal(read, downsample(piece, level))


def test_sections_that_are_not_there(run, section, tmp_path):
    montage = Montage(section, 2, 2)
    montage.write_unsigned_bytes(tmp_path / "a.st")
    text = head("a.st", 0) + montage.entries(0)
    (tmp_path / "a.mdoc").write_text(text.replace("ZValue = 3", "ZValue = 4"))
    with pytest.raises(RenderModuleException, match=r"a\.st has 4 sections, none for index 4"):
        run(mdoc_file=str(tmp_path / "a.mdoc"))


def test_a_table_may_name_pages(run, render, section, tmp_path):
    """Sections of an MRC file as tiles and channels: the second channel is the first, inverted."""
    montage = Montage(section, 2, 2)
    montage.pieces = np.concatenate([montage.pieces, 255 - montage.pieces])
    montage.write_unsigned_bytes(tmp_path / "a.st")
    tops = [(x, section.shape[0] - y - montage.size[0]) for x, y in montage.places]
    lines = [
        f"a.st,{x},{y},{channel},{page + 4 * number}"
        for page, (x, y) in enumerate(tops)
        for number, channel in enumerate(("one", "two"))
    ]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["file,x,y,channel,page", *lines]))
    run(positions_file=str(table), z_start=3)
    np.testing.assert_array_equal(shown(render, 3, section.shape), section)
    height, width = section.shape
    picture = renderapi.image.get_bb_image(
        "em", 3, 0, 0, width, height, channel="two", render=render
    )
    np.testing.assert_array_equal(picture[..., 0], 255 - section)
    ids = [t.tileId for t in renderapi.tilespec.get_tile_specs_from_z("em", 3, render=render)]
    assert sorted(ids) == [f"a_{page:05d}" for page in range(4)]
    table.write_text("file,x,y,page\na.st,0,0,8\n")
    with pytest.raises(RenderModuleException, match=r"line 2: .*8 sections, none for index 8"):
        run(positions_file=str(table))
