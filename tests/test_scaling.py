"""The model of what very large stores take, and what it is fed with."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys

import pytest

from benchmarks._index_depth import sqlite_pages
from benchmarks._petabyte import Rates, Volume, steps
from benchmarks._petabyte import main as petabyte
from benchmarks._processor_time import family, used, used_now
from benchmarks._scale_table import table
from benchmarks._scaling import GROWING, SEARCHED, core_hours, depth, fit, nodes

SIZES = [1e5, 1e6, 1e7]


@pytest.mark.parametrize(
    ("figure", "terms"),
    [
        (lambda n: 5e6 + 800 * n, GROWING),
        (lambda n: 2e-6 * n * math.log2(n), GROWING),
        (lambda n: 1.0 + 2e-5 * n + 3e-7 * n * math.log2(n), GROWING),
        (lambda n: 0.2 + 0.01 * math.log2(n), SEARCHED),
        (lambda n: 3.5, SEARCHED),
    ],
)
def test_a_sum_of_the_terms_is_found_and_continued(figure, terms):
    found = fit(SIZES, [figure(n) for n in SIZES], terms)
    assert found.error < 1e-6
    assert found.at(8.65e8) == pytest.approx(figure(8.65e8), rel=1e-4)


def test_no_coefficient_is_negative_and_the_error_is_the_largest_one():
    # grows slower than any of the terms: the best constant has the same error on both sides
    found = fit([1e5, 1e7], [2.0, 1.0], SEARCHED)
    assert min(found.coefficients.values()) >= 0
    # least squares of c/2 - 1 and c - 1: c = (1/2 + 1) / (1/4 + 1)
    assert found.at(1e9) == pytest.approx(1.2)
    assert found.error == pytest.approx(0.4)


@pytest.mark.parametrize("figures", [[1.0, 0.0], [-1.0, 2.0]])
def test_figures_that_mean_nothing_are_refused(figures):
    with pytest.raises(ValueError, match="positive figures"):
        fit([1e5, 1e6], figures, GROWING)
    with pytest.raises(ValueError, match="two sizes"):
        fit([1e5, 1e5], [1.0, 1.0], GROWING)


def test_levels_of_a_tree_by_hand():
    assert depth(1, 100, 10) == depth(100, 100, 10) == 1
    assert depth(101, 100, 10) == depth(1000, 100, 10) == 2
    assert depth(1001, 100, 10) == depth(10_000, 100, 10) == 3
    assert depth(10_001, 100, 10) == 4


@pytest.mark.parametrize("rows", [10, 300, 12_000, 60_000])
def test_levels_of_a_tree_of_sqlite(tmp_path, rows):
    path = tmp_path / "tree.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("CREATE TABLE t (name TEXT)")
        connection.execute("CREATE INDEX by_name ON t (name)")
        connection.executemany(
            "INSERT INTO t VALUES (?)", [(f"a tile of section {n:06d}",) for n in range(rows)]
        )
    connection.close()
    pages = sqlite_pages(path, "by_name")
    fan_out = (pages.leaves + pages.interior - 1) / max(1, pages.interior)
    assert pages.depth == depth(rows, rows / pages.leaves, fan_out)
    assert pages.depth == {10: 1, 300: 2, 12_000: 3, 60_000: 4}[rows]


def test_core_hours_and_machines_by_hand():
    assert core_hours(7200e6, 1e6) == pytest.approx(2.0)
    assert nodes(32 * 24 * 30, 32, 30) == 1
    assert nodes(32 * 24 * 30 + 1, 32, 30) == 2
    assert nodes(32 * 24 * 30, 32, 30, used=0.5) == 2


def test_a_petabyte_by_hand():
    volume = Volume(pixels=100 * 25 * 1000**2, side=1000, overlap=0.2, sections=100)
    assert (volume.tiles, volume.of_section) == (2500, 25)
    assert volume.montage_pairs == pytest.approx(100 * 40)  # 5 x 4 in each direction
    assert volume.drawn == pytest.approx(2.5e9 * 0.64)
    found = {one.name: one for one in steps(volume, Rates(10.0, 2.5, 5.0, 4.0))}
    assert found["match montages"].core_hours == pytest.approx(400 / 3600)
    assert found["match across z"].core_hours == pytest.approx(5000 / 2.5 / 3600)
    assert found["solve"].core_hours == pytest.approx(500 / 3600)
    assert found["materialise"].core_hours == pytest.approx(1600 / 4 / 3600)
    assert {one.machines for one in found.values()} == {1}


def test_a_petabyte_is_238_million_tiles_and_a_rate_is_missing(capsys):
    assert Volume().tiles == pytest.approx(238_418_579, rel=1e-6)
    assert petabyte(["montage_pairs=20"]) == 2
    assert "say NAME=RATE" in capsys.readouterr().err
    assert (
        petabyte(["montage_pairs=20", "z_pairs=1", "solved_tiles=9e3", "written_megapixels=20"])
        == 0
    )
    # 238,418,579 tiles at 9,000 in a second
    assert "| solve | 2.38e+08 tiles | 9e+03 | 7 | 1 |" in capsys.readouterr().out


def test_processor_time_of_another_process_and_its_children():
    code = (
        "import sys, time; end = time.process_time() + {}\nwhile time.process_time() < end: pass\n"
    )
    parent = (
        f"import subprocess\nsubprocess.run([{sys.executable!r}, '-c', {code.format(0.3)!r}])\n"
    )
    script = parent + code.format(0.2) + "print('done', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"done\n"
        own, whole = used_now([process.pid]), used(process.pid)
        assert family(process.pid) == [process.pid]
    assert own > 0.2
    assert whole >= own + 0.28
    assert used_now([process.pid]) == 0.0


def test_what_was_done_in_part_is_told_for_all_and_one_size_has_no_model():
    name, done = "save pairs, core seconds", "save pairs, number"
    parts = {10_000_000: {name: 900.0, done: 2_500_000.0}}
    *_, line = table(parts, is_postgres=False)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == ["as many pairs of 10 points saved, core-hours", "1", "", "", ""]
    whole = {1_000_000: {name: 360.0, done: 1_000_000.0}}
    *_, line = table(whole | parts, is_postgres=False)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:] == ["0.1", "1", "*10*", "*86.5*", "0 %"]
