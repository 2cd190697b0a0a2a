"""Whether our `renderapi` is in its place."""

from pathlib import Path

import renderapps
from renderapps.commands import installation

ROOT = Path(renderapps.__file__).parents[1]


def copy_of_ours(folder):
    for name in installation.OURS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())


def test_here_it_is_in_its_place():
    assert installation.displaced() is None


def test_another_package_earlier_on_the_path_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "renderapi").mkdir()
    (tmp_path / "renderapi" / "__init__.py").write_text("")
    spec = installation.importlib.util.spec_from_file_location(
        "renderapi", tmp_path / "renderapi" / "__init__.py"
    )
    monkeypatch.setattr(installation.importlib.util, "find_spec", lambda name: spec)
    told = installation.displaced()
    assert str(tmp_path / "renderapi") in told


def test_files_overwritten_by_another_package_are_noticed(tmp_path):
    copy_of_ours(tmp_path)
    name = installation.OURS[0]
    hashes = {name: installation.file_hash(tmp_path / name)}
    assert installation.overwritten(tmp_path, hashes) is None
    (tmp_path / name).write_text("# somebody else's\n")
    assert "has been overwritten" in installation.overwritten(tmp_path, hashes)
    (tmp_path / installation.OURS[1]).unlink()
    assert "is missing" in installation.overwritten(tmp_path, {})


def test_hashes_are_written_as_installers_write_them(tmp_path):
    """The empty file, whose SHA-256 is known."""
    (tmp_path / "empty").touch()
    expected = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    assert installation.file_hash(tmp_path / "empty") == expected


def test_the_mend_names_what_to_remove():
    assert installation.mend(["render-python"]).startswith("pip uninstall render-python, then")
