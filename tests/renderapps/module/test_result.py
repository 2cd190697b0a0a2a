"""Results as JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

from renderapps.module.result import rounded, to_json


def test_numpy_values_paths_and_sets_are_written():
    value = {
        "array": np.arange(6, dtype=np.float64).reshape(2, 3)[:, ::2],
        "float": np.float32(0.5),
        "int": np.int64(7),
        "bool": np.bool_(True),
        "half": np.float16(1.5),
        "text": np.str_("a"),
        "words": np.array(["a", "b"]),
        "path": Path("/a/b"),
        "set": {2, 1},
        "tuple": (1, 2),
        3.5: "number as key",
        "generator": (i for i in range(2)),
    }
    assert json.loads(to_json(value)) == {
        "array": [[0.0, 2.0], [3.0, 5.0]],
        "float": 0.5,
        "int": 7,
        "bool": True,
        "half": 1.5,
        "text": "a",
        "words": ["a", "b"],
        "path": "/a/b",
        "set": [1, 2],
        "tuple": [1, 2],
        "3.5": "number as key",
        "generator": [0, 1],
    }


def test_what_is_not_a_number_is_null_so_that_the_file_is_json():
    text = to_json({"a": float("nan"), "b": np.array([np.inf, 1.0])})
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name)) == {
        "a": None,
        "b": [None, 1.0],
    }


def test_what_cannot_be_written_is_an_error():
    with pytest.raises(TypeError):
        to_json({"a": object()})


def test_numbers_are_rounded_and_what_is_none_is_null():
    assert [rounded(v) for v in (np.float32(0.25), 1 / 3, np.nan, -np.inf)] == [
        0.25,
        0.3333,
        None,
        None,
    ]
    assert rounded(2.25, 1) == 2.2
