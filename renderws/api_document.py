"""Swagger 2 and OpenAPI 3 documents, made from the table of operations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from renderws.routes.router import Route
from renderws.routes.values import Convert, Parameter, boolean, double, integer

Json = dict[str, Any]

_TITLE = "render web service"
_TYPES: dict[Any, Json] = {
    double: {"type": "number", "format": "double"},
    integer: {"type": "integer", "format": "int32"},
    boolean: {"type": "boolean"},
}
_ERRORS = {
    "400": "the request makes no sense; one line says why",
    "404": "no such stack, tile, section or collection, or a value that does not convert",
    "409": "the state of the stack forbids it",
}
# operations that answer 201
_CREATING = frozenset({9, 12, 30, 46, 49, 50, 52, 138, 140})


def swagger(routes: Iterable[Route]) -> Json:
    """Swagger 2 document."""
    return {
        "swagger": "2.0",
        "info": _info(),
        "basePath": "/render-ws",
        "schemes": ["http"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "tags": [{"name": tag} for tag in _tags(routes)],
        "paths": _paths(routes, "/render-ws", _swagger_operation),
    }


def openapi(routes: Iterable[Route]) -> Json:
    """OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": _info(),
        "tags": [{"name": tag} for tag in _tags(routes)],
        "paths": _paths(routes, "", _openapi_operation),
    }


def _info() -> Json:
    return {
        "title": _TITLE,
        "version": "v1",
        "description": "Tiles, transforms and point matches, and images made from them.",
    }


def _tags(routes: Iterable[Route]) -> list[str]:
    return sorted({_tag(route) for route in routes})


def _tag(route: Route) -> str:
    module = getattr(getattr(route.handler, "func", route.handler), "__module__", "")
    return module.rpartition(".")[2].replace("_", " ")


def _paths(routes: Iterable[Route], base: str, operation: Any) -> Json:
    paths: Json = {}
    for route in routes:
        if route.path.startswith(base + "/"):
            methods = paths.setdefault(route.path[len(base) :], {})
            methods[route.method.lower()] = operation(route)
    return paths


def _described(route: Route) -> Json:
    function = getattr(route.handler, "func", route.handler)
    text = (function.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    words = re.findall(r"\w+", route.path.replace("/render-ws/v1", ""))
    name = route.method.lower() + "_" + "_".join(words)
    return {"operationId": name, "summary": re.sub(r"\s+", " ", text), "tags": [_tag(route)]}


def _parameters(route: Route) -> Iterable[tuple[str, str, Convert, Parameter | None]]:
    """Place, name and converter of every value in the path and the query."""
    for name in re.findall(r"\{(\w+)\}", route.path):
        yield "path", name, route.converter(name), None
    for parameter in route.query:
        yield "query", parameter.name, parameter.convert, parameter


def _schema(convert: Convert, parameter: Parameter | None) -> Json:
    schema = dict(_TYPES.get(convert, {"type": "string"}))
    if "|" in getattr(convert, "__name__", ""):
        schema["enum"] = convert.__name__.split("|")
    if parameter is not None and parameter.repeat:
        return {"type": "array", "items": schema}
    if parameter is not None and parameter.default is not None:
        schema["default"] = parameter.default
    return schema


def _status(route: Route) -> str:
    return "201" if route.number in _CREATING else "200"


def _swagger_operation(route: Route) -> Json:
    parameters: list[Json] = []
    for place, name, convert, parameter in _parameters(route):
        schema = _schema(convert, parameter)
        if "items" in schema:
            schema["collectionFormat"] = "multi"
        parameters.append({"name": name, "in": place, "required": place == "path", **schema})
    if route.body is not None:
        parameters.append(
            {
                "name": "body",
                "in": "body",
                "required": True,
                "description": route.body,
                "schema": {},
            }
        )
    responses = {_status(route): {"description": "done"}}
    responses |= {status: {"description": text} for status, text in _ERRORS.items()}
    return {**_described(route), "parameters": parameters, "responses": responses}


def _openapi_operation(route: Route) -> Json:
    parameters = [
        {
            "name": name,
            "in": place,
            "required": place == "path",
            "schema": _schema(convert, parameter),
        }
        for place, name, convert, parameter in _parameters(route)
    ]
    responses: Json = {_status(route): {"description": "done"}}
    responses |= {
        status: {"description": text, "content": {"text/plain": {"schema": {"type": "string"}}}}
        for status, text in _ERRORS.items()
    }
    operation = {**_described(route), "parameters": parameters, "responses": responses}
    if route.body is not None:
        media = "text/plain" if route.body == "text" else "application/json"
        content = {media: {"schema": {"description": route.body}}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation
