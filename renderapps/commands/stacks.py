"""`renderapps stacks`: which stacks there are."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from typing import Any

from renderapps.commands.services import add_service_options, connected

Json = dict[str, Any]


def add_stacks(verbs: Any) -> None:
    """Add the verb `stacks`."""
    parser = verbs.add_parser(
        "stacks",
        help="the stacks of a store or of a render web service",
        description="List stacks with their state, sections, tiles and resolution.",
        allow_abbrev=False,
    )
    add_service_options(parser)
    parser.add_argument("--owner", help="stacks of this owner (default: RENDER_OWNER, else all)")
    parser.add_argument("--project", help="and of this project (default: RENDER_PROJECT, else all)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=list_stacks)


def list_stacks(options: argparse.Namespace) -> int:
    """Print a line for each stack."""
    from renderapps.module.stack_listing import where_text

    owner = options.owner or os.environ.get("RENDER_OWNER")
    project = options.project or os.environ.get("RENDER_PROJECT")
    render = connected(options, owner, project)
    rows = list(_rows(render, owner, project))
    if options.json:
        print(json.dumps(rows, indent=2))
    elif rows:
        _print(rows)
    else:
        of = f" of owner {owner}" if owner else ""
        within = f" in project {project}" if project else ""
        print(f"no stacks{of}{within} in {where_text(render)}")
    return 0


def _rows(render: Any, owner: str | None, project: str | None) -> Iterator[Json]:
    """What a line says of each stack, by owner, project and name; not of those being built."""
    import renderapi
    from renderapps.module.stack_lock import without_unfinished

    owners = [owner] if owner else sorted(renderapi.render.get_owners(render=render))
    for name in owners:
        stacks = renderapi.render.get_stack_metadata_by_owner(owner=name, render=render)
        by_project: dict[str, dict[str, Json]] = {}
        for stack in stacks:
            by_project.setdefault(stack["stackId"]["project"], {})[stack["stackId"]["stack"]] = (
                stack
            )
        for within in sorted(by_project if project is None else {project} & by_project.keys()):
            there = sorted(by_project[within])
            for shown in without_unfinished(render, there, owner=name, project=within):
                yield _row(by_project[within][shown])


def _row(stack: Json) -> Json:
    stats, version = stack.get("stats") or {}, stack.get("currentVersion") or {}
    bounds = stats.get("stackBounds") or {}
    return {
        **{key: stack["stackId"][key] for key in ("owner", "project", "stack")},
        "state": stack.get("state"),
        "sections": stats.get("sectionCount"),
        "tiles": stats.get("tileCount"),
        "minZ": bounds.get("minZ"),
        "maxZ": bounds.get("maxZ"),
        "resolution_nm": [version.get(f"stackResolution{axis}") for axis in "XYZ"],
    }


def _print(rows: list[Json]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from renderapps.commands.modules import console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("owner", "project", "stack", "state", "sections", "tiles", "z", "nm per pixel"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        zs = "" if row["minZ"] is None else f"{row['minZ']:g} to {row['maxZ']:g}"
        size = " x ".join("?" if n is None else f"{n:g}" for n in row["resolution_nm"])
        named = (row[key] for key in ("owner", "project", "stack", "state", "sections", "tiles"))
        cells = ["" if value is None else escape(str(value)) for value in named]
        table.add_row(*cells, zs, "" if size == "? x ? x ?" else size)
    console().print(table)
