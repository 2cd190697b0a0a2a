"""`renderapps align`: from a folder of raw tiles to an aligned volume, in one command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_align(verbs: Any) -> None:
    """Add the verb `align`."""
    from renderapps.dataimport.position_words import add_position_words

    parser = verbs.add_parser(
        "align",
        help="from a folder of raw tiles to an aligned volume",
        description="Import tiles, stitch the sections, align them with each other, and write a "
        "volume. Run it again after an interruption: finished steps are kept.",
    )
    parser.add_argument("folder", type=Path, help="folder of the tiles")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for the store, the volume and reports"
    )
    add_position_words(parser)
    parser.add_argument("--search-radius", type=float, help="how far tiles may be off, pixels")
    parser.add_argument("--model", default="translation", help="of the montage")
    parser.add_argument("--format", default="ome.zarr", help="ending of the volume's name")
    parser.add_argument("--pool-size", type=int, help="number of processes")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the steps with time, memory and disk"
    )
    parser.set_defaults(run=align)


def align(options: argparse.Namespace) -> int:
    """Run the chain with what the words say."""
    from renderapi.files import atomic_write
    from renderapps.alignment.align_stack import AlignStack
    from renderapps.dataimport.position_words import import_parameters
    from renderapps.module.result import to_json

    folder = options.output.resolve()
    parameters: dict[str, Any] = {
        "render": {
            "host": "local",
            "store": str(folder / "render.db"),
            "owner": "me",
            "project": "alignment",
        },
        "import_parameters": import_parameters(options.folder, options),
        "output_stack": "aligned",
        "output_volume": str(folder / f"volume.{options.format}"),
        "working_directory": str(folder),
        "model": options.model,
        "dry_run": options.dry_run,
        "log_level": "INFO",
    }
    if options.search_radius is not None:
        parameters["search_radius"] = options.search_radius
    if options.pool_size is not None:
        parameters["pool_size"] = options.pool_size
    if options.dry_run:
        return AlignStack.exit_status(["--quiet", *_words(parameters)])
    atomic_write(folder / "align.json", to_json(parameters))
    return AlignStack.exit_status(
        ["--input_json", str(folder / "align.json"), "--output_json", str(folder / "report.json")]
    )


def _words(parameters: dict[str, Any]) -> list[str]:
    """The parameters as flags, since a dry run writes no file."""
    import json

    words = []
    for name, value in parameters.items():
        if name == "render":
            words += [f"--render.{key}={part}" for key, part in value.items()]
        else:
            words.append(f"--{name}={value if isinstance(value, str) else json.dumps(value)}")
    return words
