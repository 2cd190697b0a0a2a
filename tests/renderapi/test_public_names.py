"""The public names of every module of the client, written down."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import renderapi

NAMES = {
    "renderapi": """render client tilespec errors stack image pointmatch coordinate connect
        transform resolvedtiles Render utils layout image_pyramid channel external __version__""",
    "renderapi._version": "__version__ version version_tuple __commit_id__",
    "renderapi.errors": "RenderError ClientScriptError ConversionError EstimationError SpecError",
    "renderapi.render": """Render RenderClient connect renderaccess format_baseurl format_preamble
        get_owners get_stack_metadata_by_owner get_projects_by_owner get_stacks_by_owner_project
        raw_input""",
    "renderapi.session": "LOCAL_SCHEME local_host new_session",
    "renderapi.stack": """StackVersion set_stack_metadata create_stack get_full_stack_metadata
        get_stack_metadata set_stack_state likelyUniqueId make_stack_params delete_stack
        delete_section delete_tile rename_stack clone_stack get_z_values_for_stack
        get_bounds_from_z get_stack_bounds get_tilebounds_for_z get_sectionId_for_z
        get_stack_sectionData get_section_z_value get_z_value_for_section get_stack_tileIds""",
    "renderapi.tilespec": """TileSpec Layout MipMap MipMapLevel ImagePyramid Channel TransformList
        estimate_dstpts get_tile_spec get_tile_spec_raw get_tile_spec_renderparameters
        get_tile_specs_from_box get_tile_specs_from_minmax_box get_tile_specs_from_stack
        get_tile_specs_from_z""",
    "renderapi.layout": "Layout",
    "renderapi.image_pyramid": "MipMap MipMapLevel TransformedDict ImagePyramid",
    "renderapi.channel": "Channel",
    "renderapi.resolvedtiles": """ResolvedTiles get_resolved_tiles_from_z put_tilespecs
        combine_resolvedtiles""",
    "renderapi.image": """IMAGE_FORMATS get_bb_image get_tile_image_data get_section_image
        get_renderparameters_image get_bb_renderparams get_tile_renderparams
        get_section_renderparams""",
    "renderapi.pointmatch": """get_matchcollection_owners get_matchcollections get_match_groupIds
        get_matches_outside_group get_matches_within_group get_matches_from_group_to_group
        get_matches_from_tile_to_tile get_matches_with_group get_match_groupIds_from_only
        get_match_groupIds_to_only get_matches_involving_tile import_matches delete_collection
        delete_point_matches_between_groups add_merge_collections copy_match_explicit
        copy_matches_explicit swap_matchpair get_collection_metadata set_collection_metadata""",
    "renderapi.coordinate": """world_to_local_coordinates local_to_world_coordinates
        world_to_local_coordinates_batch local_to_world_coordinates_batch
        world_to_local_coordinates_array local_to_world_coordinates_array
        world_to_local_coordinates_clientside local_to_world_coordinates_clientside
        map_coordinates_clientside package_point_match_data_into_json
        unpackage_world_to_local_point_match_from_json
        unpackage_local_to_world_point_match_from_json""",
    "renderapi.utils": """NullHandler RenderEncoder renderdumps renderdump renderdump_temp jbool
        stripLogger defaultifNone default_ifNone fitargspec get_json post_json put_json rest_delete
        encodeBase64 decodeBase64 requests_json requests""",
    "renderapi.client": """import_single_json_file import_jsonfiles_and_transforms_parallel_by_z
        import_jsonfiles_parallel import_jsonfiles import_jsonfiles_validate_client
        import_tilespecs import_tilespecs_parallel local_to_world_array world_to_local_array
        WithPool render_tilespec materialize_tilespec_image materialize_renderparameters_image
        render_renderparameters call_run_ws_client run_subprocess_mode importJsonClient
        tilePairClient importTransformChangesClient coordinateClient renderSectionClient
        transformSectionClient get_canvas_url_template pointMatchClient renderClient rendererClient
        renderclientaccess ClientScriptError ArgumentParameters FeatureExtractionParameters
        MatchDerivationParameters SiftPointMatchOptions client client_calls params utils""",
    "renderapi.client.client": """logger renderClient rendererClient put_tilespecs
        WithMultiprocessingPool""",
    "renderapi.client.client_calls": """get_param logger SiftPointMatchOptions RenderClient
        format_preamble format_baseurl""",
    "renderapi.transform.leaf.utils": "load_leaf_json RenderError logger AffineModel Transform",
    "renderapi.transform.leaf.transform": "logger Transform",
    "renderapi.transform.leaf.affine_models": "logger svd",
    "renderapi.transform.leaf.thin_plate_spline": "logger",
    "renderapi.transform.leaf.polynomial_models": """logger svd LensCorrection NonLinearTransform
        NonLinearCoordinateTransform""",
    "renderapi.transform.utils": "RenderError",
    "renderapi.transform": """TransformList ReferenceTransform InterpolatedTransform
        load_transform_json Transform AffineModel TranslationModel SimilarityModel RigidModel
        Polynomial2DTransform NonLinearCoordinateTransform NonLinearTransform LensCorrection
        ThinPlateSplineTransform load_leaf_json estimate_dstpts estimate_transformsum
        polynomial_models affine_models thin_plate_spline common leaf utils transform""",
    "renderapi.transform.leaf.common": "calc_first_order_properties",
    "renderapi.external.processpools.stdlib_pool": """WithMultiprocessingPool WithThreadPool
        WithDummyMapPool WithPool""",
}


HEAVY = """
    PIL argschema cv2 dask fastapi fsspec imagecodecs lxml marshmallow matplotlib networkx numba
    pandas rich scipy shapely skimage starlette tensorstore tifffile uvicorn renderws
    renderapps"""


@pytest.mark.parametrize("module", NAMES)
def test_every_name_is_there(module):
    loaded = importlib.import_module(module)
    assert [name for name in NAMES[module].split() if not hasattr(loaded, name)] == []


def test_what_a_star_import_gives():
    assert sorted(renderapi.__all__) == sorted(NAMES["renderapi"].split()[:12])


def test_modules_list_only_what_they_have():
    for module in NAMES:
        loaded = importlib.import_module(module)
        for name in getattr(loaded, "__all__", ()):
            assert hasattr(loaded, name), (module, name)


def test_modules_are_reached_without_a_further_import():
    program = """
import renderapi
renderapi.external.processpools.stdlib_pool, renderapi.utils, renderapi.layout
renderapi.image_pyramid, renderapi.channel, renderapi.tilespec.TileSpec, renderapi.connect
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_the_whole_client_is_loaded_without_heavy_libraries():
    program = """
import sys, renderapi
modules = [getattr(renderapi, name) for name in dir(renderapi)]
for module in modules:
    for name in getattr(module, "__all__", ()):
        getattr(module, name)
import renderapi.client.client, renderapi.client.client_calls, renderapi.client.params
renderapi.Render("http://h", 1, "o", "p").make_kwargs()
print(*{name.partition(".")[0] for name in sys.modules})
"""
    loaded = set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
    assert {"numpy", "requests", "renderapi"} <= loaded
    assert not loaded & set(HEAVY.split())


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="nothing"):
        renderapi.nothing  # noqa: B018
    assert {"client", "utils", "connect"} <= set(dir(renderapi))
