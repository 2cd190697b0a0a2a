"""Distances of sections are told from how their likeness falls."""

import json
import subprocess
import sys

import numpy as np
from layered_stacks import documents, run
from section_series import put_sections, tissue

import renderapi
from renderapps.alignment.estimate_thickness import EstimateThickness
from renderapps.alignment.section_spacing import fitted_spacing


def likeness_at(places, decay=3.0):
    away = np.abs(np.subtract.outer(places, places))
    return np.exp(-away / decay)


def test_even_places_stay_and_a_gap_is_found():
    even = fitted_spacing(likeness_at(np.arange(12.0)), 4)
    np.testing.assert_allclose(even.places, np.arange(12), atol=0.05)
    true = np.concatenate([np.arange(6.0), np.arange(7.0, 13.0)])  # one is lost after the sixth
    found = fitted_spacing(likeness_at(true), 4)
    steps = np.diff(found.places) / np.median(np.diff(found.places))
    assert steps.argmax() == 5
    assert abs(steps[5] - 2) < 0.35
    assert np.abs(np.delete(steps, 5) - 1).max() < 0.25
    assert found.after < 0.75 * found.before


def test_places_do_not_change_order():
    rng = np.random.default_rng(0)
    noisy = likeness_at(np.arange(10.0)) * rng.uniform(0.3, 1.0, (10, 10))
    assert (np.diff(fitted_spacing(noisy, 3).places) > 0).all()


def test_a_lost_section_is_found_in_pictures_and_applied_on_request(render, tmp_path):
    pictures = list(tissue(11, (90, 90), seed=2, z_sigma=2.0))
    del pictures[5]
    put_sections(render, "fine", pictures, tmp_path / "i")
    given = {"input_stack": "fine", "scale": 1.0, "proposal_file": str(tmp_path / "z.json")}
    status, report = run(EstimateThickness, render, **given)
    assert (status, report["applied"]) == (0, False)
    proposal = json.loads((tmp_path / "z.json").read_text())
    distances = [entry["distance"] for entry in proposal["distances"]]
    assert int(np.argmax(distances)) == 4
    assert distances[4] / np.median(distances) > 1.5
    assert [entry["z"] for entry in proposal["far_apart"]] == [4.0]
    assert proposal["misfit_after"] < proposal["misfit_before"]
    status, _ = run(EstimateThickness, render, **given, output_stack="spaced")
    made = [documents(render, "spaced")[f"s{z}"]["z"] for z in range(10)]
    assert status == 0
    assert made == [new for _, new in proposal["mapping"]]
    assert (made[0], made[-1]) == (0, 9)


def test_too_few_sections_and_strangers_are_refused(render, tmp_path, capsys):
    strangers = [tissue(1, (60, 60), seed=s)[0] for s in range(3)]
    put_sections(render, "few", strangers, tmp_path / "i")
    assert run(EstimateThickness, render, input_stack="few")[0] == 1
    assert "at least 4 are needed" in capsys.readouterr().err
    blank = [np.zeros((60, 60), np.uint8)] * 5
    put_sections(render, "blank", blank, tmp_path / "j")
    assert run(EstimateThickness, render, input_stack="blank")[0] == 1
    assert "neighbours of stack blank have nothing in common" in capsys.readouterr().err


def test_from_the_command_line(tmp_path):
    place = {"host": "local", "store": str(tmp_path / "render.db"), "owner": "me", "project": "p"}
    render = renderapi.connect(**place)
    put_sections(render, "fine", tissue(5, (60, 60), z_sigma=2.0), tmp_path / "i")
    given = {"render": place, "input_stack": "fine", "scale": 1.0, "pool_size": 1}
    (tmp_path / "in.json").write_text(json.dumps(given))
    words = [sys.executable, "-m", "renderapps.alignment.estimate_thickness", "--quiet"]
    words += ["--input_json", str(tmp_path / "in.json")]
    words += ["--proposal_file", str(tmp_path / "z.json")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads((tmp_path / "z.json").read_text())["mapping"]) == 5
    done = subprocess.run([*words, "--neighbours", "1"], capture_output=True, text=True)
    assert done.returncode == 2
