"""Synaptograms and figures for review: what is on them, pixel by pixel where that can be said."""

import csv
import json

import numpy as np
import pytest
import tifffile
from layered_stacks import run
from PIL import Image
from trakem2_scenes import put, tile

from renderapps.TrakEM2.annotations import parse_annotations
from renderapps.TrakEM2.make_synaptograms_from_annotations import MakeAnnotationSynaptograms
from renderapps.TrakEM2.MakeSynaptogramsFromAnnotation_OidList import (
    MakeAnnotationSynaptograms as MakeChosenSynaptograms,
)
from renderapps.TrakEM2.MakeTrakEM2QCFigures import MakeTrakEM2QCFigures, measured
from renderapps.TrakEM2.synaptograms import record_of


def ring(x0, y0, x1, y1):
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


SYNAPSE = {
    "oid": "900",
    "id": 0,
    "areas": [{"global_path": ring(140, 90, 160, 120), "z": z} for z in (1.0, 2.0)],
}
LARGE = {"oid": "901", "id": 1, "areas": [{"global_path": ring(0, 0, 5000, 10), "z": 1.0}]}
LONG = {
    "oid": "902",
    "id": 2,
    "areas": [{"global_path": ring(0, 0, 9, 9), "z": z} for z in (0, 50)],
}


@pytest.fixture
def given(render, tmp_path):
    """Two stacks of sections 0 to 3: bright above and dark below, and the other way round."""
    for stack, (above, below) in {"EM": (200, 40), "PSD": (40, 200)}.items():
        tiles = []
        for z in range(4):
            image = np.full((300, 400), below, np.uint8)
            image[:105] = above
            path = tmp_path / f"{stack}_{z}.tif"
            tifffile.imwrite(path, image)
            more = {"imageUrl": path.as_uri(), "imagePyramid": None, "minint": 0, "maxint": 255}
            tiles.append(tile(f"{stack}{z}", float(z), 0, 0, bent=False, angle=0, **more))
        put(render, stack, tiles)
    (tmp_path / "a.json").write_text(json.dumps({"area_lists": [SYNAPSE, LARGE, LONG]}))
    return {
        "global_annotation_file": str(tmp_path / "a.json"),
        "fig_directory": str(tmp_path / "figures"),
        "annotation_metadata_json": str(tmp_path / "records.json"),
        "channel_stacks": [{"stack": "EM"}, {"stack": "EM"}, {"stack": "PSD"}],
        "border": 40,
    }


def cells(path, rows, columns):
    """Pixels of a figure by row and column of its matrix."""
    image = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return [np.array_split(band, columns, axis=1) for band in np.array_split(image, rows, axis=0)]


def grey(cell):
    """Brightness in the upper and the lower part of a cell, beside outlines and names."""
    height, width = cell.shape[:2]
    columns = slice(int(width * 0.85), int(width * 0.95))
    rows = [slice(int(height * a), int(height * b)) for a, b in ((0.36, 0.44), (0.7, 0.8))]
    return [np.median(cell[r, columns]) for r in rows]


def green(cell):
    return (cell[..., 1] > cell[..., 0] + 60).sum()


def test_records_and_figures(render, given, tmp_path):
    status, report = run(MakeAnnotationSynaptograms, render, **given)
    assert status == 0, report
    records = json.loads((tmp_path / "records.json").read_bytes())
    assert {key: records[0][key] for key in records[0] if key != "figure"} == {
        **{"oid": "900", "id": 0, "minX": 100, "maxX": 200, "minY": 50, "maxY": 160},
        **{"Nz": 4, "minZ": 0, "maxZ": 4, "width": 101, "height": 111},
    }
    assert [record["oid"] for record in records] == ["900", "901", "902"]
    assert report["figures"] == [str(tmp_path / "figures" / "900.png")]
    assert set(report["without_figure"]) == {"901", "902"}
    assert "larger than max_width" in report["without_figure"]["901"]
    assert "53 sections" in report["without_figure"]["902"]


def test_rows_are_channels_and_y_points_down(render, given, tmp_path):
    run(MakeAnnotationSynaptograms, render, **given)
    found = cells(tmp_path / "figures" / "900.png", 3, 4)
    for column in range(4):
        assert grey(found[0][column]) == pytest.approx([200, 40], abs=3)
        assert grey(found[1][column]) == pytest.approx([200, 40], abs=3)
        assert grey(found[2][column]) == pytest.approx([40, 200], abs=3)


def test_outline_is_in_its_sections_and_not_in_the_first_row(render, given, tmp_path):
    run(MakeAnnotationSynaptograms, render, **given)
    found = cells(tmp_path / "figures" / "900.png", 3, 4)
    drawn = [[green(cell) > 20 for cell in row] for row in found]
    assert drawn == [[False] * 4, [False, True, True, False], [False, True, True, False]]


def test_outline_lies_on_the_object(render, given, tmp_path):
    run(MakeAnnotationSynaptograms, render, **given)
    cell = cells(tmp_path / "figures" / "900.png", 3, 4)[1][1]
    rows, columns = np.nonzero(cell[..., 1] > cell[..., 0] + 60)
    height, width = cell.shape[:2]
    # the box is 101 x 111 px from (100, 50); the object 140..160, 90..120
    assert columns.min() / width == pytest.approx(40 / 101, abs=0.04)
    assert columns.max() / width == pytest.approx(60 / 101, abs=0.04)
    # the image keeps its shape within the cell, which is a little higher
    assert rows.min() / height == pytest.approx(40 / 111, abs=0.06)
    assert rows.max() / height == pytest.approx(70 / 111, abs=0.06)


def test_one_row_and_missing_sections(render, given, tmp_path):
    """Sections 0 to 3 exist; the margin asks for -1 and 4 as well."""
    change = {"channel_stacks": [{"stack": "PSD", "maxIntensity": 100}], "border_z": 2}
    status, report = run(MakeAnnotationSynaptograms, render, **given | change)
    assert status == 0, report
    (row,) = cells(tmp_path / "figures" / "900.png", 1, 6)
    assert grey(row[1]) == pytest.approx([102, 255], abs=3)  # 40 of 100, and white
    assert [green(cell) > 20 for cell in row] == [False, False, True, True, False, False]


def test_chosen_annotations_on_black(render, given, tmp_path):
    status, report = run(MakeChosenSynaptograms, render, **given, synapses_to_make=["900"])
    assert status == 0
    assert report["annotations"] == 1
    image = np.asarray(Image.open(tmp_path / "figures" / "900.png").convert("RGB"))
    assert image[-1, -1].tolist() == [0, 0, 0]


def test_oid_that_is_not_there(render, given, capsys):
    assert run(MakeChosenSynaptograms, render, **given, synapses_to_make=["5"])[0] == 1
    assert "has no annotation 5" in capsys.readouterr().err


def test_oid_that_would_be_a_path_is_refused_and_the_others_are_drawn(
    render, given, tmp_path, capsys
):
    wrong = SYNAPSE | {"oid": "../900"}
    (tmp_path / "a.json").write_text(json.dumps({"area_lists": [wrong, SYNAPSE]}))
    status, report = run(MakeAnnotationSynaptograms, render, **given)
    assert status == 1
    assert [bad["oid"] for bad in report["failed_annotations"]] == ["../900"]
    assert len(report["figures"]) == 1
    assert not (tmp_path / "900.png").exists()


def test_stack_that_is_not_there(render, given, capsys):
    change = {"channel_stacks": [{"stack": "nosuch"}]}
    assert run(MakeAnnotationSynaptograms, render, **given | change)[0] == 1
    assert "no stack nosuch" in capsys.readouterr().err


def test_record_has_margins_in_whole_pixels():
    areas = [{"global_path": [[0.5, 1.5], [10.5, 1.5], [10.5, 9.5]], "z": 3.0}]
    (found,) = parse_annotations({"area_lists": [{"oid": "1", "id": 5, "areas": areas}]}).area_lists
    record = record_of(found, 2, 0)
    assert (record["minX"], record["maxX"], record["width"]) == (-2, 13, 16)
    assert (record["minZ"], record["maxZ"], record["Nz"]) == (3, 4, 1)


def run_files(cls, tmp_path, **parameters):
    (tmp_path / "in.json").write_text(json.dumps({"pool_size": 1} | parameters))
    report = tmp_path / "out.json"
    status = cls.exit_status(
        ["--input_json", str(tmp_path / "in.json"), "--output_json", str(report)]
    )
    return status, json.loads(report.read_text()) if report.exists() else None


def test_review_figures_are_numbered_by_volume(tmp_path):
    def thing(oid, side, zs):
        return {
            "oid": oid,
            "id": int(oid),
            "areas": [{"global_path": ring(0, 0, side, side), "z": z} for z in zs],
        }

    objects = [thing("1", 100, range(20)), thing("2", 10, (0, 1, 2)), thing("3", 100, (0, 1))]
    objects.append({"oid": "4", "id": 4, "areas": []})
    (tmp_path / "a.json").write_text(json.dumps({"area_lists": objects}))
    folder = tmp_path / "qc"
    given = {"annotationFile": str(tmp_path / "a.json"), "outputDir": str(folder)}
    status, report = run_files(MakeTrakEM2QCFigures, tmp_path, **given)
    assert (status, report["figures"], report["without_areas"]) == (0, 3, ["4"])
    index = json.loads((folder / "index.json").read_bytes())
    assert [entry["oid"] for entry in index] == ["2", "3", "1"]
    assert index[2]["volume_um3"] == pytest.approx(27 * 100 * 100 * 19 / 1e9)
    rows = list(csv.DictReader((folder / "index.csv").read_text().splitlines()))
    assert [row["oid"] for row in rows] == ["2", "3", "1"]
    small, _, large = (
        np.asarray(Image.open(folder / f"{rank:07d}.png").convert("RGB")).astype(int)
        for rank in range(3)
    )
    reds = [((i[..., 0] > 200) & (i[..., 1] < 60)).sum() for i in (small, large)]
    assert reds[0] == 0 < reds[1]
    # y points down: the small square is in the upper left of the common frame
    rows_, columns = np.nonzero((small[..., 1] > 90) & (small[..., 0] < 60))
    assert rows_.mean() < small.shape[0] / 2
    assert columns.mean() < small.shape[1] / 2


def test_review_of_the_oldest_generation_uses_the_frame(tmp_path):
    path = {"z": 3, "orig_path": [[x, y, 3] for x, y in ring(5, 5, 15, 25)], "tile_paths": []}
    (old,) = parse_annotations(
        {"area_lists": [{"oid": 9, "areas": [{"paths": [path]}]}]}
    ).area_lists
    assert measured(old, (1, 1, 1)).extent == (5, 5, 15, 25)


def test_review_without_any_area(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps({"area_lists": []}))
    given = {"annotationFile": str(tmp_path / "a.json"), "outputDir": str(tmp_path / "qc")}
    assert run_files(MakeTrakEM2QCFigures, tmp_path, **given)[0] == 1
    assert "has no areas to draw" in capsys.readouterr().err
