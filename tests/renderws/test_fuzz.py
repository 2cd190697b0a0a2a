"""Every operation of the OpenAPI document with what schemathesis makes up, on a server process.

`RENDERWS_FUZZ` is the number of requests for each operation (3 by default).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import hypothesis
import pytest
import requests
import schemathesis

REQUESTS = int(os.environ.get("RENDERWS_FUZZ", "3"))
MEGABYTES = 1000
# what answers instead of a 500 when a server is busy, its disk full or something not offered
MEANT = (501, 503, 507)
REAL = {"owner": ["test"], "project": ["p"], "stack": ["open", "acq", "empty"], "collection": ["m"]}


@pytest.mark.timeout(1800 * max(1, REQUESTS // 25))  # `make fuzz`: two hours, where others work too
def test_no_request_breaks_the_server(filled_server):
    server = filled_server
    locked = f"{server.base}/render-ws/v1/owner/test/project/p/stack/locked/resolvedTiles"
    schema = schemathesis.openapi.from_url(f"{server.base}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 160
    answered: list[int] = []
    with requests.Session() as session:
        before = session.get(locked, timeout=60).json()
        for operation in operations:
            _ask(operation, session, answered)
            assert server.process.poll() is None, operation.label
        assert session.get(f"{server.base}/health", timeout=60).ok
        assert session.get(locked, timeout=60).json() == before  # READ_ONLY, and never named
    assert len(answered) >= len(operations)
    assert {200, 400, 404} <= set(answered)
    assert "Traceback" not in server.errors
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) < MEGABYTES * 1024


def _ask(operation, session, answered):
    """Made up requests to an operation, half of them for stacks and collections that exist."""

    @hypothesis.settings(
        max_examples=REQUESTS,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(), data=hypothesis.strategies.data())
    def ask(case, data):
        if data.draw(hypothesis.strategies.booleans()):
            for name in (case.path_parameters or {}).keys() & REAL.keys():
                case.path_parameters[name] = data.draw(
                    hypothesis.strategies.sampled_from(REAL[name])
                )
        response = case.call(session=session, timeout=60)
        answered.append(response.status_code)
        assert response.status_code < 500 or response.status_code in MEANT, response.text[:300]

    ask()
