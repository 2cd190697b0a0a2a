"""Every operation of the contract: see the folder contract for the cases."""

from __future__ import annotations

import json

from renderws.routes.table import routes


def matches(response, expected, images):
    """Whether an answer is what a case says."""
    if expected is ...:
        return True
    if callable(expected):
        return expected(response)
    if expected is None:
        return response.content == b""
    if isinstance(expected, str):
        if response.headers.get("Content-Type") not in ("text/plain; charset=utf-8", None):
            return response.json() == expected
        return expected[1:] in response.text if expected[:1] == "~" else response.text == expected
    wanted = json.loads(json.dumps(expected).replace("{images}", str(images)))
    return response.json() == wanted


def tolerant(expected, images):
    return json.loads(json.dumps(expected).replace("{images}", str(images)))


def test_operation(contract_case, store_kind, request):
    case = contract_case
    changes = case.then is not None or not (
        case.request.startswith("GET") or case.status >= 400 or case.number in READING
    )
    service = request.getfixturevalue("service" if changes else "shared_service")
    response = service(case.request, case.send)
    assert response.status_code == case.status, response.text[:500]
    assert matches(response, case.expected, service.images), response.text[:500]
    if case.status >= 400:
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert "\n" not in response.text or case.number in range(156, 161)
    if case.status == 201:
        assert response.headers["Location"] == service.path(case.request.split(" ", 1)[1])
    if case.then is not None:
        request_after, expected = case.then
        after = service(f"{request_after}")
        assert after.status_code == 200, after.text
        assert matches(after, expected, service.images), after.text[:500]


READING = {33, 82, 83, 84, 155, *range(108, 119), *range(156, 161)}


def test_every_operation_has_a_case(request):
    tried = {case.number for case in request.config._contract_cases}
    offered = {route.number for route in routes()}
    assert set(range(1, 165)) <= offered
    assert offered - tried == set()
