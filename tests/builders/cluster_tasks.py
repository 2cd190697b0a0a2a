"""What tests let the workers of a cluster do; these find this file by their PYTHONPATH."""

import os
import threading
import time

import renderapi


def uneven(x):
    """The square; 3 fails, and the result of 7 cannot travel."""
    if x == 3:
        raise ValueError("three\nis bad")
    if x == 7:
        return threading.Lock()
    return x * x


def hungry(x):
    """The square; 3 takes memory until it is stopped."""
    taken = []
    while x == 3:
        taken.append(bytearray(os.urandom(1 << 20)) * 60)
        time.sleep(0.02)
    return x * x


def owners(render, _):
    """What a service says that asks for a token, to one that has no connection of its own too."""
    there = renderapi.render.get_owners(render=render)
    again = renderapi.render.get_owners(host=render.DEFAULT_HOST, port=render.DEFAULT_PORT)
    return there, again, os.environ.get("RENDER_TOKEN")


def slow(x):
    """x, after a while."""
    time.sleep(0.3)
    return x
