"""Run the benchmarks (those named, else all but the long ones); prints their figures as a table."""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys
from datetime import date

from rich.console import Console
from rich.table import Table

import benchmarks

LONG = ("chain_plan", "large", "memory", "section_alignment")
"""Run only when they are named."""


def names() -> list[str]:
    """The benchmark files of this package."""
    found = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    return sorted(name for name in found if not name.startswith("_"))


def main(wanted: list[str]) -> int:
    """Print a table of the figures; 2 when a name is unknown."""
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    table = Table(title=f"Benchmarks, {date.today()}, {machine}")
    for column in ("what", "figure", "unit", "ratio", "against"):
        table.add_column(column, justify="right" if column in ("figure", "ratio") else "left")
    for name in wanted or [name for name in names() if name not in LONG]:
        for row in importlib.import_module(f"benchmarks.{name}").run():
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            table.add_row(f"{name}: {row.name}", f"{row.value:,.4g}", row.unit, ratio, row.against)
    Console(width=140).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
