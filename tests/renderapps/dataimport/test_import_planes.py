"""Files that hold more than one image: what is used is right, what is not used is told."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

import renderapi
from renderapps.dataimport.import_tiles import ImportTiles
from renderapps.module import RenderModuleException

HEIGHT, WIDTH, STEP = 30, 40, 32
RNG = np.random.default_rng(5)
WORLD = RNG.integers(1, 255, (2, HEIGHT, WIDTH + STEP), dtype=np.uint8)


def cut(column, channel=0):
    return WORLD[channel, :, column * STEP : column * STEP + WIDTH]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "p.csv").write_text(f"file,x,y\na.tif,0,0\nb.tif,{STEP},0\n")
    return tmp_path / "tiles"


@pytest.fixture
def run(render, folder):
    def call(**options):
        parameters = {
            "render": {
                "host": render.DEFAULT_HOST,
                "owner": render.DEFAULT_OWNER,
                "project": render.DEFAULT_PROJECT,
            },
            "output_stack": "em",
            "image_directory": str(folder),
            **({} if options else {"positions_file": str(folder / "p.csv")}),
        } | options
        module = ImportTiles(input_data=parameters, args=[])
        module.run()
        return module.result

    return call


def shown(render, channel=None, z=0):
    size = (WIDTH + STEP, HEIGHT)
    return renderapi.image.get_bb_image("em", z, 0, 0, *size, channel=channel, render=render)[
        ..., 0
    ]


def names(result, key="partly_used_files"):
    return [(Path(entry["file"]).name, entry["unused"]) for entry in result[key]]


def test_a_thumbnail_before_the_image_is_skipped(run, render, folder):
    for column, name in enumerate("ab"):
        with tifffile.TiffWriter(folder / f"{name}.tif") as tiff:
            tiff.write(np.full((6, 8), 99, np.uint8), subfiletype=1, metadata=None)
            tiff.write(cut(column), metadata=None)
    result = run()
    np.testing.assert_array_equal(shown(render), WORLD[0])
    assert (result["partly_used_files"], result["warnings"]) == ([], [])
    tile = renderapi.tilespec.get_tile_spec_raw("em", "a", render=render)
    assert (tile.width, tile.height, tile.ip["0"].loaders["imageSliceNumber"]) == (40, 30, 1)


def test_reduced_copies_after_the_image_are_not_missed(run, render, folder):
    for column, name in enumerate("ab"):
        with tifffile.TiffWriter(folder / f"{name}.tif") as tiff:
            tiff.write(cut(column), metadata=None)
            tiff.write(cut(column)[::2, ::2], subfiletype=1, metadata=None)
    assert run()["partly_used_files"] == []
    np.testing.assert_array_equal(shown(render), WORLD[0])


def test_other_pages_are_named_and_warned_of(run, render, folder):
    tifffile.imwrite(folder / "a.tif", cut(0))
    pages = np.stack([cut(1), 255 - cut(1), cut(1)])
    tifffile.imwrite(folder / "b.tif", pages, photometric="minisblack")
    result = run()
    np.testing.assert_array_equal(shown(render), WORLD[0])
    assert names(result) == [("b.tif", "2 other pages")]
    assert result["partly_used_files"][0]["used_pages"] == [0]
    assert "1 files hold more than is imported, first" in result["warnings"][0]


@pytest.mark.parametrize("kind", ["ome", "imagej", "imagej hidden"])
def test_channels_of_a_hyperstack_become_channels(run, render, folder, kind):
    """The first focal plane of both channels; ImageJ keeps one directory for a large stack."""
    how = (
        {"ome": True, "metadata": {"axes": "ZCYX", "Channel": {"Name": ["DAPI", "GFP"]}}}
        if kind == "ome"
        else {"imagej": True, "metadata": {"axes": "ZCYX"}}
    )
    for column, name in enumerate("ab"):
        planes = np.stack([np.stack([cut(column, c) // d for c in (0, 1)]) for d in (1, 2, 3)])
        tifffile.imwrite(folder / f"{name}.tif", planes, photometric="minisblack", **how)
        if kind == "imagej hidden":
            _hide_directories(folder / f"{name}.tif")
    result = run()
    first, second = ("DAPI", "GFP") if kind == "ome" else ("C1", "C2")
    assert [c["name"] for c in result["output_stacks"][0]["channels"]] == [first, second]
    np.testing.assert_array_equal(shown(render, first), WORLD[0])
    np.testing.assert_array_equal(shown(render, second), WORLD[1])
    assert names(result) == [("a.tif", "2 other focal planes"), ("b.tif", "2 other focal planes")]
    ids = [t.tileId for t in renderapi.tilespec.get_tile_specs_from_stack("em", render=render)]
    assert ids == ["a", "b"]


def _hide_directories(path):
    """Cut the chain of directories after the first one, as ImageJ writes files of 4 GB."""
    with tifffile.TiffFile(path) as tiff:
        first = tiff.pages[0]
        end = first.offset + 2 + 12 * len(first.tags)
    with path.open("r+b") as file:
        file.seek(end)
        file.write(b"\0\0\0\0")


def test_one_channel_may_be_chosen(run, render, folder):
    for column, name in enumerate("ab"):
        data = np.stack([cut(column, 0), cut(column, 1)])
        tifffile.imwrite(folder / f"{name}.tif", data, imagej=True, metadata={"axes": "CYX"})
    result = run(positions_file=str(folder / "p.csv"), channels=["C2"])
    np.testing.assert_array_equal(shown(render), WORLD[1])
    assert result["output_stacks"][0]["tiles"] == 2


def test_a_table_that_names_the_channel_gets_the_first_one(run, render, folder):
    for column, name in enumerate("ab"):
        data = np.stack([cut(column, 0), cut(column, 1)])
        tifffile.imwrite(folder / f"{name}.tif", data, imagej=True, metadata={"axes": "CYX"})
    (folder / "p.csv").write_text(f"file,x,y,channel\na.tif,0,0,BF\nb.tif,{STEP},0,BF\n")
    result = run()
    np.testing.assert_array_equal(shown(render), WORLD[0])
    assert names(result) == [("a.tif", "channels C2"), ("b.tif", "channels C2")]


def test_series_of_one_file_are_tiles(run, render, folder):
    with tifffile.TiffWriter(folder / "all.ome.tif", ome=True) as tiff:
        for column in (0, 1):
            tiff.write(cut(column), photometric="minisblack")
    lines = [f"all.ome.tif; {k}; ({k * STEP}, 0)" for k in (0, 1)]
    (folder / "T.txt").write_text("\n".join(["dim = 2", "multiseries = true", *lines]))
    run(tile_configuration=str(folder / "T.txt"))
    np.testing.assert_array_equal(shown(render), WORLD[0])
    (folder / "T.txt").write_text("dim = 2\nall.ome.tif; 2; (0, 0)")
    with pytest.raises(RenderModuleException, match=r"line 2: .*has 2 series, none numbered 2"):
        run(tile_configuration=str(folder / "T.txt"))


@pytest.mark.parametrize("unit", ["mm", "\u00b5m", "nm", None, "reference frame", "pixel"])
def test_positions_come_from_ome_xml(run, render, folder, unit):
    """A pixel is 0.1 um wide; the stage is far from 0, and y of the file counts downwards."""
    micrometres = {"mm": 1e-3, "nm": 1e3, "pixel": 10}.get(unit, 1)
    for column in (0, 1):
        place = {"PositionX": 200 + 0.1 * STEP * column, "PositionY": -50.0}
        planes = {key: [value * micrometres] * 2 for key, value in place.items()}
        units = {f"{key}Unit": [unit] * 2 for key in place} if unit else {}
        metadata = {
            "axes": "CYX", "Channel": {"Name": ["BF", "GFP"]}, "Plane": planes | units,
            "PhysicalSizeX": 100, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 100,
            "PhysicalSizeYUnit": "nm",
        }  # fmt: skip
        data = np.stack([cut(column, 0), cut(column, 1)])
        file = folder / f"s_{column}.ome.tif"
        tifffile.imwrite(file, data, ome=True, photometric="minisblack", metadata=metadata)
    result = run(ome_files="*.ome.tif")
    np.testing.assert_array_equal(shown(render, "BF"), WORLD[0])
    np.testing.assert_array_equal(shown(render, "GFP"), WORLD[1])
    assert result["pixel_size_nm"] == pytest.approx([100, 100, None])
    version = renderapi.stack.get_stack_metadata("em", render=render)
    assert (version.stackResolutionX, version.stackResolutionZ) == (pytest.approx(100), None)
    assumed = unit in (None, "reference frame")
    assert any("taken as micrometres" in text for text in result["warnings"]) is assumed


def test_what_ome_xml_lacks_is_said(run, folder):
    tifffile.imwrite(folder / "x.tif", cut(0))
    with pytest.raises(RenderModuleException, match=r"x.tif has no OME-XML"):
        run(ome_files="x.tif")
    with pytest.raises(RenderModuleException, match=r"has no files \*\.none"):
        run(ome_files="*.none")
    tifffile.imwrite(folder / "y.ome.tif", cut(0), ome=True, metadata={"PhysicalSizeX": 1.0})
    with pytest.raises(RenderModuleException, match="no PositionX of a plane and no StageLabel"):
        run(ome_files="y.ome.tif")
    plane = {"PositionX": [3.0], "PositionY": [4.0]}
    tifffile.imwrite(folder / "z.ome.tif", cut(0), ome=True, metadata={"Plane": plane})
    with pytest.raises(RenderModuleException, match=r"no PhysicalSizeX.*give pixel_size_nm"):
        run(ome_files="z.ome.tif")
    result = run(ome_files="z.ome.tif", pixel_size_nm=[10, 10, 40])
    assert result["output_stacks"][0]["tiles"] == 1


def test_sections_that_are_cut_off_are_found_at_import(run, render, folder):
    header = np.zeros(256, "<i4")
    header[:4], header[16:19], header[52] = (WIDTH, HEIGHT, 3, 0), (1, 2, 3), 0x2050414D
    data = np.stack([cut(0), cut(1), cut(0)])[:, ::-1]
    (folder / "m.st").write_bytes(header.tobytes() + data.tobytes())
    os.truncate(folder / "m.st", 1024 + 2 * HEIGHT * WIDTH + 7)
    (folder / "m.pl").write_text(f"0 0 0\n{STEP} 0 0\n{STEP} 90 0\n\x1a")
    source = {"piece_list": str(folder / "m.pl"), "piece_images": "m.st"}
    with pytest.raises(
        RenderModuleException, match=r"page 2 .*cut short: the file ends after 2 who"
    ):
        run(**source)
    result = run(**source, skip_missing=True)
    assert [entry["page"] for entry in result["skipped_files"]] == [2]
    np.testing.assert_array_equal(shown(render), WORLD[0])


def test_a_z_for_every_tile_of_a_montage_is_asked_about(run, render, folder):
    for column in range(4):
        tifffile.imwrite(folder / f"t{column}.tif", cut(column % 2))

    def write(zs):
        lines = [f"t{k}.tif; ; ({k * STEP}.0, 0.0, {z})" for k, z in enumerate(zs)]
        (folder / "T.txt").write_text("\n".join(["dim = 3", *lines]))

    config = str(folder / "T.txt")
    write([0.0, 0.4, -0.3, 1.2])
    with pytest.raises(
        RenderModuleException, match=r"4 tiles that lie side by side have 4 diff.*z"
    ):
        run(tile_configuration=config)
    run(tile_configuration=config, z_values="one_section")
    np.testing.assert_array_equal(shown(render)[:, : 2 * STEP], WORLD[0][:, : 2 * STEP])
    assert renderapi.stack.get_z_values_for_stack("em", render=render) == [0.0]
    run(tile_configuration=config, z_values="as_listed", existing="replace")
    assert len(renderapi.stack.get_z_values_for_stack("em", render=render)) == 4
    write([0, 0, 1, 1])
    assert run(tile_configuration=config, existing="replace")["warnings"] == []
    table = "file,x,y,Z\n" + "".join(f"t{k}.tif,{k * STEP},0,{k}.5\n" for k in range(4))
    (folder / "p.csv").write_text(table)
    again = {"positions_file": str(folder / "p.csv"), "existing": "replace"}
    assert "give z_values one_section" in run(**again)["warnings"][0]
    serial = "file,x,y,z\n" + "".join(f"t{k}.tif,{k * 2},0,{k}\n" for k in range(4))
    (folder / "p.csv").write_text(serial)
    assert run(**again)["warnings"] == []


def test_an_unknown_pixel_size_is_left_out(run, render, folder):
    for column, name in enumerate("ab"):
        tifffile.imwrite(folder / f"{name}.tif", cut(column))
    assert run()["pixel_size_nm"] is None
    version = renderapi.stack.get_stack_metadata("em", render=render)
    assert (version.stackResolutionX, version.stackResolutionZ) == (None, None)
    tile = renderapi.tilespec.get_tile_spec_raw("em", "a", render=render)
    assert tile.layout.pixelsize is None
