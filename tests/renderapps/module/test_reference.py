"""The reference of modules is current and complete."""

import pytest

from renderapps.module.catalogue import discover
from renderapps.module.parameters import parameter_groups
from renderapps.module.reference import PATH, main, reference


@pytest.fixture(scope="module")
def text():
    """The reference, made once: it loads every module."""
    return reference()


def test_the_reference_is_current(text):
    assert PATH.read_text(encoding="utf-8") == text, "run: python -m renderapps.module.reference"


@pytest.mark.parametrize("entry", discover(), ids=lambda entry: entry.name)
def test_every_parameter_of_every_module_is_described(entry, text):
    groups = list(parameter_groups(entry.load().default_schema()))
    bare = [row.name for group in groups for row in group.parameters if not row.description]
    assert bare == []
    assert all(f"| {row.name} |" in text for group in groups for row in group.parameters)


def test_it_is_written_whole(tmp_path, capsys, text):
    main(tmp_path / "docs" / "modules.md")
    assert (tmp_path / "docs" / "modules.md").read_text() == text
    assert "modules.md" in capsys.readouterr().err
