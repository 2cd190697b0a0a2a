"""`renderapps view`: a stack in the browser, in the section viewer and in neuroglancer."""

from __future__ import annotations

import argparse
import os
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from renderapps.commands.places import chosen_store
from renderapps.commands.services import add_service_options, chosen_host

Json = dict[str, Any]

MISSING = "not installed; pip install 'render-python-apps[view]', then start this again"


def add_view(verbs: Any) -> None:
    """Add the verb `view`."""
    parser = verbs.add_parser(
        "view",
        help="open a stack in the browser: section viewer and neuroglancer",
        description="Print the links under which a stack is seen, and open one. A stack of a store "
        "on this machine is served until the program is interrupted, with neuroglancer where that "
        "is installed; nothing can be changed meanwhile.",
        allow_abbrev=False,
    )
    parser.add_argument("stack", help="stack to look at")
    parser.add_argument("--owner", help="its owner (default: RENDER_OWNER)")
    parser.add_argument("--project", help="its project (default: RENDER_PROJECT)")
    add_service_options(parser)
    parser.add_argument(
        "--serve-port",
        type=int,
        default=0,
        metavar="N",
        help="port on which a store of this machine is served (default: any free one)",
    )
    parser.add_argument(
        "--image-root",
        action="append",
        type=Path,
        metavar="DIR",
        help="folder below which its images are; may be given several times (default: the working "
        "folder)",
    )
    parser.add_argument("--no-open", action="store_true", help="print the links only")
    parser.set_defaults(run=view_stack, error=parser.error)


class Shown(NamedTuple):
    """A stack, and what its volume says of itself."""

    owner: str
    project: str
    stack: str
    info: Json
    channels: list[Json]


def _is_here(options: argparse.Namespace) -> bool:
    """Whether the stack is in a store of this machine, which this process serves."""
    from renderapps.module.render_module import is_local

    return is_local(chosen_host(options))


def view_stack(options: argparse.Namespace) -> int:
    """Print and open the links; serve the store meanwhile where it is one of this machine."""
    import renderapi

    host = chosen_host(options)
    owner = options.owner or os.environ.get("RENDER_OWNER")
    project = options.project or os.environ.get("RENDER_PROJECT")
    if not owner or not project:
        options.error("give --owner and --project, or set RENDER_OWNER and RENDER_PROJECT")
    local = _is_here(options)
    port = None if local else options.port or os.environ.get("RENDER_PORT")
    where: dict[str, Any] = {"store": chosen_store(options)} if local else {}
    render = renderapi.connect(
        host=host, port=port, owner=owner, project=project, web_only=True, **where
    )
    shown = _shown(render, str(owner), str(project), options.stack)
    if local:
        from renderws.serve import serve

        serve(
            where["store"],
            port=options.serve_port,
            image_roots=options.image_root or [Path.cwd()],
            read_only=True,
            announce=lambda line: print(line.removesuffix(", unless --token is given")),
            ready=lambda base: _tell(shown, base, options),
        )
        return 0
    viewer = _tell(shown, _base(render), options)
    if viewer is not None:  # neuroglancer serves those that somebody holds
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


def _base(render: Any) -> str:
    """Address of a service, without the root of its interface."""
    from renderapi.render import format_baseurl

    url = format_baseurl(render.DEFAULT_HOST, render.DEFAULT_PORT)
    return url.removesuffix("/render-ws/v1")


def _shown(render: Any, owner: str, project: str, stack: str) -> Shown:
    """The stack as a volume; RenderError where there is none, or it is no volume."""
    from renderapi.render import format_preamble
    from renderapi.web import request

    base = format_preamble(render.DEFAULT_HOST, render.DEFAULT_PORT, owner, project, stack)
    info = request(render.session, "GET", f"{base}/volume/precomputed/info").json()
    group = request(render.session, "GET", f"{base}/volume/zarr/zarr.json").json()
    return Shown(owner, project, stack, info, group["attributes"]["ome"]["omero"]["channels"])


def _tell(shown: Shown, base: str, options: argparse.Namespace) -> Any:
    """Print the links and open the best of them; gives the viewer of neuroglancer, if any."""
    from renderapi.render import format_preamble

    names = {"owner": shown.owner, "project": shown.project, "stack": shown.stack}
    best = f"{base}/render-ws/view/viewer.html?{urlencode(names)}"
    volume = format_preamble(base, None, *names.values()) + "/volume"
    print(f"section viewer: {best}")
    viewer = None
    link = _served_client(base, names, _is_here(options))
    if link is None and not _is_here(options):
        viewer, link = _own_client(shown, base, f"{volume}/precomputed")
    print(f"neuroglancer: {link or MISSING}")
    print(f"OME-Zarr (napari, dask, zarr-python): {volume}/zarr")
    print(f"precomputed (neuroglancer, tensorstore): {volume}/precomputed", flush=True)
    if not options.no_open:
        webbrowser.open(link if link is not None and link.startswith("http") else best)
    return viewer


def _served_client(base: str, names: dict[str, str], is_here: bool) -> str | None:
    """Link to neuroglancer's client as the service itself shows it; None where it does not."""
    from renderws.neuroglancer import PAGE, client_folder

    page = base + PAGE
    shows = client_folder() is not None if is_here else _answers(page, base)
    return f"{page}?{urlencode(names)}" if shows else None


def _answers(page: str, base: str) -> bool:
    """Whether a service has a page, for those who know its token."""
    import requests

    from renderapi.tokens import token_for

    token = token_for(base)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        return requests.head(page, headers=headers, timeout=10).ok
    except requests.RequestException:
        return False


def _own_client(shown: Shown, base: str, source: str) -> tuple[Any, str | None]:
    """A viewer that this process serves for a service elsewhere, and its link or what prevents it.

    The client of the package gets its state from the package's own server.
    """
    from renderapi.tokens import token_for
    from renderapi.volume.neuroglancer import viewer_state

    if token_for(base) is not None:
        return None, "not possible, it cannot send the token of this service"
    try:
        from neuroglancer import Viewer, ViewerState, set_server_bind_address
    except ImportError:
        return None, None
    set_server_bind_address("127.0.0.1")
    viewer = Viewer()
    viewer.set_state(ViewerState(viewer_state(shown.stack, source, shown.info, shown.channels)))
    return viewer, viewer.get_viewer_url()
