"""What the distribution must hold, and which package may import which."""

import ast
import runpy
import tomllib
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("renderapi", "renderws", "renderapps")
ALLOWED = {
    "renderapi": {"renderapi"},
    "renderws": {"renderws", "renderapi"},
    "renderapps": {"renderapps", "renderapi", "renderws"},
}
# the verbs of the command line that may reach into the service
USES_SERVICE = {"commands", "demo"}


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


@cache
def imported(path):
    """Top-level packages of ours that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        found |= {name.split(".")[0] for name in names}
    return found & set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_of_sources_is_a_package(package):
    folders = {path.parent for path in sources(package)}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package):
    wrong = [
        (str(path.relative_to(ROOT)), sorted(imported(path) - ALLOWED[package]))
        for path in sources(package)
        if imported(path) - ALLOWED[package]
    ]
    assert wrong == []


def test_only_verbs_of_the_command_line_import_the_service():
    users = [
        path.relative_to(ROOT / "renderapps").parts[0]
        for path in sources("renderapps")
        if "renderws" in imported(path)
    ]
    assert set(users) <= USES_SERVICE


def test_dependencies_have_lower_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    for requirement in [*project["dependencies"], *(r for extra in extras for r in extra)]:
        assert ">=" in requirement or "[" in requirement, requirement


def test_the_documents_that_the_readme_names_exist():
    text = (ROOT / "README.md").read_text()
    for name in ("docs/guide.md", "docs/modules.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        assert f"({name})" in text
        assert (ROOT / name).is_file()


def test_the_examples_are_part_of_the_distribution(tmp_path):
    from setuptools import Distribution

    from renderapps.module.examples import FOLDER, examples_folder

    command = runpy.run_path(str(ROOT / "setup.py"))["BuildWithExamples"](Distribution())
    command.build_lib = str(tmp_path)
    command.copy_examples()
    installed = examples_folder(tmp_path / "renderapps")
    assert installed == tmp_path / "renderapps" / "example_json"
    names = sorted(path.relative_to(FOLDER) for path in FOLDER.rglob("*.json"))
    assert sorted(path.relative_to(installed) for path in installed.rglob("*.json")) == names
    assert len(names) > 40 and (ROOT / "MANIFEST.in").read_text() == "graft example_json\n"


def test_everything_that_the_pages_load_is_part_of_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    folder = ROOT / "renderws" / "ui"
    files = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    left_out = [
        path.name
        for path in files
        if path.suffix != ".py" and not any(fnmatch(path.name, pattern) for pattern in patterns)
    ]
    assert left_out == [] and len(files) > 30
    for script in (folder / "vendor").glob("*.js"):
        licence = script.with_name(f"{script.name.split('.')[0]}.LICENSE.txt")
        assert "Redistribution" in licence.read_text()
