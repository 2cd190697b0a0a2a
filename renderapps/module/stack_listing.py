"""Where a connection leads, and which stacks there are: for messages."""

from __future__ import annotations

from urllib.parse import unquote

import renderapi
from renderapi.errors import RenderError
from renderapps.module.stack_lock import without_unfinished

_MOST = 10
_LOCAL = "http+local://"


def where_text(render: renderapi.Render) -> str:
    """The store file or the service of a connection.

    >>> where_text(render)                                              # doctest: +SKIP
    'store /data/render.db'
    """
    host, port = str(render.DEFAULT_HOST), render.DEFAULT_PORT
    if host.startswith(_LOCAL):
        return f"store {unquote(host.removeprefix(_LOCAL))}"
    return f"service {host}" + (f":{port}" if port else "")


def missing_stack(render: renderapi.Render, stack: str) -> str:
    """Line that says that there is no such stack, where, and which there are."""
    project, owner = render.DEFAULT_PROJECT, render.DEFAULT_OWNER
    return (
        f"no stack {stack} in project {project} of owner {owner} ({where_text(render)}); "
        f"{_stacks_there(render)}"
    )


def stacks_there(render: renderapi.Render) -> list[str]:
    """Names of the stacks of a project but those that a run builds at this moment, ascending."""
    names = renderapi.render.get_stacks_by_owner_project(render=render)
    return without_unfinished(render, sorted(names))


def _stacks_there(render: renderapi.Render) -> str:
    try:
        names = stacks_there(render)
    except RenderError:
        names = []
    if not names:
        return "there are no stacks at all: check owner, project and store, or import tiles first"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"there are {', '.join(names[:_MOST])}{more}"
