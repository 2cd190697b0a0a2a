"""Two stacks that take the places of two others together: an interruption loses neither.

While names change, the old stacks are kept under names that tell both stacks of the pair. The steps
are: the first stack gets such a name, the second does, the new ones get the names of the two, the
old ones are deleted. Until the first of them is deleted everything can be undone, and it is: at
once where a request fails, else by the next run. To undo passes through the same steps backwards,
so that it can be interrupted as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import renderapi
from renderapi.errors import RenderError
from renderapi.render import Render
from renderapps.module.errors import RenderModuleException
from renderapps.module.parallel import one_line

Pair = tuple[str, str]
_LEFT = re.compile(r"(?P<stack>.+)_old_of_swap_with_(?P<other>.+)")


def old_name(stack: str, other: str) -> str:
    """Name that a stack has while it and its partner change places with the new ones."""
    return f"{stack}_old_of_swap_with_{other}"


def exchange(render: Render, pair: Pair, new: Pair) -> None:
    """Let the two stacks `new` take the names of `pair`, whose stacks are deleted.

    Raises
    ------
    RenderError
        A request failed; all stacks have their names again.
    RenderModuleException
        One failed, and so did the way back: `settle` finds what is left.
    """
    done: list[Pair] = []
    try:
        for stack, other in (pair, pair[::-1]):
            _rename(render, stack, old_name(stack, other), done)
        for built, stack in zip(new, pair, strict=True):
            _rename(render, built, stack, done)
    except BaseException as error:
        _undo(render, pair, done, error)
        raise
    for stack, other in (pair, pair[::-1]):
        renderapi.stack.delete_stack(old_name(stack, other), render=render)


def _rename(render: Render, before: str, now: str, done: list[Pair]) -> None:
    renderapi.stack.rename_stack(before, now, render=render)
    done.append((before, now))


def _undo(render: Render, pair: Pair, done: list[Pair], error: BaseException) -> None:
    try:
        for before, now in reversed(done):
            renderapi.stack.rename_stack(now, before, render=render)
    except RenderError as again:
        one, other = pair
        raise RenderModuleException(
            f"stacks {one} and {other} were being exchanged when it failed: {one_line(error)}; "
            f"they are kept as {old_name(one, other)} and {old_name(other, one)} where they are "
            "missing: run swap_zs again to restore both"
        ) from again


def settle(render: Render, stacks: Iterable[str]) -> dict[frozenset[str], str]:
    """Undo, or end, the interrupted exchanges in which one of `stacks` takes part.

    Returns
    -------
    dict
        "undone" or "ended" for each pair of stacks that were found so.
    """
    there = set(renderapi.render.get_stacks_by_owner_project(render=render))
    found = [match.group("stack", "other") for match in map(_LEFT.fullmatch, there) if match]
    wanted = set(stacks)
    pairs = {frozenset(names) for names in found if wanted & set(names)}
    return {pair: _settle(render, pair, there) for pair in pairs}


def _settle(render: Render, pair: frozenset[str], there: set[str]) -> str:
    one, other = sorted(pair)
    old = {one: old_name(one, other), other: old_name(other, one)}
    kept = {stack: name for stack, name in old.items() if name in there}
    if len(kept) == 1 and there >= pair:  # one of the old ones has been deleted already
        renderapi.stack.delete_stack(*kept.values(), render=render)
        return "ended"
    if len(kept) == 2:
        for stack in pair & there:
            renderapi.stack.delete_stack(stack, render=render)
    for stack, name in kept.items():
        renderapi.stack.rename_stack(name, stack, render=render)
    return "undone"
