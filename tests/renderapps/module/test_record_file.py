"""Records that survive whatever moment a run is killed at."""

import math

import pytest

from renderapps.module import RenderModuleException
from renderapps.module.record_file import RecordFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new folder" / "run.progress"


def filled(path, count=3):
    records = RecordFile(path)
    for number in range(count):
        records.add([(f"key{number}", {"number": number, "text": "a b\nc"})])
    records.close()


def test_records_are_there_again(path):
    filled(path)
    records = RecordFile(path)
    assert records.found == 3
    assert records.get("key1") == {"number": 1, "text": "a b\nc"}
    assert records.get("key") is None
    records.add([("key1", "later"), ("more", [1.5, math.inf, math.nan, 0.1 + 0.2])])
    assert records.get("key1") == "later"
    records.close()
    records = RecordFile(path)
    assert records.get("key1") == "later"
    more = records.get("more")
    assert more[:2] == [1.5, math.inf] and math.isnan(more[2]) and more[3] == 0.1 + 0.2
    records.close()


def test_what_is_half_written_is_cut_off_and_the_rest_stays(path):
    filled(path)
    whole = path.read_bytes()
    starts = [0, *(k + 1 for k, byte in enumerate(whole) if byte == ord("\n"))]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        records = RecordFile(path)
        left = sum(start <= length for start in starts[2:])
        assert records.found == left, length
        records.add([("again", length)])
        records.close()
        records = RecordFile(path)
        assert (records.found, records.get("again")) == (left + 1, length)
        assert all(records.get(f"key{k}")["number"] == k for k in range(left))
        records.close()


def test_a_record_that_was_damaged_ends_the_file(path):
    filled(path)
    data = bytearray(path.read_bytes())
    data[data.index(b'"number": 1') + 10] = ord("7")
    path.write_bytes(data)
    records = RecordFile(path)
    assert records.found == 1 and records.get("key1") is None
    records.close()


def test_one_run_at_a_time(path):
    filled(path)
    first = RecordFile(path)
    with pytest.raises(RenderModuleException, match="another run is at work"):
        RecordFile(path)
    first.close()
    RecordFile(path).close()


def test_files_of_others_are_left_as_they_are(path):
    path.parent.mkdir()
    for text in ("my notes", "my notes\nof today\n", "records of a run of renderapps, format 9\n"):
        path.write_text(text)
        with pytest.raises(RenderModuleException, match="left as it is"):
            RecordFile(path)
        assert path.read_text() == text
