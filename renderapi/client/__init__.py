"""Bulk operations: import, tile pairs, coordinates, section images, transform changes, matches.

They run in Python, in this process. Where the user configures the Java client scripts
(`client_scripts` or `client_script` of a connection) the Java clients run instead.
"""

from __future__ import annotations

from renderapi.client import client, client_calls, params, utils
from renderapi.client.client import (
    WithPool,
    import_jsonfiles,
    import_jsonfiles_and_transforms_parallel_by_z,
    import_jsonfiles_parallel,
    import_jsonfiles_validate_client,
    import_single_json_file,
    import_tilespecs,
    import_tilespecs_parallel,
    local_to_world_array,
    materialize_renderparameters_image,
    materialize_tilespec_image,
    render_renderparameters,
    render_tilespec,
    world_to_local_array,
)
from renderapi.client.client_calls import (
    call_run_ws_client,
    coordinateClient,
    get_canvas_url_template,
    get_param,
    importJsonClient,
    importTransformChangesClient,
    pointMatchClient,
    renderClient,
    rendererClient,
    renderSectionClient,
    run_subprocess_mode,
    tilePairClient,
    transformSectionClient,
)
from renderapi.client.params import (
    ArgumentParameters,
    FeatureExtractionParameters,
    MatchDerivationParameters,
    SiftPointMatchOptions,
)
from renderapi.client.utils import renderclientaccess
from renderapi.errors import ClientScriptError

__all__ = [
    "ArgumentParameters",
    "ClientScriptError",
    "FeatureExtractionParameters",
    "MatchDerivationParameters",
    "SiftPointMatchOptions",
    "WithPool",
    "call_run_ws_client",
    "client",
    "client_calls",
    "coordinateClient",
    "get_canvas_url_template",
    "get_param",
    "importJsonClient",
    "importTransformChangesClient",
    "import_jsonfiles",
    "import_jsonfiles_and_transforms_parallel_by_z",
    "import_jsonfiles_parallel",
    "import_jsonfiles_validate_client",
    "import_single_json_file",
    "import_tilespecs",
    "import_tilespecs_parallel",
    "local_to_world_array",
    "materialize_renderparameters_image",
    "materialize_tilespec_image",
    "params",
    "pointMatchClient",
    "renderClient",
    "renderSectionClient",
    "render_renderparameters",
    "render_tilespec",
    "renderclientaccess",
    "rendererClient",
    "run_subprocess_mode",
    "tilePairClient",
    "transformSectionClient",
    "utils",
    "world_to_local_array",
]
