"""What is masked (resin, a fold, dirt that every section shows) takes no part across z."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from layered_stacks import documents, run, shared
from section_series import put_sections, tissue

import renderapi
from renderapi.matching.documents import oriented_points
from renderapi.transform import AffineModel
from renderapi.transform.slices import TileTransforms
from renderapps.alignment.align_sections_fine import AlignSectionsFine
from renderapps.alignment.chain import Chain, Step
from renderapps.alignment.match_sections_rough import MatchSectionsRough
from renderapps.pointmatch.polygon_files import polygon_name, roi_of, write_polygon

SIDE, EDGE = 224, 130  # masked is what lies below EDGE
SHIFT = np.array([6.0, -4.0])  # by which the tissue of the second section is moved
FINE = {"levels": 1, "spacing": 16, "block_size": 32, "pool_size": 1}


@pytest.fixture
def dirty(render, tmp_path):
    """Tissue that is moved, above a pattern that is not: as dirt on the camera would be."""
    whole = tissue(1, (SIDE + 40, SIDE + 40), seed=5)[0]
    dirt = tissue(1, (SIDE, SIDE), seed=9)[0]
    pictures = []
    for dx, dy in ((0, 0), SHIFT.astype(int)):
        picture = whole[20 - dy : 20 - dy + SIDE, 20 - dx : 20 - dx + SIDE].copy()
        picture[EDGE:] = dirt[EDGE:]
        pictures.append(picture)
    return put_sections(render, "low", pictures, tmp_path)


@pytest.fixture
def masked(render, tmp_path, dirty):
    """The same with a mask of what is dirty."""
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    mask[EDGE - 8 :] = 0
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    for tile in dirty:
        tile.ip[0].maskUrl = (tmp_path / "mask.tif").as_uri()
    renderapi.stack.set_stack_state("low", "LOADING", render=render)
    renderapi.resolvedtiles.put_tilespecs("low", tilespecs=dirty, render=render)
    renderapi.stack.set_stack_state("low", "COMPLETE", render=render)


@pytest.fixture
def outlined(tmp_path, dirty):
    """A folder with outlines of the tissue of both sections, in the world of the stack."""
    for z in (0.0, 1.0):
        ring = [[-9, -9], [SIDE + 9, -9], [SIDE + 9, EDGE - 8], [-9, EDGE - 8]]
        write_polygon(tmp_path / polygon_name(z), {"z": z, "roi": roi_of(ring)})
    return {"polygon_dir": str(tmp_path)}


def test_rough_matches_are_beside_the_mask(render, masked):
    check_rough(render)


def test_rough_matches_are_within_the_outlines(render, outlined):
    check_rough(render, **outlined)


def check_rough(render, **more):
    given = {"input_stack": "low", "matchCollection": "found", "ways": ["features"], **more}
    status, report = run(MatchSectionsRough, render, **given, pool_size=1)
    assert status == 0, report
    (document,) = renderapi.pointmatch.get_matches_with_group("found", "g0", render=render)
    here, there, _ = oriented_points(document, "s0")
    assert len(here) >= 8
    assert np.abs(there - here - SHIFT).max() < 1


def test_fine_displacements_are_those_of_what_is_not_masked(render, masked):
    check_fine(render, "low")


def test_outlines_that_were_drawn_before_the_tiles_were_moved(render, tmp_path, outlined, dirty):
    turn = AffineModel(0.0, -1.0, 1.0, 0.0, 500.0, 70.0)
    images = [tifffile.imread(tmp_path / f"low_{z}.tif") for z in (0, 1)]
    put_sections(render, "turned", images, tmp_path / "again", tforms=[[turn], [turn]])
    check_fine(render, "turned", **outlined, polygon_stack="low")


def test_a_section_without_an_outline_stops_before_anything_is_compared(
    render, tmp_path, outlined, capsys
):
    (tmp_path / polygon_name(1.0)).unlink()
    for module, more in (
        (MatchSectionsRough, {"matchCollection": "found"}),
        (AlignSectionsFine, {"output_stack": "fine"}),
    ):
        status, _ = run(module, render, input_stack="low", **more, **outlined, pool_size=1)
        assert status == 1
        assert "no polygon of 1 of 2 sections (z=1)" in capsys.readouterr().err


def test_a_chain_runs_a_step_again_when_its_outlines_have_changed(tmp_path, outlined):
    place = {
        "host": "local",
        "store": str(tmp_path / "render.db"),
        "owner": "test",
        "project": "project",
    }
    given = {"input_stack": "low", "matchCollection": "found", "ways": ["features"], **outlined}
    name = "alignment.match_sections_rough"
    outline = tmp_path / polygon_name(1.0)

    def kept():
        chain = Chain(tmp_path / "chain", place, lambda _: None, {"pool_size": 1})
        return chain.run(Step("rough_matches", name, given | {"existing": "replace"})).kept

    assert not kept()
    outline.touch()
    assert kept()
    ring = [[0, 0], [SIDE, 0], [SIDE, EDGE - 20], [0, EDGE - 20]]
    write_polygon(outline, {"z": 1.0, "roi": roi_of(ring)})
    assert not kept()
    assert kept()


def commanded(tmp_path, module, *more):
    """What a module did that was run from the command line on the stacks of these tests."""
    place = ["--render.host", "local", "--render.store", str(tmp_path / "render.db")]
    place += ["--render.owner", "test", "--render.project", "project"]
    words = [sys.executable, "-m", f"renderapps.alignment.{module}", "--quiet", *place]
    words += ["--polygon_dir", str(tmp_path), "--output_json", str(tmp_path / "out.json"), *more]
    return subprocess.run(words, capture_output=True, text=True)


def test_outlines_from_the_command_line(tmp_path, outlined):
    (tmp_path / polygon_name(1.0)).unlink()
    words = ["match_sections_rough", "--input_stack", "low", "--matchCollection", "found"]
    words += ["--ways", "['features']"]
    done = commanded(tmp_path, *words)
    assert done.returncode == 1
    assert "no polygon of 1 of 2 sections (z=1)" in done.stderr
    assert "Traceback" not in done.stderr
    done = commanded(tmp_path, *words, "--missing_polygon", "keep")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "out.json").read_text())["missing_polygon_zs"] == [1.0]
    done = commanded(tmp_path, *words, "--missing_polygon", "skip")
    assert done.returncode == 2 and "missing_polygon" in done.stderr


def test_outlines_of_the_fine_step_from_the_command_line(render, tmp_path, outlined):
    """One section has an outline, of the world before tiles were moved: dirt takes no part."""
    (tmp_path / polygon_name(1.0)).unlink()
    images = [tifffile.imread(tmp_path / f"low_{z}.tif") for z in (0, 1)]
    moved = [[AffineModel(B0=500.0, B1=EDGE)]] * 2
    put_sections(render, "moved", images, tmp_path / "again", tforms=moved)
    words = ["align_sections_fine", "--input_stack", "moved", "--output_stack", "fine"]
    words += ["--missing_polygon", "keep"]
    words += [text for name, value in FINE.items() for text in (f"--{name}", str(value))]
    done = commanded(tmp_path, *words, "--polygon_stack", "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr and "Traceback" not in done.stderr
    done = commanded(tmp_path, *words, "--polygon_stack", "low")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["missing_polygon_zs"] == [1.0]
    check_moved(render, report)


def check_fine(render, stack, **more):
    given = {"input_stack": stack, "output_stack": "fine", **FINE, **more}
    status, report = run(AlignSectionsFine, render, **given)
    assert status == 0, report
    check_moved(render, report)


def check_moved(render, report):
    places = np.stack(np.meshgrid(np.arange(30.0, 200, 20), np.arange(30.0, 200, 20)), -1)
    moved = []
    for z, there in ((0, 0), (1, SHIFT)):
        warps = {k: t.to_dict() for k, t in shared(render, "fine", z).items()}
        points = places.reshape(-1, 2) + there
        moved.append(TileTransforms(documents(render, "fine")[f"s{z}"], warps).forward(points))
    away = np.hypot(*(moved[1] - moved[0]).T)
    assert away[places.reshape(-1, 2)[:, 1] < EDGE - 30].max() < 0.5
    assert away.max() < 4  # what is masked is drawn along, less the further off, and no crack
    assert all(entry["nodes_at_cracks"] == 0 for entry in report["sections"])
