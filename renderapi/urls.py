"""Paths of this machine as `file://` URLs, and back: the one place where the two meet.

Tile specs carry URLs. A path becomes one percent-encoded `file://` URI; reading accepts what the
field has written over the years: `file:///a/b.tif`, `file:/a/b.tif`, `file://localhost/a/b.tif` and
plain paths (absolute or relative).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:")


def path_to_url(path: str | os.PathLike[str]) -> str:
    """Absolute, percent-encoded `file://` URI of a path; the file need not exist.

    >>> path_to_url("/data/a b#1%.tif")
    'file:///data/a%20b%231%25.tif'
    """
    return "file://" + quote(os.path.abspath(os.fspath(path)))


def url_to_path(url: str) -> Path | None:
    """Path that a `file:` URL (or a plain path) names; None when the URL is of another kind.

    A `file:` URL whose decoded path does not exist while its literal text does is taken
    literally: older tools wrote paths with blanks and percent signs without encoding them.
    """
    if not _SCHEME.match(url):
        return Path(url)
    if url[:5].lower() != "file:":
        return None
    raw = re.sub(r"^//(localhost)?(?=/)", "", url[5:])
    literal, decoded = Path(raw), Path(unquote(raw.split("?")[0].split("#")[0]))
    if decoded != literal and not os.path.exists(decoded) and os.path.exists(literal):
        return literal
    return decoded


def url_scheme(url: str) -> str:
    """Lower-case scheme of a URL; "file" for a plain path.

    >>> url_scheme("S3://bucket/key"), url_scheme("/a/b.png")
    ('s3', 'file')
    """
    return urlsplit(url).scheme.lower() if _SCHEME.match(url) else "file"
