"""The client that matches pairs of tiles: its arguments as keywords, the URLs of its canvases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from renderapi.client.arguments import CLIENTS, options
from renderapi.client.params import SiftPointMatchOptions
from renderapi.client.running import call_run_ws_client
from renderapi.client.utils import clientkeywords
from renderapi.render import Render, format_baseurl, format_preamble
from renderapi.utils import jbool
from renderapi.web import with_query


@clientkeywords
def get_canvas_url_template(
    stack: str,
    filter: bool = False,
    renderWithoutMask: bool = False,
    normalizeForMatching: bool = True,
    excludeTransformsAfterLast: str | Sequence[str] | None = None,
    excludeFirstTransformAndAllAfter: str | Sequence[str] | None = None,
    excludeAllTransforms: bool | None = False,
    channels: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> str:
    """URL of the render parameters of a stack's tiles, with {} in the place of the tile id."""
    url = format_preamble(host, port, owner, project, stack) + "/tile/{}/render-parameters"
    url += (
        f"?filter={jbool(bool(filter))}"
        f"&normalizeForMatching={jbool(bool(normalizeForMatching))}"
        f"&renderWithoutMask={jbool(bool(renderWithoutMask))}"
    )
    url = with_query(url, "excludeTransformsAfterLast", _texts(excludeTransformsAfterLast))
    url = with_query(
        url, "excludeFirstTransformAndAllAfter", _texts(excludeFirstTransformAndAllAfter)
    )
    if excludeAllTransforms:
        url += "&excludeAllTransforms=true"
    return with_query(url, "channels", _texts(channels))


def _texts(value: str | Sequence[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


@clientkeywords
def pointMatchClient(
    stack: str,
    collection: str,
    tile_pairs: Sequence[tuple[str, str]],
    stack2: str | None = None,
    sift_options: SiftPointMatchOptions | None = None,
    pointMatchRender: Render | None = None,
    debugDirectory: str | None = None,
    filter: bool = False,
    renderWithoutMask: bool = False,
    normalizeForMatching: bool = True,
    excludeTransformsAfterLast: str | Sequence[str] | None = None,
    excludeAllTransforms: bool | None = None,
    excludeFirstTransformAndAllAfter: str | Sequence[str] | None = None,
    stackChannels: str | None = None,
    stack2Channels: str | None = None,
    subprocess_mode: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Match pairs of tiles by SIFT features and store what was found in a collection.

    The second tile of a pair is of `stack2` where one is given. `pointMatchRender` is the
    connection (and owner) of the collection, where it is another one.
    """
    sift_options = SiftPointMatchOptions(**kwargs) if sift_options is None else sift_options
    place: dict[str, Any] = {"host": host, "port": port, "owner": owner, "project": project}
    query: dict[str, Any] = {
        "filter": filter,
        "renderWithoutMask": renderWithoutMask,
        "normalizeForMatching": normalizeForMatching,
        "excludeTransformsAfterLast": excludeTransformsAfterLast,
        "excludeFirstTransformAndAllAfter": excludeFirstTransformAndAllAfter,
        "excludeAllTransforms": excludeAllTransforms,
    }
    first = get_canvas_url_template(stack, channels=stackChannels, **query, **place)
    second_channels = stack2Channels if stack2 is not None else stackChannels
    second = get_canvas_url_template(stack2 or stack, channels=second_channels, **query, **place)
    arguments = [
        *_collection_options(host, port, owner, pointMatchRender),
        *options(collection=collection, debugDirectory=debugDirectory),
        *sift_options.to_java_args(),
        *_canvas_urls((first, second), tile_pairs),
    ]
    call_run_ws_client(
        f"{CLIENTS}.PointMatchClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )


def _canvas_urls(templates: tuple[str, str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """URLs of the canvases of pairs, the two of a pair one after the other."""
    return [
        template.replace("{}", quote(tile, safe=""))
        for pair in pairs
        for template, tile in zip(templates, pair, strict=True)
    ]


def _collection_options(
    host: str | None, port: int | str | None, owner: str | None, render: Render | None
) -> list[Any]:
    """Service and owner of the collection: those of `render` where it is given."""
    if render is not None:
        host, port, owner = render.DEFAULT_HOST, render.DEFAULT_PORT, render.DEFAULT_OWNER
    return options(baseDataUrl=format_baseurl(host, port), owner=owner)
