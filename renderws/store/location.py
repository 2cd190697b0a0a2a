"""Whether a path is a place where a store can live."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from pathlib import Path

from renderws.store.protocol import CannotOpen, NetworkFileSystem

NETWORK_TYPES = re.compile(
    r"9p|afs|beegfs|ceph|cifs|coda|davfs|gfs2?|glusterfs|gpfs|lustre|ncpfs|nfs4?|ocfs2|orangefs|"
    r"panfs|pvfs2|smb[23]?|smbfs|fuse\.("
    r"afp|beegfs|blobfuse2?|cephfs|curlftpfs|davfs2?|gcsfuse|glusterfs|goofys|juicefs|mfs|moosefs|"
    r"mount-s3|nfs|rclone|s3fs|smbnetfs|sshfs)"
)


def check_location(path: Path, create: bool) -> None:
    """Refuse a path whose folder is missing, that is no file, or that lies on a network file
    system.
    """
    if not path.parent.is_dir():
        raise CannotOpen(f"cannot open the store {path}: there is no folder {path.parent}; make it")
    if path.is_dir():
        raise CannotOpen(f"cannot open the store {path}: it is a folder; give the path of a file")
    if not create and not path.exists():
        raise CannotOpen(f"there is no store {path}; check the path, or let one be created")
    kind = network_type(path.resolve(), mount_table())
    if kind is not None:
        raise NetworkFileSystem(
            f"cannot open the store {path}: it lies on a network file system ({kind}), where it "
            "could be damaged; put it on a local disk"
        )


def mount_table() -> str:
    """Text of the kernel's table of mounts; empty where there is none."""
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def network_type(path: Path, mounts: str) -> str | None:
    """Type of the network file system that holds the absolute `path`, None for a local one.

    `mounts` has one mount a line: device, mount point, type, options; blanks in names are octal
    escapes. The deepest mount point above the path counts, and of several on one point the last.
    """
    depth, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            depth, kind = len(point.parts), fields[2]
    return kind if NETWORK_TYPES.fullmatch(kind) else None


#: device and inode
Place = tuple[int, int]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PROBE_BYTES = 1 << 16


def place_of(path: Path) -> Place | None:
    """Which file a path leads to; None for none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def has_room(path: Path) -> bool:
    """Whether a file beside `path` may be written and `path` may grow: no full disk, no quota and
    no limit of file sizes (RLIMIT_FSIZE) forbid it.
    """
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        files = [f"{path}{end}" for end in ("", "-wal")]
        sizes = [os.stat(name).st_size for name in files if os.path.exists(name)]
        if limit != resource.RLIM_INFINITY and max(sizes, default=0) + _PROBE_BYTES > limit:
            return False
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.errno not in _FULL
    return True
