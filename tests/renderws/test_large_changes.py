"""While very many rows are removed or looked through, other clients change other things."""

from __future__ import annotations

import threading

import pytest
import requests
from served_store import LARGE, OWNER, PAIRS, SMALL, body, fill, served

from renderws.store import (
    arrivals,
    exchangeviews,
    pairarrivals,
    pairremovals,
    removals,
    renumbering,
    settling,
    stacks,
)

STACKS = [{"project": "p", "stack": name} for name in ("built", "large")]
BODIES = {
    f"{LARGE}/section/1.0/z": 5,
    f"{OWNER}/matchChanges": {"changes": [{"from": "new", "to": "m", "keep": True}]},
    f"{OWNER}/stackChanges": {"changes": [{"from": STACKS[0], "to": STACKS[1], "zs": [1]}]},
}


@pytest.fixture
def base(tmp_path):
    with served(tmp_path / "render.db", tmp_path) as (_, url):
        fill(url)
        yield url


@pytest.mark.parametrize(
    ("module", "step", "method", "path"),
    [
        (removals, "do_piece", "delete", f"{LARGE}/z/1.0"),
        (removals, "do_piece", "delete", f"{LARGE}/section/1.0"),
        (pairremovals, "do_piece", "delete", f"{PAIRS}/pGroup/a/matches"),
        (pairremovals, "do_piece", "delete", f"{PAIRS}/group/a/matchesWith/b"),
        (pairremovals, "do_piece", "delete", f"{PAIRS}/group/a/matchesOutsideGroup"),
        (pairarrivals, "do_piece", "post", f"{OWNER}/matchChanges"),
        (exchangeviews, "derive", "post", f"{OWNER}/stackChanges"),
        (arrivals, "do_piece", "post", f"{OWNER}/stackChanges"),
        (renumbering, "_write", "put", f"{LARGE}/section/1.0/z"),
        (stacks, "derive", "put", f"{LARGE}/state/COMPLETE"),
    ],
)
def test_another_client_imports_meanwhile(base, monkeypatch, module, step, method, path):
    """The large change goes on only when the import of the other client has been answered."""
    where = settling if step == "do_piece" else module
    begun, imported, do = threading.Event(), threading.Event(), getattr(where, step)

    def wait_for_the_other(*arguments):
        begun.set()
        assert imported.wait(100)
        return do(*arguments)

    monkeypatch.setattr(exchangeviews if module is arrivals else module, "LARGE", 10)
    monkeypatch.setattr(where, step, wait_for_the_other)
    answers = []
    large = threading.Thread(
        target=lambda: answers.append(
            requests.request(method, base + path, json=BODIES.get(path), timeout=60)
        )
    )
    large.start()
    assert begun.wait(100)
    small = requests.put(f"{base}{SMALL}/resolvedTiles", json=body("x"), timeout=60)
    assert not answers
    imported.set()
    large.join()
    assert small.ok
    assert answers[0].ok
