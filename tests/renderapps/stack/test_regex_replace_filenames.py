"""URLs rewritten with a regular expression."""

import pytest
from layered_stacks import documents, layers, read, run

import renderapi
from renderapi.urls import path_to_url
from renderapps.stack.regex_replace_filenames import ReplaceFileNames, replace_urls

MOVE = {
    "input_stack": "raw",
    "regex_find": r"^file:///data/(z[0-9.]+/)?",
    "regex_replace": r"file:///new%20disk/\1",
}


def urls(document):
    holders = [document, *document.get("channels", [])]
    return [url for h in holders for level in h["mipmapLevels"].values() for url in level.values()]


def test_all_levels_masks_and_channels(render):
    layers(render, "raw", channels=("GFP",), levels=(0, 1), zs=(1.0, 2.5))
    status, report = run(ReplaceFileNames, render, **MOVE, output_stack="out")
    assert status == 0 and report["total_replaced"] == 4 * (2 + 2 + 2)
    before, after = documents(render, "raw"), documents(render, "out")
    for key in before:
        assert urls(after[key]) == [
            url.replace("file:///data/", "file:///new%20disk/") for url in urls(before[key])
        ]
    assert report["sections"][0]["examples"][0] == {
        "old": "file:///data/z1/a_1_0.tif",
        "new": "file:///new%20disk/z1/a_1_0.tif",
    }


def test_only_what_was_asked_for(render):
    layers(render, "raw", channels=("GFP",), levels=(0, 1), zs=(1.0,), names="a")
    given = {"in_place": True, "levels": [1], "masks": False, "channels": False}
    status, report = run(ReplaceFileNames, render, **MOVE, **given)
    assert status == 0 and report["total_replaced"] == 1
    assert read(render, "raw")["a_1"].ip["1"].imageUrl == "file:///new%20disk/z1/a_1_1.tif"


def test_a_dry_run_writes_nothing(render):
    layers(render, "raw")
    before = documents(render, "raw")
    status, report = run(ReplaceFileNames, render, **MOVE, dry_run=True)
    assert status == 0 and report["total_replaced"] == 12
    assert documents(render, "raw") == before
    assert renderapi.render.get_stacks_by_owner_project(render=render) == ["raw"]


def test_new_files_must_be_there_if_that_is_asked_for(render, tmp_path, capsys):
    layers(render, "raw", zs=(1.0,), names="a")
    given = {"input_stack": "raw", "in_place": True, "check_files": True, "masks": False}
    find = {"regex_find": "^.*/", "regex_replace": path_to_url(tmp_path) + "/"}
    assert run(ReplaceFileNames, render, **given, **find)[0] == 1
    assert "a_1_0.tif" in capsys.readouterr().err
    assert read(render, "raw")["a_1"].imageUrl == "file:///data/z1/a_1_0.tif"
    (tmp_path / "a_1_0.tif").touch()
    assert run(ReplaceFileNames, render, **given, **find)[0] == 0
    assert read(render, "raw")["a_1"].imageUrl == path_to_url(tmp_path / "a_1_0.tif")


@pytest.mark.parametrize(
    ("find", "replace", "message"),
    [
        ("(", "x", "regular expression"),
        ("(a)", r"\2", "replacement"),
        ("a", r"\g<n>", "replacement"),
    ],
)
def test_malformed_expressions_are_refused(render, find, replace, message, capsys):
    given = MOVE | {"regex_find": find, "regex_replace": replace}
    assert run(ReplaceFileNames, render, **given, in_place=True)[0] == 2
    assert message in capsys.readouterr().err


def test_groups_by_name_and_number_are_accepted(render):
    layers(render, "raw", zs=(1.0,), names="a")
    find = {"regex_find": "(?i)/(DATA)/(?P<rest>z.*)", "regex_replace": r"/\1_2/\g<rest>"}
    assert run(ReplaceFileNames, render, input_stack="raw", in_place=True, **find)[0] == 0
    assert read(render, "raw")["a_1"].imageUrl == "file:///data_2/z1/a_1_0.tif"


def test_every_occurrence_counts_once_for_a_url():
    tile = {"mipmapLevels": {"0": {"imageUrl": "a/a/b", "maskUrl": "c"}}}
    assert replace_urls([tile], lambda url: url.replace("a", "x")) == [("a/a/b", "x/x/b")]
