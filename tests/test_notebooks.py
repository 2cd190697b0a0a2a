"""The notebooks, executed on what the demo makes; they check their own numbers."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    from renderapps.__main__ import status

    folder = tmp_path_factory.mktemp("notebooks") / "demo"
    assert status(["demo", "--quick", "--output", str(folder)]) == 0
    return folder


def test_there_are_four():
    assert len(NOTEBOOKS) == 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_something(path, demo, monkeypatch):
    monkeypatch.setenv("DEMO_OUTPUT", str(demo))
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    nbclient.NotebookClient(notebook, timeout=200, kernel_name="python3").execute()
    shown = [
        output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])
    ]
    assert any("image/png" in data or "<img" in data.get("text/html", "") for data in shown)
