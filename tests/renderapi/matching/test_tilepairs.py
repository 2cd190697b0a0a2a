"""Tile-pair files."""

import gzip
import json
import zipfile

import pytest

from renderapi.errors import SpecError
from renderapi.matching.neighbours import Pair
from renderapi.matching.tilepairs import (
    numbered,
    read_tile_pairs,
    template_url,
    write_tile_pairs,
)

TEMPLATE = template_url("o", "p", "s")
PAIRS = [
    Pair("1.0", "a", "LEFT", "1.0", "b", "RIGHT", None),
    Pair("1.0", "a", "", "2.0", "c", "", 1.0),
    Pair("1.0", "b", "", "2.0", "c", "", 1.0),
]


def test_the_document_is_the_standard_one(tmp_path):
    files, number = write_tile_pairs(tmp_path / "x.json", TEMPLATE, [PAIRS[:2]])
    assert (files, number) == ([tmp_path / "x.json"], 2)
    assert json.loads(files[0].read_text()) == {
        "renderParametersUrlTemplate": "{baseDataUrl}/owner/o/project/p/stack/s/tile/{id}"
        "/render-parameters",
        "neighborPairs": [
            {
                "p": {"groupId": "1.0", "id": "a", "relativePosition": "LEFT"},
                "q": {"groupId": "1.0", "id": "b", "relativePosition": "RIGHT"},
            },
            {
                "p": {"groupId": "1.0", "id": "a"},
                "q": {"groupId": "2.0", "id": "c"},
                "absoluteDeltaZ": 1.0,
            },
        ],
    }


@pytest.mark.parametrize("suffix", [".json", ".json.gz", ".gz", ".zip"])
def test_files_are_read_as_they_were_written(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    write_tile_pairs(path, TEMPLATE, [PAIRS])
    found = read_tile_pairs(path)
    assert (found.template, found.pairs) == (TEMPLATE, PAIRS)
    if suffix.endswith(".gz"):
        assert gzip.decompress(path.read_bytes()).startswith(b"{")
    if suffix == ".zip":
        assert zipfile.ZipFile(path).namelist() == ["x.json"]


def test_many_pairs_go_to_numbered_files(tmp_path):
    path = tmp_path / "x.json.gz"
    files, number = write_tile_pairs(path, TEMPLATE, [PAIRS[:1], PAIRS[1:]], 2)
    assert [f.name for f in files] == ["x_p000.json.gz", "x_p001.json.gz"]
    assert number == 3 and not path.exists()
    assert read_tile_pairs(path).pairs == PAIRS


def test_exactly_as_many_as_fit_stay_in_one_file(tmp_path):
    files, _ = write_tile_pairs(tmp_path / "x.json", TEMPLATE, [PAIRS], 3)
    assert [f.name for f in files] == ["x.json"]


def test_a_shorter_run_leaves_nothing_of_a_longer_one(tmp_path):
    path = tmp_path / "x.json"
    write_tile_pairs(path, TEMPLATE, [PAIRS], 1)
    other = tmp_path / "x_plan_p1.json"
    other.write_text("mine")
    write_tile_pairs(path, TEMPLATE, [PAIRS[:1]], 1)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["x.json", "x_plan_p1.json"]
    write_tile_pairs(path, TEMPLATE, [PAIRS], 2)
    assert not path.exists()


def test_no_pairs_write_nothing_unless_asked(tmp_path):
    path = tmp_path / "x.json"
    assert write_tile_pairs(path, TEMPLATE, []) == ([], 0)
    assert not path.exists()
    assert write_tile_pairs(path, TEMPLATE, [], write_empty=True) == ([path], 0)
    assert read_tile_pairs(path).pairs == []


def test_pairs_of_other_writers_are_put_in_order(tmp_path):
    path = tmp_path / "x.json"
    entry = {"p": {"groupId": "9.0", "id": "a", "more": 1}, "q": {"groupId": "10.0", "id": "b"}}
    path.write_text(json.dumps({"renderParametersUrlTemplate": "t", "neighborPairs": [entry] * 2}))
    (pair,) = read_tile_pairs(path).pairs
    assert pair.key == ("10.0", "b", "9.0", "a")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"neighborPairs": [{"p": 1}]}', "\x1f\x8b"])
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(SpecError, match=r"x\.json is not a tile-pair file"):
        read_tile_pairs(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SpecError, match=r"no tile-pair file .*y\.json"):
        read_tile_pairs(tmp_path / "y.json")
    with pytest.raises(SpecError, match="at least 1"):
        write_tile_pairs(tmp_path / "y.json", TEMPLATE, [], 0)


def test_templates_quote_names_and_write_booleans_as_java_does():
    found = template_url("o/1", "p", "s t", {"excludeAllTransforms": True, "minIntensity": 5})
    assert found == (
        "{baseDataUrl}/owner/o%2F1/project/p/stack/s%20t/tile/{id}/render-parameters"
        "?excludeAllTransforms=true&minIntensity=5"
    )


def test_numbered_names(tmp_path):
    assert numbered(tmp_path / "a.b.json.gz", 12).name == "a.b_p012.json.gz"
