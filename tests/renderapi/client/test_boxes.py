"""Pyramids of boxes: files, levels, resumption, lists, overviews and labels."""

from pathlib import Path

import numpy as np
import pytest
from picture_stacks import CORNERS, HEIGHT, WIDTH, make_picture_stack, texture
from PIL import Image

import renderapi
from renderapi.client import call_run_ws_client
from renderapi.client.programs.box_drawings import LayerDrawing, labels_of
from renderapi.client.programs.box_pyramids import BoxGrid
from renderapi.client.programs.java_random import JavaRandom, shuffle
from renderapi.errors import ClientScriptError
from renderapi.rendering.pyramid import downsample

WORLD = texture(3)
SIZE = 100


@pytest.fixture
def stack(render, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    make_picture_stack(render, folder, "pictures", {7: WORLD})
    return tmp_path / "boxes"


def run(render, root, *words, name="BoxClient"):
    where = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "pictures"
    )
    size = ["--rootDirectory", root, "--width", SIZE, "--height", SIZE]
    call_run_ws_client(f"org.janelia.render.client.{name}", [*where, *size, *words])
    return root / "project" / "pictures" / f"{SIZE}x{SIZE}{'-label' if '--label' in words else ''}"


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def drawn(width=700, height=600):
    """The layer as it is drawn from the origin: zeros where no tile is."""
    canvas = np.zeros((height, width), np.uint8)
    for x, y in CORNERS.values():
        part = (slice(y, y + HEIGHT), slice(x, x + WIDTH))
        canvas[part] = WORLD[part]
    return canvas


def test_boxes_show_the_layer_and_levels_are_means(render, stack):
    base = run(render, stack, "--maxLevel", "2", "7")
    layer = drawn()
    box = read(base / "0" / "7" / "1" / "2.png")
    assert np.array_equal(box, layer[100:200, 200:300])
    for level, row, column in ((1, 0, 1), (2, 0, 0)):
        size = SIZE << level
        part = layer[row * size : (row + 1) * size, column * size : (column + 1) * size]
        assert np.array_equal(
            read(base / str(level) / "7" / str(row) / f"{column}.png"), downsample(part, level)
        )
    assert len(list((base / "0").rglob("*.png"))) == 6 * 7
    assert len(list((base / "1").rglob("*.png"))) == 3 * 4
    assert len(list((base / "2").rglob("*.png"))) == 2 * 2


def test_a_killed_run_is_resumed(render, stack):
    base = run(render, stack, "--maxLevel", "1", "7")
    kept, lost, broken = (base / "0" / "7" / "0" / f"{n}.png" for n in (0, 1, 2))
    expected, second = lost.read_bytes(), broken.read_bytes()
    kept_time = kept.stat().st_mtime_ns
    lost.unlink()
    broken.write_bytes(b"half a file")
    for n in (0, 1):
        (base / "1" / "7" / "0" / f"{n}.png").unlink()
    run(render, stack, "--maxLevel", "1", "7")
    assert lost.read_bytes() == expected
    assert broken.read_bytes() == second
    assert kept.stat().st_mtime_ns == kept_time
    run(render, stack, "--maxLevel", "1", "--forceGeneration", "7")
    assert kept.stat().st_mtime_ns != kept_time


def test_broken_files_are_removed_and_made_again(render, stack):
    base = run(render, stack, "--maxLevel", "1", "7")
    top = base / "1" / "7" / "0" / "0.png"
    expected = top.read_bytes()
    top.write_bytes(b"half a file")
    run(render, stack, "--maxLevel", "1", "--cleanUpPriorRun", "7")
    assert top.read_bytes() == expected


def test_groups_share_the_work(render, stack):
    whole = run(render, stack / "whole", "--maxLevel", "1", "7")
    for group in ("1", "2", "3"):
        words = ["--renderGroup", group, "--numberOfRenderGroups", "3"]
        parts = run(render, stack / "parts", "--maxLevel", "1", *words, "7")
    files = {path.relative_to(whole): path.read_bytes() for path in whole.rglob("*.png")}
    assert files == {path.relative_to(parts): path.read_bytes() for path in parts.rglob("*.png")}


def test_colours_keep_their_transparency(render, stack):
    base = run(render, stack, "--convertToGray", "false", "--maxLevel", "1", "7")
    assert read(base / "0" / "7" / "1" / "2.png").shape == (SIZE, SIZE, 4)
    corner = read(base / "1" / "7" / "2" / "3.png")
    assert corner[-1, -1].tolist() == [0, 0, 0, 0]


def test_the_overview_has_the_size_asked_for(render, stack):
    words = ["--maxOverviewWidthAndHeight", "64", "--format", "jpg", "--maxLevel", "3"]
    base = run(render, stack, *words, "7")
    overview = read(base / "small" / "7.jpg")
    bounds = renderapi.stack.get_stack_bounds("pictures", render=render)
    assert overview.shape == (round(64 * bounds["maxY"] / bounds["maxX"]), 64)
    top = base / "3" / "7"
    assert sorted(path.relative_to(top) for path in top.rglob("*.jpg")) == [Path("0/0.jpg")]
    names = ["0", "1", "2", "3", "empty.jpg", "small"]
    assert sorted(path.name for path in base.iterdir()) == names


@pytest.mark.parametrize("level", ["0", "1", "2"])
def test_there_is_no_overview_before_a_level_is_one_box(render, stack, level):
    # 6 x 7 boxes: 3 x 4 on level 1, 2 x 2 on level 2, one on level 3
    base = run(render, stack, "--maxOverviewWidthAndHeight", "64", "--maxLevel", level, "7")
    assert not (base / "small").exists()


def test_labels_have_no_overview(render, stack):
    words = ["--maxOverviewWidthAndHeight", "64", "--maxLevel", "3", "--label"]
    base = run(render, stack, *words, "7")
    assert (base / "3" / "7" / "0" / "0.png").exists()
    assert not (base / "small").exists()
    assert (read(base / "empty.png") == 65535).all()


@pytest.mark.parametrize(("format", "pixels"), [("png", 0), ("jpg", 0), ("tif", 0)])
def test_the_file_for_empty_boxes_is_always_written(render, stack, format, pixels):
    base = run(render, stack, "--format", format, "7")
    empty = read(base / f"empty.{format}")
    assert empty.shape[:2] == (SIZE, SIZE) and (empty == pixels).all()


def test_the_list_of_files_names_every_cell(render, stack):
    base = run(render, stack, "--createIGrid", "7")
    columns, rows, *lines = (base / "0" / "iGrid" / "7.0.iGrid").read_text().splitlines()
    assert (columns, rows, len(lines)) == ("Columns: 7", "Rows: 6", 42)
    assert lines[8] == str(base / "0" / "7" / "1" / "1.png")
    assert (read(base / "empty.png") == 0).all()


def test_labels_tell_tiles_apart(render, stack):
    base = run(render, stack, "--label", "--maxLevel", "1", "7")
    labels = labels_of([f"7.{row}.{column}" for row in (0, 1) for column in (0, 1)])
    box = read(base / "0" / "7" / "0" / "0.png")
    assert set(np.unique(box)) == {labels["7.0.0"]}
    # tile 7.0.1 begins at x 260, y 3 and lies on top of 7.0.0
    box = read(base / "0" / "7" / "0" / "2.png")
    assert (box[3:, 60:] == labels["7.0.1"]).all()
    assert (box[:, :60] == labels["7.0.0"]).all()
    corner = read(base / "0" / "7" / "5" / "0.png")
    assert corner[50, 0] == 65535
    assert np.array_equal(
        read(base / "1" / "7" / "0" / "0.png")[:50, :50],
        read(base / "0" / "7" / "0" / "0.png")[::2, ::2],
    )
    run(render, stack, "--label", "--validateLabelsOnly", "7")
    Image.fromarray(np.full((SIZE, SIZE), 7, np.uint16)).save(base / "0" / "7" / "0" / "0.png")
    with pytest.raises(ClientScriptError, match="holds labels"):
        run(render, stack, "--label", "--validateLabelsOnly", "7")


def test_the_spark_class_takes_a_range_of_layers(render, stack):
    base = run(render, stack, "--minZ", "6", "--maxZ", "8", name="spark.betterbox.BoxClient")
    assert (base / "0" / "7" / "0" / "0.png").exists()
    other = run(render, stack / "z", "--z", "7", name="spark.betterbox.BoxClient")
    assert (other / "0" / "7" / "0" / "0.png").exists()
    with pytest.raises(ClientScriptError, match="no layers"):
        run(render, stack, "8")
    run(render, stack / "plan", "--explainPlan", "7")
    assert not (stack / "plan").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--format", "gif"], "'gif'"),
        (["--label", "--format", "jpg"], "labels are written as png"),
        (["--validateLabelsOnly"], "needs label"),
        (["--width", "0"], "at least 1"),
        (["--width", "99", "--maxLevel", "1"], "even"),
    ],
)
def test_nonsense_is_refused(render, stack, words, text):
    with pytest.raises(ClientScriptError, match=text):
        run(render, stack, *words, "7")


def test_grids_leave_out_negative_coordinates():
    grid = BoxGrid.of_bounds({"minX": -5, "maxX": 250, "minY": 120, "maxY": 199}, 100, 100)
    assert (grid.rows, grid.columns) == ((1, 1), (0, 2))
    assert list(grid.boxes(0)) == [(1, 0), (1, 1), (1, 2)]
    assert list(grid.boxes(1)) == [(0, 0), (0, 1)]
    assert grid.top_level == 2


def test_random_numbers_are_those_of_java():
    # new java.util.Random(42): nextInt(10) gives 0, 3, 8, 4, 0
    random = JavaRandom(42)
    assert [random.next_int(10) for _ in range(5)] == [0, 3, 8, 4, 0]
    items = list(range(100))
    shuffle(items, 99)
    assert sorted(items) == list(range(100))
    assert items != list(range(100))


def test_the_last_group_writes_the_list(render, stack):
    words = ["--maxLevel", "1", "--createIGrid"]
    whole = run(render, stack / "whole", *words, "7")
    for group in (2, 1, 3):
        parts = stack / "parts" / "project" / "pictures" / f"{SIZE}x{SIZE}"
        assert not (parts / "0" / "iGrid").exists()
        shares = ["--renderGroup", group, "--numberOfRenderGroups", "3"]
        run(render, stack / "parts", *words, *shares, "7")
    lists = [(base / "0" / "iGrid" / "7.0.iGrid").read_text() for base in (whole, parts)]
    assert lists[1] == lists[0].replace(str(whole), str(parts))


def test_the_group_that_has_the_only_area_writes_the_overview(render, stack):
    words = ["--maxLevel", "3", "--maxOverviewWidthAndHeight", "64"]
    whole = run(render, stack / "whole", *words, "7")
    parts = stack / "parts" / "project" / "pictures" / f"{SIZE}x{SIZE}"
    written = []
    for group in (1, 2, 3):
        shares = ["--renderGroup", group, "--numberOfRenderGroups", "3"]
        run(render, stack / "parts", *words, *shares, "7")
        written.append((parts / "small" / "7.png").exists())
    assert written[-1]
    assert (parts / "small" / "7.png").read_bytes() == (whole / "small" / "7.png").read_bytes()


def test_a_forced_run_draws_every_box_once(render, stack, monkeypatch):
    words = ["--maxLevel", "3", "--maxOverviewWidthAndHeight", "64", "--forceGeneration"]
    drawn_boxes = []
    draw = LayerDrawing.draw

    def counted(self, row, column):
        drawn_boxes.append((row, column))
        return draw(self, row, column)

    monkeypatch.setattr(LayerDrawing, "draw", counted)
    run(render, stack, *words, "7")
    base = run(render, stack, *words, "7")
    assert len(drawn_boxes) == 2 * 6 * 7
    assert (base / "small" / "7.png").exists()
