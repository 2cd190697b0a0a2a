"""Pools of workers."""

from __future__ import annotations

import importlib.util
import os

import pytest

from renderapi.external.processpools import stdlib_pool
from renderapi.render import Render

POOLS = [stdlib_pool.WithMultiprocessingPool, stdlib_pool.WithThreadPool]


def square(value):
    return value * value


def place(connection):
    return connection.DEFAULT_HOST, os.getpid()


@pytest.mark.parametrize("pool", [*POOLS, stdlib_pool.WithDummyMapPool])
def test_results_are_in_order(pool):
    with pool(2) as workers:
        assert workers.map(square, range(5)) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("pool", POOLS)
def test_work_is_finished_at_the_end_of_the_block_even_after_an_error(pool):
    with pytest.raises(RuntimeError, match="stop"), pool(processes=2) as workers:
        pending = workers.map_async(square, range(50))
        raise RuntimeError("stop")
    assert pending.get(timeout=60) == [n * n for n in range(50)]


def test_connections_travel_to_other_processes():
    with stdlib_pool.WithPool(1) as workers:
        ((host, process),) = workers.map(place, [Render("http://h")])
    assert host == "http://h"
    assert process != os.getpid()


def test_the_pool_without_workers_takes_several_iterables():
    with stdlib_pool.WithDummyMapPool() as workers:
        assert workers.map(pow, [2, 3], [3, 2]) == [8, 9]


def test_pathos_is_needed_only_for_its_own_pool():
    if importlib.util.find_spec("pathos") is None:
        with pytest.raises(ModuleNotFoundError, match="pathos"):
            importlib.import_module("renderapi.external.processpools.pool_pathos")
        return
    pool = importlib.import_module("renderapi.external.processpools.pool_pathos")
    for _ in range(2):
        with pool.PathosWithPool(2) as workers:
            assert workers.map(square, [3]) == [9]
