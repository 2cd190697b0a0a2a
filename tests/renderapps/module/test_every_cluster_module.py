"""Every module that works on many things works on a cluster."""

import json
import os

import pytest
from argschema import fields
from every_module import make_laboratory, parameters
from marshmallow import ValidationError
from server_process import ServerProcess

import renderapi
from renderapps.module.catalogue import discover
from renderapps.module.fields import FILE_FIELDS, prepare, with_whole_paths
from renderapps.module.render_module import is_connection

MODULES = {entry.name: entry for entry in discover()}
POOLED = [n for n, e in MODULES.items() if "pool_size" in e.load().default_schema().fields]
WITHOUT_SERVICE = ("TrakEM2.MakeTrakEM2QCFigures",)
TEXTS_OF_PATHS = {
    "materialize.export_scene": "output_scene",
    "materialize.export_volume": "output_volume",
    "pointmatch.make_point_match_plots": "figdir",
}


def test_a_module_has_both_parameters_or_none():
    clustered = [
        name
        for name, entry in MODULES.items()
        if "dask_scheduler" in entry.load().default_schema().fields
    ]
    assert clustered == POOLED
    assert len(POOLED) > 90


@pytest.mark.parametrize("name", POOLED)
def test_it_refuses_a_service_that_its_workers_cannot_reach(name):
    schema = prepare(MODULES[name].load().default_schema(), check_files=False)
    groups = [key for key, field in schema.fields.items() if is_connection(field)]
    data = {key: {"host": "local"} for key in groups} | {"dask_scheduler": "tcp://a:1"}
    if groups:
        with pytest.raises(ValidationError, match="not host local"):
            schema.cluster_needs_server(data)
    else:
        assert name in WITHOUT_SERVICE
    paths = {k: "here" for k, field in schema.fields.items() if isinstance(field, FILE_FIELDS)}
    paths |= {TEXTS_OF_PATHS[name]: "here"} if name in TEXTS_OF_PATHS else {}
    assert with_whole_paths(schema, paths) == dict.fromkeys(paths, os.path.abspath("here"))


def test_what_is_no_path_of_this_machine_stays():
    schema = MODULES["materialize.export_volume"].load().default_schema()
    urls = {"output_volume": "s3://bucket/a.zarr", "output_json": "-", "input_stack": "here"}
    assert with_whole_paths(schema, urls) == urls
    nested = MODULES["intensity_correction.apply_deconvolution_multi"].load().default_schema()
    assert isinstance(nested.fields["deconv_settings"], fields.Nested)
    found = with_whole_paths(nested, {"deconv_settings": [{"psf_file": "p.tif"}]})
    assert found == {"deconv_settings": [{"psf_file": os.path.abspath("p.tif")}]}


def contents_of(render):
    """Names of stacks and of match collections."""
    stacks = renderapi.render.get_stacks_by_owner_project(render=render)
    found = renderapi.pointmatch.get_matchcollections(render=render)
    return set(stacks), {entry["collectionId"]["name"] for entry in found}


def remove(render, now, before):
    """What a module has made, so that the next one finds what the first did."""
    for stack in now[0] - before[0]:
        renderapi.stack.delete_stack(stack, render=render)
    for collection in now[1] - before[1]:
        renderapi.pointmatch.delete_collection(collection, render=render)


@pytest.mark.soak
def test_every_module_succeeds_on_a_cluster(tmp_path, capsys):
    """On a served store; what travels is pickled as on the way to another machine."""
    distributed = pytest.importorskip("distributed")
    (tmp_path / "lab").mkdir()
    server = ServerProcess(tmp_path, store="lab.db")
    where = {"host": "http://127.0.0.1", "port": server.port}
    me = where | {"owner": "me", "project": "lab"}
    failed = {}
    try:
        lab = make_laboratory(tmp_path / "lab", me, where | {"owner": "archive", "project": "lab"})
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster:
            before = contents_of(lab.render)
            for name in POOLED:
                given = parameters(lab, tmp_path / "out" / name)[name]
                given |= {"dask_scheduler": cluster.scheduler_address}
                (tmp_path / "in.json").write_text(json.dumps(given))
                status = (
                    MODULES[name].load().exit_status(["--input_json", str(tmp_path / "in.json")])
                )
                told = capsys.readouterr().err
                if status:
                    failed[name] = told
                remove(lab.render, contents_of(lab.render), before)
    finally:
        server.end()
    assert failed == {}
