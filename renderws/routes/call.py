"""One request, as its handler sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

import orjson

from renderapi.rendering.limits import Stop
from renderws.kept import KeptVolumes
from renderws.request import Request
from renderws.routes.answers import Answer, HttpError
from renderws.routes.values import Parameter, checked_name
from renderws.settings import Settings
from renderws.store.protocol import CollectionId, StackId, Store

if TYPE_CHECKING:
    from renderapi.rendering.sources import SourceCache

_MAX_FIELDS = 100_000
_MAX_NESTING = 200


class Host(Protocol):
    """What operations need of the service that runs them."""

    settings: Settings

    @property
    def match_trials(self) -> AbstractContextManager[Any]:
        """Entered by a match trial: only so many run at the same time."""

    @property
    def routes(self) -> Sequence[Any]:
        """All operations."""

    @property
    def sources(self) -> SourceCache:
        """Decoded source images, shared by all requests."""

    @property
    def volumes(self) -> KeptVolumes:
        """What is kept of stacks that are read as volumes."""

    def painters(self) -> AbstractContextManager[int]:
        """Threads for one picture."""

    def forget_images(self) -> None:
        """Drop the decoded source images."""

    def inner(self, method: str, raw_path: str, query: str, headers: Mapping[str, str]) -> Answer:
        """Answer of this service to one of its own operations."""


class Call:
    """A request whose path and query were converted.

    Attributes
    ----------
    service : Host
        The application: settings, source images.
    store : Store
        Where everything is kept; for operations that only read, as it is at one moment.
    path, query : dict
        Converted values by name; `query` holds every declared parameter.
    headers : dict
        Names in lower case.
    body : bytes
        As sent.
    """

    __slots__ = ("_request", "_stack", "body", "headers", "path", "query", "service", "store")

    def __init__(
        self,
        service: Host,
        store: Store,
        parameters: Sequence[Parameter],
        unasked: Callable[[], dict[str, Any]],
        path: dict[str, Any],
        request: Request,
    ) -> None:
        self.service = service
        self.store = store
        self.path = path
        self._stack: StackId | None = None
        if request.query:
            texts = _query_texts(request.query)
            self.query = {p.name: p.read(texts.get(p.name)) for p in parameters}
        else:
            self.query = unasked()
        self.headers = request.headers
        self.body = request.body
        self._request = request

    @property
    def is_head(self) -> bool:
        """Whether only the headers of the answer are asked for."""
        return self._request.method == "HEAD"

    @property
    def url(self) -> str:
        """The request's own URI."""
        return self._request.url

    @property
    def stop(self) -> Stop:
        """Tells when to give up a picture."""
        return self._request.stop

    @property
    def settings(self) -> Settings:
        """Limits and permissions."""
        return self.service.settings

    @property
    def stack(self) -> StackId:
        """The stack of the path; 400 for names that break the rule."""
        if self._stack is None:
            self._stack = self.stack_named(self.path["stack"])
        return self._stack

    def stack_named(
        self, stack: str, project: str | None = None, owner: str | None = None
    ) -> StackId:
        """A stack, by default of the path's owner and project; 400 for bad names."""
        return checked_stack(
            self.path["owner"] if owner is None else owner,
            self.path["project"] if project is None else project,
            stack,
            self.service.settings.max_name_length,
        )

    @property
    def collection(self) -> CollectionId:
        """The match collection of the path; 400 for names that break the rule."""
        return self.collection_named(self.path["collection"])

    def collection_named(self, name: str, owner: str | None = None) -> CollectionId:
        """A match collection, by default of the path's owner."""
        longest = self.service.settings.max_name_length
        return CollectionId(
            checked_name("owner", self.path["owner"] if owner is None else owner, longest),
            checked_name("collection", name, longest),
        )

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Within it, everything is read from the store as it is at one moment."""
        store = self.store
        with store.snapshot() as view:
            self.store = view
            try:
                yield
            finally:
                self.store = store

    def json(self) -> Any:
        """The body as JSON, None when it is empty or `null`; 400 when it cannot be parsed."""
        if not self.body.strip():
            return None
        try:
            return orjson.loads(self.body)
        except (orjson.JSONDecodeError, RecursionError) as error:
            raise HttpError(400, f"the request body is not valid JSON: {error}") from error

    def json_object(self, what: str) -> dict[str, Any]:
        """The body as a JSON object; 400 when it is missing or something else."""
        value = self.json()
        if not isinstance(value, dict):
            raise HttpError(400, f"the request body must be a JSON object: {what}")
        check_nesting(value)
        return value

    def json_list(self, what: str) -> list[Any]:
        """The body as a JSON list; 400 when it is missing or something else."""
        value = self.json()
        if not isinstance(value, list):
            raise HttpError(400, f"the request body must be a JSON list: {what}")
        return value

    def text(self) -> str:
        """The body as text; 400 when it is not UTF-8."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise HttpError(400, "the request body is not UTF-8 text") from error


@lru_cache(maxsize=1024)
def checked_stack(owner: str, project: str, stack: str, longest: int) -> StackId:
    """A stack of these names; 400 when one breaks the rule."""
    return StackId(
        checked_name("owner", owner, longest),
        checked_name("project", project, longest),
        checked_name("stack", stack, longest),
    )


def _query_texts(query: str) -> dict[str, list[str]]:
    """Texts of a query string by parameter name; 400 when there are absurdly many."""
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise HttpError(400, f"the query has more than {_MAX_FIELDS} parameters") from error


def check_nesting(value: Any) -> None:
    """400 for JSON nested deeper than can be written again."""
    level = [value]
    for _ in range(_MAX_NESTING):
        lists = [part for part in level if isinstance(part, list)]
        objects = [part.values() for part in level if isinstance(part, dict)]
        level = [
            part for parts in (*lists, *objects) for part in parts if isinstance(part, list | dict)
        ]
        if not level:
            return
    raise HttpError(400, f"the request body is nested more than {_MAX_NESTING} deep")
