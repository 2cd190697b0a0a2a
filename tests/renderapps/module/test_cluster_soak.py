"""A long export on a Dask cluster that loses a worker."""

import os

import pytest
from cluster_site import Site, content
from dask_cluster import DaskCluster
from server_process import ServerProcess

from renderapps.materialize.export_volume import ExportVolume

pytest.importorskip("distributed")


@pytest.mark.soak
def test_200_sections_are_the_same_bytes_where_a_worker_is_killed(tmp_path):
    """Two workers as they come, of which one is lost with its machine in the middle."""
    (tmp_path / "site").mkdir()
    server = ServerProcess(tmp_path / "site")
    cluster = DaskCluster(tmp_path / "cluster", threads=(1, 1), deaths=4)
    try:
        site = Site(tmp_path / "site", server, 200)
        ExportVolume(input_data=site.export("one") | {"pool_size": 1}, args=[]).run()
        given = site.export("many", dask_scheduler=cluster.address)
        process = site.begin("many", given, parts=40)
        cluster.kill(cluster.workers[0])
        done = len(os.listdir(tmp_path / "site" / ".many.ome.zarr.unfinished" / "records"))
        _, told = process.communicate(timeout=1200)
        assert process.returncode == 0, told
        report = site.report_of("many")
        print(f"killed after {done} of {report['tasks']} parts; {report['duration']} s")
        assert 40 <= done < report["tasks"] - 40
        one, many = (content(site.root / f"{name}.ome.zarr") for name in ("one", "many"))
        assert one == many
        print(f"{len(one)} files, {sum(map(len, one.values()))} bytes, the same")
    finally:
        cluster.end()
        server.end()
