"""The report of a stack with known defects: they are named, counted, shown, and advised upon."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from headless import headless
from section_series import tissue
from stored_stacks import store

import renderapi
from renderapi.layout import Layout
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapps.alignment.next_steps import next_steps
from renderapps.alignment.report import Report
from renderapps.alignment.report_pictures import cut, pair_picture
from renderapps.alignment.section_findings import displaced_tiles, distorted_tiles
from renderapps.module import RenderModuleException
from renderapps.module.catalogue import find
from renderapps.module.errors import ParameterError

SIDE, STEP = 120, 100
MOVED = {"z1_11": (12.0, -9.0), "z2_00": (-30.0, 0.0)}
EVIL = "z2_<b>&"  # the id of a tile; the others are z{z}_{row}{column}


def tile_id(z, r, c):
    return EVIL if (z, r, c) == (2, 0, 1) else f"z{z}_{r}{c}"


def links(z, rng):
    """20 exact matches of each two side neighbours."""
    found = []
    for r in range(3):
        for c in range(3):
            for dr, dc in ((0, 1), (1, 0)):
                if r + dr > 2 or c + dc > 2:
                    continue
                low = np.array([STEP * dc, STEP * dr])
                p = low + rng.uniform(0, 1, (20, 2)) * (SIDE - low)
                found.append(link(z, tile_id(z, r, c), z, tile_id(z, r + dr, c + dc), p, p - low))
    return found


def link(z, one, other_z, other, p, q):
    return {
        "pGroupId": f"g{z}", "pId": one, "qGroupId": f"g{other_z}", "qId": other,
        "matches": {"p": p.T.tolist(), "q": q.T.tolist(), "w": [1.0] * len(p)},
    }  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Stacks `raw` and `solved`, 3 sections of 3 x 3 tiles, and collection `links`."""
    folder = tmp_path_factory.mktemp("report")
    connection = {"host": "local", "store": str(folder / "r.db"), "owner": "me", "project": "p"}
    render = renderapi.connect(**connection)
    rng = np.random.default_rng(7)
    raw, solved = [], []
    for z, picture in enumerate(tissue(3, (320, 320), z_sigma=3.0)):
        for r in range(3):
            for c in range(3):
                name, (x, y) = tile_id(z, r, c), (c * STEP, r * STEP)
                path = folder / f"{z}{r}{c}.tif"
                tifffile.imwrite(path, picture[y : y + SIDE, x : x + SIDE])
                wide = 1.05 if (z, r, c) == (0, 2, 2) else 1.0
                dx, dy = MOVED.get(name, (0.0, 0.0))
                more = {
                    "tileId": name, "z": float(z), "width": SIDE, "height": SIDE, "minint": 0,
                    "maxint": 255, "imageUrl": path.as_uri(), "layout": Layout(sectionId=f"g{z}"),
                }  # fmt: skip
                raw.append(TileSpec(**more, tforms=[AffineModel(B0=x, B1=y)]))
                placed = AffineModel(M00=wide, B0=x + dx, B1=y + dy)
                if name != "z2_11":
                    solved.append(TileSpec(**more, tforms=[placed]))
    store(render, "raw", raw)
    store(render, "solved", solved)
    store(render, "one", [tile for tile in solved if tile.tileId == "z1_00"])
    points = rng.uniform(20, 100, (10, 2))
    found = [match for z in range(3) for match in links(z, rng)]
    found.append(link(0, "z0_01", 1, "z1_01", points, points + np.array([3.0, 4.0])))  # 5 px off
    renderapi.pointmatch.import_matches("links", found, render=render)
    where = {"owner": "me", "render": render}
    renderapi.pointmatch.set_collection_metadata("links", {"local_transforms": 0}, **where)
    return folder, connection


def run(lab, **given):
    input_data = {"render": lab[1], "stack": "solved", "pool_size": 1, **given}
    module = Report(input_data=input_data, args=[])
    module.run()
    return module.full_report


@pytest.fixture(scope="module")
def report(lab):
    return run(
        lab,
        before_stack="raw",
        matchCollections=["links"],
        html_report=str(lab[0] / "page" / "report.html"),
    )


def test_the_displaced_tile_is_named_and_all_is_counted(report):
    first, second, third = report["sections"]
    assert [e["tiles"] for e in report["sections"]] == [9, 9, 8]
    assert [e["pairs"] for e in report["sections"]] == [12, 12, 8]
    assert [e["points"] for e in report["sections"]] == [240, 240, 160]
    pairs = {tuple(p) for seam in second["seams"] for p in seam["pairs"]}
    assert pairs == {("z1_01", "z1_11"), ("z1_10", "z1_11"), ("z1_11", "z1_12"), ("z1_11", "z1_21")}
    assert sum(seam["points"] for seam in second["seams"]) == 80
    assert {seam["residual"] for seam in second["seams"]} == {15.0}  # 12 and 9
    assert [t["tileId"] for t in second["displaced_tiles"]] == ["z1_11"]
    assert second["worst_residual"] == 15 and second["median_residual"] == 0
    assert [t["tileId"] for t in third["displaced_tiles"]] == ["z2_00"]
    assert not first["seams"] and not first["displaced_tiles"]
    assert report["totals"]["displaced_tiles"] == 2 and report["totals"]["pairs_between"] == 1


def test_holes_gaps_uncovered_places_and_distortion(report):
    first, second, third = report["sections"]
    assert third["holes"] == ["z2_11"] and not first["holes"] and not second["holes"]
    assert third["gaps"] == [["z2_00", EVIL]] and not first["gaps"] and not second["gaps"]
    (place,) = [u for u in third["uncovered"] if u["area"] > 5000]
    assert place["box"] == pytest.approx([120, 120, 200, 200]) and place["area"] == 6400
    assert [t["tileId"] for t in first["distorted_tiles"]] == ["z0_22"]
    assert first["distorted_tiles"][0]["scale"] == [1.05, 1.0]
    assert first["distorted_tiles"][0]["departure"] == pytest.approx(0.05)


def test_matches_between_sections_and_the_worst_pairs(report):
    one, two = report["between_sections"]
    assert (one["pairs"], one["points"], one["median_residual"]) == (1, 10, 5.0)
    assert (two["pairs"], two["pairs_across"]) == (0, 0)
    worst = report["worst_pairs"]
    assert len(worst) == 10 and [p["residual"] for p in worst[:7]] == [30, 30, 15, 15, 15, 15, 5]
    assert (worst[6]["pId"], worst[6]["z_p"], worst[6]["z_q"]) == ("z0_01", 0, 1)
    assert all(c["before"] > 0.5 for c in report["correlations"])


def test_what_to_do_next_names_modules_and_parameters_that_there_are(report):
    found = {step["finding"]: step for step in report["what_next"]}
    for step in found.values():
        schema = find(step["module"]).load().default_schema
        assert step["parameter"] is None or step["parameter"] in schema._declared_fields
    text = "\n".join(found)
    assert "1 tile of before_stack missing (z=2): z2_11" in text
    assert "2 tiles off their matches (z=1, 2); the worst, z2_00, by 30 px" in text
    assert "no match crosses 1 of 2 steps between sections: z=1 to 2" in text
    assert "1 tile stretched or sheared" in text and "z0_22, by 0.05" in text
    assert f"z2_00 and {EVIL}" in text


def test_sections_that_were_not_solved_are_to_be_solved_before_lenses_are_thought_of():
    tile = {"tileId": "t", "bad_pairs": 2, "pairs": 4, "residual": 9.0}
    entry = {"z": 3.0, "tiles": 10, "pairs": 12, "seams": [], "uncovered": []}
    whole = {"between_sections": [], "correlations": []}
    settings = {"matchCollections": ["m"], "distortion_threshold": 0.03}

    def advice(displaced, median):
        found = entry | {"displaced_tiles": [tile] * displaced, "median_residual": median}
        steps = next_steps([found], whole, settings)
        return [(step["module"].split(".")[1], step["parameter"]) for step in steps]

    assert advice(3, 8.0) == [("solve", "matchCollections")]
    assert advice(2, 0.1) == [("solve", "maximum_tolerance")]
    assert advice(0, 1.5) == [("estimate_lens", "order")]
    assert advice(0, 0.1) == []


@pytest.fixture
def browser():
    yield from headless()


def test_the_page_works_without_a_network(report, browser):
    text = Path(report["html_report"]).read_text()
    assert EVIL not in text and "z2_&lt;b&gt;&amp;" in text
    assert not re.search(r"https?://", text) and len(text) < 2_000_000
    tab = browser.new_page()
    problems, asked = [], []
    tab.on("pageerror", lambda e: problems.append(str(e)))
    tab.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    tab.on("request", lambda r: asked.append(r.url))
    tab.goto(f"file://{report['html_report']}")
    assert "z = 0: 9 tiles" in tab.inner_text("#shown")
    first = tab.get_attribute("#picture_after", "src")
    tab.fill("#z", "2")
    assert "z = 2: 8 tiles" in tab.inner_text("#shown")
    assert tab.get_attribute("#picture_after", "src") != first
    sections = tab.locator("table").first
    sections.locator("th", has_text="worst").click()
    assert sections.locator("tr").nth(1).locator("td").first.inner_text() == "2"
    sections.locator("th", has_text="worst").click()
    assert sections.locator("tr").nth(1).locator("td").first.inner_text() == "0"
    loaded = "[...document.images].every(i => i.complete && i.naturalWidth)"
    assert tab.evaluate(loaded) and tab.locator("img").count() == 3 + 4 + 10
    assert not problems and all(url.startswith(("file:", "data:")) for url in asked)


def test_one_section_and_no_matches_are_defined(lab):
    page = str(lab[0] / "one.html")
    found = run(lab, stack="one", html_report=page)
    assert [e["tiles"] for e in found["sections"]] == [1] and "pairs" not in found["sections"][0]
    assert found["totals"]["seams"] is None and found["totals"]["holes"] is None
    assert [s["parameter"] for s in found["what_next"]] == ["matchCollections"]
    assert "no matches were looked at" in Path(page).read_text()
    alone = run(lab, stack="one", matchCollections=["links"])
    assert alone["sections"][0]["pairs"] == 0 and not alone["what_next"]
    chosen = run(lab, minZ=1, maxZ=1, matchCollections=["links"])
    assert [e["z"] for e in chosen["sections"]] == [1] and not chosen["between_sections"]


def test_a_section_whose_images_are_gone_is_reported_all_the_same(lab):
    render = renderapi.connect(**lab[1])
    tiles = renderapi.tilespec.get_tile_specs_from_stack("one", render=render)
    for tile in tiles:
        tile.ip[0] = renderapi.image_pyramid.MipMap("file:///nowhere/x.tif")
    store(render, "lost", tiles)
    page = str(lab[0] / "lost.html")
    found = run(lab, stack="lost", html_report=page)
    assert "x.tif" in found["sections"][0]["picture_problem"]
    assert any("not drawn" in step["finding"] for step in found["what_next"])
    assert "x.tif" in Path(page).read_text()


def pixels(picture):
    return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_a_cut_leaves_room_for_lost_sections_and_is_as_high_as_they_are_thick():
    lines = [np.array([10, 250, 250], np.uint8), None, np.array([10, 250], np.uint8)]
    picture = pixels(cut([3.0, 4.0, 6.0], lines, rows_each=5.2))[..., 0]
    assert picture.shape == (20, 3)  # z 3, 4, 5 and 6
    assert picture[:, 1].reshape(4, 5).tolist() == [[255] * 5, [0] * 5, [0] * 5, [255] * 5]
    assert picture[0].tolist() == [1, 255, 255] and picture[19].tolist() == [1, 255, 0]


def test_a_pair_is_shown_in_red_and_green_where_it_lies(lab):
    render = renderapi.connect(**lab[1])
    pair = {"pId": "z1_00", "qId": "z1_01", "z_p": 1.0, "z_q": 1.0, "residual": 0.0}
    picture, scale = pair_picture(render, "solved", None, pair | {"place": [110.0, 60.0]})
    both = pixels(picture)[:, 408:].astype(int)  # two tiles, two bars; from (10, -40) on
    assert scale == 1 and both.shape == (200, 200, 3)
    red, green = both[45:155, 5:85, 0], both[45:155, 115:195, 1]
    assert red.mean() > 60 and green.mean() > 60
    assert both[45:155, 5:85, 1].mean() < 15 and both[45:155, 115:195, 0].mean() < 15
    overlap = both[45:155, 94:106]
    assert np.corrcoef(overlap[..., 0].ravel(), overlap[..., 1].ravel())[0, 1] > 0.9


def test_the_fewest_tiles_account_for_bad_pairs():
    def row(p, q, residual):
        return {"pId": p, "qId": q, "residual": residual}

    rows = [row("a", "b", 9.0), row("b", "c", 7.0), row("a", "c", 0.1), row("d", "e", 8.0)]
    (tile,) = displaced_tiles(rows, 4.0)
    assert tile == {"tileId": "b", "bad_pairs": 2, "pairs": 2, "residual": 8.0}
    assert displaced_tiles(rows, 10.0) == []


def test_sheared_tiles_are_distorted_and_turned_ones_are_not():
    unit = np.array([[0.0, 0], [100, 0], [100, 80], [0, 80]])
    c, s = np.cos(0.3), np.sin(0.3)
    sheared = unit @ np.array([[1, 0], [0.1, 1]])
    corners = np.stack([unit, unit @ np.array([[c, s], [-s, c]]), sheared])
    names, sizes = ["a", "b", "c"], (np.full(3, 100.0), np.full(3, 80.0))
    (tile,) = distorted_tiles(names, corners, *sizes, 0.03)
    assert tile["tileId"] == "c"
    assert tile["shear"] == pytest.approx(0.1 / np.sqrt(1.01), abs=1e-6)


def test_the_command_line_and_what_is_wrong(lab, tmp_path):
    given = {"render": lab[1], "stack": "solved", "matchCollections": ["links"], "pool_size": 1}
    (tmp_path / "in.json").write_text(json.dumps(given))
    words = [sys.executable, "-m", "renderapps.alignment.report"]
    words += ["--input_json", str(tmp_path / "in.json")]
    done = subprocess.run(
        [*words, "--output_json", str(tmp_path / "out.json"), "--worst", "2"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert len(found["worst_pairs"]) == 2 and found["totals"]["tiles"] == 26
    done = subprocess.run([*words, "--worst", "-1"], capture_output=True, text=True)
    assert done.returncode == 2 and "worst" in done.stderr and "Traceback" not in done.stderr
    page = tmp_path / "none.html"
    with pytest.raises(RenderModuleException, match="no match collection nothing"):
        run(lab, matchCollections=["nothing"], html_report=str(page))
    with pytest.raises(RenderModuleException, match="nowhere"):
        run(lab, before_stack="nowhere", html_report=str(page))
    with pytest.raises(RenderModuleException, match="no section at z=9"):
        run(lab, zs=[9], html_report=str(page))
    with pytest.raises(ParameterError, match="twice"):
        run(lab, matchCollections=["links", "links"])
    assert not page.exists()
