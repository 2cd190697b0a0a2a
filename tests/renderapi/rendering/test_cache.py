"""Source images in memory."""

import threading
import time

import numpy as np
import pytest

from renderapi.errors import ImageError, SourceNotAllowed
from renderapi.rendering import SourceCache, render
from renderapi.urls import path_to_url


def test_a_key_is_loaded_once_however_many_ask_at_a_time():
    cache, calls, answers = SourceCache(), [], []

    def load():
        calls.append(1)
        time.sleep(0.05)
        return np.zeros(10)

    threads = [
        threading.Thread(target=lambda: answers.append(cache.get("k", load))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len({id(answer) for answer in answers}) == 1


def test_bytes_are_bounded_and_the_least_recently_used_goes_first():
    cache = SourceCache(max_bytes=2500)
    for key in "ab":
        cache.get(key, lambda: np.zeros(1000, np.uint8))
    cache.get("a", lambda: pytest.fail("a is kept"))
    cache.get("c", lambda: np.zeros(1000, np.uint8))
    assert cache.bytes_held <= 2500
    assert cache.held("a") is not None and cache.held("b") is None


def test_what_is_larger_than_the_bound_is_given_but_not_kept():
    cache = SourceCache(max_bytes=10)
    assert len(cache.get("a", lambda: np.zeros(1000))) == 1000
    assert cache.bytes_held == 0


def test_a_failed_load_is_tried_again():
    cache = SourceCache()

    def fail():
        raise ImageError("not now")

    with pytest.raises(ImageError):
        cache.get("a", fail)
    assert cache.get("a", lambda: "there") == "there"


def test_a_file_that_changes_is_read_again(tmp_path, scenes):
    cache, path = SourceCache(), tmp_path / "a.png"
    for value in (10, 200):
        scenes.save(path, np.full((value, 8), value, np.uint8))
        tile = scenes.tile(path, 8, value)
        picture = render(scenes.window([tile], 0, 0, 8, 8), sources=cache)
        assert (picture[:, :, 0] == value).all()


def test_permission_is_asked_before_anything_is_opened_cached_or_not(tmp_path, scenes):
    path = scenes.save(tmp_path / "a.png", np.full((8, 8), 5, np.uint8))
    asked, refuse = [], []

    def allow(url):
        asked.append(url)
        if refuse:
            raise SourceNotAllowed(f"{url} lies outside of the image folders")

    cache = SourceCache(allow=allow)
    document = scenes.window([scenes.tile(path_to_url(path), 8, 8)], 0, 0, 8, 8)
    render(document, sources=cache)
    assert set(asked) == {path_to_url(path)}
    refuse.append(True)
    with pytest.raises(SourceNotAllowed, match="outside"):
        render(document, sources=cache)


def test_a_file_that_may_not_be_seen_does_not_show_whether_it_exists(tmp_path, scenes):
    def allow(url):
        raise SourceNotAllowed(f"{url} lies outside of the image folders")

    tile = scenes.tile(tmp_path / "gone.png", 8, 8)
    with pytest.raises(SourceNotAllowed, match="outside"):
        render(scenes.window([tile], 0, 0, 8, 8), sources=SourceCache(allow=allow))
