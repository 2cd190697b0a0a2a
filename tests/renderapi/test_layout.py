"""Acquisition settings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from renderapi.layout import Layout

KEYS = ["sectionId", "temca", "camera", "imageRow", "imageCol", "stageX", "stageY", "rotation"]
KEYS += ["pixelsize", "distanceZ"]


@given(st.dictionaries(st.sampled_from(KEYS), st.integers() | st.text()))
def test_json_comes_back(d):
    layout = Layout()
    layout.from_dict(d)
    assert layout.to_dict() == d
    assert Layout.from_json(d).to_dict() == d


def test_names_and_order_of_arguments():
    layout = Layout("s", "scope", "cam", 1, 2, 3.5, 4.5, 0.1, 5, distanceZ=6)
    assert layout.to_dict() == dict(
        zip(KEYS, ["s", "scope", "cam", 1, 2, 3.5, 4.5, 0.1, 5, 6], strict=True)
    )


def test_pixelsize_is_forced_unless_told_not_to():
    assert Layout().to_dict() == {"pixelsize": 0.1}
    assert Layout(force_pixelsize=False, unknown=3).to_dict() == {}


def test_reading_overwrites_every_field_and_none_changes_nothing():
    layout = Layout("s", pixelsize=3)
    layout.from_dict(None)
    assert layout.to_dict() == {"sectionId": "s", "pixelsize": 3}
    layout.from_dict({"stageX": 1})
    assert layout.to_dict() == {"stageX": 1}
    assert layout.pixelsize is None
