"""Paths of this machine as `file://` URLs, and back: the one place where the two meet.

Tile specs carry URLs. A path becomes one percent-encoded `file://` URI; reading accepts what the
field has written over the years: `file:///a/b.tif`, `file:/a/b.tif`, `file://localhost/a/b.tif` and
plain paths (absolute or relative).

What a text means is decided by the text alone, never by what lies on the disk.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes, urlsplit

from renderapi.errors import ImageError

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")
# what an encoded URL cannot hold: blanks, letters beyond ASCII, a percent sign without two digits
_UNENCODED = re.compile(r"[^!#-;=?-Z\[\]_a-z~]|%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def path_to_url(path: str | os.PathLike[str]) -> str:
    """Absolute, percent-encoded `file://` URI of a path; the file need not exist.

    >>> path_to_url("/data/a b#1%.tif")
    'file:///data/a%20b%231%25.tif'
    """
    return "file://" + quote(os.fsencode(os.path.abspath(os.fspath(path))))


def url_to_path(url: str) -> Path | None:
    """Path that a `file:` URL (or a plain path) names; None when the URL is of another kind.

    A `file:` URL that holds what encoding would have replaced (a blank, say, or a percent sign
    before anything but two digits) was never encoded, as older tools wrote paths, and is taken
    literally; any other is decoded, without what follows a question mark.

    Raises
    ------
    ImageError
        A text that no file can be named by, or the name of another machine.
    """
    if not _SCHEME.match(url):
        return Path(_possible(url, url))
    if url[:5].lower() != "file:":
        return None
    raw = url[5:]
    if raw.startswith("//") and not raw.startswith("///"):
        host, slash, rest = raw[2:].partition("/")
        if host.lower() != "localhost":
            raise ImageError(f"{url} names the machine {host!r}: files are read from this one only")
        raw = slash + rest
    if raw.startswith("/"):
        raw = "/" + raw.lstrip("/")
    if not _UNENCODED.search(raw):
        raw = os.fsdecode(unquote_to_bytes(raw.split("?", 1)[0]))
        raw = "/" + raw.lstrip("/") if raw.startswith("/") else raw
    return Path(_possible(raw, url))


def _possible(path: str, url: str) -> str:
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError
    except ValueError:
        raise ImageError(f"{url!r} cannot be the name of a file") from None
    return path


def url_scheme(url: str) -> str:
    """Lower-case scheme of a URL; "file" for a plain path.

    >>> url_scheme("S3://bucket/key"), url_scheme("/a/b.png")
    ('s3', 'file')
    """
    found = _SCHEME.match(url)
    return found[1].lower() if found else "file"


class WebAddress(NamedTuple):
    """Where a URL of the web leads: lower-case host (an IPv6 address without brackets), port."""

    host: str
    port: int | None


def web_address(url: str) -> WebAddress:
    """Host and port that whoever connects will take from a URL.

    Parsers disagree about backslashes, user names, blanks and control characters, and a URL that
    is checked by one and opened by another could name two hosts: whatever holds one of these is
    refused, and so is what two parsers read differently.

    Raises
    ------
    ImageError
        Naming the URL.
    """
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    plain = not re.search(r"[\x00-\x20\x7f-\xa0\\]", url) and "@" not in authority
    try:
        ours, theirs = urlsplit(url), parse_url(url)
        found = WebAddress((ours.hostname or "").lower(), ours.port)
        other = WebAddress((theirs.host or "").lower().strip("[]"), theirs.port)
    except (ValueError, LocationParseError):
        plain = False
    if not (plain and found == other and _HOST.fullmatch(found.host)):
        raise ImageError(
            f"{url!r} is no address: a scheme, a host and a path are wanted, without backslashes,"
            " blanks and user names"
        )
    port = found.port if found.port is not None else _DEFAULT_PORTS.get(url_scheme(url))
    return WebAddress(found.host, port)
