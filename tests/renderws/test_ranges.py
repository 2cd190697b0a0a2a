"""Parts of answers by their `Range`, and tags of what clients keep."""

import pytest

from renderws.ranges import compressed_tag, cut, is_known
from renderws.routes.answers import Answer, HttpError

BODY = bytes(range(200))


def part(text, **headers):
    return cut(Answer(200, BODY, headers={"ETag": '"a"'}), {"range": text, **headers})


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=190-", 190, 199),
        ("bytes=-7", 193, 199),
        ("bytes=-1000", 0, 199),
        ("bytes=150-100000000000000000000000", 150, 199),
        ("Bytes = 5 - 6 ", 5, 6),
    ],
)
def test_one_range_is_cut_out(text, first, last):
    answer = part(text)
    assert (answer.status, answer.body) == (206, BODY[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/200"
    assert (answer.headers["Accept-Ranges"], answer.headers["ETag"]) == ("bytes", '"a"')


@pytest.mark.parametrize(
    "text", ["bytes=200-", "bytes=200-300", "bytes=-0", "bytes=9" + "9" * 40 + "-"]
)
def test_a_range_behind_the_end_is_refused_with_the_size(text):
    with pytest.raises(HttpError) as refused:
        part(text)
    assert refused.value.status == 416
    assert refused.value.headers["Content-Range"] == "bytes */200"


@pytest.mark.parametrize(
    "text", ["", "bytes=-", "bytes=7-3", "bytes=1-2,5-6", "lines=1-2", "bytes=a-b", "bytes 1-2"]
)
def test_what_is_no_single_range_is_answered_whole(text):
    answer = part(text)
    assert (answer.status, answer.body, "Content-Range" in answer.headers) == (200, BODY, False)


def test_a_part_of_what_has_changed_is_answered_whole():
    assert part("bytes=1-2", **{"if-range": '"a"'}).status == 206
    for other in ('"b"', 'W/"a"', "Sun, 06 Nov 1994 08:49:37 GMT", compressed_tag('"a"')):
        assert part("bytes=1-2", **{"if-range": other}).body == BODY


def test_headers_alone_have_no_parts():
    answer = cut(Answer(200, BODY), {"range": "bytes=1-2"}, is_head=True)
    assert (answer.status, len(answer.body), answer.headers["Accept-Ranges"]) == (200, 200, "bytes")


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ('"a-1"', True),
        ('W/"a-1"', True),
        ('"x", "a-1"', True),
        ('"a-1-gzip"', True),
        ("*", True),
        ('"a-11"', False),
        ('"x-a-1"', False),
        ("a-1", False),
        ("", False),
    ],
)
def test_a_tag_is_known_by_all_of_it(given, known):
    assert is_known({"if-none-match": given}, '"a-1"') == known
