"""Paths and URLs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi.urls import path_to_url, url_scheme, url_to_path

NAMES = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1
).filter(lambda name: name not in {".", ".."})


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_path_survives_the_round_trip(parts):
    path = Path("/", *parts)
    url = path_to_url(path)
    assert url_to_path(url) == path
    assert url.isascii() and " " not in url and "#" not in url


@pytest.mark.parametrize(
    "url", ["file:///a/b.tif", "file:/a/b.tif", "file://localhost/a/b.tif", "/a/b.tif"]
)
def test_every_spelling_of_a_local_file_is_read(url):
    assert url_to_path(url) == Path("/a/b.tif")
    assert url_scheme(url) == "file"


def test_other_schemes_are_not_paths():
    assert url_to_path("http://example.org/a.png") is None
    assert url_to_path("s3://bucket/a.png") is None
    assert url_scheme("s3://bucket/a.png") == "s3"


def test_an_unencoded_path_that_exists_is_taken_literally(tmp_path):
    file = tmp_path / "50%20 a.tif"
    file.touch()
    assert url_to_path(f"file://{file}") == file
