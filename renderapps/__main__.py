"""The command line of the suite: `renderapps list`, `describe`, `run`, `serve`, `demo`, ..."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NoReturn

from renderapps.commands.completion import COMPLETE, add_completion, print_candidates
from renderapps.module.catalogue import UnknownModule

PASS_ON = ("run", "demo")  # verbs whose words are read elsewhere


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a verb and exit with its status: 0 success, 1 failure, 2 wrong usage."""
    try:
        sys.exit(status(sys.argv[1:] if arguments is None else list(arguments)))
    finally:
        if processes := sys.modules.get("renderapps.module.processes"):  # else there are no workers
            processes.end_workers()


def status(arguments: Sequence[str]) -> int:
    """Run a verb; failures are told on stderr, one line each."""
    try:
        if arguments and arguments[0] in PASS_ON:
            return pass_on(arguments[0], arguments[1:])
        if arguments and arguments[0] == COMPLETE:
            return print_candidates(arguments[1:], parser())
        options = parser(arguments[0] if arguments else "").parse_args(arguments)
        return options.run(options)
    except UnknownModule as error:
        return tell(str(error), 2)
    except KeyboardInterrupt:
        return tell("stopped by the keyboard", 130)
    except BrokenPipeError:  # the reader of our output has gone, as `renderapps list | head` does
        sys.stderr.close()
        return 0
    except ImportError as error:
        return tell(f"{error}; `renderapps doctor` says what is wrong", 1)
    except Exception as error:
        text = " ".join(str(error).split())
        return tell(text or type(error).__name__, 1)


def tell(text: str, code: int) -> int:
    """Say why it failed, and give the exit status back."""
    print(f"renderapps: error: {text}", file=sys.stderr)
    return code


def pass_on(verb: str, arguments: Sequence[str]) -> int:
    """Run a verb that reads its own words."""
    if verb == "run":
        from renderapps.commands.modules import run_module

        return run_module(arguments)
    needed = ["matplotlib"] if "--tiles" in arguments else ["matplotlib", "skimage"]
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        libraries = " and ".join(missing)
        return tell(f"demo needs {libraries}: pip install 'render-python-apps[demo]'", 1)
    from renderapps.demo.__main__ import main as demo

    return demo(arguments)


def parser(verb: str | None = None) -> argparse.ArgumentParser:
    """Parser of all verbs; where `verb` is given, what only others need may be left out."""
    from renderapps.commands.align import add_align
    from renderapps.commands.doctor import add_doctor
    from renderapps.commands.jobs import add_jobs
    from renderapps.commands.modules import add_describe, add_list
    from renderapps.commands.serve import add_serve
    from renderapps.commands.stacks import add_stacks
    from renderapps.commands.store import add_store
    from renderapps.commands.view import add_view

    result = argparse.ArgumentParser(
        prog="renderapps",
        description="From raw microscope tiles to aligned image volumes.",
        allow_abbrev=False,
    )
    result.add_argument("--version", action=_Version, help="print the version and end")
    verbs = result.add_subparsers(title="verbs", metavar="VERB", required=True)
    add_list(verbs)
    add_describe(verbs)
    verbs.add_parser("run", help="run a module: renderapps run MODULE --help")
    add_align(verbs)
    add_serve(verbs, limits=verb in (None, "serve"))
    verbs.add_parser("demo", help="simulate an acquisition, stitch and align it")
    add_stacks(verbs)
    add_jobs(verbs)
    add_view(verbs)
    add_store(verbs)
    add_doctor(verbs)
    add_completion(verbs)
    return result


class _Version(argparse.Action):
    """Prints the version; it is looked up only when it is asked for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "nargs": 0, "default": argparse.SUPPRESS})

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Print it and end."""
        from importlib.metadata import version

        print(f"renderapps {version('render-python-apps')}")
        parser.exit()


if __name__ == "__main__":
    main()
