"""Completion of the command line in shells: verbs, modules and their parameters."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

COMPLETE = "_complete"
SCRIPTS = {
    "bash": """\
_renderapps() {
    local IFS=$'\\n'
    COMPREPLY=($(renderapps _complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} -gt 0 ]] || compopt -o default
}
complete -F _renderapps renderapps
""",
    "zsh": """\
#compdef renderapps
_renderapps() {
    local -a found
    found=("${(@f)$(renderapps _complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _renderapps renderapps
""",
    "fish": """\
function __renderapps
    set -l before (commandline -opc)
    renderapps _complete $before[2..-1] (commandline -ct) 2>/dev/null
end
complete -c renderapps -a '(__renderapps)'
""",
}
HELP = 'a script for completion: eval "$(renderapps completion bash)"'


def add_completion(verbs: Any) -> None:
    """Add the verb `completion`."""
    parser = verbs.add_parser("completion", help=HELP, description=HELP, allow_abbrev=False)
    parser.add_argument("shell", choices=sorted(SCRIPTS))
    parser.set_defaults(run=print_script)


def print_script(options: argparse.Namespace) -> int:
    """Print the script of a shell."""
    print(SCRIPTS[options.shell], end="")
    return 0


def print_candidates(words: Sequence[str], parser: argparse.ArgumentParser) -> int:
    """Print what the last of the words may become, one a line."""
    for candidate in candidates(words, parser):
        print(candidate)
    return 0


def candidates(words: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """What the last of the words after `renderapps`, which `parser` reads, may become."""
    *before, last = words or [""]
    return sorted(word for word in _possible(list(before), parser) if word.startswith(last))


def _possible(before: list[str], parser: argparse.ArgumentParser) -> list[str]:
    parsers = _verbs(parser)
    if not before:
        return list(parsers)
    verb, *rest = before
    if verb in ("run", "describe") and not rest:
        return _modules()
    if verb == "run":
        return _flags(rest[0])
    if verb not in parsers:
        return []
    return _options(parsers[verb], rest)


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return {name: below for action in actions for name, below in action.choices.items()}


def _modules() -> list[str]:
    from renderapps.module.catalogue import discover

    return [entry.name for entry in discover()]


def _flags(module: str) -> list[str]:
    from renderapps.module.catalogue import UnknownModule, find
    from renderapps.module.parameters import parameter_groups

    try:
        schema = find(module).load().default_schema()
    except UnknownModule:
        return []
    rows = (row for group in parameter_groups(schema) for row in group.parameters)
    return ["--quiet", *(f"--{row.name}" for row in rows if "[" not in row.name)]


def _options(parser: argparse.ArgumentParser, rest: Sequence[str]) -> list[str]:
    """Options, choices and actions of a verb."""
    found: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word in rest:
                if word in action.choices:
                    return _options(action.choices[word], [])
        if action.help != argparse.SUPPRESS:
            found += action.option_strings
        if action.choices and not action.option_strings:
            found += map(str, action.choices)
    return found
