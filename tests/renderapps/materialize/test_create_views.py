"""Frames of a movie of a stack."""

import numpy as np
import pytest
import tifffile
from layered_stacks import put, run
from PIL import Image

from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.materialize.create_views import CreateViews

GREY = {1.0: 60, 2.0: 120, 3.0: 180, 4.5: 240}


@pytest.fixture
def stack(render, tmp_path):
    """Sections of one 20 x 10 tile of one grey value, each 10 pixels right of the one before."""
    sections = []
    for i, (z, grey) in enumerate(GREY.items()):
        path = tmp_path / f"{z}.tif"
        tifffile.imwrite(path, np.full((10, 20), grey, np.uint8))
        place = AffineModel(B0=10 * i)
        url = path_to_url(path)
        spec = TileSpec(
            tileId=f"t{z}", z=z, width=20, height=10, imageUrl=url, maxint=255, tforms=[place]
        )
        sections.append([spec])
    put(render, "raw", sections)
    return tmp_path / "views"


def test_frames_of_one_size_at_steps_in_z(render, stack):
    given = {"inputStack": "raw", "outputDirectory": str(stack), "scale": 1}
    status, report = run(CreateViews, render, **given, firstz=1, lastz=3, skip=2)
    assert status == 0
    assert sorted(p.name for p in stack.iterdir()) == ["Section_z_0001.jpg", "Section_z_0003.jpg"]
    frame = np.asarray(Image.open(stack / "Section_z_0003.jpg").convert("L")).astype(int)
    assert frame.shape == (10, 50) and report["sections"][0]["image_size"] == [50, 10]
    assert abs(frame[:, 22:38] - 180).max() <= 3 and frame[:, :16].max() <= 6


def test_part_of_the_world_in_another_format(render, stack):
    bounds = {"minX": 30, "maxX": 40, "minY": 2, "maxY": 6}
    given = {"input_stack": "raw", "output_directory": str(stack), "scale": 0.5, "bounds": bounds}
    names = {"name_template": "movie {z} of raw", "image_format": "png"}
    assert run(CreateViews, render, **given, **names, zs=[4.5])[0] == 0
    frame = np.asarray(Image.open(stack / "movie 4.5 of raw.png").convert("L"))
    assert run(CreateViews, render, **given | {"name_template": "same"})[0] == 2
    assert frame.shape == (2, 5) and (frame == 240).all()


def test_a_section_without_its_image_is_an_error(render, stack, tmp_path, capsys):
    (tmp_path / "2.0.tif").unlink()
    given = {"input_stack": "raw", "output_directory": str(stack), "scale": 1}
    assert run(CreateViews, render, **given)[0] == 1
    assert "1 of 4 sections failed; z=2" in capsys.readouterr().err
    assert not (stack / "Section_z_0002.jpg").exists()
    assert run(CreateViews, render, **given, skip=0)[0] == 2
    assert run(CreateViews, render, **given, zs=[1], skip=2)[0] == 2
    assert run(CreateViews, render, **given, firstz=0.5, skip=3)[0] == 1
    assert "no section at steps of 3 from z=0.5" in capsys.readouterr().err


def test_a_step_of_one_leaves_out_what_lies_between(render, stack):
    given = {
        "input_stack": "raw",
        "output_directory": str(stack),
        "scale": 1,
        "image_format": "png",
    }
    names = ["Section_z_0001.png", "Section_z_0002.png", "Section_z_0003.png"]
    assert run(CreateViews, render, **given, skip=1)[0] == 0
    assert sorted(p.name for p in stack.iterdir()) == names
    assert run(CreateViews, render, **given)[0] == 0
    assert sorted(p.name for p in stack.iterdir()) == [*names, "Section_z_4.5.png"]
