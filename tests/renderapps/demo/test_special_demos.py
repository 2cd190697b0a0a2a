"""The demonstration on tiles that cannot all be stitched: what it says is what happened."""

import csv
import dataclasses
import json

import cv2
import numpy as np
import pytest

from renderapps.demo.__main__ import main
from renderapps.demo.conditions import CONDITIONS, SIDE, Condition, montage


def told(folder, images, claimed, capsys):
    """Exit status, headline and report of a demonstration on given tiles."""
    tiles = folder / "tiles"
    tiles.mkdir()
    with (tiles / "positions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "x", "y"])
        for name, image in images.items():
            cv2.imwrite(str(tiles / f"{name}.png"), image)
            writer.writerow([f"{name}.png", *claimed[name]])
    words = ["--tiles", str(tiles), "--positions", str(tiles / "positions.csv")]
    status = main([*words, "--pool-size", "1", "--output", str(folder / "out")])
    lines = capsys.readouterr().out.splitlines()
    report = (folder / "out" / "report.md").read_text()
    headline = report.splitlines()[2]
    assert any(line.startswith(headline[:-1]) for line in lines)
    return status, headline, report


def part(condition, rows="01", columns="01"):
    """Some tiles of a montage of tissue."""
    made = montage("tissue", condition, 0)
    names = [name for name in made.images if name[0] in rows and name[1] in columns]
    return made, {name: made.images[name] for name in names}


def test_one_tile(tmp_path, capsys):
    made, images = part(Condition(), "0", "0")
    status, headline, report = told(tmp_path, images, made.claimed, capsys)
    assert status == 0
    assert headline == (
        "1 tile, none stitched, as it is alone, 0 dropped; "
        "1 tile without a match, left where the stage was."
    )
    assert "seam.png" not in report


def test_three_isolated_tiles(tmp_path, capsys):
    _, images = part(Condition(), "0", "012")
    claimed = {name: np.array([1000.5 * k, 0.25]) for k, name in enumerate(images)}
    status, headline, _ = told(tmp_path, images, claimed, capsys)
    assert status == 0
    assert headline == (
        "3 tiles, none stitched, as no two of them overlap, 0 dropped; "
        "3 tiles without a match, left where the stage was."
    )


def test_two_islands(tmp_path, capsys):
    made, images = part(CONDITIONS["halves"], "01", "0134")
    status, headline, report = told(tmp_path, images, made.claimed, capsys)
    assert status == 0
    assert headline == (
        "8 tiles stitched from 8 of 8 overlaps, 0 dropped; "
        "2 groups that no overlap connects in 1 section."
    )
    assert "matches; its group by the stage model" in report


def test_exchanged_tiles(tmp_path, capsys):
    made, images = part(dataclasses.replace(CONDITIONS["base"]), "012", "012")
    claimed = dict(made.claimed)
    claimed["00"], claimed["21"] = claimed["21"], claimed["00"]
    status, headline, report = told(tmp_path, images, claimed, capsys)
    assert status == 0
    assert headline.startswith("9 tiles stitched from ")
    assert "0 dropped" in headline
    assert headline.endswith("2 tiles found elsewhere than the stage says.")
    (section,) = json.loads(
        (tmp_path / "out" / "json" / "05_solve_montage_output.json").read_text()
    )["sections"]
    assert section["placed_by"] == {"matches": 9}
    for name in ("00", "21"):
        assert f"{name}" in report.split("found elsewhere than the stage says\n")[1]


OFTEN = ("all at once", "base", "periodic")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in OFTEN else pytest.mark.soak) for n in sorted(CONDITIONS)],
)
def test_the_same_condition_gives_the_same_bytes(name):
    one, two = (montage("cells", CONDITIONS[name], 1) for _ in range(2))
    assert one.images.keys() == two.images.keys() == one.true.keys() == one.claimed.keys()
    assert all(np.array_equal(one.images[tile], two.images[tile]) for tile in one.images)
    assert all(image.shape == (SIDE, SIDE) for image in one.images.values())
