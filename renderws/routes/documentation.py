"""The description of the service for people and programs."""

from __future__ import annotations

import html

from renderws.api_document import openapi, swagger
from renderws.routes.answers import Answer, json_answer
from renderws.routes.call import Call
from renderws.routes.router import Route

_ROW = "<tr><td>{number}</td><td>{method}</td><td><code>{path}</code></td><td>{text}</td></tr>"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>render web service</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;margin:2rem}}td{{padding:.1rem .8rem .1rem 0;
vertical-align:top}}code{{word-break:break-all}}</style></head><body>
<h1>render web service</h1>
<p>All operations, with their number in the contract. For programs:
<a href="/openapi.json">OpenAPI 3</a>, <a href="/render-ws/swagger.json">Swagger 2</a>.</p>
<table>{rows}</table></body></html>
"""


def get_swagger(call: Call) -> Answer:
    """Swagger 2 document of the service."""
    return json_answer(swagger(call.service.routes))


def get_openapi(call: Call) -> Answer:
    """OpenAPI 3 document of the service."""
    return json_answer(openapi(call.service.routes))


def get_page(call: Call) -> Answer:
    """All operations on one page."""
    rows = "\n".join(map(_row, call.service.routes))
    return Answer(200, _PAGE.format(rows=rows).encode(), "text/html; charset=utf-8")


def _row(route: Route) -> str:
    function = getattr(route.handler, "func", route.handler)
    text = (function.__doc__ or "").strip().split("\n\n")[0]
    return _ROW.format(
        number=route.number or "",
        method=route.method,
        path=html.escape(route.path),
        text=html.escape(text),
    )


def routes() -> tuple[Route, ...]:
    """Where the descriptions are."""
    return (
        Route(0, "GET", "//render-ws/swagger.json", get_swagger, consistent=False),
        Route(0, "GET", "//openapi.json", get_openapi, consistent=False),
        Route(0, "GET", "//docs", get_page, consistent=False),
    )
