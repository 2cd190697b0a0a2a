"""Copies are compared with their originals, and what stands in the way is said."""

import hashlib
import subprocess
import sys

import pytest

from renderapi.urls import path_to_url
from renderapps.module import RenderModuleException
from renderapps.transfer.storage import Storage, copy_verified, look_for_copy

QUICK = Storage(retries=2, pause=0.01)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a b%20.bin"
    path.write_bytes(bytes(range(256)) * 40)
    return path


def test_a_file_is_copied_once(file, tmp_path):
    pair = (path_to_url(file), path_to_url(tmp_path / "new" / "c d.bin"))
    assert look_for_copy(pair, QUICK).status == "absent"
    first, second = copy_verified(pair, QUICK), copy_verified(pair, QUICK)
    assert (first.status, second.status, first.size) == ("uploaded", "skipped", 10240)
    assert (tmp_path / "new" / "c d.bin").read_bytes() == file.read_bytes()
    assert look_for_copy(pair, QUICK).status == "skipped"


def test_a_damaged_copy_of_the_same_size_is_replaced(file, tmp_path):
    copy = tmp_path / "copy.bin"
    copy.write_bytes(b"x" * 10240)
    assert copy_verified((path_to_url(file), path_to_url(copy)), QUICK).status == "uploaded"
    assert copy.read_bytes() == file.read_bytes()


def test_missing_and_unwritable_files_are_reported(file, tmp_path):
    gone = copy_verified((path_to_url(tmp_path / "gone"), path_to_url(tmp_path / "x")), QUICK)
    assert (gone.status, gone.reason) == ("missing", "no such file")
    blocked = copy_verified((path_to_url(file), path_to_url(file / "below a file")), QUICK)
    assert blocked.status == "failed"
    assert blocked.reason


def test_any_file_system_of_fsspec_will_do(file, tmp_path):
    there = ("memory://storage-test/a.bin", path_to_url(tmp_path / "back.bin"))
    assert copy_verified((path_to_url(file), there[0]), QUICK).status == "uploaded"
    assert QUICK.digest(there[0]) == hashlib.md5(file.read_bytes()).hexdigest()
    assert copy_verified((there[0], "memory://storage-test/b.bin"), QUICK).status == "uploaded"
    assert copy_verified(there, QUICK).status == "uploaded"
    assert (tmp_path / "back.bin").read_bytes() == file.read_bytes()


def test_what_fails_for_a_moment_is_tried_again():
    attempts = []

    def action():
        attempts.append(1)
        if len(attempts) < 3:
            raise ConnectionResetError("try later")
        return "done"

    assert QUICK.repeated(action) == "done"
    with pytest.raises(ConnectionResetError):
        Storage(retries=1, pause=0).repeated(lambda: action() if not attempts.clear() else None)


def test_the_extra_to_install_is_named():
    program = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from renderapps.transfer.storage import Storage\n"
        "Storage().locate('s3://lab/a.tif')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("pip install 'render-python-apps[s3]'")
    with pytest.raises(RenderModuleException, match="not known"):
        QUICK.locate("nonsense://lab/a.tif")
