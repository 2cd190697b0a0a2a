"""Addresses of a service, for requests that `renderapi` has no function for."""

from __future__ import annotations

from renderapi.render import Render, format_baseurl, format_preamble
from renderapi.web import join


def stack_url(render: Render, stack: str, *parts: str) -> str:
    """Address of something of a stack of this connection."""
    where = (render.DEFAULT_HOST, render.DEFAULT_PORT, render.DEFAULT_OWNER, render.DEFAULT_PROJECT)
    return join(format_preamble(*where, stack), *parts)


def collection_url(render: Render, owner: str, collection: str, *parts: str) -> str:
    """Address of something of a match collection."""
    base = format_baseurl(render.DEFAULT_HOST, render.DEFAULT_PORT)
    return join(base, "owner", owner, "matchCollection", collection, *parts)
