"""Modules on a Dask cluster: a scheduler and two workers from the command line, in another folder.

The service asks for a token that the workers do not have; the client's is in its environment.
"""

import json
import re
import signal
import threading
from functools import partial

import cluster_tasks
import numpy as np
import pytest
import tifffile
from cluster_site import SIDE, Site, content
from dask_cluster import DEATHS, DaskCluster
from server_process import ServerProcess

import renderapi
from renderapi.urls import path_to_url
from renderapps.dataimport.generate_mipmaps import GenerateMipMaps
from renderapps.materialize.export_volume import ExportVolume
from renderapps.module import RenderModuleException, TaskFailure, map_tasks
from renderapps.module.cluster import FEWEST_SENT, connected
from renderapps.module.cluster_work import Shared, by_value, packed, start
from renderapps.module.parallel import each_task
from renderapps.pointmatch.create_tilepairs import CreateTilePairs
from renderapps.pointmatch.generate_point_matches import GeneratePointMatches
from renderapps.stack.apply_global_affine_to_stack import ApplyAffine

distributed = pytest.importorskip("distributed")

TOKEN = "a-secret-of-this-test"
SECTIONS = 12


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = DaskCluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.end()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A served store with stack `raw`, and the group `render` for it."""
    root = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RENDER_TOKEN", TOKEN)
        server = ServerProcess(root, "--token", TOKEN)
        try:
            yield Site(root, server, SECTIONS)
        finally:
            server.end()


@pytest.fixture(scope="module")
def one_process(site):
    """The volume as one process writes it."""
    parameters = site.export("one")
    ExportVolume(input_data=parameters | {"pool_size": 1}, args=[]).run()
    found = content(site.root / "one.ome.zarr")
    assert sum("/c/" in name for name in found) > 3 * SECTIONS
    return found


def test_modules_make_on_the_cluster_what_one_process_makes(
    site, cluster, one_process, monkeypatch
):
    """Paths are relative to the folder of the client, where no worker is."""
    (site.root / "here").mkdir()
    monkeypatch.chdir(site.root / "here")
    mipmaps = {"input_stack": "raw", "levels": 2}
    for where, stack in ((None, "small1"), (cluster, "small2")):
        folder = f"mipmaps_{stack}"
        report = site.run(
            GenerateMipMaps, where, **mipmaps, output_stack=stack, output_directory=folder
        )
        assert report["status"] == "complete"
    pictures = [sorted((site.root / "here" / f"mipmaps_small{k}").rglob("*.*")) for k in (1, 2)]
    assert len(pictures[0]) == len(pictures[1]) >= 4 * SECTIONS
    for one, other in zip(*pictures, strict=True):
        assert np.array_equal(tifffile.imread(one), tifffile.imread(other))
    assert report["parameters"]["output_directory"] == str(site.root / "here" / "mipmaps_small2")

    move = {"transformId": "move", "B0": 7.0, "B1": -3.0}
    for where, stack in ((None, "moved1"), (cluster, "moved2")):
        site.run(ApplyAffine, where, input_stack="raw", output_stack=stack, **move)
    one, other = site.tiles("moved1"), site.tiles("moved2")
    assert one == other
    assert one != site.tiles("raw")

    pairs = str(site.root / "pairs.json")
    given = {"render": site.group, "stack": "raw", "tilepair_output": pairs}
    CreateTilePairs(input_data=given, args=[]).run()
    for where, name in ((None, "matches1"), (cluster, "matches2")):
        site.run(
            GeneratePointMatches, where, stack="raw", tilepair_file=pairs, matchCollection=name
        )
    one, other = (matches(site, name) for name in ("matches1", "matches2"))
    assert len(one) == SECTIONS
    assert one == other

    site.run(ExportVolume, cluster, **site.export("many", output_volume="many.ome.zarr"))
    assert content(site.root / "here" / "many.ome.zarr") == one_process


def matches(site, name):
    groups = renderapi.pointmatch.get_match_groupIds(name, render=site.render)
    found = [
        entry
        for group in groups
        for entry in renderapi.pointmatch.get_matches_within_group(name, group, render=site.render)
    ]
    return sorted(json.dumps(entry, sort_keys=True) for entry in found)


def test_the_dashboard_names_modules_and_sections(site, cluster):
    """After those of the test before."""
    site.run(ApplyAffine, cluster, input_stack="raw", output_stack="named", transformId="t")
    names, left = cluster.task_prefixes()
    for module in ("apply_global_affine_to_stack", "generate_mipmaps", "generate_point_matches"):
        assert f"{module}-section" in names
    assert {"export_volume-plane", "export_volume-parameters"} <= set(names)
    assert left == 0


def test_failures_have_their_places_and_reasons(cluster):
    results = map_tasks(cluster_tasks.uneven, range(9), dask_scheduler=cluster.address)
    failed = {k: r for k, r in enumerate(results) if isinstance(r, TaskFailure)}
    assert sorted(failed) == [3, 7]
    assert (failed[3].item, failed[3].reason) == (3, "ValueError: three is bad")
    assert "uneven" in failed[3].details
    assert "its result cannot travel" in failed[7].reason
    assert [r for k, r in enumerate(results) if k not in failed] == [0, 1, 4, 16, 25, 36, 64]


def test_an_item_that_cannot_travel_fails_alone(cluster):
    lock = threading.Lock()
    one, other = map_tasks(cluster_tasks.uneven, [2, lock], dask_scheduler=cluster.address)
    assert one == 4
    assert other.item is lock
    assert "cannot travel to the workers" in other.reason


def test_an_item_beyond_the_memory_of_a_worker_costs_itself_only(cluster):
    """The scheduler is told by its file."""
    results = map_tasks(cluster_tasks.hungry, range(6), dask_scheduler=str(cluster.file))
    assert [r for k, r in enumerate(results) if k != 3] == [0, 1, 4, 16, 25]
    assert results[3].item == 3
    assert re.search(rf"died \({2 * DEATHS} in all.* tcp://127.*memory-limit", results[3].reason)


def test_items_are_taken_as_they_are_needed_and_forgotten(cluster):
    taken = iter(range(1_000_000))
    ahead = []
    tasks = each_task(cluster_tasks.uneven, ((8, n) for n in taken), cluster.address, name="many")
    for number, (_, item, _) in enumerate(tasks):
        assert item[0] == 8
        ahead.append(1_000_000 - taken.__length_hint__() - number)
        if number == 40:
            break
    tasks.close()
    assert FEWEST_SENT <= max(ahead) <= FEWEST_SENT + 1
    assert cluster.task_prefixes()[1] == 0


def test_the_token_reaches_the_workers_and_nothing_that_is_written(site, cluster, caplog):
    caplog.set_level("DEBUG")
    given = partial(cluster_tasks.owners, site.render)
    (found,) = map_tasks(given, [0], dask_scheduler=cluster.address)
    assert found == (["o"], ["o"], None)
    report = site.run(ApplyAffine, cluster, input_stack="raw", output_stack="told", transformId="t")
    assert TOKEN not in json.dumps(report)
    with connected(cluster.address) as client:
        told = Shared("run", b"", TOKEN, "0.0.1")
        future = client.submit(by_value(start), packed(told), b"", key="other-version")
        assert "0.0.1" in str(future.exception())  # which the worker logs, with the task
        assert TOKEN not in repr(told)
        events = client.run_on_scheduler(lambda dask_scheduler: repr(dask_scheduler.tasks))
    assert TOKEN not in events + caplog.text + cluster.logs()
    assert "other-version" in cluster.logs()


def test_a_section_that_fails_is_named_and_a_second_run_completes_it(site, cluster):
    given = {"input_stack": "broken", "output_stack": "mended", "levels": 1}
    given["output_directory"] = str(site.root / "mended")
    tiles = renderapi.tilespec.get_tile_specs_from_stack("raw", render=site.render)
    broken = site.root / "broken.tif"
    tiles[9].ip["0"].imageUrl = path_to_url(broken)
    renderapi.stack.create_stack("broken", render=site.render)
    renderapi.client.import_tilespecs("broken", tiles, render=site.render)
    renderapi.stack.set_stack_state("broken", "COMPLETE", render=site.render)
    module = GenerateMipMaps(
        input_data={"render": site.group, "dask_scheduler": cluster.address, **given}, args=[]
    )
    with pytest.raises(RenderModuleException, match=r"1 of 12 sections failed.*broken\.tif"):
        module.run()
    (failed,) = module.full_report["failed_sections"]
    assert failed["z"] == tiles[9].z
    assert module.full_report["status"] == "failed"
    assert "mended" not in renderapi.render.get_stacks_by_owner_project(render=site.render)
    tifffile.imwrite(broken, np.zeros((SIDE, SIDE), np.uint8))
    assert site.run(GenerateMipMaps, cluster, **given)["status"] == "complete"
    assert len(site.tiles("mended")) == 2 * SECTIONS


def test_an_interrupted_export_is_gone_on_with(site, cluster, one_process):
    parameters = site.export("stopped", dask_scheduler=cluster.address)
    process = site.begin("stopped", parameters)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.splitlines() == ["materialize.export_volume: error: stopped by the keyboard"]
    report = site.report_of("stopped")
    assert (report["status"], report["error"]) == ("failed", "stopped by the keyboard")
    assert not (site.root / "stopped.ome.zarr").exists()
    assert cluster.task_prefixes()[1] == 0
    report = site.run(ExportVolume, cluster, **site.export("stopped"))
    assert 3 <= report["kept_tasks"] < report["tasks"]
    assert content(site.root / "stopped.ome.zarr") == one_process


def test_a_worker_without_this_software_is_refused_whenever_it_comes(cluster, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HIDING)
    tasks = each_task(cluster_tasks.slow, range(1000), cluster.address)
    next(tasks)
    bare = cluster.add_worker("bare", env={"PYTHONPATH": str(tmp_path)})
    try:
        with pytest.raises(RenderModuleException) as late:
            list(tasks)
        with pytest.raises(RenderModuleException) as early:
            map_tasks(abs, [1, 2], dask_scheduler=cluster.address)
    finally:
        cluster.kill(bare)
    cluster.wait_for_workers(2)
    assert "cannot import what it needs (No module named 'renderapps'): install" in str(late.value)
    assert re.search(
        r"render-python-apps \S+ here, none on worker tcp://\S+: install the same version",
        str(early.value),
    )


HIDING = """
import sys
from importlib import metadata

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in ("renderapi", "renderapps", "renderws"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def distribution(name, known=metadata.distribution):
    if name == "render-python-apps":
        raise metadata.PackageNotFoundError(name)
    return known(name)

sys.meta_path.insert(0, Hidden())
metadata.distribution = distribution
"""


def test_a_volume_is_the_same_where_a_worker_is_killed(site, cluster, one_process):
    """The machine of a worker is lost with all that runs on it."""
    process = site.begin("lost", site.export("lost", dask_scheduler=cluster.address))
    cluster.kill(cluster.workers[1])
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert site.report_of("lost")["status"] == "complete"
    assert content(site.root / "lost.ome.zarr") == one_process


def test_a_scheduler_that_goes_is_told_and_what_is_done_is_kept(site, cluster, one_process):
    """The last test: it ends the cluster."""
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        tasks = each_task(cluster_tasks.slow, range(100), cluster.address)
        assert next(tasks)[2] in range(100)
        cluster.kill(cluster.scheduler)
        with pytest.raises(RenderModuleException, match=r"scheduler at tcp://\S+ is gone"):
            list(tasks)
