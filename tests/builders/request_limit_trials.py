"""Trials of the limits of requests and answers."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import requests
from limit_trials import trial
from waiting import wait_until

STACK = "/render-ws/v1/owner/o/project/p/stack/s"


@trial("--max-body-bytes", "1K")
def max_body_bytes(server):
    sent = {"cycleNumber": 1}
    assert requests.post(server.base + STACK, json=sent, timeout=60).status_code == 201
    sent["versionNotes"] = "n" * 1024
    return requests.post(server.base + STACK, json=sent, timeout=60).status_code


@trial("--max-tiles", "2")
def max_tiles(server):
    stack = server.base + STACK
    requests.post(stack, json={}, timeout=60)
    tile = {"z": 1, "width": 9, "height": 9, "transforms": {"type": "list", "specList": []}}
    for count, status in ((2, 200), (3, None)):
        tiles = {"tileIdToSpecMap": {f"t{n}": tile for n in range(count)}}
        requests.put(f"{stack}/resolvedTiles?deriveData=true", json=tiles, timeout=60)
        answer = requests.get(f"{stack}/z/1/render-parameters", timeout=60)
        assert status in (None, answer.status_code)
    return answer.status_code


@trial("--max-answer-bytes", "2K")
def max_answer_bytes(server):
    stack = server.base + STACK
    requests.post(stack, json={}, timeout=60)
    tile = {"z": 1, "width": 9, "height": 9}
    leaf = {"className": "mpicbg.trakem2.transform.AffineModel2D", "dataString": "1 0 0 1 0 0"}
    lens = {"type": "list", "specList": [leaf] * 20}
    shared = [leaf, {"type": "ref", "refId": "lens"}]
    for specs, status in ((shared[:1], 200), (shared, None)):
        body = {
            "transformIdToSpecMap": {"lens": lens},
            "tileIdToSpecMap": {"t": {**tile, "transforms": {"type": "list", "specList": specs}}},
        }
        saved = requests.put(f"{stack}/resolvedTiles?deriveData=true", json=body, timeout=60)
        assert saved.status_code == 201
        answer = requests.get(f"{stack}/z/1/tile-specs", timeout=60)
        assert status in (None, answer.status_code)
    return answer.status_code


@trial("--max-name-length", "20")
def max_name_length(server):
    owner = f"{server.base}/render-ws/v1/owner/o/project/p/stack"
    assert requests.post(f"{owner}/{'s' * 20}", json={}, timeout=60).status_code == 201
    identity = {"owner": "o", "project": "p", "stack": "s" * 21}
    renamed = requests.put(f"{owner}/{'s' * 20}/stackId", json=identity, timeout=60)
    assert renamed.status_code == 400
    return requests.post(f"{owner}/{'s' * 21}", json={}, timeout=60).status_code


@trial("--max-id-length", "20")
def max_id_length(server):
    stack = server.base + STACK
    requests.post(stack, json={}, timeout=60)
    tile = {"z": 1, "minX": 0, "minY": 0, "maxX": 9, "maxY": 9}
    found = set()
    for key, name in (("tileId", "t"), ("groupId", "g"), ("sectionId", "s")):
        for length, status in ((20, 201), (21, None)):
            layout = {"sectionId": name * length} if key == "sectionId" else {}
            one = {**tile, "tileId": "t", key: name * length, "layout": layout}
            body = {"tileIdToSpecMap": {"t": one}}
            answer = requests.put(f"{stack}/resolvedTiles", json=body, timeout=60)
            assert status in (None, answer.status_code), answer.text
        found.add(answer.status_code)
    (status,) = found
    return status


@trial("--lock-seconds", "0.5")
def lock_seconds(server):
    stack = server.base + STACK
    assert requests.post(stack, json={}, timeout=60).status_code == 201
    with closing(sqlite3.connect(server.folder / "render.db")) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        answers = [requests.post(stack, json={}, timeout=60) for _ in range(4)]
        assert time.monotonic() - started < 9  # 0.5 s, not 10, and the next ones not as long
        assert requests.get(stack, timeout=60).status_code == 200
        foreign.execute("ROLLBACK")
    assert requests.post(stack, json={}, timeout=60).status_code == 201
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    (status,) = {answer.status_code for answer in answers}
    return status


JOB = "/render-ws/v1/jobs"


def run_recorded(server, job, **more):
    said = {"module": "m", "state": "complete", **more}
    return requests.put(f"{server.base}{JOB}/{job}", json=said, timeout=60).status_code


@trial("--max-job-bytes", "1K")
def max_job_bytes(server):
    assert run_recorded(server, "a", summary="s" * 900) == 200
    return run_recorded(server, "b", summary="s" * 1024)


@trial("--max-jobs", "2")
def max_jobs(server):
    for job in "abc":
        assert run_recorded(server, job) == 200
        time.sleep(0.01)
    found = requests.get(server.base + JOB, timeout=60).json()
    assert sorted(run["id"] for run in found) == ["b", "c"]
    gone = requests.get(f"{server.base}{JOB}/a", timeout=60).status_code == 404
    return "forgotten" if gone else "remembered"


@trial("--job-days", "0.00001")
def job_days(server):
    def seen():
        return requests.get(f"{server.base}{JOB}/a", timeout=60).status_code

    def seen_in_time():
        """Status of the run, asked for within its 0.86 s; None where that took longer."""
        began = time.monotonic()
        assert run_recorded(server, "a") == 200
        status = seen()
        return status if time.monotonic() - began < 0.8 else None

    assert wait_until(seen_in_time) == 200
    wait_until(lambda: seen() == 404, "it is remembered")
    assert requests.get(server.base + JOB, timeout=60).json() == []
    return "forgotten"
