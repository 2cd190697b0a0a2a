"""Runs of modules that are killed before or after any of their requests, in a process of their own.

The process is forked, so that a run costs no start of Python; it opens the store by itself, as any
other process would.
"""

from __future__ import annotations

import os
import shutil
import warnings

from renderapi.session import RenderSession
from renderws.local import close_local_services

KILLED, FAILED = 9, 1


def killed_at(step, after, module, parameters, patch=None, every=True):
    """Run a module in a process that dies at request number `step`, before or after it is answered.

    Not `every` request counts then: those that only read leave the store as it is.

    Gives the exit status: 0 when the run came to its end without so many requests.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = FAILED
    try:
        _count_down(step, after, every)
        if patch is not None:
            patch()
        module(input_data=parameters, args=[]).run()
        status = 0
    finally:
        os._exit(status)


def _count_down(step, after, every):
    left = [step]
    send = RenderSession.send

    def counted(self, request, *args, **kwargs):
        if not every and request.method == "GET":
            return send(self, request, *args, **kwargs)
        left[0] -= 1
        if left[0] == 0 and not after:
            os._exit(KILLED)
        answer = send(self, request, *args, **kwargs)
        if left[0] == 0:
            os._exit(KILLED)
        return answer

    RenderSession.send = counted


def copy_of(store, path):
    """A copy of a store that nobody has open."""
    close_local_services()
    shutil.copyfile(store, path)
    return path
