"""`renderapps store`: look after a store file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from renderapps.commands.places import (
    add_store_option,
    chosen_store,
    is_database,
    store_place,
)

Action = Callable[[Any, argparse.Namespace], int]


def add_store(verbs: Any) -> None:
    """Add the verb `store` and what it can do."""
    parser = verbs.add_parser("store", help="look after a store file: check, compact, back up, ...")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add(actions, "info", info, "what is in it, and how large it is")
    checking = _add(actions, "check", check, "look for damage; exit status 1 when there is some")
    checking.add_argument("--quick", action="store_true", help="leave out the tile documents")
    _add(actions, "compact", compact, "remove what was deleted and give the space back")
    saving = _add(actions, "backup", backup, "copy it to a new file, also while it is served")
    saving.add_argument("path", type=Path, help="file to make")
    replacing = _add(
        actions, "restore", None, "put a backup in its place; what was there is kept beside it"
    )
    replacing.add_argument("path", type=Path, help="the backup")
    replacing.set_defaults(run=restore)
    restoring = _add(
        actions, "undelete", undelete, "bring a deleted stack back; without a name: list them"
    )
    restoring.add_argument("stack", nargs="?", help="name of the stack")
    restoring.add_argument("--owner", default=os.environ.get("RENDER_OWNER"))
    restoring.add_argument("--project", default=os.environ.get("RENDER_PROJECT"))

    copying = actions.add_parser(
        "copy",
        help="copy it into another, of whatever kind, and compare the two",
        description="Copy a store into another one, a file or a database, and compare the two row"
        " by row. What is there already and is the same is left, so that it can be run again.",
        allow_abbrev=False,
    )
    copying.add_argument("source", type=store_place, help="store to copy; it may be in use")
    copying.add_argument("target", type=store_place, help="where to; made when there is none")
    copying.set_defaults(run=copy)


def _add(actions: Any, name: str, action: Action | None, text: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
    add_store_option(parser)
    parser.set_defaults(run=_on_store, action=action)
    return parser


def _on_store(options: argparse.Namespace) -> int:
    from renderws.store.opening import open_store

    with closing(open_store(chosen_store(options), create=False)) as store:
        return options.action(store, options)


def info(store: Any, options: argparse.Namespace) -> int:
    """Print what the store says about itself."""
    for name, value in store.info().items():
        print(f"{name}: {value}")
    return 0


def check(store: Any, options: argparse.Namespace) -> int:
    """Print the problems of the file, one a line; 1 when there are any."""
    problems = store.check(documents=not options.quick)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problems: copy what is needed from a backup")
        return 1
    print(f"{store.path} is sound{_own_check(store)}")
    return 0


def _own_check(store: Any) -> str:
    """What else looks for damage."""
    if not is_database(store.path):
        return ""
    return " by what it says (for damaged pages and indices: pg_amcheck, pg_checksums)"


def compact(store: Any, options: argparse.Namespace) -> int:
    """Give space back, and print how much."""
    before = _bytes(store)
    store.compact()
    freed = (before - _bytes(store)) / 1e6
    if is_database(store.path):
        print(
            f"{store.path} is {freed:.1f} MB smaller and has room for what comes (VACUUM FULL would"
            " give it back to the disk); deleted stacks are gone for good"
        )
    else:
        print(f"{store.path} is {freed:.1f} MB smaller; deleted stacks are gone for good")
    return 0


def _bytes(store: Any) -> int:
    info = store.info()
    return int(info["bytes"]) + int(info.get("walBytes", 0))


def backup(store: Any, options: argparse.Namespace) -> int:
    """Copy the store."""
    store.backup(options.path)
    print(f"{store.path} copied to {options.path}")
    return 0


def copy(options: argparse.Namespace) -> int:
    """Copy a store, and say of each thing that it is there."""
    from renderws.store.copying import copy_store
    from renderws.store.opening import open_store

    with (
        closing(open_store(options.source, create=False)) as source,
        closing(open_store(options.target)) as target,
    ):
        count = 0
        for done in copy_store(source, target):
            state = "was there and is the same" if done.was_there else "copied and compared"
            print(f"{done.what}: {done.rows} rows, {state}")
            count += 1
        print(f"{source.path} is in {target.path}: {count} stacks, collections and lists of trials")
        if dropped := len(source.dropped_stacks()):
            print(f"{dropped} deleted stacks, which could still be brought back, were left out")
    return 0


def restore(options: argparse.Namespace) -> int:
    """Put a backup in the place of the store."""
    from renderws.store import restore as restoring

    place = chosen_store(options)
    if is_database(place):
        raise ValueError(
            f"{place} is put back with PostgreSQL's own programs: pg_restore for what pg_dump made;"
            " renderapps store copy BACKUP STORE fills an empty one from a file"
        )
    aside = restoring.restore(options.path, Path(place))
    print(f"{place} is now what {options.path} holds")
    for path in aside:
        print(f"what was there is {path}")
    return 0


def undelete(store: Any, options: argparse.Namespace) -> int:
    """Bring a stack back, or list those that can be."""
    from renderws.store.protocol import StackId

    if options.stack is None:
        for dropped in store.dropped_stacks():
            owner, project, stack = dropped.stack
            name = f"{stack} (owner {owner}, project {project})"
            print(f"{dropped.dropped}  {name}: {dropped.tile_count} tiles, was {dropped.state}")
        return 0
    if not options.owner or not options.project:
        raise ValueError("give --owner and --project of the stack")
    store.undelete_stack(StackId(options.owner, options.project, options.stack))
    print(f"stack {options.stack} of owner {options.owner}, project {options.project} is back")
    return 0
