"""`renderapps list`, `describe` and `run`."""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from renderapps.module.catalogue import Entry, discover, find

if TYPE_CHECKING:
    from renderapps.module.parameters import Group


def add_list(verbs: Any) -> None:
    """Add the verb `list`."""
    parser = verbs.add_parser("list", help="every module, with what it is for")
    parser.add_argument("theme", nargs="?", help="only modules whose name contains this")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=list_modules)


def list_modules(options: argparse.Namespace) -> int:
    """Print every module with its purpose."""
    entries = [entry for entry in discover() if (options.theme or "") in entry.name]
    if options.json:
        rows = [{"module": e.name, "class": e.class_name, "purpose": e.purpose} for e in entries]
        print(json.dumps(rows, indent=2))
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("module", no_wrap=True)
    table.add_column("what it is for", overflow="fold")
    for entry in entries:
        table.add_row(escape(entry.name), escape(entry.purpose))
    console().print(table)
    return 0


def add_describe(verbs: Any) -> None:
    """Add the verb `describe`."""
    parser = verbs.add_parser("describe", help="the parameters of a module")
    parser.add_argument("module", help="such as dataimport.import_tiles, or import_tiles")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON Schema")
    form.add_argument("--example", action="store_true", help="an example of its parameters")
    parser.set_defaults(run=describe)


def describe(options: argparse.Namespace) -> int:
    """Print the parameters of a module as a table, a JSON Schema or an example."""
    from renderapps.module.examples import read_example
    from renderapps.module.json_schema import json_schema
    from renderapps.module.parameters import parameter_groups

    entry = find(options.module)
    schema = entry.load().default_schema()
    if options.json:
        print(json.dumps(json_schema(schema, entry.name, entry.purpose), indent=2))
    elif options.example:
        print(json.dumps(read_example(entry.name), indent=2))
    else:
        _print_description(entry, list(parameter_groups(schema)))
    return 0


def _print_description(entry: Entry, groups: list[Group]) -> None:
    out = console()
    out.print(f"[bold]{escape(entry.name)}[/bold]  {escape(entry.purpose)}")
    text = inspect.getdoc(entry.load())
    if text:
        out.print(f"\n{escape(text)}")
    for group in groups:
        if group.name:
            out.print(f"\n[bold]{escape(group.name)}[/bold]  {escape(group.description)}")
        else:
            out.print()
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for row in group.parameters:
            notes = f" [dim]({escape(row.notes)})[/dim]" if row.notes else ""
            table.add_row(escape(row.name), escape(row.type), escape(row.description) + notes)
        out.print(table)


def run_module(arguments: Sequence[str]) -> int:
    """Run a module with the words that follow its name."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(
            "usage: renderapps run MODULE [--input_json FILE] [--PARAMETER VALUE ...]\n\n"
            "run a module; renderapps run MODULE --help shows its parameters, "
            "renderapps list the modules"
        )
        return 0 if arguments else 2
    return find(arguments[0]).load().exit_status(arguments[1:])


def console() -> Console:
    """Console that does not cut lines where the output is no terminal."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=200)
