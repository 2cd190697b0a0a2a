"""Match documents."""

import numpy as np
import pytest

from renderapi.errors import SpecError
from renderapi.matching.documents import empty_document, match_document, oriented_points
from renderapi.matching.neighbours import Pair

PAIR = Pair("1.0", "a", "LEFT", "1.0", "b", "RIGHT", None)


def test_points_become_rows_and_come_back():
    p, q = np.random.default_rng(0).uniform(0, 100, (2, 4, 2))
    w = np.array([1.0, 0.5, 0.25, 1.0])
    document = match_document(PAIR, p, q, w)
    assert [document[k] for k in ("pGroupId", "pId", "qGroupId", "qId")] == ["1.0", "a", "1.0", "b"]
    assert document["matches"]["p"][0] == pytest.approx(p[:, 0], abs=1e-6)
    assert document["matches"]["q"][1] == pytest.approx(q[:, 1], abs=1e-6)
    for first, (one, other) in {"a": (p, q), "b": (q, p)}.items():
        got = oriented_points(document, first)
        assert got[0] == pytest.approx(one, abs=1e-6) and got[1] == pytest.approx(other, abs=1e-6)
        assert got[2].tolist() == w.tolist()
    with pytest.raises(KeyError, match="tile c"):
        oriented_points(document, "c")


def test_an_empty_document_has_no_points():
    assert empty_document(PAIR)["matches"] == {"p": [[], []], "q": [[], []], "w": []}
    assert oriented_points(empty_document(PAIR), "a")[0].shape == (0, 2)


def test_points_that_were_stored_one_by_one_are_refused_by_name():
    document = {
        "pId": "a",
        "qId": "b",
        "matches": {"p": [[1, 2]] * 3, "q": [[3, 4]] * 3, "w": [1] * 3},
    }
    with pytest.raises(SpecError, match="tiles a and b is stored point by point"):
        oriented_points(document, "a")
