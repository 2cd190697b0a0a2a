"""Addresses of images: taken apart once, whoever asks, and kept while they are of usual length."""

from pathlib import Path

import pytest

from renderapi.errors import ImageError
from renderapi.rendering import opening


def kept():
    return opening._kept_address.cache_info().currsize


def test_an_address_is_taken_apart_once():
    url = "file:///data/a%20b%231.tif"
    first = opening.address_of(url)
    assert (first.scheme, first.path) == ("file", Path("/data/a b#1.tif"))
    assert opening.address_of(url) is first
    slice_of = opening.address_of("file:///v.n5?dataSet=/s0&z=3", "N5_SLICE")
    assert (slice_of.path, slice_of.inner, slice_of.query) == (Path("/v.n5"), "s0", {"z": "3"})
    plain = opening.address_of("file:///v.n5?dataSet=/s0&z=3")  # another loader, another address
    assert (plain.inner, plain.query) == ("", {})


def test_a_client_cannot_fill_the_memory_with_addresses():
    before = kept()
    for letter in "abcdef":
        url = f"file:///{letter * 5000}.tif"
        assert opening.address_of(url).path == Path(f"/{letter * 5000}.tif")
    assert kept() == before
    assert opening._kept_address.cache_info().maxsize * opening._USUAL_LENGTH < 10_000_000


@pytest.mark.parametrize("length", [10, 3000])
def test_an_address_that_names_nothing_is_refused_each_time(length):
    before = kept()
    for _ in range(2):
        with pytest.raises(ImageError):
            opening.address_of("file:///" + "a" * length + "%00")
    assert kept() == before
