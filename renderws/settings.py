"""What may be chosen about a service: one frozen object, handed to the application."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from renderws.limits import MEGABYTE, Limits

__all__ = ["MEGABYTE", "Limits", "Settings", "default_threads"]


def default_threads() -> int:
    """Threads for requests that read and write the store."""
    return max(4, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True)
class Settings(Limits):
    """Limits and permissions of one service. The defaults are those of in-process use.

    The limits are the fields of `renderws.limits.Limits`.

    Attributes
    ----------
    image_roots : tuple of Path or None
        Folders below which files named by clients may be opened; None: everywhere.
    allowed_hosts : tuple of str or None
        Hosts from which http(s) images may be read; None: all.
    host_names : tuple of str or None
        Names accepted in the Host header (addresses are always accepted); None: not checked.
    token : str or None
        Secret that every request must carry.
    read_only : bool
        Refuse everything that changes the store.
    allow_origins : tuple of str
        Origins of web pages, beside our own, that may change things; "*" is all of them.
    check_origin : bool
        Refuse changes asked for by pages of foreign origins.
    threads, render_threads : int
        Sizes of the pools for data and for pixels.
    queue : int
        Requests that may wait for a thread before further ones are answered 503.
    cache_bytes : int
        Memory for decoded source images.
    max_tile_specs_to_render : int or None
        Most tiles drawn in one image; with more, outlines are drawn. None: no limit.
    undelete_seconds : float
        How long deleted stacks can be brought back before their rows are reclaimed.
    omit_match_count : bool
        Leave `matchCount` out of matches answered with their points, as services did until 2019.
    legacy_tile_size : bool
        Give windows of single tiles one pixel more in width and height, as from 2017 to 2019.
    gzip : bool
        Compress large answers for clients on other machines that accept it.
    warm_up : bool
        Load at the start what the first picture needs, instead of when it is asked for.
    properties : dict
        Further entries of `/serverProperties` (`view.*` defaults of the web pages).
    filter_lists : dict
        Filter lists by name, beside the built-in ones.
    """

    image_roots: tuple[Path, ...] | None = None
    allowed_hosts: tuple[str, ...] | None = None
    host_names: tuple[str, ...] | None = None
    token: str | None = None
    read_only: bool = False
    allow_origins: tuple[str, ...] = ()
    check_origin: bool = False
    threads: int = field(default_factory=default_threads)
    render_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    queue: int = 1000
    cache_bytes: int = 256 * MEGABYTE
    max_tile_specs_to_render: int | None = None
    undelete_seconds: float = 86400.0
    omit_match_count: bool = False
    legacy_tile_size: bool = False
    gzip: bool = True
    warm_up: bool = False
    properties: dict[str, str] = field(default_factory=dict)
    filter_lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
