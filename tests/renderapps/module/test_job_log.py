"""The last lines of a log are kept, and what Python does with the others stays as it was."""

import logging
import subprocess
import sys
import threading

from renderapps.module.job_log import LINES, LONGEST_LINE, log_kept


def test_the_last_lines_are_kept_and_cut():
    logger = logging.getLogger("some.module")
    with log_kept() as tail:
        for n in range(LINES + 20):
            logger.warning("line %d %s", n, "x" * 1000)
    assert len(tail.lines) == LINES and tail.count == LINES + 20
    assert "WARNING some.module: line 20 xx" in tail.lines[0]
    assert len(tail.lines[-1]) == LONGEST_LINE
    logger.warning("after")
    assert tail.count == LINES + 20


def test_levels_hold_and_requests_are_left_out():
    logger = logging.getLogger("some.module")
    with log_kept() as tail:
        logger.debug("not at this level")
        logging.getLogger("urllib3.connectionpool").warning("a request")
        other = threading.Thread(target=lambda: logger.warning("of the thread that sends"))
        tail.silent_thread = None
        thread = threading.Thread(target=lambda: _as_silent(tail, logger))
        for one in (other, thread):
            one.start()
            one.join()
    assert [line.split(": ")[1] for line in tail.lines] == ["of the thread that sends"]


def _as_silent(tail, logger):
    tail.silent_thread = threading.get_ident()
    logger.warning("silent")


def test_a_line_that_cannot_be_written_disturbs_nobody(monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger = logging.getLogger("some.module.apart")
    logger.propagate = False
    with log_kept() as tail:
        logger.addHandler(tail)
        logger.warning("%d", "no number")
        logger.warning("fine")
    logger.removeHandler(tail)
    assert [line.split(": ")[1] for line in tail.lines] == ["fine"]


PROGRAM = """
import logging
from renderapps.module.job_log import log_kept
with log_kept() as tail:
    logging.getLogger("lost").warning("seen %d", 1)
    logging.getLogger("lost").info("not seen")
    logging.getLogger("handled").addHandler(logging.NullHandler())
    logging.getLogger("handled").warning("by another")
print(len(tail.lines))
"""


def test_warnings_that_nobody_handles_still_reach_stderr():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.stderr, done.stdout) == ("seen 1\n", "2\n")
