"""Scores of detections on a case computed by hand."""

import http.server
import json
import threading

import numpy as np
import pytest
import shapely

from renderapps.synapse_detection.annotation_scores import fractions, is_edge
from renderapps.synapse_detection.evaluate_synapse_detection import EvaluateSynapseDetection
from renderapps.synapse_detection.evaluate_synapse_detection2 import (
    EvaluateSynapseDetection as EvaluateSynapseDetection2,
)
from renderapps.TrakEM2.annotations import parse_annotations

TABLE = """from a spreadsheet,,,
,oid,GABA,tdTomato,no
0,12,1,1,
1,13,1,0,0
2,14,1,1,0
3,15,1,1,
4,16,0,1,0
5,17,1,1,1
6,18,1,1,
"""


def square(x, y, side=10.0):
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def objects(**places):
    """Annotations by oid: each a list of (z, x, y)."""
    return {
        "area_lists": [
            {
                "oid": oid[1:],
                "id": i,
                "areas": [{"global_path": square(x, y), "z": z} for z, x, y in areas],
            }
            for i, (oid, areas) in enumerate(places.items())
        ]
    }


ROW = [(2.0, 0, 0), (3.0, 0, 0)]


def shifted(areas, x, y=0):
    return [(z, a + x, b + y) for z, a, b in areas]


EM = objects(
    o12=shifted(ROW, 300),  # one detection
    o13=shifted(ROW, 400),  # two
    o14=shifted(ROW, 500),  # none
    o15=shifted(ROW, 100),  # reaches into the margin of 100
    o16=shifted(ROW, 600),  # not of the class
    o17=shifted(ROW, 650),  # no synapse
    o18=[(1.0, 700, 300), (2.0, 700, 300)],  # in the first section, few sections
    o123=shifted(ROW, 300, 200),  # has no row: 12 is not 123
)
LM = objects(
    o1=[(2.25, 305, 5)],  # in section 2: meets 12
    o2=[(2.0, 405, 0)],  # meets 13
    o3=[(3.0, 395, 0)],  # meets 13
    o4=[(3.0, 800, 300)],  # meets none
    o5=[(2.0, 100, 0)],  # meets 15, an edge case itself
    o6=[(2.0, 700, 305), (3.0, 700, 305)],  # meets 18 alone, an edge case
)
REGION = {
    "area_lists": [
        {"oid": str(z), "id": z, "areas": [{"global_path": square(0, -200, 1000), "z": float(z)}]}
        for z in (1, 2, 3, 4)
    ]
}


@pytest.fixture
def given(tmp_path):
    for name, document in {"em": EM, "lm": LM, "region": REGION}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    (tmp_path / "table.csv").write_text(TABLE)
    return {
        "EM_annotation_json": str(tmp_path / "em.json"),
        "LM_annotation_json": str(tmp_path / "lm.json"),
        "EM_boundary_json": str(tmp_path / "region.json"),
        "EM_metadata_csv": str(tmp_path / "table.csv"),
        "EM_inclass_column": "GABA",
        "EM_not_synapse_column": "no",
        "edge_distance": 110,
    }


def run(cls, tmp_path, given, *flags):
    (tmp_path / "in.json").write_text(json.dumps(given))
    report = tmp_path / "out.json"
    status = cls.exit_status(
        ["--input_json", str(tmp_path / "in.json"), "--output_json", str(report), *flags]
    )
    return status, json.loads(report.read_text()) if report.exists() else None


def test_scores_of_the_case(given, tmp_path):
    status, report = run(EvaluateSynapseDetection, tmp_path, given)
    assert status == 0
    lists = {
        "correct_EM": ["12"],
        "split_EM": ["13"],
        "missed_EM": ["14"],
        "edge_EM": ["15", "18"],
        "false_pos_LM": ["4"],
        "correct_LM": ["1", "2", "3", "6"],
        "merge_LM": [],
        "edge_LM": ["5"],
        "EM_left_out": ["16", "17", "123"],
        "EM_without_row": ["123"],
    }
    assert {key: report[key] for key in lists} == lists
    assert report["LM_per_EM"] == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert report["EM_per_LM"] == pytest.approx([1 / 5, 4 / 5, 0])


def test_complement_of_the_class(given, tmp_path):
    _, report = run(EvaluateSynapseDetection, tmp_path, given | {"EM_inclass_invert": True})
    assert (report["EM_objects"], report["missed_EM"]) == (1, ["16"])


def test_two_classes_at_once(given, tmp_path):
    given = {k: v for k, v in given.items() if k != "EM_inclass_column"}
    given |= {"EM_inclass_column1": "GABA", "EM_inclass_column2": "tdTomato"}
    status, report = run(EvaluateSynapseDetection2, tmp_path, given)
    assert (status, report["split_EM"], report["correct_EM"]) == (0, [], ["12"])
    _, report = run(EvaluateSynapseDetection2, tmp_path, given | {"EM_inclass_conditions2": [0]})
    assert (report["split_EM"], report["correct_EM"]) == (["13"], [])


def test_inverting_two_classes_is_refused(given, tmp_path, capsys):
    given = {k: v for k, v in given.items() if k != "EM_inclass_column"}
    given |= {"EM_inclass_column1": "GABA", "EM_inclass_column2": "tdTomato"}
    status, _ = run(EvaluateSynapseDetection2, tmp_path, given | {"EM_inclass_invert": True})
    assert status == 2
    assert "EM_inclass_invert: has no meaning" in capsys.readouterr().err


def test_table_from_a_url(given, tmp_path):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/table.csv"
        status, report = run(EvaluateSynapseDetection, tmp_path, given | {"EM_metadata_csv": url})
        server.shutdown()
    assert (status, report["split_EM"]) == (0, ["13"])


def test_touching_areas_and_holes():
    ring, hole = square(0, 0, 30), square(10, 10, 10)
    areas = [{"global_path": ring, "z": 2}, {"global_path": hole, "z": 2, "hole": True}]
    document = {"area_lists": [{"oid": "a", "id": 0, "areas": areas}]}
    (outer,) = parse_annotations(document).area_lists
    from renderapps.synapse_detection.annotation_scores import overlaps

    within = parse_annotations(objects(ob=[(2.0, 12, 12)])).area_lists
    within[0].areas[0].global_path = np.array(square(12, 12, 5), float)
    touching = parse_annotations(objects(oc=[(2.5, 30, 0)])).area_lists
    assert overlaps([outer], within).tolist() == [[False]]
    assert overlaps([outer], touching).tolist() == [[True]]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([], [0, 0, 0]), ([0, 1, 1, 2, 4, 7], [1 / 6, 2 / 6, 3 / 6])],
)
def test_shares_count_two_or_more(counts, expected):
    assert fractions(np.array(counts, int)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("areas", "edge"),
    [
        ([(2.0, 500, 0), (3.0, 500, 0)], False),
        ([(1.0, 500, 0), (2.0, 500, 0)], True),  # few sections, first one
        ([(z, 500, 0) for z in (1.0, 2.0, 3.0, 4.0)], False),  # enough sections
        ([(5.0, 500, 0)], True),  # beyond the last
        ([(0.0, 500, 0)], True),  # before the first
        ([(2.0, 500, 0), (3.0, 995, 0)], True),  # over the border in one section
        ([(2.0, 500, 0), (2.5, 995, 0)], False),  # there is no boundary at 2.5
    ],
)
def test_edge_cases(areas, edge):
    (found,) = parse_annotations(objects(ox=areas)).area_lists
    region = {float(z): shapely.box(0, -200, 1000, 800) for z in (1, 2, 3, 4)}
    assert is_edge(found, region, 10, 4) == edge


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"EM_inclass_column": "none"}, 1, "no column none; it has oid, GABA, tdTomato, no"),
        ({"EM_metadata_csv": "/nowhere.csv"}, 1, "/nowhere.csv cannot be read"),
        ({"EM_annotation_json": "/nowhere.json"}, 2, "EM_annotation_json"),
        ({"edge_distance": -1}, 2, "edge_distance"),
    ],
)
def test_bad_input(given, tmp_path, capsys, change, status, message):
    assert run(EvaluateSynapseDetection, tmp_path, given | change)[0] == status
    assert message in capsys.readouterr().err


def test_annotations_without_world_coordinates_are_refused(given, tmp_path, capsys):
    local = {
        "area_lists": [{"oid": "1", "id": 0, "areas": [{"tileIds": ["a"], "local_path": [[1, 2]]}]}]
    }
    (tmp_path / "lm.json").write_text(json.dumps(local))
    assert run(EvaluateSynapseDetection, tmp_path, given)[0] == 1
    assert "annotation 1 has areas without global_path and z" in capsys.readouterr().err
