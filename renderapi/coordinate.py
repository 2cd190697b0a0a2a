"""Points of a tile mapped to the world, and points of the world mapped to tiles.

Local points are raw pixels of a tile at full scale, world points are pixels of the stack at full
scale; pixel (0, 0) is a pixel centre. Arrays of points are (N, 2) float64, x before y.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from renderapi.client.client_calls import coordinateClient
from renderapi.errors import RenderError
from renderapi.jsontext import collection_paused
from renderapi.render import Render, format_preamble, renderaccess
from renderapi.utils import get_json, json_of, put_json, renderdumps
from renderapi.utils import renderdump as renderdump
from renderapi.web import join, number

logger = logging.getLogger(__name__)

Space = Literal["local", "world"]
Json = Any


@renderaccess
def world_to_local_coordinates(
    stack: str,
    z: float,
    x: float,
    y: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[dict[str, Any]]:
    """Where a world point lies in each tile that holds it: [{tileId, local, visible}, ...]."""
    base = format_preamble(host, port, owner, project, stack)
    point = f"{number('%f', x)},{number('%f', y)}"
    url = join(base, "z", number("%d", z), "world-to-local-coordinates", point)
    return get_json(session, url)


@renderaccess
def local_to_world_coordinates(
    stack: str,
    tileId: str,
    x: float,
    y: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Where a point of a tile lies in the world: {tileId, world}."""
    base = format_preamble(host, port, owner, project, stack)
    point = f"{number('%f', x)},{number('%f', y)}"
    return get_json(session, join(base, "tile", tileId, "local-to-world-coordinates", point))


@renderaccess
def world_to_local_coordinates_batch(
    stack: str,
    d: Json,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    execute_local: bool = False,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[list[dict[str, Any]]]:
    """Many world points [{world: [x, y]}, ...] at z: one list of places for each of them.

    `execute_local` is refused: `world_to_local_coordinates_clientside` maps on this machine.
    """
    if execute_local:
        raise NotImplementedError(
            "execute_local=True: use world_to_local_coordinates_clientside to map on this machine"
        )
    base = format_preamble(host, port, owner, project, stack)
    return json_of(put_json(session, join(base, "z", z, "world-to-local-coordinates"), d))


@renderaccess
def local_to_world_coordinates_batch(
    stack: str,
    d: Json,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[dict[str, Any]]:
    """Many points of tiles [{tileId, local: [x, y]}, ...]: the world point of each of them."""
    base = format_preamble(host, port, owner, project, stack)
    return json_of(put_json(session, join(base, "z", z, "local-to-world-coordinates"), d))


@renderaccess
def world_to_local_coordinates_array(
    stack: str,
    dataarray: np.ndarray,
    tileId: str,
    z: float,
    render: Render | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    doClientSide: bool = False,
    number_of_threads: int = 20,
    session: Any = None,
    **kwargs: Any,
) -> np.ndarray:
    """World points at z in the coordinates of one tile.

    Parameters
    ----------
    dataarray : numpy.ndarray (N, 2)
        World points.
    tileId : str
        Tile in which every point must lie; RenderError names the first one that does not.
    doClientSide : bool
        Map on this machine, by `renderapi.client`.

    Returns
    -------
    numpy.ndarray (N, 2) float64
        Points in raw local coordinates.
    """
    points = package_point_match_data_into_json(dataarray, tileId, "world")
    connection = given_connection(host, port, owner, project, session, render)
    if doClientSide:
        places = world_to_local_coordinates_clientside(
            stack,
            points,
            z,
            client_script=client_script,
            number_of_threads=number_of_threads,
            **connection,
        )
    else:
        places = world_to_local_coordinates_batch(stack, points, z, **connection)
    return unpackage_world_to_local_point_match_from_json(places, tileId)


@renderaccess
def local_to_world_coordinates_array(
    stack: str,
    dataarray: np.ndarray,
    tileId: str,
    z: float,
    render: Render | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    doClientSide: bool = False,
    number_of_threads: int = 20,
    session: Any = None,
    **kwargs: Any,
) -> np.ndarray:
    """Points of one tile in the world.

    Parameters
    ----------
    dataarray : numpy.ndarray (N, 2)
        Points in raw local coordinates.
    doClientSide : bool
        Map on this machine, by `renderapi.client`.

    Returns
    -------
    numpy.ndarray (N, 2) float64
        World points.
    """
    points = package_point_match_data_into_json(dataarray, tileId, "local")
    connection = given_connection(host, port, owner, project, session, render)
    if doClientSide:
        places = local_to_world_coordinates_clientside(
            stack,
            [[point] for point in points],
            z,
            client_script=client_script,
            number_of_threads=number_of_threads,
            **connection,
        )
    else:
        places = local_to_world_coordinates_batch(stack, points, z, **connection)
    return unpackage_local_to_world_point_match_from_json(places)


def given_connection(
    host: str | None,
    port: int | str | None,
    owner: str | None,
    project: str | None,
    session: Any,
    render: Render | None,
) -> dict[str, Any]:
    """The connection keywords of a call, to be passed on."""
    return {
        "host": host,
        "port": port,
        "owner": owner,
        "project": project,
        "session": session,
        "render": render,
    }


def package_point_match_data_into_json(
    dataarray: np.ndarray, tileId: str, local_or_world: Space = "local"
) -> list[dict[str, Any]]:
    """Points (N, 2) of a tile as the service takes them: [{tileId, local: [x, y]}, ...]."""
    points = np.asarray(dataarray)[:, :2]
    with collection_paused():
        return [{"tileId": tileId, local_or_world: point} for point in points.tolist()]


def unpackage_world_to_local_point_match_from_json(
    json_answer: Sequence[Sequence[dict[str, Any]]], tileId: str
) -> np.ndarray:
    """Local points (N, 2) float64 of one tile from the answer to a batch of world points."""
    found = []
    for row, places in enumerate(json_answer):
        for place in places:
            if place.get("tileId") == tileId and "local" in place:
                found.append(place["local"])
                break
        else:
            raise RenderError(_not_mapped(row, f"tile {tileId}", places))
    return _first_two(found)


def unpackage_local_to_world_point_match_from_json(
    json_answer: Sequence[dict[str, Any]],
) -> np.ndarray:
    """World points (N, 2) float64 from the answer to a batch of local points."""
    try:
        return _first_two([place["world"] for place in json_answer])
    except KeyError:
        row = next(i for i, place in enumerate(json_answer) if "world" not in place)
        raise RenderError(_not_mapped(row, "the world", [json_answer[row]])) from None


def _first_two(points: Sequence[Sequence[float]]) -> np.ndarray:
    """(N, 2) float64 of x and y of points that may also have a z."""
    xy = np.empty((len(points), 2))
    xy[:, 0] = [point[0] for point in points]
    xy[:, 1] = [point[1] for point in points]
    return xy


def _not_mapped(row: int, where: str, places: Sequence[dict[str, Any]]) -> str:
    reasons = "; ".join(place["error"] for place in places if "error" in place)
    return f"point {row} could not be mapped to {where}: {reasons or 'it does not lie there'}"


def map_coordinates_clientside(
    stack: str,
    jsondata: Json,
    z: float,
    host: str | None,
    port: int | str | None,
    owner: str | None,
    project: str | None,
    client_script: str | None,
    isLocalToWorld: bool = False,
    store_injson: bool = False,
    store_outjson: bool = False,
    number_of_threads: int = 20,
    memGB: str = "1G",
    **kwargs: Any,
) -> Json:
    """Map points by the coordinate client of `renderapi.client`, through two JSON files.

    The files stay in the folder for temporary files where `store_injson`, `store_outjson` say so.
    """
    in_path = _temporary_json("render_coordinates_in_", renderdumps(jsondata))
    out_path = _temporary_json("render_coordinates_out_", "")
    try:
        coordinateClient(
            stack,
            z,
            fromJson=in_path,
            toJson=out_path,
            localToWorld=isLocalToWorld,
            numberOfThreads=number_of_threads,
            host=host,
            port=port,
            owner=owner,
            project=project,
            client_script=client_script,
            memGB=memGB,
            **kwargs,
        )
        with open(out_path, encoding="utf-8") as file:
            return json.load(file)
    finally:
        for path, kept in ((in_path, store_injson), (out_path, store_outjson)):
            if not kept:
                os.remove(path)


def _temporary_json(prefix: str, text: str) -> str:
    with tempfile.NamedTemporaryFile(
        "w", prefix=prefix, suffix=".json", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    return file.name


@renderaccess
def world_to_local_coordinates_clientside(
    stack: str,
    jsondata: Json,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    number_of_threads: int = 20,
    render: Render | None = None,
    **kwargs: Any,
) -> Json:
    """World points [{world: [x, y]}, ...] mapped to tiles on this machine."""
    return map_coordinates_clientside(
        stack,
        jsondata,
        z,
        host,
        port,
        owner,
        project,
        client_script,
        number_of_threads=number_of_threads,
        **_heap_and_connection(kwargs, render),
    )


@renderaccess
def local_to_world_coordinates_clientside(
    stack: str,
    jsondata: Json,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    number_of_threads: int = 20,
    render: Render | None = None,
    **kwargs: Any,
) -> Json:
    """Points of tiles [[{tileId, local: [x, y]}], ...] mapped to the world on this machine."""
    return map_coordinates_clientside(
        stack,
        jsondata,
        z,
        host,
        port,
        owner,
        project,
        client_script,
        isLocalToWorld=True,
        number_of_threads=number_of_threads,
        **_heap_and_connection(kwargs, render),
    )


def _heap_and_connection(kwargs: dict[str, Any], render: Render | None) -> dict[str, Any]:
    """Keywords of a connection that `map_coordinates_clientside` does not name: heap, session."""
    known = {name: kwargs[name] for name in ("memGB", "session") if kwargs.get(name) is not None}
    return known if render is None else {**known, "render": render}
