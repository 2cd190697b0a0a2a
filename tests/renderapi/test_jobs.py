"""Runs of modules by the client, on an embedded service."""

import pytest

from renderapi import jobs
from renderapi.errors import NotFoundError, RequestError
from renderapi.stackchanges import additions

SAID = {"module": "m", "state": "running", "owner": "test", "project": "project"}


def test_what_is_said_is_found_again_until_it_is_forgotten(render):
    assert "jobs" in additions(render=render)
    assert jobs.get_jobs(render=render) == []
    jobs.put_job("a", SAID | {"elapsed": 9}, render=render)
    jobs.put_job("b", SAID | {"owner": "x", "log": ["line"], "number": 1}, render=render)
    assert [run["id"] for run in jobs.get_jobs(render=render)] == ["b", "a"]
    assert [run["id"] for run in jobs.get_jobs("test", "project", render=render)] == ["a"]
    assert [run["id"] for run in jobs.get_jobs(limit=1, render=render)] == ["b"]
    assert jobs.get_job("b", render=render)["log"] == ["line"]
    jobs.delete_job("b", render=render)
    with pytest.raises(NotFoundError, match="no run b"):
        jobs.get_job("b", render=render)


def test_nonsense_is_refused(render):
    with pytest.raises(RequestError, match="400: state must be one of"):
        jobs.put_job("a", SAID | {"state": "asleep"}, render=render)
