"""Parts of answers by the `Range` header (RFC 9110, section 14), and tags of what is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping

from renderws.routes.answers import Answer, HttpError

_SINGLE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')
_COMPRESSED = '-gzip"'


def asked_part(headers: Mapping[str, str], size: int, tag: str | None) -> tuple[int, int] | None:
    """First byte and end of the part of a body that is asked for; None where all of it is.

    Several parts, other units and what cannot be read as a range are answered with the whole, as
    is a part of something that has changed since (`If-Range`).

    Raises
    ------
    HttpError
        416 for a part that begins behind the end, or holds nothing.
    """
    match = _SINGLE.fullmatch(headers.get("range", "").strip())
    since = headers.get("if-range")
    if match is None or (since is not None and since.strip() != tag):
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if first and last and _number(last) < _number(first):
        return None
    start = _number(first) if first else max(0, size - _number(last))
    end = min(size, _number(last) + 1) if first and last else size
    if start >= end:
        text = f"the answer has {size} bytes, none of which are in the range"
        raise HttpError(416, text, {"Content-Range": f"bytes */{size}"})
    return start, end


def _number(digits: str) -> int:
    """A number of bytes; no answer is so long that more than 18 digits would matter."""
    return int(digits[-18:]) if len(digits.lstrip("0")) <= 18 else 10**18


def cut(answer: Answer, headers: Mapping[str, str], is_head: bool = False) -> Answer:
    """The part of an answer that is asked for, with 206; the answer itself where that is all.

    A question for the headers alone (`is_head`) has no parts.
    """
    answer.headers["Accept-Ranges"] = "bytes"
    if is_head or not isinstance(answer.body, bytes):
        return answer
    size = len(answer.body)
    part = asked_part(headers, size, answer.headers.get("ETag"))
    if part is None:
        return answer
    start, end = part
    place = {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
    return Answer(206, answer.body[start:end], answer.media, answer.headers | place)


def is_known(headers: Mapping[str, str], tag: str) -> bool:
    """Whether the client has what a tag names (`If-None-Match`), compressed or not."""
    given = headers.get("if-none-match", "")
    if given.strip() == "*":
        return True
    return bool({tag, compressed_tag(tag)} & set(_TAG.findall(given)))


def compressed_tag(tag: str) -> str:
    """Tag of the same answer with `Content-Encoding: gzip`, whose bytes are others."""
    return tag[:-1] + _COMPRESSED
