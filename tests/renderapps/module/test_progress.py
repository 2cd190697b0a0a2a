"""Progress on a terminal and elsewhere."""

import io
import logging
import sys

from renderapps.module.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_there_is_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with Progress("sections", 2) as bar:
        assert [bar.step("a"), bar.step("b")] == ["a", "b"]
    assert "sections" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()


def test_elsewhere_there_are_lines_now_and_then(caplog, monkeypatch):
    monkeypatch.setattr("renderapps.module.progress.SECONDS_BETWEEN_LINES", 1e9)
    with caplog.at_level(logging.INFO), Progress("sections", 3, logging.getLogger("x")) as bar:
        for _ in range(3):
            bar.step(None)
    assert [r.getMessage() for r in caplog.records] == ["sections: 3 of 3"]
    caplog.clear()
    monkeypatch.setattr("renderapps.module.progress.SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO), Progress("sections", 3, logging.getLogger("x")) as bar:
        for _ in range(3):
            bar.step(None)
    assert len(caplog.records) == 3


def test_without_a_description_it_is_silent(caplog):
    with caplog.at_level(logging.DEBUG), Progress(None, 1) as bar:
        bar.step(None)
    assert caplog.records == []
