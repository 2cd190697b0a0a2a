"""Paths: undecoded matching, number formats, trailing slashes, errors."""

from __future__ import annotations

import pytest

from renderws.routes.answers import Answer, HttpError
from renderws.routes.router import Route, Router
from renderws.routes.table import routes
from renderws.routes.values import Parameter, boolean, double, integer


def handler(call):
    """Do nothing."""
    return Answer()


ROUTER = Router(
    [
        Route(1, "GET", "S/tile/{tileId}", handler),
        Route(2, "DELETE", "S/tile/{tileId}", handler),
        Route(3, "GET", "S/z/{z}/box/{x},{y},{width},{height},{scale}/png-image", handler),
        Route(4, "GET", "S/dvid/imagetile/raw/xy/{width}_{height}/{x}_{y}_{z}/jpg", handler),
        Route(5, "GET", "S/largeDataTileSource/{width}/{height}/small/{z}.jpg", handler),
        Route(6, "GET", "S/z/{z}/bounds", handler),
        Route(7, "GET", "//", handler),
    ]
)
S = "/render-ws/v1/owner/o/project/p/stack/s"


def find(path, method="GET"):
    route, values = ROUTER.find(method, path)
    return route.number, {k: v for k, v in values.items() if k not in ("owner", "project", "stack")}


def test_an_encoded_slash_stays_inside_its_id():
    assert find(f"{S}/tile/a%2Fb%20c") == (1, {"tileId": "a/b c"})


def test_ids_may_hold_separators_and_unicode():
    assert find(f"{S}/tile/a,b_c.%C3%A9") == (1, {"tileId": "a,b_c.é"})


def test_a_trailing_slash_makes_no_difference():
    assert find(f"{S}/tile/a/") == find(f"{S}/tile/a")


def test_values_are_converted():
    path = f"{S}/z/3407.000000/box/-1.5,2e3,10,+20,0.250000/png-image"
    values = {"z": 3407.0, "x": -1.5, "y": 2000.0, "width": 10, "height": 20, "scale": 0.25}
    assert find(path) == (3, values)


def test_values_of_one_segment_may_be_negative():
    values = {"width": 64, "height": 32, "x": -10.0, "y": 5.0, "z": 2.5}
    assert find(f"{S}/dvid/imagetile/raw/xy/64_32/-10_5_2.5/jpg") == (4, values)


def test_a_number_before_an_extension():
    values = {"width": 64, "height": 64, "z": 3.5}
    assert find(f"{S}/largeDataTileSource/64/64/small/3.5.jpg") == (5, values)


def test_the_root_is_found():
    assert find("/") == (7, {})


@pytest.mark.parametrize(
    "path",
    [
        f"{S}/z/one/bounds",
        f"{S}/z/nan/bounds",
        f"{S}/z/1e999/bounds",
        f"{S}/z/1,5/bounds",
        f"{S}/z/0x10/bounds",
        f"{S}/z/1/box/0,0,10.0,10,1/png-image",
        f"{S}/z/1/box/0,0,99999999999,10,1/png-image",
        f"{S}/z/1/box/0,0,10,10/png-image",
        f"{S}/nothing/here",
        "/render-ws/v2/owners",
        f"{S}/tile//x",
    ],
)
def test_what_does_not_convert_is_not_there(path):
    with pytest.raises(HttpError) as caught:
        ROUTER.find("GET", path)
    assert caught.value.status == 404


def test_a_wrong_method_names_the_right_ones():
    with pytest.raises(HttpError) as caught:
        ROUTER.find("PUT", f"{S}/tile/a")
    assert caught.value.status == 405
    assert caught.value.headers == {"Allow": "DELETE, GET"}


def test_two_routes_for_one_path_are_refused():
    with pytest.raises(ValueError, match="two routes"):
        Router([Route(1, "GET", "/x", handler), Route(2, "GET", "/x", handler)])


def test_every_operation_of_the_table_leads_to_itself():
    table = routes()
    router = Router(table)
    for route in table:
        state = route.path.replace("{state}", "LOADING")
        path = state.replace("{", "").replace("}", "")
        for name in ("minZ", "maxZ", "width", "height", "level", "row", "column", "scale"):
            path = (
                path.replace(f",{name}", ",1").replace(f"/{name}", "/1").replace(f"_{name}", "_1")
            )
        path = path.replace("/x,y", "/1,1").replace("x_y_z", "1_1_1").replace("/z/z", "/z/1")
        path = path.replace("/z/1/row", "/1/1").replace("/z.", "/1.").replace("/z/1/1", "/1/1/1")
        try:
            found, _ = router.find(route.method, path)
        except HttpError:
            continue
        assert found.path == route.path


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("TRUE", True), ("1", False), ("yes", False), ("x", False)],
)
def test_only_true_is_true(text, value):
    assert boolean(text) is value


def test_parameters_read_the_first_text_that_is_not_empty():
    assert Parameter("z", double).read(["", "2.5", "3"]) == 2.5
    assert Parameter("z", double, 7.0).read(None) == 7.0
    assert Parameter("z", double, repeat=True).read(["1", "2"]) == [1.0, 2.0]
    with pytest.raises(HttpError):
        Parameter("n", integer).read(["2.0"])
