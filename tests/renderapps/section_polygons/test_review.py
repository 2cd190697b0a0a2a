"""The review of polygons: what its server answers, what it refuses, and what is saved."""

import http.client
import json
import threading

import numpy as np
import pytest
import requests
import tifffile

from renderapps.pointmatch.polygon_files import (
    polygon_name,
    read_polygon,
    roi_of,
    write_polygon,
)
from renderapps.section_polygons.polygon_review import PolygonReview
from renderapps.section_polygons.review_section_polygons import ReviewSectionPolygons
from renderapps.section_polygons.review_server import LARGEST_BODY, ReviewServer

SQUARE = [[1000, 2000], [1100, 2000], [1100, 2080], [1000, 2080]]
TRIANGLE = [[1010.5, 2010], [1090, 2010], [1050, 2070.25]]


@pytest.fixture
def folder(tmp_path):
    """Polygons of z = 1 and 2.5 on a 16 bit image of 100 x 80 pixels, and one without an image."""
    picture = (np.arange(8000).reshape(80, 100) * 8).astype(np.uint16)
    tifffile.imwrite(tmp_path / "image.tif", picture)
    for z in (2.5, 1, 3):
        document = {
            "z": z,
            "filepath": str(tmp_path / ("image.tif" if z < 3 else "gone.tif")),
            "bounds": {"minX": 1000, "minY": 2000, "maxX": 1100, "maxY": 2080, "minZ": z},
            "roi": roi_of(SQUARE),
            "reviewed": False,
            "confidence": 0.5,
            "note": "kept",
        }
        write_polygon(tmp_path / "polygons" / polygon_name(z), document)
    return tmp_path / "polygons"


@pytest.fixture
def server(folder):
    server = ReviewServer(PolygonReview(folder))
    thread = threading.Thread(target=server.serve, args=(60.0,))
    thread.start()
    yield server
    server.finished.set()
    thread.join()


def get(server, path, status=200, **more):
    answer = requests.get(server.url + path, timeout=60, **more)
    assert answer.status_code == status, answer.text
    return answer


def post(server, path, body, status=200, **more):
    answer = requests.post(server.url + path, json=body, timeout=60, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


def change(server, name, **more):
    return {"version": get(server, f"polygons/{name}").json()["version"], "reviewed": True} | more


ONE = polygon_name(1)


def test_pages_sections_and_images_are_served(server):
    assert "Section polygons" in get(server, "").text
    assert "script" in get(server, "review.js").headers["Content-Type"]
    assert get(server, "review.css").headers["Content-Security-Policy"].startswith("default-src")
    listing = get(server, "polygons").json()["polygons"]
    assert [entry["z"] for entry in listing] == [1, 2.5, 3]
    assert listing[0] == {"name": ONE, "z": 1, "reviewed": False, "confidence": 0.5}
    image = get(server, f"polygons/{ONE}/image")
    import cv2

    pixels = cv2.imdecode(np.frombuffer(image.content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels.shape == (80, 100)
    assert pixels.dtype == np.uint8
    assert pixels[0, 0] == 0
    assert pixels[-1, -1] == 255
    assert "gone.tif is not there" in get(server, "polygons/polygon_00003.json/image", 404).text


def test_a_polygon_is_saved_after_a_copy_was_made(server, folder):
    before = (folder / ONE).read_bytes()
    found = post(server, f"polygons/{ONE}", change(server, ONE, ring=TRIANGLE))
    saved = json.loads((folder / ONE).read_text())
    assert saved["roi"]["coordinates"] == [[*TRIANGLE, TRIANGLE[0]]]
    assert saved["reviewed"] is True
    assert saved["note"] == "kept"
    assert read_polygon(folder / ONE).outline.area == pytest.approx(79.5 * 60.25 / 2)
    assert (folder / "backups" / "polygon_00001.001.json").read_bytes() == before
    assert found["backup"] == str(folder / "backups" / "polygon_00001.001.json")
    second = post(server, f"polygons/{ONE}", change(server, ONE, ring=SQUARE))
    assert second["backup"].endswith("polygon_00001.002.json")
    assert (folder / "backups" / "polygon_00001.001.json").read_bytes() == before
    same = post(server, f"polygons/{ONE}", change(server, ONE))
    assert same["backup"] is None
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["backups", *sorted(map(polygon_name, (1, 2.5, 3)))]  # nothing half-written


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"ring": SQUARE[:2]}, 400, "three points"),
        ({"ring": "x"}, 400, "no list"),
        ({"ring": [[0, 0], [1, 0], [2, 0]]}, 400, "no area"),
        ({"ring": [[0, 0], [9, 9], [9, 0], [0, 9]]}, 400, "crosses itself"),
        ({"ring": [[0, 0, 0]] * 4}, 400, "three points"),
        ({"reviewed": "yes"}, 400, "true or false"),
        ({"version": "old"}, 409, "changed by somebody else"),
    ],
)
def test_what_cannot_be_saved_changes_nothing(server, folder, more, status, words):
    before = (folder / ONE).read_bytes()
    answer = post(server, f"polygons/{ONE}", change(server, ONE, **more), status)
    assert words in answer["error"]
    assert (folder / ONE).read_bytes() == before
    assert not (folder / "backups").exists()
    post(server, f"polygons/{ONE}", change(server, ONE))  # it is still up


@pytest.mark.parametrize(
    "name",
    [
        "../image.tif",
        "..%2Fimage.tif",
        "%2e%2e%2fimage.tif",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "..%5Cimage.tif",
        "backups%2Fx.json",
        "polygon_00099.json",
        "%00",
    ],
)
def test_no_path_leads_out_of_the_folder(server, name):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    for path in (f"polygons/{name}", f"polygons/{name}/image", name):
        connection.request("GET", f"/{server.token}/{path}")
        answer = connection.getresponse()
        assert answer.status == 404, path
        assert b"passwd" not in answer.read() or "passwd" in name
    body = json.dumps({"version": "x", "reviewed": True})
    kind = {"Content-Type": "application/json"}
    connection.request("POST", f"/{server.token}/polygons/{name}", body, kind)
    assert connection.getresponse().status == 404
    connection.close()


def test_only_this_page_on_this_machine_is_answered(server, folder):
    assert server.server_address[0] == "127.0.0.1"
    base = f"http://127.0.0.1:{server.server_port}/"
    assert requests.get(base, timeout=60).status_code == 404
    assert requests.get(base + "wrong/polygons", timeout=60).status_code == 404
    get(server, "polygons", 403, headers={"Host": "elsewhere.invalid"})
    wrong = {"Origin": "http://elsewhere.invalid"}
    post(server, f"polygons/{ONE}", change(server, ONE), 403, headers=wrong)
    own = {"Origin": f"http://127.0.0.1:{server.server_port}"}
    plain = requests.post(server.url + f"polygons/{ONE}", data="{}", timeout=60)
    assert plain.status_code == 415
    assert not (folder / "backups").exists()
    post(server, f"polygons/{ONE}", change(server, ONE), headers=own)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.putrequest("POST", f"/{server.token}/polygons/{ONE}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(LARGEST_BODY + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    bad = requests.post(
        server.url + "finish", data="{", headers={"Content-Type": "application/json"}, timeout=60
    )
    assert bad.status_code == 400
    assert not server.finished.is_set()


def test_a_file_that_is_broken_meanwhile_is_told_and_the_rest_goes_on(server, folder):
    (folder / ONE).write_text("{")
    assert "polygon_00001.json" in get(server, "polygons", 500).json()["error"]
    (folder / ONE).unlink()
    get(server, f"polygons/{ONE}", 404)
    get(server, f"polygons/{polygon_name(2.5)}")


def review(folder, *flags):
    given = ["--polygon_dir", str(folder), "--open_browser", "false"]
    return ReviewSectionPolygons.exit_status([*given, *flags])


def test_the_command_line_serves_until_the_page_has_finished(folder, tmp_path, capfd):
    out = tmp_path / "out.json"
    status = []
    run = threading.Thread(
        target=lambda: status.append(review(folder, "--output_json", str(out))), daemon=True
    )
    run.start()
    printed = ""
    while "http://" not in printed and run.is_alive():
        printed += capfd.readouterr().out
        run.join(0.05)
    url = next(word for word in printed.split() if word.startswith("http://127.0.0.1:"))
    found = requests.get(f"{url}polygons/{ONE}", timeout=60).json()
    body = {"version": found["version"], "reviewed": True, "ring": TRIANGLE}
    assert requests.post(f"{url}polygons/{ONE}", json=body, timeout=60).ok
    assert requests.post(f"{url}finish", json={}, timeout=60).ok
    run.join(60)
    assert status == [0]
    report = json.loads(out.read_text())
    assert report["ended"] == "finished on the page"
    assert report["reviewed_zs"] == [1]
    assert report["not_reviewed_zs"] == [2.5, 3]
    (saved,) = report["saved"]
    assert (saved["name"], saved["edited"]) == (ONE, True)
    assert len(saved["backups"]) == 1


def test_it_ends_when_no_page_asks_and_tells_bad_input(folder, tmp_path, capsys):
    out = tmp_path / "out.json"
    assert review(folder, "--idle_minutes", "0.003", "--output_json", str(out)) == 0
    assert json.loads(out.read_text())["ended"] == "no page asked for anything"
    assert review(tmp_path) == 1
    assert "has no polygon file" in capsys.readouterr().err
    assert review(tmp_path / "none") == 2
    server = ReviewServer(PolygonReview(folder))
    assert review(folder, "--port", str(server.server_port)) == 1
    server.server_close()
    assert "cannot be used" in capsys.readouterr().err


def test_images_that_were_moved_are_found_by_their_name(folder, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "image.tif").rename(moved / "image.tif")
    assert PolygonReview(folder, moved).image(ONE).startswith(b"\x89PNG")
