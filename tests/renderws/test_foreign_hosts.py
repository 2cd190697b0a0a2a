"""Requests go to allowed hosts only, by whatever name a client calls the others."""

from __future__ import annotations

import numpy as np
import pytest
import requests
from hostile_host import HostileHost
from picture_limit_trials import OWNER, picture, put_picture, save_image
from server_process import ServerProcess, limited_memory

from renderapi.errors import ImageError, SourceNotAllowed
from renderapi.urls import WebAddress, web_address
from renderws.guard import check_source
from renderws.settings import Settings


@pytest.fixture(scope="module")
def foreign():
    with HostileHost("127.0.0.2") as host:
        yield host


@pytest.fixture(scope="module")
def allowed(tmp_path_factory):
    from PIL import Image

    path = tmp_path_factory.mktemp("page") / "a.png"
    Image.fromarray(np.full((8, 8), 5, np.uint8)).save(path)
    with HostileHost(page=path.read_bytes()) as host:
        yield host


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = ServerProcess(
        tmp_path_factory.mktemp("server"), "--allow-host", "127.0.0.1", **limited_memory()
    )
    yield started
    assert started.end() == 0
    assert "Traceback" not in started.errors


def worded(port):
    """Names under which something might connect to 127.0.0.2 at a port."""
    there, here = f"127.0.0.2:{port}", "127.0.0.1:9"
    for scheme in ("http", "https", "HTTP"):
        yield f"{scheme}://{there}/x"
    for text in (
        "{here}\\@{there}/x", "{here}\\{there}/x", "\\{there}/x", "{there}\\.127.0.0.1/x",
        "{here}@{there}/x", "{here}:a@{there}/x", "a:b@{there}/x", "@{there}/x",
        "{there}#@{here}/x", "{there}?@{here}/x", "{there}/@{here}/x", "{there};{here}/x",
        "{here}%40{there}/x", "{here}%5c@{there}/x", "{here}%2f@{there}/x", "{here}%23@{there}/",
        "{here} @{there}/x", "{here}\t@{there}/x", "{here}\n@{there}/x", "{here}\r@{there}/x",
        " {there}/x", "\t{there}/x", "{there} /x", "{here}\u2028@{there}/", "{here}\u00a0@{there}/",
        "{here}\uff20{there}/x", "{here}\uff0f@{there}/x", "{here}\u3002{there}/x",
        "\uff11\uff12\uff17.0.0.2:{port}/x", "\u2460{there}/x", "127\u30020\u30020\u30022:{port}/x",
        "127.2:{port}/x", "127.0.2:{port}/x", "2130706434:{port}/x", "0x7f000002:{port}/x",
        "0x7f.0.0.2:{port}/x", "0177.0.0.2:{port}/x", "0177.0.0.02:{port}/x",
        "017700000002:{port}/x", "127.0.0.002:{port}/x", "127.0.0.2.:{port}/x",
        "[::ffff:127.0.0.2]:{port}/x", "[::ffff:7f00:2]:{port}/x",
        "[0:0:0:0:0:ffff:7f00:2]:{port}/",
        "[::1]:{port}/x", "[::]:{port}/x", "[::1%25lo]:{port}/x", "[::1%lo]:{port}/x",
        "0.0.0.0:{port}/x", "0:{port}/x", "localhost:{port}/x", "LOCALHOST:{port}/x",
        "localhost.:{port}/x", "127.0.0.1.:{port}/x", "127.0.0.1..:{port}/x",
        "127.0.0.1x:{port}/x",
        "127.0.0.1.invalid:{port}/x", "127.0.0.1-127.0.0.2:{port}/", "127%2e0%2e0%2e2:{port}/x",
        "[127.0.0.2]:{port}/x", "[127.0.0.1]:{port}/x", "[{there}]/x", "[", "[::1", "]", "[]",
        ":80",
        "", "/", "?", "#", ":", "@", "..", "127.0.0.1:99999/", "127.0.0.1:-1/", "127.0.0.1:8o/",
        "127.0.0.1:{port}:9/", "127.0.0.1,127.0.0.2:{port}/x", "127.0.0.1|{there}/x",
        "127.0.0.1^{there}/x", "127.0.0.1`{there}/x", "127.0.0.1{{{there}/x", "$127.0.0.2:{port}/",
    ):  # fmt: skip
        yield "http://" + text.format(there=there, here=here, port=port)
    for text in (
        "http:{there}/x", "http:/{there}/x", "http:///{there}/x", "http:////{there}/x",
        "http:\\\\{there}/x", "http:/\\{there}/x", "h\tttp://{there}/x", " http://{there}/x",
        "ftp://{there}/x", "s3://{there}/x", "gs://{there}/x", "n5://{there}/x", "ws://{there}/x",
        "gopher://{there}/x", "smb://{there}/x", "webhdfs://{there}/x", "github://{there}/x",
        "http+local://{there}/x", "http+unix://{there}/x", "simplecache::http://{there}/x",
        "filecache::http://{there}/x", "s3://127.0.0.1/x::http://{there}/x", "data:,x",
        "jar:http://{there}/x!/y", "url:http://{there}/x", "view-source:http://{there}/x",
    ):  # fmt: skip
        yield text.format(there=there, port=port)


def test_other_hosts_are_not_asked(server, foreign):
    port = foreign.server.server_port
    tried = 0
    for url in worded(port):
        for document in (picture(url), picture(url, tileSpecUrl=url)):
            document["tileSpecs"] = [] if "tileSpecUrl" in document else document["tileSpecs"]
            answer = put_picture(server, document)
            assert 400 <= answer.status_code < 500, (url, answer.status_code, answer.text)
            tried += 1
    assert tried > 200
    assert foreign.asked == []


def test_trials_do_not_ask_other_hosts_either(server, foreign):
    port = foreign.server.server_port
    for url in worded(port):
        sent = {
            f"{side}RenderParametersUrl": f"{url}/tile/{name}/render-parameters"
            for side, name in zip("pq", "ab", strict=True)
        }
        answer = requests.post(f"{server.base}{OWNER}/matchTrial", json=sent, timeout=60)
        assert 400 <= answer.status_code < 500, (url, answer.status_code, answer.text)
    assert foreign.asked == []


def test_redirections_to_other_hosts_are_not_followed(server, foreign, allowed):
    port = foreign.server.server_port
    assert put_picture(server, picture(f"{allowed.base}/plain")).status_code == 200
    assert (
        put_picture(server, picture(f"{allowed.base}/to/{allowed.base}/plain")).status_code == 200
    )
    assert put_picture(server, picture(f"{allowed.base}/to//plain")).status_code == 200
    image = save_image(server, 8, 8)
    places = [
        *(url for url in worded(port) if url.isascii() and url.isprintable()),
        f"//127.0.0.2:{port}/x",
        f"\\\\127.0.0.2:{port}/x",
        f"file://{image}",
        str(image),
        "file:///etc/passwd",
        "mask://outside-box?minX=0&minY=0&maxX=1&maxY=1&width=8&height=8",
    ]
    for place in places:
        answer = put_picture(server, picture(f"{allowed.base}/to/{place}"))
        assert answer.status_code < 500, (place, answer.status_code, answer.text)
    assert foreign.asked == []


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://Images.Example/a", WebAddress("images.example", 80)),
        ("https://images.example:8443/a?b=@c", WebAddress("images.example", 8443)),
        ("http://[::1]:9/", WebAddress("::1", 9)),
        ("s3://bucket_1/a b", None),
        ("s3://bucket_1/a%20b", WebAddress("bucket_1", None)),
        ("http://a\\@b/", None),
        ("http://[", None),
    ],
)
def test_addresses(url, address):
    if address is None:
        with pytest.raises(ImageError):
            web_address(url)
    else:
        assert web_address(url) == address


def test_a_port_may_be_bound():
    settings = Settings(allowed_hosts=("images.example:8080", "[::1]:9", "Any.Example"))
    for url in ("http://images.example:8080/a", "http://[::1]:9/", "https://any.example:1/"):
        check_source(url, settings)
    for url in ("http://images.example/a", "http://images.example:80/", "http://[::1]/"):
        with pytest.raises(SourceNotAllowed):
            check_source(url, settings)
