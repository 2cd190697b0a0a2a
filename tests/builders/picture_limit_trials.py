"""Trials of the limits of pictures and of what they are drawn from."""

from __future__ import annotations

import requests
from limit_trials import trial

OWNER = "/render-ws/v1/owner/o"


def put_picture(server, document, **options):
    """The answer to a picture of render parameters that are sent."""
    options = {"timeout": 60, **options}
    with requests.Session() as session:
        session.trust_env = False
        return session.put(f"{server.base}{OWNER}/png-image", json=document, **options)


def window(width=8, height=8, **more):
    """Render parameters of an empty window."""
    return {"x": 0, "y": 0, "width": width, "height": height, "scale": 1, "tileSpecs": [], **more}


@trial("--max-pixels", "1000")
def max_pixels(server):
    assert put_picture(server, window(30, 30)).status_code == 200
    return put_picture(server, window(32, 32)).status_code
