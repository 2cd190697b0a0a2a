"""What the doctor finds."""

from pathlib import Path

import renderapi
from renderapps.commands import doctor, installation


def states(findings):
    return {finding.what: finding.state for finding in findings}


def test_a_sound_machine_has_no_failure(tmp_path, monkeypatch):
    monkeypatch.delenv("RENDER_HOST", raising=False)
    found = list(doctor.examine(str(tmp_path / "render.db"), None, None))
    assert [f for f in found if f.state == doctor.FAIL] == []
    assert {"renderapi", "python", "packages", "codecs", "store", "service"} <= set(states(found))
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_there_is_opened_and_asked(tmp_path, render):
    renderapi.stack.create_stack("s", render=render)
    found = {f.what: f for f in doctor.examine(str(tmp_path / "render.db"), "local", None)}
    assert found["store"].text.endswith("opens; owners: 1")
    assert found["service"].text == "embedded, answers; owners: 1"


def test_a_file_that_is_no_store_and_a_service_that_is_away_are_failures(tmp_path):
    (tmp_path / "render.db").write_text("this is no store " * 100)
    found = states(doctor.examine(str(tmp_path / "render.db"), "127.0.0.1", 1))
    assert found["store"] == found["service"] == doctor.FAIL


def test_a_displaced_renderapi_is_a_failure_with_the_mend(monkeypatch, capsys):
    monkeypatch.setattr(installation, "displaced", lambda: "renderapi is read from elsewhere")
    monkeypatch.setattr(installation, "rivals", lambda: ["render-python"])
    found = list(doctor.examine(None, None, None))
    assert found[0].state == doctor.FAIL
    assert "pip uninstall render-python" in found[0].mend
    assert "service" not in states(found)


def test_another_provider_beside_ours_is_a_note(monkeypatch):
    monkeypatch.setattr(installation, "rivals", lambda: ["render-python"])
    assert doctor.check_package().state == doctor.NOTE


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(
        doctor.importlib.metadata, "requires", lambda name: ["numpy>=1", "no-such-thing>=2"]
    )
    failed = next(doctor.check_dependencies())
    assert (failed.state, failed.text) == (doctor.FAIL, "missing: no-such-thing")


def test_the_folder_of_the_client_scripts_is_told():
    found = doctor.check_client_scripts()
    assert found.state == doctor.OK
    assert (Path(found.text) / "run_ws_client.sh").is_file()
