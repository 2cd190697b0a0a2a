"""Tests of where a store may live."""

from __future__ import annotations

from pathlib import Path

import pytest

from renderws.store import location
from renderws.store.location import check_location, network_type
from renderws.store.protocol import NetworkFileSystem

MOUNTS = r"""
/dev/vda / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
server:/export /home nfs4 rw 0 0
/dev/vdb /home/local\040disk xfs rw 0 0
me@host:/ /mnt/ssh fuse.sshfs rw 0 0
//box/share /mnt/share cifs rw 0 0
/dev/fuse /mnt/ntfs fuseblk rw 0 0
10.0.0.1@tcp:/scratch /scratch lustre rw 0 0
tmpfs /mnt/share tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data/render.db", None),
        ("/home/user/render.db", "nfs4"),
        ("/home/local disk/render.db", None),
        ("/homework/render.db", None),
        ("/mnt/ssh/a/b/render.db", "fuse.sshfs"),
        ("/mnt/ntfs/render.db", None),
        ("/scratch/x.db", "lustre"),
        ("/mnt/share/x.db", None),  # the last mount on a point hides those before
    ],
)
def test_the_deepest_mount_point_decides(path, kind):
    assert network_type(Path(path), MOUNTS) == kind


def test_without_a_mount_table_every_place_is_local():
    assert network_type(Path("/a/b"), "") is None


def test_network_file_systems_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(location, "mount_table", lambda: f"server:/x {tmp_path} nfs rw 0 0\n")
    with pytest.raises(NetworkFileSystem, match=r"network file system \(nfs\).*local disk"):
        check_location(tmp_path / "render.db", create=True)
