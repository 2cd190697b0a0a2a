"""Pair files of two stacks."""

import json

import pytest

from renderapi.errors import SpecError
from renderapi.matching.cross_stack_pairs import (
    CrossStackPair,
    CrossStackPairs,
    read_cross_stack_pairs,
    write_cross_stack_pairs,
)
from renderapi.matching.tilepairs import write_tile_pairs

PAIRS = [CrossStackPair("2", "b", "10", "a"), CrossStackPair("1", "z", "1", "z")]


@pytest.mark.parametrize("name", ["x.json", "x.json.gz", "x.zip"])
def test_p_stays_with_its_stack_whatever_its_name(tmp_path, name):
    write_cross_stack_pairs(tmp_path / name, "s", "t", [*PAIRS, PAIRS[0]])
    assert read_cross_stack_pairs(tmp_path / name) == CrossStackPairs("s", "t", PAIRS[::-1])
    if name == "x.json":
        assert json.loads((tmp_path / name).read_text()) == {
            "pstack": "s",
            "qstack": "t",
            "neighborPairs": [
                {"p": {"groupId": "1", "id": "z"}, "q": {"groupId": "1", "id": "z"}},
                {"p": {"groupId": "2", "id": "b"}, "q": {"groupId": "10", "id": "a"}},
            ],
        }


def test_other_files_are_refused_by_name(tmp_path):
    write_tile_pairs(tmp_path / "one.json", "template", [], write_empty=True)
    (tmp_path / "two.json").write_text("[")
    (tmp_path / "three.json").write_text('{"pstack": 1, "qstack": 2, "neighborPairs": [{"p": 3}]}')
    for name in ("one", "two", "three", "four"):
        with pytest.raises(SpecError, match=f"{name}.json is not a cross-stack pair file"):
            read_cross_stack_pairs(tmp_path / f"{name}.json")
