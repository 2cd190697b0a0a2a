"""One function for each of the Java clients: its arguments as keywords.

What runs is the Java client where a script is configured, else the same operation in Python.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from renderapi.client.params import ArgumentParameters, SiftPointMatchOptions
from renderapi.client.running import call_run_ws_client, run_subprocess_mode
from renderapi.client.tile_pair_files import read_tilepair_files
from renderapi.client.utils import renderclientaccess
from renderapi.errors import ClientScriptError
from renderapi.render import Render, format_baseurl, format_preamble
from renderapi.stack import make_stack_params, set_stack_state
from renderapi.utils import jbool
from renderapi.web import with_query

__all__ = [
    "ArgumentParameters",
    "call_run_ws_client",
    "coordinateClient",
    "get_canvas_url_template",
    "get_param",
    "importJsonClient",
    "importTransformChangesClient",
    "pointMatchClient",
    "renderClient",
    "renderSectionClient",
    "rendererClient",
    "run_subprocess_mode",
    "tilePairClient",
    "transformSectionClient",
]

_JAVA = "org.janelia.render.client"
_CHANGE_MODES = ("APPEND", "REPLACE_LAST", "REPLACE_ALL")


def get_param(var: Any, flag: str | None = None) -> list[Any]:
    """Words of a command line for an option; none when it is not given."""
    return ArgumentParameters.get_cmd_opt(var, flag)


def _options(**values: Any) -> list[Any]:
    """`--name value` of what is not None."""
    words: list[Any] = []
    for name, value in values.items():
        words += get_param(value, f"--{name}")
    return words


def _flags(**values: Any) -> list[str]:
    """`--name` of what is true."""
    return [f"--{name}" for name, value in values.items() if value]


@renderclientaccess
def importJsonClient(
    stack: str,
    tileFiles: str | Sequence[str] | None = None,
    transformFile: str | None = None,
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
    """Import files of tile specs, and one of shared transforms, into a stack, which is LOADING."""
    files = [tileFiles] if isinstance(tileFiles, (str, os.PathLike)) else list(tileFiles or [])
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *_options(transformFile=transformFile),
        *files,
    ]
    call_run_ws_client(
        f"{_JAVA}.ImportJsonClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )


@renderclientaccess
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

    Without `outjson` the pairs pass through a temporary file. With more than `maxPairsPerFile`
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
    options = [
        *_options(baseOwner=baseowner, baseProject=baseproject, baseStack=basestack),
        *_options(minZ=minz, maxZ=maxz),
        *_options(xyNeighborFactor=xyNeighborFactor, zNeighborDistance=zNeighborDistance),
        *_options(excludeCornerNeighbors=excludeCornerNeighbors),
        *_options(excludeCompletelyObscuredTiles=excludeCompletelyObscuredTiles),
        *_options(excludeSameLayerNeighbors=excludeSameLayerNeighbors),
        *_options(excludeSameSectionNeighbors=excludeSameSectionNeighbors),
        *_options(excludePairsInMatchCollection=excludePairsInMatchCollection),
        *_flags(useRowColPositions=useRowColPositions),
        *_options(existingMatchOwner=existingMatchOwner),
        *_options(minExistingMatchCount=minExistingMatchCount),
        *_options(onlyIncludeTilesFromStack=onlyIncludeTilesFromStack),
        *_options(onlyIncludeTilesNearTileIdsJson=onlyIncludeTilesNearTileIdsJson),
        *_options(maxPairsPerFile=maxPairsPerFile),
    ]
    box = _options(minX=minx, maxX=maxx, minY=miny, maxY=maxy)

    def run(path: str) -> None:
        where = make_stack_params(host, port, owner, project, stack)
        call_run_ws_client(
            f"{_JAVA}.TilePairClient",
            [*where, *options, "--toJson", path, *box],
            memGB=memGB,
            client_script=client_script,
            subprocess_mode=subprocess_mode,
            **kwargs,
        )

    data, files = read_tilepair_files(run, outjson, delete_json)
    if return_jsondata:
        return (data, files) if return_jsonfiles else data
    return files if return_jsonfiles else None


@renderclientaccess
def importTransformChangesClient(
    stack: str,
    targetStack: str,
    transformFile: str,
    targetOwner: str | None = None,
    targetProject: str | None = None,
    changeMode: str | None = None,
    close_stack: bool = True,
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
    """Change transforms of tiles of a stack as a file says, and store those tiles in another.

    `changeMode` is APPEND, REPLACE_LAST or REPLACE_ALL. `close_stack` completes `targetStack`;
    after a failure it stays LOADING.
    """
    if changeMode not in _CHANGE_MODES:
        raise ClientScriptError(f"changeMode {changeMode} is none of {', '.join(_CHANGE_MODES)}")
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *_options(targetStack=targetStack, transformFile=transformFile),
        *_options(targetOwner=targetOwner, targetProject=targetProject, changeMode=changeMode),
    ]
    call_run_ws_client(
        f"{_JAVA}.ImportTransformChangesClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )
    if close_stack:
        set_stack_state(
            targetStack,
            "COMPLETE",
            host=host,
            port=port,
            owner=targetOwner or owner,
            project=targetProject or project,
            session=kwargs.get("session"),
        )


@renderclientaccess
def coordinateClient(
    stack: str,
    z: float | None,
    fromJson: str | None = None,
    toJson: str | None = None,
    localToWorld: bool | None = None,
    numberOfThreads: int | None = None,
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
    """Map the points in a file from world to tiles, or from tiles to world.

    Returns
    -------
    list
        The content of `toJson`: a list of lists for world to local, a list for local to world.
    """
    if fromJson is None or toJson is None:
        raise ClientScriptError("coordinateClient needs fromJson and toJson")
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *_options(z=z, fromJson=fromJson, toJson=toJson),
        *_flags(localToWorld=localToWorld),
        *_options(numberOfThreads=numberOfThreads),
    ]
    call_run_ws_client(
        f"{_JAVA}.CoordinateClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )
    with open(toJson, encoding="utf-8") as file:
        return json.load(file)


@renderclientaccess
def renderSectionClient(
    stack: str,
    rootDirectory: str,
    zs: Sequence[float],
    scale: float | None = None,
    maxIntensity: int | None = None,
    minIntensity: int | None = None,
    bounds: Mapping[str, float] | None = None,
    format: str | None = None,
    channel: str | None = None,
    customOutputFolder: str | None = None,
    customSubFolder: str | None = None,
    padFileNamesWithZeros: bool | None = None,
    resolutionUnit: str | None = None,
    doFilter: bool | None = None,
    fillWithNoise: bool | None = None,
    convertToGray: bool | None = None,
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
    """Draw sections into image files below `rootDirectory`.

    `bounds` (minX, maxX, minY, maxY) are world pixels; those of each section by default.
    """
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *_options(rootDirectory=rootDirectory, scale=scale, format=format, doFilter=doFilter),
        *_options(minIntensity=minIntensity, maxIntensity=maxIntensity),
        *_options(fillWithNoise=fillWithNoise, customOutputFolder=customOutputFolder),
        *_flags(convertToGray=convertToGray),
        *_options(channels=channel, customSubFolder=customSubFolder),
        *_options(padFileNamesWithZeros=padFileNamesWithZeros, resolutionUnit=resolutionUnit),
        *_options(bounds=None if bounds is None else _bounds_text(bounds)),
        *zs,
    ]
    call_run_ws_client(
        f"{_JAVA}.RenderSectionClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )


def _bounds_text(bounds: Mapping[str, float]) -> str:
    keys = ("minX", "maxX", "minY", "maxY")
    missing = [key for key in keys if key not in bounds]
    if missing:
        raise ClientScriptError(f"bounds lack {', '.join(missing)}")
    if bounds["maxX"] < bounds["minX"] or bounds["maxY"] < bounds["minY"]:
        raise ClientScriptError(f"bounds are empty: {dict(bounds)}")
    return ",".join(str(int(bounds[key])) for key in keys)


@renderclientaccess
def transformSectionClient(
    stack: str,
    transformId: str,
    transformClass: str,
    transformData: str,
    zValues: Sequence[float],
    targetProject: str | None = None,
    targetStack: str | None = None,
    replaceLast: bool | None = None,
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
    """Add one shared transform to all tiles of sections, or replace their last one by it."""
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *_flags(replaceLast=replaceLast),
        *_options(targetProject=targetProject, targetStack=targetStack),
        *_options(transformId=transformId, transformClass=transformClass),
        *_options(transformData=transformData),
        *zValues,
    ]
    call_run_ws_client(
        f"{_JAVA}.TransformSectionClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )


@renderclientaccess
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


@renderclientaccess
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
    options = SiftPointMatchOptions(**kwargs) if sift_options is None else sift_options
    query: dict[str, Any] = {
        "filter": filter,
        "renderWithoutMask": renderWithoutMask,
        "normalizeForMatching": normalizeForMatching,
        "excludeTransformsAfterLast": excludeTransformsAfterLast,
        "excludeFirstTransformAndAllAfter": excludeFirstTransformAndAllAfter,
        "excludeAllTransforms": excludeAllTransforms,
        "host": host,
        "port": port,
        "owner": owner,
        "project": project,
    }
    first = get_canvas_url_template(stack, channels=stackChannels, **query)
    second_channels = stack2Channels if stack2 is not None else stackChannels
    second = get_canvas_url_template(stack2 or stack, channels=second_channels, **query)
    urls = [
        template.replace("{}", quote(tile, safe=""))
        for pair in tile_pairs
        for template, tile in zip((first, second), pair, strict=True)
    ]
    base = format_baseurl(host, port)
    if pointMatchRender is not None:
        base = format_baseurl(pointMatchRender.DEFAULT_HOST, pointMatchRender.DEFAULT_PORT)
        owner = pointMatchRender.DEFAULT_OWNER
    arguments = [
        *_options(baseDataUrl=base, owner=owner, collection=collection),
        *_options(debugDirectory=debugDirectory),
        *options.to_java_args(),
        *urls,
    ]
    call_run_ws_client(
        f"{_JAVA}.PointMatchClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )


@renderclientaccess
def renderClient(
    tile_spec_url: str | None = None,
    height: int | None = None,
    width: int | None = None,
    in_fn: str | None = None,
    out_fn: str | None = None,
    x: float | None = None,
    y: float | None = None,
    res: int | None = None,
    subprocess_mode: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Draw the tile specs of a file or URL into an image file, without a server."""
    values = {"height": height, "width": width, "in": in_fn, "out": out_fn, "x": x, "y": y}
    call_run_ws_client(
        "org.janelia.alignment.Render",
        [*_options(tile_spec_url=tile_spec_url), *_options(**values), *_options(res=res)],
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )


@renderclientaccess
def rendererClient(
    tile_spec_url: str | None = None,
    meshCellSize: float | None = None,
    minMeshCellSize: float | None = None,
    in_fn: str | None = None,
    out_fn: str | None = None,
    x: float | None = None,
    y: float | None = None,
    width: int | None = None,
    height: int | None = None,
    scale: float | None = None,
    area_offset: bool | None = None,
    minIntensity: float | None = None,
    maxIntensity: float | None = None,
    gray: bool | None = None,
    quality: float | None = None,
    threads: int | None = None,
    skip_interpolation: bool | None = None,
    binary_mask: bool | None = None,
    exclude_mask: bool | None = None,
    parameters_url: str | None = None,
    do_filter: bool | None = None,
    background_color: int | None = None,
    fill_with_noise: bool | None = None,
    channels: str | None = None,
    subprocess_mode: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Draw tile specs, or a document of render parameters, into an image file."""
    values = {"height": height, "width": width, "in": in_fn, "out": out_fn, "x": x, "y": y}
    arguments = [
        *_options(tile_spec_url=tile_spec_url),
        *_options(**values),
        *_options(meshCellSize=meshCellSize, minMeshCellSize=minMeshCellSize, scale=scale),
        *_options(area_offset=area_offset, minIntensity=minIntensity, maxIntensity=maxIntensity),
        *_options(gray=gray, quality=quality, threads=threads),
        *_options(skip_interpolation=skip_interpolation, binary_mask=binary_mask),
        *_options(exclude_mask=exclude_mask, parameters_url=parameters_url, do_filter=do_filter),
        *_options(background_color=background_color, fill_with_noise=fill_with_noise),
        *_options(channels=channels),
    ]
    call_run_ws_client(
        "org.janelia.alignment.Render",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )
