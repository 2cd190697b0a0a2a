"""Run one of the clients: `python -m renderapi.client CLASS ARGS...`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from renderapi.client.programs import PROGRAMS, program, run_program

_USAGE = "usage: python -m renderapi.client CLASS ARGUMENTS...\n\nclasses:\n  "


def main(arguments: Sequence[str]) -> int:
    """Run a client; 0 when it succeeded, 1 when it did not."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE + "\n  ".join(sorted(PROGRAMS)))
        return 0 if arguments else 1
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    class_name, *rest = arguments
    try:
        if "--help" in rest:
            print(_help(class_name))
            return 0
        run_program(class_name, rest)
    except Exception as error:
        logging.getLogger(__name__).debug("%s failed", class_name, exc_info=True)
        print(f"{class_name.rpartition('.')[2]}: {error}", file=sys.stderr)
        return 1
    return 0


def _help(class_name: str) -> str:
    module = program(class_name)
    lines = [(module.__doc__ or class_name).strip(), ""]
    for option in module.OPTIONS:
        note = "required" if option.required else f"default {option.default}"
        choices = f", one of {' '.join(option.choices)}" if option.choices else ""
        lines.append(f"  --{option.name} ({option.kind}{choices}, {note})")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
