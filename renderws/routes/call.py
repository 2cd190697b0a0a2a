"""One request, as its handler sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from renderws.routes.answers import HttpError
from renderws.routes.values import checked_name
from renderws.store.protocol import CollectionId, StackId, Store

if TYPE_CHECKING:
    from renderws.routes.router import Route
    from renderws.service import Service
    from renderws.settings import Settings


class Call:
    """A request whose path and query were converted.

    Attributes
    ----------
    service : Service
        The application: store, settings, source images.
    path, query : dict
        Converted values by name; `query` holds every declared parameter.
    headers : dict
        Names in lower case.
    body : bytes
        As sent.
    url : str
        The request's own URI.
    """

    __slots__ = ("body", "headers", "path", "query", "query_texts", "route", "service", "url")

    def __init__(
        self,
        service: Service,
        route: Route,
        path: dict[str, Any],
        query_string: str,
        headers: dict[str, str],
        body: bytes,
        url: str,
    ) -> None:
        self.service = service
        self.route = route
        self.path = path
        self.query_texts = (
            parse_qs(query_string, keep_blank_values=True, max_num_fields=100_000)
            if query_string
            else {}
        )
        self.query = {p.name: p.read(self.query_texts.get(p.name)) for p in route.query}
        self.headers = headers
        self.body = body
        self.url = url

    @property
    def store(self) -> Store:
        """Where everything is kept."""
        return self.service.store

    @property
    def settings(self) -> Settings:
        """Limits and permissions."""
        return self.service.settings

    @property
    def stack(self) -> StackId:
        """The stack of the path; 400 for names that break the rule."""
        return self.stack_named(self.path["stack"])

    def stack_named(
        self, stack: str, project: str | None = None, owner: str | None = None
    ) -> StackId:
        """A stack, by default of the path's owner and project; 400 for bad names."""
        return StackId(
            checked_name("owner", owner or self.path["owner"]),
            checked_name("project", project or self.path["project"]),
            checked_name("stack", stack),
        )

    @property
    def collection(self) -> CollectionId:
        """The match collection of the path; 400 for names that break the rule."""
        return self.collection_named(self.path["collection"])

    def collection_named(self, name: str, owner: str | None = None) -> CollectionId:
        """A match collection, by default of the path's owner."""
        return CollectionId(
            checked_name("owner", owner or self.path["owner"]), checked_name("collection", name)
        )

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
