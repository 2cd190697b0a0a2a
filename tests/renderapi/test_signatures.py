"""Parameters of the published client 2.4.2, in their order and with their defaults."""

from __future__ import annotations

import inspect

import pytest

from renderapi import coordinate, image, pointmatch, render, resolvedtiles, stack, tilespec, utils
from renderapi.channel import Channel
from renderapi.image_pyramid import MipMap, MipMapLevel
from renderapi.layout import Layout
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.stack import StackVersion
from renderapi.tilespec import TileSpec

GROUPS = {
    "STD": "host=None, port=None, owner=None, project=None, session=None, render=None, **kwargs",
    "PM": "owner=None, host=None, port=None, session=None, render=None, **kwargs",
    "PM2": "render=None, owner=None, host=None, port=None, session=None, **kwargs",
    "HP": "host=None, port=None, session=None, render=None, **kwargs",
    "HPOP": "host=None, port=None, owner=None, project=None",
    "SR": "session=None, render=None, **kwargs",
}
BOX = "stack, z, x, y, width, height, scale=1.0"
RANGE = "minIntensity=None, maxIntensity=None"
TILE = """tileId=None, z=None, width=None, height=None, imageUrl=None, maskUrl=None, minint=0,
    maxint=65535, layout=None, tforms=None, labels=None, groupId=None, inputfilters=None, json=None,
    channels=None, mipMapLevels=None, imagePyramid=None, **kwargs"""

SIGNATURES = [
    (render.get_owners, "HP"),
    (render.get_stack_metadata_by_owner, "PM"),
    (render.get_projects_by_owner, "PM"),
    (render.get_stacks_by_owner_project, "owner=None, project=None, HP"),
    (render.format_baseurl, "host, port"),
    (render.format_preamble, "host, port, owner, project, stack"),
    (
        render.Render.__init__,
        """self, host=None, port=None, owner=None, project=None, client_scripts=None, session=None,
        create_session=True, **kwargs""",
    ),
    (
        render.Render.make_kwargs,
        """self, host=None, port=None, owner=None, project=None, client_scripts=None, session=None,
        **kwargs""",
    ),
    (render.Render.run, "self, f, *args, **kwargs"),
    (
        render.RenderClient.__init__,
        "self, client_script=None, memGB=None, validate_client=True, *args, **kwargs",
    ),
    (
        render.connect,
        """host=None, port=None, owner=None, project=None, client_scripts=None, client_script=None,
        memGB=None, force_http=True, validate_client=True, web_only=False, session=None,
        store=None, create_session=True, **kwargs""",
    ),
    (
        stack.create_stack,
        """stack, cycleNumber=None, cycleStepNumber=None, stackResolutionX=None,
        stackResolutionY=None, stackResolutionZ=None, force_resolution=True, STD""",
    ),
    (stack.set_stack_metadata, "stack, sv, STD"),
    (stack.get_full_stack_metadata, "stack, STD"),
    (stack.get_stack_metadata, "*args, **kwargs"),
    (stack.set_stack_state, "stack, state='LOADING', STD"),
    (stack.delete_stack, "stack, STD"),
    (stack.delete_section, "stack, z, STD"),
    (stack.delete_tile, "stack, tileId, STD"),
    (stack.rename_stack, "stack, to_stack, to_project=None, to_owner=None, STD"),
    (
        stack.clone_stack,
        """inputstack, outputstack, skipTransforms=False, toProject=None, zs=None, close_stack=True,
        STD""",
    ),
    (stack.get_z_values_for_stack, "stack, project=None, host=None, port=None, owner=None, SR"),
    (stack.get_bounds_from_z, "stack, z, STD"),
    (stack.get_stack_bounds, "stack, STD"),
    (stack.get_tilebounds_for_z, "stack, z, STD"),
    (stack.get_sectionId_for_z, "stack, z, STD"),
    (stack.get_stack_sectionData, "stack, STD"),
    (stack.get_section_z_value, "stack, sectionId, STD"),
    (stack.get_stack_tileIds, "stack, STD"),
    (stack.likelyUniqueId, "HP"),
    (stack.make_stack_params, "host, port, owner, project, stack"),
    (
        StackVersion.__init__,
        """self, cycleNumber=None, cycleStepNumber=None, stackResolutionX=None,
        stackResolutionY=None, stackResolutionZ=None, materializedBoxRootPath=None,
        mipmapPathBuilder=None, versionNotes=None, createTimestamp=None, **kwargs""",
    ),
    (
        Layout.__init__,
        """self, sectionId=None, scopeId=None, cameraId=None, imageRow=None, imageCol=None,
        stageX=None, stageY=None, rotation=None, pixelsize=None, force_pixelsize=True,
        distanceZ=None, **kwargs""",
    ),
    (MipMapLevel.__init__, "self, level, imageUrl=None, maskUrl=None"),
    (MipMap.__init__, "self, imageUrl=None, maskUrl=None, **loaders"),
    (
        Channel.__init__,
        "self, name=None, maxIntensity=None, minIntensity=None, ip=None, json=None",
    ),
    (TileSpec.__init__, f"self, {TILE}"),
    (TileSpec.bbox_transformed, "self, ndiv_inner=0, tf_limit=None, reference_tforms=None"),
    (ResolvedTiles.__init__, "self, tilespecs=None, transformList=None, json=None"),
    (tilespec.get_tile_spec_renderparameters, "stack, tile, STD"),
    (tilespec.get_tile_spec, "stack, tile, STD"),
    (tilespec.get_tile_spec_raw, "stack, tile, STD"),
    (tilespec.get_tile_specs_from_box, f"{BOX}, STD"),
    (tilespec.get_tile_specs_from_minmax_box, "stack, z, xmin, xmax, ymin, ymax, scale=1.0, STD"),
    (tilespec.get_tile_specs_from_z, "stack, z, STD"),
    (tilespec.get_tile_specs_from_stack, "stack, STD"),
    (resolvedtiles.get_resolved_tiles_from_z, "stack, z, STD"),
    (
        resolvedtiles.put_tilespecs,
        "stack, resolved_tiles=None, deriveData=True, tilespecs=None, shared_transforms=None, STD",
    ),
    (resolvedtiles.combine_resolvedtiles, "rts_l"),
    (
        image.get_bb_image,
        f"""{BOX}, channel=None, {RANGE}, binaryMask=None, filter=None, maxTileSpecsToRender=None,
        HPOP, img_format=None, SR""",
    ),
    (
        image.get_tile_image_data,
        f"""stack, tileId, channel=None, normalizeForMatching=True, excludeAllTransforms=False,
        scale=None, {RANGE}, filter=None, HPOP, img_format=None, SR""",
    ),
    (
        image.get_section_image,
        f"""stack, z, scale=1.0, channel=None, {RANGE}, filter=False, maxTileSpecsToRender=None,
        img_format=None, STD""",
    ),
    (
        image.get_renderparameters_image,
        "renderparams, img_format=None, host=None, port=None, owner=None, SR",
    ),
    (
        image.get_bb_renderparams,
        f"""{BOX}, channel=None, {RANGE}, binaryMask=None, filter=None, filterListName=None,
        convertToGray=None, excludeMask=None, STD""",
    ),
    (
        image.get_tile_renderparams,
        f"""stack, tileId, channel=None, normalizeForMatching=None, excludeAllTransforms=None,
        excludeTransformsAfterLast=None, excludeFirstTransformAndAllAfter=None, scale=None,
        width=None, height=None, {RANGE}, filter=None, filterListName=None, excludeMask=None,
        convertToGray=None, binaryMask=None, HPOP, img_format=None, SR""",
    ),
    (
        image.get_section_renderparams,
        f"""stack, z, binaryMask=None, channel=None, convertToGray=None, excludeMask=None,
        filter=None, filterListName=None, {RANGE}, scale=None, STD""",
    ),
    (pointmatch.get_matchcollection_owners, "HP"),
    (pointmatch.get_matchcollections, "PM"),
    (pointmatch.get_match_groupIds, "matchCollection, PM"),
    (
        pointmatch.get_matches_outside_group,
        "matchCollection, groupId, mergeCollections=None, stream=True, PM",
    ),
    (
        pointmatch.get_matches_within_group,
        "matchCollection, groupId, mergeCollections=None, stream=True, PM",
    ),
    (
        pointmatch.get_matches_from_group_to_group,
        "matchCollection, pgroup, qgroup, mergeCollections=None, stream=True, PM2",
    ),
    (
        pointmatch.get_matches_from_tile_to_tile,
        "matchCollection, pgroup, pid, qgroup, qid, mergeCollections=None, PM2",
    ),
    (
        pointmatch.get_matches_with_group,
        "matchCollection, pgroup, mergeCollections=None, stream=True, PM2",
    ),
    (pointmatch.get_match_groupIds_from_only, "matchCollection, mergeCollections=None, PM2"),
    (pointmatch.get_match_groupIds_to_only, "matchCollection, mergeCollections=None, PM2"),
    (
        pointmatch.get_matches_involving_tile,
        """matchCollection, groupId, id, mergeCollections=None, stream=True, owner=None, host=None,
        port=None, session=None, **kwargs""",
    ),
    (
        pointmatch.delete_point_matches_between_groups,
        "matchCollection, pGroupId, qGroupId, PM2",
    ),
    (pointmatch.import_matches, "matchCollection, data, PM"),
    (pointmatch.delete_collection, "matchCollection, PM"),
    (pointmatch.add_merge_collections, "request_url, mcs"),
    (pointmatch.copy_match_explicit, "match"),
    (pointmatch.copy_matches_explicit, "matches"),
    (pointmatch.swap_matchpair, "match, copy=True"),
    (coordinate.world_to_local_coordinates, "stack, z, x, y, STD"),
    (coordinate.local_to_world_coordinates, "stack, tileId, x, y, STD"),
    (coordinate.world_to_local_coordinates_batch, "stack, d, z, HPOP, execute_local=False, SR"),
    (coordinate.local_to_world_coordinates_batch, "stack, d, z, STD"),
    (
        coordinate.world_to_local_coordinates_array,
        """stack, dataarray, tileId, z, render=None, HPOP, client_script=None, doClientSide=False,
        number_of_threads=20, session=None, **kwargs""",
    ),
    (
        coordinate.local_to_world_coordinates_array,
        """stack, dataarray, tileId, z, render=None, HPOP, client_script=None, doClientSide=False,
        number_of_threads=20, session=None, **kwargs""",
    ),
    (
        coordinate.package_point_match_data_into_json,
        "dataarray, tileId, local_or_world='local'",
    ),
    (coordinate.unpackage_world_to_local_point_match_from_json, "json_answer, tileId"),
    (coordinate.unpackage_local_to_world_point_match_from_json, "json_answer"),
    (
        coordinate.map_coordinates_clientside,
        """stack, jsondata, z, host, port, owner, project, client_script, isLocalToWorld=False,
        store_injson=False, store_outjson=False, number_of_threads=20, memGB='1G', **kwargs""",
    ),
    (
        coordinate.world_to_local_coordinates_clientside,
        """stack, jsondata, z, HPOP, client_script=None, number_of_threads=20, render=None,
        **kwargs""",
    ),
    (
        coordinate.local_to_world_coordinates_clientside,
        """stack, jsondata, z, HPOP, client_script=None, number_of_threads=20, render=None,
        **kwargs""",
    ),
    (utils.get_json, "session, request_url, params=None, stream=False, **kwargs"),
    (utils.post_json, "session, request_url, d, params=None"),
    (utils.put_json, "session, request_url, d, params=None"),
    (utils.rest_delete, "session, request_url, params=None"),
    (utils.renderdumps, "obj, *args, **kwargs"),
    (utils.renderdump, "obj, fp, *args, **kwargs"),
    (utils.renderdump_temp, "obj, *args, **kwargs"),
    (utils.jbool, "val"),
    (utils.stripLogger, "logger_tostrip"),
    (utils.defaultifNone, "val, default=None"),
    (utils.fitargspec, "f, oldargs, oldkwargs"),
    (utils.encodeBase64, "src"),
    (utils.decodeBase64, "src"),
]


def parameters(function) -> list[str]:
    """Names with defaults, in order, without annotations."""
    return [
        str(parameter.replace(annotation=inspect.Parameter.empty))
        for parameter in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize(
    ("function", "text"), SIGNATURES, ids=[function.__qualname__ for function, _ in SIGNATURES]
)
def test_parameters_are_those_of_the_published_client(function, text):
    expected = [part.strip() for part in text.replace("\n", " ").split(",")]
    expanded = ", ".join(GROUPS.get(part, part) for part in expected).split(", ")
    assert parameters(function) == expanded
    kinds = {p.kind for p in inspect.signature(function).parameters.values()}
    assert inspect.Parameter.KEYWORD_ONLY not in kinds
    assert inspect.Parameter.POSITIONAL_ONLY not in kinds


def test_calls_by_position_and_by_keyword_are_the_same(wire):
    where = (wire.host, wire.port, "O3", "P3")
    stack.get_stack_bounds("S", *where, render=wire.render)
    stack.get_stack_bounds(stack="S", owner="O3", project="P3", render=wire.render)
    render_session = wire.render.session
    stack.get_stack_bounds("S", *where, render_session)
    stack.get_z_values_for_stack("S", "P3", wire.host, wire.port, "O3", render_session)
    paths = [asked.path for asked in wire.asked]
    assert paths[:3] == ["/owner/O3/project/P3/stack/S/bounds"] * 3
    assert paths[3] == "/owner/O3/project/P3/stack/S/zValues/"
