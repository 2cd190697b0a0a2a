"""Finding modules without importing them."""

import subprocess
import sys

import pytest

from renderapps.module.catalogue import UnknownModule, discover, find

SOURCES = {
    "theme/one.py": '''"""Do one thing,
on two lines.

More about it.
"""
class One(RenderModule):
    default_schema = OneParameters

if __name__ == "__main__":
    One.main()
''',
    "theme/heir.py": '''"""Does what another does."""
class Heir(One):
    pass

if __name__ == "__main__":
    Heir.main()
''',
    "theme/without_main.py": '''"""Has a schema only."""
class Helper:
    pass

class WithSchema(RenderModule):
    default_schema = OneParameters
''',
    "theme/neighbours.py": '"""No module: functions."""\ndef f():\n    raise SystemExit\n',
    "theme/__init__.py": "raise RuntimeError('this file must not be run')\n",
}


def test_modules_are_found_by_reading_their_files(tmp_path):
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = {e.name: (e.class_name, e.purpose, e.theme) for e in discover(tmp_path)}
    assert found == {
        "theme.one": ("One", "Do one thing, on two lines.", "theme"),
        "theme.heir": ("Heir", "Does what another does.", "theme"),
        "theme.without_main": ("WithSchema", "Has a schema only.", "theme"),
    }


@pytest.mark.parametrize("entry", discover(), ids=lambda entry: entry.name)
def test_every_module_loads_and_says_what_it_is_for(entry):
    module = entry.load()
    assert module.__name__ == entry.class_name
    assert issubclass(module.default_schema, object)
    assert callable(module.main)
    assert entry.purpose.endswith(".")


@pytest.mark.parametrize(
    "name",
    [
        "module.template_module",
        "renderapps.module.template_module",
        "template_module",
        "Template",
        "module/template_module.py",
        "renderapps/module/template_module.py",
    ],
)
def test_a_module_has_several_names(name):
    assert find(name).name == "module.template_module"


def test_an_unknown_module_is_told_with_the_nearest():
    with pytest.raises(UnknownModule, match=r"did you mean module\.template_module( or |\?)"):
        find("tempalte_module")
    with pytest.raises(UnknownModule, match="see `renderapps list`"):
        find("qqqqq")


def test_listing_is_light():
    code = (
        "import sys; from renderapps.__main__ import status; status(['list']);"
        "heavy = {'numpy', 'scipy', 'cv2', 'renderapi', 'renderws'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "module.template_module" in run.stdout
