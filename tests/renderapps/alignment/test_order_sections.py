"""Orders are told from matches: exchanged and displaced sections are named, and only then moved."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from layered_stacks import documents, run
from section_series import put_sections, tissue

import renderapi
from renderapps.alignment.match_sections_rough import MatchSectionsRough
from renderapps.alignment.order_sections import OrderSections
from renderapps.alignment.series_order import best_order, changes_of, distances_of

BLANK = np.zeros((20, 20), np.uint8)


def likeness_of(true, reach=4):
    """Counts that fall with distance, of sections whose true place is given; 0 beyond `reach`."""
    away = np.abs(np.subtract.outer(true, true))
    return np.where((away > 0) & (away <= reach), 200 * 0.6**away, 0.0)


def put_matches(render, zs, likeness, collection="found"):
    found = []
    for i, j in itertools.combinations(range(len(zs)), 2):
        n = int(likeness[i, j])
        if n:
            p, q = sorted([(f"g{zs[i]:g}", f"s{zs[i]:g}"), (f"g{zs[j]:g}", f"s{zs[j]:g}")])
            points = [list(range(n)), list(range(n))]
            matches = {"p": points, "q": points, "w": [1.0] * n}
            found.append({
                "pGroupId": p[0], "pId": p[1], "qGroupId": q[0], "qId": q[1], "matches": matches,
            })  # fmt: skip
    renderapi.pointmatch.import_matches(collection, found, render=render)


def test_the_shortest_path_is_found_as_by_trying_all():
    rng = np.random.default_rng(4)
    for _ in range(8):
        true = rng.permutation(7)
        noisy = likeness_of(true) * rng.uniform(0.8, 1.2, (7, 7))
        noisy = (noisy + noisy.T) / 2
        cost = distances_of(noisy)
        best = min(
            sum(cost[a, b] for a, b in itertools.pairwise(path))
            for path in itertools.permutations(range(7))
        )
        order = best_order(noisy)
        assert sum(cost[a, b] for a, b in itertools.pairwise(order)) <= best + 0.01


def test_a_long_series_is_put_in_order():
    true = np.arange(60)
    true[[20, 21]] = true[[21, 20]]
    true[5:12] = np.roll(true[5:12], 1)
    order = best_order(likeness_of(true))
    assert [true[k] for k in order] == list(range(60))
    changes = changes_of(order)
    assert changes["exchanged"] == [(20, 21)]
    assert [m[0] for m in changes["moved"]] == [5]


def test_nothing_to_change_where_all_is_right_or_unknown():
    assert best_order(likeness_of(np.arange(12))) == list(range(12))
    lone = likeness_of(np.arange(6))
    lone[3] = lone[:, 3] = 0
    assert best_order(lone) == list(range(6))
    assert changes_of(list(range(5))) == {"exchanged": [], "moved": []}


def test_a_proposal_is_written_and_applied_on_request(render, tmp_path):
    zs = [10.0, 11.0, 12.0, 14.0, 15.0, 16.0]
    true = np.array([0, 1, 3, 2, 4, 5])  # the sections at 12 and 14 are exchanged
    put_sections(render, "low", [BLANK] * 6, tmp_path / "i", zs)
    put_matches(render, zs, likeness_of(true))
    given = {"input_stack": "low", "matchCollection": "found"}
    given["proposal_file"] = str(tmp_path / "order.json")
    before = renderapi.render.get_stacks_by_owner_project(render=render)
    status, report = run(OrderSections, render, **given)
    assert (status, report["applied"]) == (0, False)
    assert renderapi.render.get_stacks_by_owner_project(render=render) == before
    proposal = json.loads((tmp_path / "order.json").read_text())
    assert proposal == report["proposal"]
    assert proposal["exchanged"] == [[12.0, 14.0]]
    assert proposal["moved"] == []
    assert proposal["order"] == [10, 11, 14, 12, 15, 16]
    status, report = run(OrderSections, render, **given, output_stack="ordered")
    assert (status, report["applied"]) == (0, True)
    made = {key: tile["z"] for key, tile in documents(render, "ordered").items()}
    assert made == {"s10": 10, "s11": 11, "s12": 14, "s14": 12, "s15": 15, "s16": 16}
    assert {k: t["z"] for k, t in documents(render, "low").items()}["s12"] == 12


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"in_place": True}, 2, "name an output_stack"),
        ({"matchCollection": "nothing"}, 1, "has no match collection nothing"),
        ({"matchCollection": "others"}, 1, "has no matches between sections of stack low"),
    ],
)
def test_bad_input(render, tmp_path, capsys, change, status, message):
    put_sections(render, "low", [BLANK] * 2, tmp_path / "i")
    put_matches(render, [7.0, 8.0], np.full((2, 2), 5), "others")
    given = {"input_stack": "low", "matchCollection": "others"} | change
    assert run(OrderSections, render, **given)[0] == status
    assert message in capsys.readouterr().err


def test_from_the_command_line(tmp_path):
    place = {"host": "local", "store": str(tmp_path / "render.db"), "owner": "me", "project": "p"}
    render = renderapi.connect(**place)
    put_sections(render, "low", [BLANK] * 3, tmp_path / "i")
    put_matches(render, [0.0, 1.0, 2.0], likeness_of(np.array([0, 2, 1])))
    given = {"render": place, "input_stack": "low", "matchCollection": "found"}
    (tmp_path / "in.json").write_text(json.dumps(given | {"output_stack": "ordered"}))
    words = [sys.executable, "-m", "renderapps.alignment.order_sections", "--quiet"]
    done = subprocess.run(
        [*words, "--input_json", str(tmp_path / "in.json")], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert documents(render, "ordered")["s1"]["z"] == 2


def test_pictures_of_sections_tell_their_order(render, tmp_path):
    """Two sections exchanged, one torn, one lost: matched roughly, and put in order."""
    whole = tissue(8, (150, 160), seed=6, z_sigma=2.0)
    true = [0, 1, 3, 2, 4, 6, 7]  # the section 5 is lost
    torn = whole[6].copy()
    torn[:, 80:] = np.roll(torn[:, 80:], 12, axis=0)
    pictures = [torn if k == 6 else whole[k] for k in true]
    put_sections(render, "low", pictures, tmp_path)
    given = {"input_stack": "low", "matchCollection": "found"}
    how = {"neighbours": 3, "ways": ["features"], "mirrored": False, "pool_size": 1}
    status, report = run(MatchSectionsRough, render, **given, **how)
    assert (status, report["groups"]) == (0, [[float(z) for z in range(7)]])
    status, report = run(OrderSections, render, **given)
    assert status == 0, report
    assert report["proposal"]["exchanged"] == [[2.0, 3.0]]
    assert report["proposal"]["moved"] == []
