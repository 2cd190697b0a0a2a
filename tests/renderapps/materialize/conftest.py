"""A stack of two sections and two channels, made by import_tiles."""

import numpy as np
import pytest
import tifffile

from renderapps.dataimport.import_tiles import ImportTiles

COLUMNS, ROWS, STEP = 60, 40, 50
SECTIONS = {"a": 0.0, "b": 2.0}


def tile_pixels(channel, section, column):
    """Pixels of a tile: its own ramp, so that a shift or a swap shows."""
    y, x = np.mgrid[:ROWS, :COLUMNS]
    offset = {"DAPI": 1000, "GFP": 30000}[channel] + (5000 if section == "b" else 0)
    return (offset + 11 * x + 3 * y + 700 * column).astype(np.uint16)


@pytest.fixture
def connection(render):
    """Parameters of the group `render` for the embedded service of a test."""
    return {
        "host": render.DEFAULT_HOST,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }


@pytest.fixture
def stack(render, connection, tmp_path):
    """Name of a COMPLETE stack: two tiles side by side, z 0 and 2, at world (-7, 20)."""
    folder = tmp_path / "raw"
    folder.mkdir()
    rows = ["file,x,y,section,channel,z"]
    for section, z in SECTIONS.items():
        for channel in ("DAPI", "GFP"):
            for column in (0, 1):
                name = f"{channel}_{section}_{column}.tif"
                tifffile.imwrite(folder / name, tile_pixels(channel, section, column))
                rows.append(f"{name},{STEP * column - 7},20,{section},{channel},{z}")
    (folder / "positions.csv").write_text("\n".join(rows))
    parameters = {
        "render": connection,
        "output_stack": "acquired",
        "image_directory": str(folder),
        "positions_file": str(folder / "positions.csv"),
        "pixel_size_nm": [4.0, 5.0, 40.0],
        "maxIntensity": 40000,
    }
    ImportTiles(input_data=parameters, args=[]).run()
    return "acquired"


@pytest.fixture
def section_pixels():
    """Function that puts the tiles of a section together: the second lies over the first."""

    def assembled(channel, section):
        picture = np.zeros((ROWS, STEP + COLUMNS), np.uint16)
        for column in (0, 1):
            left = STEP * column
            picture[:, left : left + COLUMNS] = tile_pixels(channel, section, column)
        return picture

    return assembled
