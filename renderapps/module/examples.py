"""Where the example of each module's parameters is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from renderapps.module.errors import RenderModuleException


def examples_folder(package: Path) -> Path:
    """The folder of the examples: beside the package in the source tree, else in the package."""
    inside = package / "example_json"
    return inside if inside.is_dir() else package.parent / "example_json"


FOLDER = examples_folder(Path(__file__).resolve().parents[1])


def example_path(module: str | type) -> Path:
    """`example_json/<theme>/<module>.json` of a module, given by its class or dotted name.

    >>> example_path("dataimport.import_tiles").as_posix().endswith("dataimport/import_tiles.json")
    True
    """
    name = module if isinstance(module, str) else module.module_name()  # type: ignore[attr-defined]
    *theme, last = name.removeprefix("renderapps.").split(".")
    return FOLDER.joinpath(*theme, f"{last}.json")


def read_example(module: str | type) -> dict[str, Any]:
    """The example of a module's parameters."""
    path = example_path(module)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise RenderModuleException(f"no example {path}: install the package again") from None
