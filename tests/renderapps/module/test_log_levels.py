"""What a run says, in its own process and in those that work for it."""

import logging
import subprocess
import sys

import pytest

from renderapps.module import log_levels

WORKERS_SAY = """
import logging
from renderapps.module import log_levels
from renderapps.module.parallel import map_tasks
from renderapps.module.processes import end_workers

def say(number):
    logging.getLogger("renderws.access").info("a request")
    logging.getLogger("renderapps.x").info("a step")
    return number

log_levels.follow("INFO")
assert list(map_tasks(say, [1, 2], 2)) == [1, 2]
end_workers()
"""


@pytest.mark.parametrize(
    ("level", "requests"), [("INFO", False), ("DEBUG", True), ("ERROR", False)]
)
def test_requests_are_told_at_debug_only_and_levels_come_back(level, requests):
    root, access = logging.getLogger(), logging.getLogger(log_levels.ACCESS)
    before = root.level, access.level
    with log_levels.following(level):
        assert root.level == getattr(logging, level)
        assert access.isEnabledFor(logging.INFO) is requests
    assert (root.level, access.level) == before


def test_of_modules_at_once_the_last_one_to_end_brings_the_level_back():
    root = logging.getLogger()
    before = root.level
    first, second = log_levels.following("ERROR"), log_levels.following("INFO")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert root.level == logging.INFO
    second.__exit__(None, None, None)
    assert root.level == before


def test_workers_say_what_their_module_says():
    done = subprocess.run([sys.executable, "-c", WORKERS_SAY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["INFO renderapps.x: a step"] * 2
