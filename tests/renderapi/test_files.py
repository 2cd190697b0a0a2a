"""Atomic writes."""

import gzip
import io
import os
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from renderapi.errors import RenderError
from renderapi.files import atomic_path, atomic_write, gunzipped, unzipped


def test_a_file_appears_whole_with_its_folders(tmp_path):
    target = tmp_path / "a" / "b.txt"
    atomic_write(target, "text")
    assert target.read_text() == "text"
    assert [p.name for p in target.parent.iterdir()] == ["b.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "b.png"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_symbolic_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "away").mkdir()
    real, link = tmp_path / "away" / "real.json", tmp_path / "link.json"
    link.symlink_to(real)
    atomic_write(link, "first")  # there is no file yet
    link.with_name("second.json").symlink_to(link)
    real.chmod(0o640)
    atomic_write(link.with_name("second.json"), "second")
    assert link.is_symlink() and real.read_text() == "second"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert list(real.parent.iterdir()) == [real]


def test_a_failed_write_through_a_link_leaves_both(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    with pytest.raises(RuntimeError), atomic_path(link) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert link.is_symlink() and real.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"real", "link"}


def test_a_pipe_receives_the_bytes_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = os.urandom(300_000)  # more than a pipe holds
    got = []
    reading = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reading.start()
    atomic_write(pipe, data)
    reading.join(100)
    assert got == [data]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_stays_a_device(tmp_path):
    before = os.stat(os.devnull)
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    for path in (os.devnull, link):
        atomic_write(path, "gone")
    assert os.path.samestat(before, os.stat(os.devnull))
    assert link.is_symlink() and list(tmp_path.iterdir()) == [link]


def test_a_minus_is_the_standard_output(tmp_path, monkeypatch, capfdbinary):
    monkeypatch.chdir(tmp_path)
    print("before", end=" ")
    atomic_write("-", b"\x00bytes")
    atomic_write(Path("-"), "text")
    with pytest.raises(RuntimeError), atomic_path("-") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert capfdbinary.readouterr().out == b"before \x00bytestext"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-"])
@pytest.mark.parametrize("to_file", [True, False])
def test_names_of_the_standard_output_write_there(tmp_path, name, to_file):
    program = (
        "import sys\nfrom renderapi.files import atomic_write\n"
        f"print('one', flush=True)\natomic_write({name!r}, 'two\\n')\nprint('three')"
    )
    command = [sys.executable, "-c", program]
    if to_file:
        out = tmp_path / "out.txt"
        with out.open("ab") as stream:
            subprocess.run(command, stdout=stream, check=True, timeout=60)
        text = out.read_text()
    else:
        text = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()
    assert text == "one\ntwo\nthree\n"


def test_packed_text_is_unpacked_no_further_than_it_may_be(tmp_path):
    bomb = gzip.compress(bytes(3_000_000))
    assert len(gunzipped(bomb)) == 3_000_000
    assert gunzipped(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"
    with pytest.raises(RenderError, match="more than 2000000"):
        gunzipped(bomb, 2_000_000)
    with pytest.raises((OSError, EOFError)):
        gunzipped(bomb[:-20])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", "")
        archive.writestr("a.json", bytes(3_000_000))
    assert len(unzipped(packed)) == 3_000_000
    with pytest.raises(RenderError, match="more than"):
        unzipped(packed, 2_000_000)


WRITING = """
import os, signal, sys
from pathlib import Path
from renderapi.files import atomic_path, temporary_sibling
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    folder = temporary_sibling(Path(sys.argv[1]).with_name("folder"))
    folder.mkdir()
    (folder / "part").write_text("half")
    print("written", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(os.name == "nt", reason="killed processes of POSIX systems")
def test_what_a_killed_process_left_is_removed_by_the_next_one_and_nothing_else(tmp_path):
    target = tmp_path / "out" / "file.json"
    command = [sys.executable, "-c", WRITING, str(target)]
    killed, living = (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    )
    with killed, living:
        for process in (killed, living):
            assert process.stdout.readline() == b"written\n"
        foreign = target.with_name(".0000-1-abcdef.file.json")  # of another machine
        others = [foreign, target.with_name(".hidden"), target.with_name(".12345678.file.json")]
        for path in others:
            path.write_text("kept")
        killed.kill()
        killed.wait()
        assert not target.exists()
        before = set(target.parent.iterdir())
        assert len(before) == 4 + len(others)
        atomic_write(target, "whole")
        after = set(target.parent.iterdir())
        gone = {path.name for path in before - after}
        assert len(gone) == 2 and all(f"-{killed.pid:x}-" in name for name in gone)
        assert target.read_text() == "whole"
        living.communicate(b"")
    assert set(target.parent.iterdir()) >= {target, *others}
    assert target.read_text() == "half"  # the other one came to its end


def test_names_of_any_length_can_be_written(tmp_path):
    target = tmp_path / ("n" * 250 + ".json")
    with atomic_path(target) as temporary:
        assert temporary.suffix == ".json"
        temporary.write_text("whole")
    assert target.read_text() == "whole"
