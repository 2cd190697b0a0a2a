"""The table of limits in docs/service.md: it is that of the program, and every row holds."""

from __future__ import annotations

import re
from argparse import ArgumentError, ArgumentParser
from pathlib import Path

import connection_limit_trials
import picture_limit_trials
import pytest
import request_limit_trials
import requests
from limit_trials import TRIALS

from renderws import limits
from renderws.settings import Settings

assert connection_limit_trials and picture_limit_trials and request_limit_trials
DOCUMENT = Path(__file__).parents[2] / "docs" / "service.md"
ROW = re.compile(r"^\| (.+) \| (.+) \| `(--[a-z-]+)` \| (\w+) \|$", re.MULTILINE)


def documented():
    section = DOCUMENT.read_text().split("## Limits")[1].split("\n## ")[0]
    return [limits.Row(*found) for found in ROW.findall(section)]


def test_the_table_is_that_of_the_program():
    assert limits.table() in DOCUMENT.read_text(), "put in what python -m renderws.limits prints"
    assert documented() == list(limits.rows())


def test_every_row_has_a_trial():
    assert set(TRIALS) == {row.option for row in documented()}


@pytest.mark.parametrize("row", documented(), ids=lambda row: row.option)
def test_beyond_a_limit_happens_what_the_table_says(row, tmp_path, serve_process):
    trial = TRIALS[row.option]
    server = serve_process(tmp_path, row.option, trial.value, *trial.options)
    assert str(trial.run(server)) == row.beyond
    if server.process.poll() is None:
        assert requests.get(f"{server.base}/health", timeout=60).status_code == 200
        assert server.end() == 0
    assert "Traceback" not in server.errors


def test_options_read_numbers_and_sizes():
    parser = ArgumentParser(exit_on_error=False)
    limits.add_options(parser)
    sizes = [("5", 5), ("2K", 2048), ("3m", 3 << 20), ("1G", 1 << 30)]
    for text, number in sizes:
        options = parser.parse_args(["--max-body-bytes", text])
        assert Settings(**limits.chosen(options)).max_body_bytes == number
    assert limits.chosen(parser.parse_args([])) == {
        name: getattr(Settings(), name) for name in limits.chosen(parser.parse_args([]))
    }
    for option in (row.option for row in limits.rows()):
        for text in ("0", "-1", "x", "inf", "nan", ""):
            with pytest.raises(ArgumentError, match="above 0"):
                parser.parse_args([f"{option}={text}"])
