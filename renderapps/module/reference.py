"""The reference of all modules, `docs/modules.md`, made from their docstrings and schemas.

`python -m renderapps.module.reference` writes it; a test fails while it is not current.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from renderapi.files import atomic_write
from renderapps.module.catalogue import Entry, discover
from renderapps.module.examples import FOLDER as EXAMPLES
from renderapps.module.examples import example_path
from renderapps.module.parameters import Group, parameter_groups, purpose
from renderapps.module.render_module import RenderParameters
from renderapps.module.report import ReportSchema, SectionReport, StackReport

PATH = EXAMPLES.parent / "docs" / "modules.md"

HEAD = """# Modules

Made from the modules' own descriptions by `python -m renderapps.module.reference`; do not edit.

A module is run as `renderapps run MODULE --input_json FILE --PARAMETER VALUE ...`, or from Python
as `Class(input_data={...}, args=[]).run()`. Flags win over the JSON file, which replaces a dict.
Parameters that every module has are listed once, under [Every module](#every-module).
"""


REPORTS = """## Reports

What `output_json` holds, in every case that got past the parameters; modules add entries of their
own.
"""
SCHEMAS = (ReportSchema, SectionReport, StackReport)


def reference() -> str:
    """The text of the reference."""
    entries = discover()
    shared = list(parameter_groups(RenderParameters()))
    parts = [HEAD, *_contents(entries), "\n## Every module\n", *_tables(shared)]
    parts += [REPORTS, *_reports()]
    known = {row.name for group in shared for row in group.parameters}
    theme = ""
    for entry in entries:
        if entry.theme != theme:
            theme = entry.theme
            parts.append(f"\n## {theme}\n")
        parts += _module(entry, known)
    return "\n".join(parts).rstrip("\n") + "\n"


def _contents(entries: list[Entry]) -> Iterator[str]:
    yield "| module | what it is for |\n|---|---|"
    for entry in entries:
        yield f"| [{entry.name}](#{entry.name.replace('.', '')}) | {_cell(entry.purpose)} |"


def _reports() -> Iterator[str]:
    known: set[str] = set()
    for schema in SCHEMAS:
        yield f"`{schema.__name__}`: {purpose(schema)}\n"
        rows = [row for group in parameter_groups(schema()) for row in group.parameters]
        yield from _tables([Group("", "", [row for row in rows if row.name not in known])])
        known |= {row.name for row in rows}


def _report(cls: Any) -> Iterator[str]:
    """Which report a module writes, with entries that only it declares."""
    schema = cls.default_output_schema
    base = next((s for s in reversed(SCHEMAS) if schema and issubclass(schema, s)), None)
    if base is None:
        return
    yield f"Report: [{base.__name__}](#reports).\n"
    shared = {row.name for group in parameter_groups(base()) for row in group.parameters}
    for group in parameter_groups(schema()):
        rows = [row for row in group.parameters if row.name not in shared]
        yield from _tables([Group(group.name, group.description, rows)] if rows else [])


def _module(entry: Entry, shared: set[str]) -> Iterator[str]:
    cls = entry.load()
    example = example_path(cls).relative_to(EXAMPLES.parent)
    yield f"### {entry.name}\n"
    yield f"{entry.purpose}\n"
    if text := inspect.getdoc(cls):
        yield f"{text}\n"
    yield f"Class `{entry.class_name}`; example: [{example}](../{example.as_posix()}).\n"
    groups = list(parameter_groups(cls.default_schema()))
    own = [
        Group(g.name, g.description, [row for row in g.parameters if row.name not in shared])
        for g in groups
    ]
    yield from _tables([group for group in own if group.parameters])
    yield from _report(cls)


def _tables(groups: list[Group]) -> Iterator[str]:
    for group in groups:
        if group.name:
            yield f"`{group.name}`: {group.description}\n"
        yield "| parameter | type | | meaning |\n|---|---|---|---|"
        for row in group.parameters:
            yield f"| {row.name} | {row.type} | {_cell(row.notes)} | {_cell(row.description)} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(path: Path = PATH) -> None:
    """Write the reference."""
    atomic_write(path, reference())
    print(f"wrote {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
