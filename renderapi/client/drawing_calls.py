"""The clients that draw sections and tile specs: their arguments as keywords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from renderapi.client.arguments import CLIENTS, flags, options
from renderapi.client.running import call_run_ws_client
from renderapi.client.utils import clientkeywords
from renderapi.errors import ClientScriptError
from renderapi.render import Render
from renderapi.stack import make_stack_params


@clientkeywords
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
        *options(rootDirectory=rootDirectory, scale=scale, format=format, doFilter=doFilter),
        *options(minIntensity=minIntensity, maxIntensity=maxIntensity),
        *options(fillWithNoise=fillWithNoise, customOutputFolder=customOutputFolder),
        *flags(convertToGray=convertToGray),
        *options(channels=channel, customSubFolder=customSubFolder),
        *options(padFileNamesWithZeros=padFileNamesWithZeros, resolutionUnit=resolutionUnit),
        *options(bounds=None if bounds is None else _bounds_text(bounds)),
        *zs,
    ]
    call_run_ws_client(
        f"{CLIENTS}.RenderSectionClient",
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


@clientkeywords
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
        [*options(tile_spec_url=tile_spec_url), *options(**values), *options(res=res)],
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )


@clientkeywords
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
        *options(tile_spec_url=tile_spec_url),
        *options(**values),
        *options(meshCellSize=meshCellSize, minMeshCellSize=minMeshCellSize, scale=scale),
        *options(area_offset=area_offset, minIntensity=minIntensity, maxIntensity=maxIntensity),
        *options(gray=gray, quality=quality, threads=threads),
        *options(skip_interpolation=skip_interpolation, binary_mask=binary_mask),
        *options(exclude_mask=exclude_mask, parameters_url=parameters_url, do_filter=do_filter),
        *options(background_color=background_color, fill_with_noise=fill_with_noise),
        *options(channels=channels),
    ]
    call_run_ws_client(
        "org.janelia.alignment.Render",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )
