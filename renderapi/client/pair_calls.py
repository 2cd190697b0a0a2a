"""The client that lists pairs of tiles: its arguments as keywords."""

from __future__ import annotations

import os
from typing import Any

from renderapi.client.arguments import CLIENTS, flags, options
from renderapi.client.running import call_run_ws_client
from renderapi.client.tile_pair_files import read_tilepair_files
from renderapi.client.utils import clientkeywords
from renderapi.render import Render
from renderapi.stack import make_stack_params


@clientkeywords
def tilePairClient(
    stack: str,
    minz: float,
    maxz: float,
    outjson: str | None = None,
    delete_json: bool = False,
    baseowner: str | None = None,
    baseproject: str | None = None,
    basestack: str | None = None,
    xyNeighborFactor: float | None = None,
    zNeighborDistance: int | None = None,
    excludeCornerNeighbors: bool | None = None,
    excludeCompletelyObscuredTiles: bool | None = None,
    excludeSameLayerNeighbors: bool | None = None,
    excludeSameSectionNeighbors: bool | None = None,
    excludePairsInMatchCollection: str | None = None,
    minx: float | None = None,
    maxx: float | None = None,
    miny: float | None = None,
    maxy: float | None = None,
    useRowColPositions: bool | None = None,
    existingMatchOwner: str | None = None,
    minExistingMatchCount: int | None = None,
    onlyIncludeTilesFromStack: str | None = None,
    onlyIncludeTilesNearTileIdsJson: str | None = None,
    maxPairsPerFile: int | None = None,
    return_jsondata: bool = True,
    return_jsonfiles: bool = False,
    subprocess_mode: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> Any:
    """List the pairs of tiles that may show the same place.

    Without `outjson` the pairs pass through a temporary file; a relative one lies in the folder
    `cwd` where that keyword is given. With more than `maxPairsPerFile`
    pairs they are in numbered files beside it.

    Returns
    -------
    dict, (dict, list of str), list of str or None
        The content of the file or files, if `return_jsondata`; their paths, if `return_jsonfiles`.

    Raises
    ------
    ValueError
        There are no pairs, or the numbered files are of different stacks.
    """
    words = [
        *options(baseOwner=baseowner, baseProject=baseproject, baseStack=basestack),
        *options(minZ=minz, maxZ=maxz),
        *options(xyNeighborFactor=xyNeighborFactor, zNeighborDistance=zNeighborDistance),
        *options(excludeCornerNeighbors=excludeCornerNeighbors),
        *options(excludeCompletelyObscuredTiles=excludeCompletelyObscuredTiles),
        *options(excludeSameLayerNeighbors=excludeSameLayerNeighbors),
        *options(excludeSameSectionNeighbors=excludeSameSectionNeighbors),
        *options(excludePairsInMatchCollection=excludePairsInMatchCollection),
        *flags(useRowColPositions=useRowColPositions),
        *options(existingMatchOwner=existingMatchOwner),
        *options(minExistingMatchCount=minExistingMatchCount),
        *options(onlyIncludeTilesFromStack=onlyIncludeTilesFromStack),
        *options(onlyIncludeTilesNearTileIdsJson=onlyIncludeTilesNearTileIdsJson),
        *options(maxPairsPerFile=maxPairsPerFile),
    ]
    box = options(minX=minx, maxX=maxx, minY=miny, maxY=maxy)

    def run(path: str) -> None:
        where = make_stack_params(host, port, owner, project, stack)
        call_run_ws_client(
            f"{CLIENTS}.TilePairClient",
            [*where, *words, "--toJson", path, *box],
            memGB=memGB,
            client_script=client_script,
            subprocess_mode=subprocess_mode,
            **kwargs,
        )

    if outjson is not None and kwargs.get("cwd") is not None:
        outjson = os.path.abspath(os.path.join(kwargs["cwd"], outjson))
    data, files = read_tilepair_files(run, outjson, delete_json)
    if return_jsondata:
        return (data, files) if return_jsonfiles else data
    return files if return_jsonfiles else None
