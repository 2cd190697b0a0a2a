"""Polygons of sections that the service has drawn."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
import tifffile
from glue_sections import HEIGHT, WIDTH, farthest, glue_section, true_corners
from layered_stacks import run

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.materialize.render_section_images import RenderSectionImages
from renderapps.section_polygons.create_section_polygons import CreateSectionPolygons

TILTS = {3: 9.0, 4: -14.0, 5: 1.0}
LINES = {3: (True, True), 4: (True, True), 5: (True, False)}
PLACE = (1000.0, -250.0)
SCALE = 0.5


@pytest.fixture
def sections(render, tmp_path):
    """A stack of one tile for each section, at PLACE and drawn at SCALE: true world corners."""
    rng = np.random.default_rng(11)
    tiles, corners = [], {}
    for z, tilt in TILTS.items():
        picture, ends = glue_section(rng, tilt, LINES[z])
        path = tmp_path / f"tile_{z}.tif"
        tifffile.imwrite(path, np.kron(picture, np.ones((2, 2), np.uint8)))
        tiles.append(
            TileSpec(
                tileId=f"t{z}",
                z=float(z),
                width=2 * WIDTH,
                height=2 * HEIGHT,
                minint=0,
                maxint=255,
                imageUrl=path_to_url(path),
                sectionId=f"{z}.0",
                tforms=[AffineModel(B0=PLACE[0], B1=PLACE[1])],
            )
        )
        corners[z] = true_corners(ends) * 2 + PLACE
    renderapi.stack.create_stack("ribbon", render=render)
    renderapi.resolvedtiles.put_tilespecs("ribbon", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("ribbon", "COMPLETE", render=render)
    drawn = {"input_stack": "ribbon", "image_directory": str(tmp_path / "drawn"), "scale": SCALE}
    status, _ = run(RenderSectionImages, render, **drawn)
    assert status == 0
    return corners


def create(render, tmp_path, **more):
    given = {
        "stack": "ribbon",
        "sectionImageDir": str(tmp_path / "drawn"),
        "polygon_dir": str(tmp_path / "polygons"),
        "isHorizontal": True,
    }
    return run(CreateSectionPolygons, render, **(given | more))


def polygon(tmp_path, z):
    return json.loads((tmp_path / "polygons" / f"polygon_{z:05d}.json").read_text())


def test_corners_are_within_a_hundredth_of_the_section(render, sections, tmp_path):
    status, report = create(render, tmp_path, plot=True)
    assert status == 0
    assert report["one_line_zs"] == [5.0]
    assert report["no_line_zs"] == []
    for z, corners in sections.items():
        document = polygon(tmp_path, z)
        (ring,) = document["roi"]["coordinates"]
        assert document["roi"]["type"] == "Polygon"
        assert ring[0] == ring[-1]
        assert len(ring) == 5
        assert farthest(corners, ring) < 0.01 * 2 * HEIGHT
        assert document["z"] == z
        assert document["lines_found"] == sum(LINES[z])
        assert document["reviewed"] is False
        bounds = document["bounds"]
        assert (bounds["minX"], bounds["minY"], bounds["minZ"]) == (*PLACE, z)
        assert cv2.imread(document["filepath"], 0).shape == (HEIGHT, WIDTH)
        overlay = cv2.imread(str(tmp_path / "polygons" / "overlays" / f"polygon_{z:05d}.png"))
        red = (overlay[..., 2].astype(int) - overlay[..., 1]) > 150
        assert red[:, : WIDTH // 4].any()
        assert red[:, -WIDTH // 4 :].any()


def test_vertical_lines_in_files_named_by_z(render, sections, tmp_path):
    """The documented name of the images; the stack is turned by a quarter."""
    turned = tmp_path / "turned"
    turned.mkdir()
    for z in TILTS:
        renderapi.stack.set_stack_state("ribbon", "LOADING", render=render)
        tile = renderapi.tilespec.get_tile_spec("ribbon", f"t{z}", render=render)
        tile.tforms = [AffineModel(0, 1, 1, 0, *PLACE)]
        renderapi.resolvedtiles.put_tilespecs("ribbon", tilespecs=[tile], render=render)
    renderapi.stack.set_stack_state("ribbon", "COMPLETE", render=render)
    for z in TILTS:
        picture = cv2.imread(str(tmp_path / f"tile_{z}.tif"), 0)[::2, ::2]
        tifffile.imwrite(turned / f"{z:05d}.tiff", picture.T)
    status, report = create(
        render, tmp_path, sectionImageDir=str(turned), isHorizontal=False, zs=[3, 4]
    )
    assert status == 0
    assert [entry["z"] for entry in report["sections"]] == [3.0, 4.0]
    for z in (3, 4):
        corners = (sections[z] - PLACE)[:, ::-1] + PLACE
        (ring,) = polygon(tmp_path, z)["roi"]["coordinates"]
        assert farthest(corners, ring) < 0.01 * 2 * HEIGHT


def test_tissue_is_outlined(render, sections, tmp_path):
    tissue = {"outline": "tissue", "isHorizontal": None, "tissue_threshold": 50, "smoothing": 3}
    status, report = create(render, tmp_path, zs=[3], **tissue)
    assert status == 0
    found = polygon(tmp_path, 3)
    assert found["outline"] == "tissue"
    outline = shapely.Polygon(found["roi"]["coordinates"][0])
    strip = shapely.Polygon(sections[3][[0, 1, 3, 2]])
    assert outline.intersection(strip).area > 0.97 * strip.area
    assert outline.difference(strip).area < 0.05 * strip.area
    assert report["one_line_zs"] == []


def test_reviewed_polygons_are_kept(render, sections, tmp_path):
    create(render, tmp_path, zs=[3, 4])
    path = tmp_path / "polygons" / "polygon_00003.json"
    mine = polygon(tmp_path, 3) | {"reviewed": True, "roi": {"type": "Polygon", "mine": 1}}
    path.write_text(json.dumps(mine))
    status, report = create(render, tmp_path, zs=[3, 4])
    assert status == 0
    assert report["kept_reviewed_zs"] == [3.0]
    assert polygon(tmp_path, 3) == mine
    status, report = create(render, tmp_path, zs=[3], overwrite_reviewed=True)
    assert report["kept_reviewed_zs"] == []
    assert polygon(tmp_path, 3)["reviewed"] is False


def test_bad_input_is_told_in_one_line(render, sections, tmp_path, capsys):
    assert create(render, tmp_path, isHorizontal=None)[0] == 2
    assert "isHorizontal: needed to find glue lines" in capsys.readouterr().err
    assert create(render, tmp_path, stack="none")[0] == 1
    assert "no stack none" in capsys.readouterr().err
    assert create(render, tmp_path, image_path="{nothing}.tif")[0] == 1
    assert "image_path {nothing}.tif cannot be filled in" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    status, report = create(render, tmp_path, sectionImageDir=str(empty))
    assert status == 1
    assert "has no image of section z=3" in capsys.readouterr().err
    assert [entry["z"] for entry in report["failed_sections"]] == [3.0, 4.0, 5.0]
    assert not (tmp_path / "polygons").exists()
    tifffile.imwrite(empty / "00003.tiff", np.zeros((300, 300), np.uint8))
    assert create(render, tmp_path, sectionImageDir=str(empty), zs=[3])[0] == 1
    assert "300 x 300 pixels, but the section 2200 x 1400" in capsys.readouterr().err
    (empty / "00003.tiff").write_bytes(b"II*\0broken")
    assert create(render, tmp_path, sectionImageDir=str(empty), zs=[3])[0] == 1
    assert "00003.tiff" in capsys.readouterr().err
    assert not Path(tmp_path / "polygons").exists()


def test_several_scales_are_ambiguous_until_the_path_is_given(render, sections, tmp_path, capsys):
    drawn = {"input_stack": "ribbon", "image_directory": str(tmp_path / "drawn"), "scale": 0.25}
    run(RenderSectionImages, render, **drawn)
    assert create(render, tmp_path, zs=[3])[0] == 1
    assert "several images" in capsys.readouterr().err
    where = "{project}/{stack}/sections_at_0.25/{thousands}/{hundreds}/{z}.0.png"
    assert create(render, tmp_path, zs=[3], image_path=where)[0] == 0
    (ring,) = polygon(tmp_path, 3)["roi"]["coordinates"]
    assert farthest(sections[3], ring) < 0.01 * 2 * HEIGHT
