"""Parameters of the bulk operations of the published client 2.4.2, in their order."""

from __future__ import annotations

import inspect

import pytest

from renderapi import client

RUN = "subprocess_mode=None, client_script=None, memGB=None"
WHERE = "host=None, port=None, owner=None, project=None"
CLT = f"subprocess_mode=None, {WHERE}, client_script=None, memGB=None, render=None, **kwargs"
IMPORT = f"poolsize=20, mpPool=WithPool, client_scripts=None, {WHERE}, close_stack=True"
END = "render=None, **kwargs"
CHANNELS = "stackChannels=None, stack2Channels=None"
EXCLUDE = "excludeTransformsAfterLast=None"

SIGNATURES = {
    "importJsonClient": f"stack, tileFiles=None, transformFile=None, {CLT}",
    "tilePairClient": f"""stack, minz, maxz, outjson=None, delete_json=False, baseowner=None,
        baseproject=None, basestack=None, xyNeighborFactor=None, zNeighborDistance=None,
        excludeCornerNeighbors=None, excludeCompletelyObscuredTiles=None,
        excludeSameLayerNeighbors=None, excludeSameSectionNeighbors=None,
        excludePairsInMatchCollection=None, minx=None, maxx=None, miny=None, maxy=None,
        useRowColPositions=None, existingMatchOwner=None, minExistingMatchCount=None,
        onlyIncludeTilesFromStack=None, onlyIncludeTilesNearTileIdsJson=None,
        maxPairsPerFile=None, return_jsondata=True, return_jsonfiles=False, {CLT}""",
    "importTransformChangesClient": f"""stack, targetStack, transformFile, targetOwner=None,
        targetProject=None, changeMode=None, close_stack=True, {CLT}""",
    "coordinateClient": f"""stack, z, fromJson=None, toJson=None, localToWorld=None,
        numberOfThreads=None, {CLT}""",
    "renderSectionClient": f"""stack, rootDirectory, zs, scale=None, maxIntensity=None,
        minIntensity=None, bounds=None, format=None, channel=None, customOutputFolder=None,
        customSubFolder=None, padFileNamesWithZeros=None, resolutionUnit=None, doFilter=None,
        fillWithNoise=None, convertToGray=None, {CLT}""",
    "transformSectionClient": f"""stack, transformId, transformClass, transformData, zValues,
        targetProject=None, targetStack=None, replaceLast=None, {CLT}""",
    "pointMatchClient": f"""stack, collection, tile_pairs, stack2=None, sift_options=None,
        pointMatchRender=None, debugDirectory=None, filter=False, renderWithoutMask=False,
        normalizeForMatching=True, {EXCLUDE}, excludeAllTransforms=None,
        excludeFirstTransformAndAllAfter=None, {CHANNELS}, {CLT}""",
    "renderClient": f"""tile_spec_url=None, height=None, width=None, in_fn=None, out_fn=None,
        x=None, y=None, res=None, {RUN}, {END}""",
    "get_canvas_url_template": f"""stack, filter=False, renderWithoutMask=False,
        normalizeForMatching=True, {EXCLUDE}, excludeFirstTransformAndAllAfter=None,
        excludeAllTransforms=False, channels=None, {WHERE}, client_script=None, {END}""",
    "import_single_json_file": f"stack, jsonfile, transformFile=None, {RUN}, {WHERE}, {END}",
    "import_jsonfiles": f"""stack, jsonfiles, transformFile=None, {RUN}, {WHERE},
        close_stack=True, {END}""",
    "import_jsonfiles_parallel": f"""stack, jsonfiles, poolsize=20, transformFile=None,
        mpPool=WithPool, client_scripts=None, {WHERE}, close_stack=True, {END}""",
    "import_jsonfiles_and_transforms_parallel_by_z": f"""stack, jsonfiles, transformfiles,
        {IMPORT}, {END}""",
    "import_jsonfiles_validate_client": f"""stack, jsonfiles, transformFile=None,
        client_script=None, {WHERE}, close_stack=True, mem=6, validator=None,
        subprocess_mode=None, memGB=None, {END}""",
    "import_tilespecs": f"""stack, tilespecs, sharedTransforms=None, use_rest=False,
        deriveData=True, {CLT}""",
    "import_tilespecs_parallel": f"""stack, tilespecs, sharedTransforms=None,
        subprocess_mode=None, poolsize=20, mpPool=WithPool, close_stack=True,
        max_tilespecs_per_group=None, {WHERE}, client_script=None, memGB=None, {END}""",
    "local_to_world_array": f"stack, points, tileId, {CLT}",
    "world_to_local_array": f"stack, points, {CLT}",
    "materialize_tilespec_image": f"""tilespec, out_fn=None, height=None, width=None, x=None,
        y=None, res=32, {RUN}, {END}""",
    "materialize_renderparameters_image": f"obj, out_fn=None, {RUN}, {END}",
    "render_tilespec": "*args, **kwargs",
    "render_renderparameters": "*args, **kwargs",
}


def text(parameter):
    if parameter.default is client.WithPool:
        return f"{parameter.name}=WithPool"
    return str(parameter.replace(annotation=inspect.Parameter.empty))


@pytest.mark.parametrize("name", SIGNATURES)
def test_parameters_are_those_of_the_published_client(name):
    expected = [" ".join(part.split()) for part in SIGNATURES[name].split(",")]
    ours = [text(p) for p in inspect.signature(getattr(client, name)).parameters.values()]
    assert ours == expected


def test_get_param_takes_its_published_names():
    assert client.client_calls.get_param(var=3, flag="--z") == ["--z", 3]
    assert client.client_calls.get_param(var=None, flag="--z") == []
