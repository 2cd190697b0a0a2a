"""`renderapps serve`: the embedded render web service on a socket."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from renderapps.commands.places import add_store_option, chosen_store


def add_serve(verbs: Any, limits: bool = True) -> None:
    """Add the verb `serve`; the options of its limits load the service, so they can be left out."""
    parser = verbs.add_parser(
        "serve",
        help="serve a store over HTTP, with its web pages",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    _add_place(parser)
    _add_permissions(parser)
    _add_process(parser)
    _add_settings(parser)
    if limits:
        from renderws.limits import add_options

        add_options(parser)
    parser.set_defaults(run=run_serve)


def _add_place(parser: argparse.ArgumentParser) -> None:
    """What is served, and where."""
    add_store_option(
        parser,
        "store file, made when there is none, or postgresql://user@host/database (default:"
        " RENDER_STORE, else render.db)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on; 0: any free one")
    parser.add_argument(
        "--image-root",
        action="append",
        type=Path,
        metavar="DIR",
        help="folder below which images may be opened for clients; may be given several times "
        "(default: the working folder)",
    )


def _add_permissions(parser: argparse.ArgumentParser) -> None:
    """Who may do what."""
    parser.add_argument(
        "--token",
        help="secret that every request must carry (default: RENDER_TOKEN); auto: a new one, in a "
        "file that only your own clients on this machine can read",
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="listen on another address than 127.0.0.1 without a token",
    )
    parser.add_argument(
        "--read-only", action="store_true", help="refuse whatever changes the store"
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        metavar="URL",
        help="origin of web pages that may change things; may be given several times",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        metavar="HOST",
        help="host from which http(s) images may be read; may be given several times",
    )


def _add_process(parser: argparse.ArgumentParser) -> None:
    """How the work is done."""
    parser.add_argument("--threads", type=int, help="threads that serve requests")
    parser.add_argument("--workers", type=int, default=1, help="processes that serve requests")
    parser.add_argument(
        "--no-warm-up",
        action="store_false",
        dest="warm_up",
        help="load what drawing needs when the first picture is asked for, not at the start: less "
        "memory where nobody looks at pictures",
    )
    parser.add_argument(
        "--access-log", action="store_true", help="write a JSON line about every request to stderr"
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Options that are fields of the settings of the service, by the same names."""
    parser.add_argument(
        "--undelete-seconds",
        type=float,
        metavar="S",
        default=86400.0,
        help="how long deleted stacks can be brought back (renderapps store undelete)",
    )
    parser.add_argument(
        "--max-tile-specs-to-render",
        type=int,
        metavar="N",
        help="draw outlines instead of images with more tiles than this (default: no limit)",
    )
    parser.add_argument(
        "--omit-match-count",
        action="store_true",
        help="leave matchCount out of matches that come with their points, as services did until "
        "2019",
    )
    parser.add_argument(
        "--legacy-tile-size",
        action="store_true",
        help="give windows of single tiles one pixel more in width and height, as services did "
        "from 2017 to 2019",
    )


def run_serve(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from renderws.limits import chosen
    from renderws.serve import serve

    serve(
        chosen_store(options),
        host=options.host,
        port=options.port,
        image_roots=options.image_root or [Path.cwd()],
        token=options.token or os.environ.get("RENDER_TOKEN"),
        insecure=options.insecure,
        read_only=options.read_only,
        allow_origins=options.allow_origin or [],
        allowed_hosts=options.allow_host or [],
        workers=options.workers,
        threads=options.threads,
        access_log=options.access_log,
        warm_up=options.warm_up,
        undelete_seconds=options.undelete_seconds,
        max_tile_specs_to_render=options.max_tile_specs_to_render,
        omit_match_count=options.omit_match_count,
        legacy_tile_size=options.legacy_tile_size,
        **chosen(options),
    )
    return 0
