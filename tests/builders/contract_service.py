"""A service with the stacks and collections that the contract speaks of, and its client."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import requests
from PIL import Image

from renderapi.session import local_host
from renderws.local import LocalService


def _contract():
    path = Path(__file__).parents[1] / "renderws" / "contract" / "__init__.py"
    spec = importlib.util.spec_from_file_location("renderws_contract", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


contract = _contract()
documents = contract.documents


class Service:
    """Client of one service, with the short paths of the contract."""

    def __init__(self, base, images=None, session=None):
        self.base = base
        self.images = images
        self.session = session or requests.Session()
        self.session.trust_env = False

    def path(self, short):
        if short.startswith("//"):
            return self.base + short[1:]
        head, slash, rest = short.partition("/")
        kind, _, name = head.partition(":")
        owner = "/owner/test"
        prefix = {
            "": "",
            "O": owner,
            "P": f"{owner}/project/p",
            "S": f"{owner}/project/p/stack/{name or 'acq'}",
            "C": f"{owner}/matchCollection/{name or 'm'}",
        }[kind]
        return f"{self.base}/render-ws/v1{prefix}{slash}{rest}"

    def __call__(self, request, send=None, **options):
        method, _, path = request.partition(" ")
        if send is not None and not isinstance(send, bytes):
            send = json.dumps(send).replace("{images}", str(self.images)).encode()
        return self.session.request(method, self.path(path), data=send, **options)

    def must(self, request, send=None):
        response = self(request, send)
        assert response.ok, (request, response.status_code, response.text)
        return response


def local_base(store):
    """Host of the embedded service on a store."""
    return local_host(store)


def local_session():
    session = requests.Session()
    session.mount("http+local://", LocalService())
    return session


def write_images(folder):
    """8 bit image and mask of 100 x 80 pixels."""
    i, j = np.meshgrid(np.arange(100), np.arange(80))
    pixels = ((7 * i + 13 * j + (i * j) % 31) % 256).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "8bit.png")
    Image.fromarray(np.full((80, 100), 255, np.uint8)).save(folder / "mask.png")


def fill(service):
    """Make the stacks and collections that the contract speaks of."""
    version = {"stackResolutionX": 4, "stackResolutionY": 4, "stackResolutionZ": 40}
    tiles = {
        "transformIdToSpecMap": {"lens": documents.LENS},
        "tileIdToSpecMap": documents.TILES,
    }
    for stack in ("acq", "locked", "open", "off"):
        service.must(f"POST S:{stack}", version)
        service.must(f"PUT S:{stack}/resolvedTiles", tiles)
    for stack in ("acq", "locked", "off"):
        service.must(f"PUT S:{stack}/state/COMPLETE")
    service.must("PUT S:locked/state/READ_ONLY")
    service.must("PUT S:off/state/OFFLINE")
    service.must("POST S:empty", {})
    service.must("POST /owner/test/project/q/stack/first", {})
    service.must("PUT C:m/matches", documents.MATCHES)
    service.must("PUT C:n/matches", [documents.match("1.0/a", "1.0/b", 9.0)])
