"""Answers to a page that come late: after those to what it asked for later."""

from __future__ import annotations

from contextlib import contextmanager


@contextmanager
def late_answer(page, pattern):
    """The first request that fits the pattern is answered only when the block is left."""
    held = []

    def hold(route):
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(pattern, hold)
    yield
    assert held, f"nothing asked for {pattern}"
    with page.expect_response(held[0].request.url):
        held[0].continue_()
    page.unroute(pattern)
    page.wait_for_timeout(300)  # for what the page would do with it
