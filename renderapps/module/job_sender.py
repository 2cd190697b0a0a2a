"""Telling a service how a run stands: beside the run, seldom, and never in its way.

A thread sends what there is to say: what is new at most once a second and never for more than a
hundredth of the time, else a sign of life now and then. Whatever goes wrong, the run does not
notice. A service that does not know the operation, or refuses it, is not asked again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from renderapi.databases import is_database
from renderapi.jobs import job_url
from renderapi.session import RenderSession, is_local, local_store
from renderapps.module.job import Job

FIRST_SECONDS = 0.25  # most short runs have one thing to say: how they ended
LEAST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
SIGN_OF_LIFE_SECONDS = 15.0
SHARE = 0.01  # of the time, of this computer; of others ten times as much is waited for
TIMEOUT = (1.0, 2.0)
END_SECONDS = 2.0
_HEADERS = {"content-type": "application/json"}
_LOG = logging.getLogger(__name__)


class _Session(RenderSession):
    """A session that does not try again, nor wait for long."""

    def _mount_pools(self) -> None:
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request."""
        return requests.Session.send(self, request, **{**kwargs, "timeout": TIMEOUT})


class Sender(threading.Thread):
    """Sends how a run stands until `finish` is called.

    Parameters
    ----------
    job : Job
    host, port
        Of the service.
    """

    def __init__(self, job: Job, host: str, port: int | str | None) -> None:
        super().__init__(name="job", daemon=True)
        self.job = job
        self._url = job_url({"host": host, "port": port}, job.id)
        store = local_store(host) if is_local(host) else ""
        self._file = store if not is_database(store) else ""
        self._done = threading.Event()
        self._pause = LEAST_SECONDS
        self._refused = False
        self._mark: object = None
        self._sent = 0.0

    def finish(self) -> None:
        """Let the end be told, if that takes no time to speak of."""
        self._done.set()
        self.join(END_SECONDS)

    def run(self) -> None:
        """Send what is new, and signs of life."""
        self.job.log.silent_thread = threading.get_ident()
        self._done.wait(FIRST_SECONDS)
        with _Session() as session:
            session.trust_env = not is_local(self._url)  # there is no proxy on the way
            while not self._refused:
                last = self._done.is_set()  # what is sent after this says how it ended
                if last or self._is_due():
                    self._send(session)
                if last:
                    return
                self._done.wait(self._pause)

    def _is_due(self) -> bool:
        silent = time.monotonic() - self._sent
        return self._mark != self.job.mark() or silent >= SIGN_OF_LIFE_SECONDS

    def _send(self, session: requests.Session) -> None:
        """Send once; after a failure the next time is later."""
        if self._file and not os.path.exists(self._file):
            return  # nothing has been written yet, and this is no reason to make a store
        mark = self.job.mark()
        silence = max(60.0, 4 * max(self._pause, SIGN_OF_LIFE_SECONDS))
        began, used = time.monotonic(), time.thread_time()
        try:
            body = self.job.said(silence)
            answer = session.put(self._url, data=body, headers=_HEADERS, allow_redirects=False)
            status = answer.status_code
        except Exception as error:  # nothing that happens here may disturb the run
            _LOG.debug("the state of the run was not recorded: %s", error)
            status = 0
        is_first, self._sent = not self._sent, time.monotonic()
        cost = max((time.thread_time() - used) / SHARE, (self._sent - began) / (10 * SHARE))
        if 200 <= status < 300:
            # the first time a store is opened, which the run would have had to do itself
            pause = LEAST_SECONDS if is_first else max(LEAST_SECONDS, cost)
            self._mark, self._pause = mark, min(pause, LONGEST_SECONDS)
        elif 0 < status < 500:
            self._refused = True
        else:
            self._pause = min(max(2 * self._pause, cost), LONGEST_SECONDS)
