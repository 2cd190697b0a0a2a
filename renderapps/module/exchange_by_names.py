"""Stacks that take the places of others where a service can only rename them one by one.

The order loses nothing: the old stacks get the name `..._replaced_RUN`, the new ones get the names
of the old ones, the old ones are deleted. A run that was killed in between is undone, or ended
where all new stacks were in place already, by the next run on one of the stacks. Nothing keeps two
runs apart that write to one stack at the same time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import renderapi
from renderapi import stackchanges
from renderapi.errors import RenderError

_KEPT = re.compile(r"(?P<stack>.+)_replaced_(?P<run>[0-9a-f]{8})")


def exchange_names(
    render: renderapi.Render, run: str, pairs: Sequence[tuple[str, str]], states: Sequence[str]
) -> None:
    """Let each stack (new, old) take the name of the old one, which need not exist.

    Raises
    ------
    RenderError
        A request failed; the old stacks have their names again, as far as the service answered.
    """
    there = set(renderapi.render.get_stacks_by_owner_project(render=render))
    old = [stack for _, stack in pairs if stack in there]
    try:
        for stack in old:
            renderapi.stack.rename_stack(stack, f"{stack}_replaced_{run}", render=render)
        for new, stack in pairs:
            renderapi.stack.rename_stack(new, stack, render=render)
    except RenderError:
        settle(render, [stack for _, stack in pairs])
        raise
    for (_, stack), state in zip(pairs, states, strict=True):
        if state != "COMPLETE":
            renderapi.stack.set_stack_state(stack, state, render=render)
    for stack in old:
        renderapi.stack.delete_stack(f"{stack}_replaced_{run}", render=render)


def settle_first(render: renderapi.Render, stacks: Sequence[str]) -> None:
    """Before a run looks at stacks that it changes: settle what a killed one may have left, where
    the service has no better way than to exchange names.
    """
    if "stackChanges" not in stackchanges.additions(render=render):
        settle(render, stacks)


def settle(render: renderapi.Render, stacks: Sequence[str]) -> None:
    """Undo, or end, the interrupted exchanges in which one of `stacks` takes part."""
    there = set(renderapi.render.get_stacks_by_owner_project(render=render))
    kept = [match for match in map(_KEPT.fullmatch, sorted(there)) if match]
    for run in {match["run"] for match in kept if match["stack"] in stacks}:
        of_run = [match["stack"] for match in kept if match["run"] == run]
        if set(of_run) <= there:
            for stack in of_run:
                renderapi.stack.delete_stack(f"{stack}_replaced_{run}", render=render)
            continue
        for stack in set(of_run) & there:  # first of all, so that a new start comes here again
            renderapi.stack.delete_stack(stack, render=render)
        for stack in of_run:
            renderapi.stack.rename_stack(f"{stack}_replaced_{run}", stack, render=render)
