"""SerialEM .mdoc files and piece lists of IMOD."""

import numpy as np
import pytest
import tifffile

from renderapps.dataimport.mdoc import parse_mdoc
from renderapps.dataimport.serialem import mdoc_images, read_piece_list
from renderapps.module import RenderModuleException

IMAGES = """PixelSpacing = 18.2
ImageSize = 40 30
Montage = 1

[T = SerialEM: made for a test]

[Image = a b.tif]
PieceCoordinates = 0 0 2
AlignedPieceCoords = 1 -2 2
StagePosition = -3.5 7.25

[Image = c.tif]
PieceCoordinates = 36 27 2
AlignedPieceCoords = 35 28 2
AlignedPieceCoordsVS = 34.5 28 2
[MontSection = 0]
NavigatorLabel = 4
"""


def read_mdoc(path, directory, *how):
    return mdoc_images(parse_mdoc(path), directory, *how)


def places(images):
    return [(image.file.name, image.slice, image.x, image.y, image.z) for image in images]


@pytest.fixture
def write(tmp_path):
    def call(text, name="m.mdoc"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return call


def test_images_of_an_mdoc_file_have_y_downwards(write, tmp_path):
    path = write(IMAGES)
    assert places(read_mdoc(path, tmp_path)) == [
        ("a b.tif", None, 0, 0, 2),
        ("c.tif", None, 36, -27, 2),
    ]
    # VS is not there for all: two ways to align are not mixed
    assert places(read_mdoc(path, tmp_path, "aligned")) == [
        ("a b.tif", None, 1, 2, 2),
        ("c.tif", None, 35, -28, 2),
    ]
    path = write(IMAGES.replace("1 -2 2", "1 -2 2\nAlignedPieceCoordsVS = 1.5 -2 2"))
    assert places(read_mdoc(path, tmp_path, "aligned"))[1] == ("c.tif", None, 34.5, -28, 2)
    assert [image.stage for image in read_mdoc(path, tmp_path)] == [(-3.5, 7.25), None]
    assert parse_mdoc(path).pixel_size_nm == pytest.approx(1.82)


def test_pages_of_a_montage_file(write, tmp_path):
    tifffile.imwrite(tmp_path / "mont 1.tif", np.zeros((2, 30, 40), np.uint8))
    text = "ImageFile = mont 1.tif\n" + "".join(
        f"[ZValue = {page}]\nPieceCoordinates = {36 * page} 0 0\n" for page in (0, 1)
    )
    images = read_mdoc(write(text), tmp_path)
    assert places(images) == [("mont 1.tif", 0, 0, 0, 0), ("mont 1.tif", 1, 36, 0, 0)]
    assert [image.tile_id for image in images] == ["mont_1_00000", "mont_1_00001"]
    with pytest.raises(
        RenderModuleException, match=r"line 2: .*mont 1.tif has 2 sections.*index 5"
    ):
        read_mdoc(write(text.replace("= 0]", "= 5]")), tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = b\n", "has no .ZValue"),
        ("[Image = a.tif]\nTiltAngle = 1\n", "line 1: no PieceCoordinates$"),
        ("[Image = a.tif]\nStagePosition = 1 2\n", "line 1: no PixelSpacing, which stage"),
        ("PixelSpacing = 0\n[Image = a]\nStagePosition = 1 2\n", "0, not positive"),
        (
            "[Image = a]\nStagePosition = 1 2\n[Image = b]\nPieceCoordinates = 1 2 0\n",
            "line 1: no PieceCoordinates; StagePosition is taken only where",
        ),
        ("[Image = a.tif]\nPieceCoordinates = 1 2\n", "has 2 values, not 3"),
        ("[Image = a.tif]\nPieceCoordinates = 1 x 2\n", "expected numbers"),
        ("[ZValue = 0]\nPieceCoordinates = 1 2 0\n", "no ImageFile"),
        (
            "ImageFile = a.st\n[ZValue = 0.5]\nPieceCoordinates = 1 2 0\n",
            "0.5 is not a whole number",
        ),
    ],
)
def test_what_cannot_be_read_is_named(write, tmp_path, text, reason):
    with pytest.raises(RenderModuleException, match=reason):
        read_mdoc(write(text), tmp_path)


def test_aligned_coordinates_must_be_there(write, tmp_path):
    text = "[Image = a.tif]\nPieceCoordinates = 1 2 0\n"
    with pytest.raises(RenderModuleException, match="give piece_coordinates nominal"):
        read_mdoc(write(text), tmp_path, "aligned")


def test_piece_lists_number_files_or_pages(write, tmp_path):
    path = write("  0  0 0\n\n 36 0 0 -1\n 0 27 1\n", "m.pl")
    assert places(read_piece_list(path, tmp_path, "p_{index:03d}.tif")) == [
        ("p_000.tif", None, 0, 0, 0),
        ("p_001.tif", None, 36, 0, 0),
        ("p_002.tif", None, 0, -27, 1),
    ]
    tifffile.imwrite(tmp_path / "all.tif", np.zeros((2, 30, 40), np.uint8))
    with pytest.raises(RenderModuleException, match=r"line 4: .*2 sections, none for index 2"):
        read_piece_list(path, tmp_path, "all.tif")
    for text, reason in (("1 2\n", "expected x, y and z"), ("# none\n", "lists no pieces")):
        with pytest.raises(RenderModuleException, match=reason):
            read_piece_list(write(text, "bad.pl"), tmp_path, "all.tif")


def test_the_stack_file_may_have_been_renamed(write, tmp_path):
    tifffile.imwrite(tmp_path / "new.st", np.zeros((1, 30, 40), np.uint8))
    for first in ("", "ImageFile = old.st\n", "ImageFile = D:\\session 1\\old.st\n"):
        path = write(f"{first}[ZValue = 0]\nPieceCoordinates = 0 0 0\n", "new.st.mdoc")
        assert places(read_mdoc(path, tmp_path)) == [("new.st", 0, 0, 0, 0)]


def test_stage_positions_become_pixels(write, tmp_path):
    """1 um is 1000 pixels of 10 Angstrom; 90 degrees counterclockwise, x of the stage is up."""
    text = "PixelSpacing = 10\n[Image = a]\nStagePosition = 0 0\n[Image = b]\nStagePosition = 2 1\n"
    (_, b) = read_mdoc(write(text), tmp_path)
    assert (b.x, b.y, b.z, b.stage) == (2000, -1000, None, (2, 1))
    (_, b) = read_mdoc(write(text), tmp_path, "stage", 90.0)
    assert (b.x, b.y) == pytest.approx((-1000, -2000))
    (_, b) = read_mdoc(write(text.replace("10\n", "10\nRotationAngle = -90\n")), tmp_path)
    assert (b.x, b.y) == (2000, -1000)


def test_names_may_be_of_the_code_page_of_the_microscope(tmp_path):
    path = tmp_path / "m.mdoc"
    path.write_bytes("[Image = Pr\u00e4parat.tif]\nPieceCoordinates = 0 0 0\n".encode("cp1252"))
    assert read_mdoc(path, tmp_path)[0].file.name == "Pr\u00e4parat.tif"


def test_texts_of_dos_and_of_other_encodings(tmp_path):
    (tmp_path / "m.pl").write_bytes(b"0 0 0\r\n36 0 0\r\n\x1a")
    assert len(read_piece_list(tmp_path / "m.pl", tmp_path, "p_{index}.tif")) == 2
    path = tmp_path / "m.mdoc"
    path.write_bytes((IMAGES + "\x1a").encode("utf-16"))
    assert len(read_mdoc(path, tmp_path)) == 2
    path.write_text("[Image = a.tif]\nPieceCoordinates = 1_0 0 0\n")
    with pytest.raises(RenderModuleException, match="expected numbers, found '1_0 0 0'"):
        read_mdoc(path, tmp_path)
