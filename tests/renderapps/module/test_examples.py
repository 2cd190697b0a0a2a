"""Every module has an example, and it is valid."""

import pytest

from renderapps.module import RenderModuleException, StackEditModule, example_path
from renderapps.module.catalogue import discover
from renderapps.module.examples import FOLDER, read_example
from renderapps.module.template_module import Template
from renderapps.module.validation import load_example

ENTRIES = discover()
CONNECTIONS = {"render", "render_source", "render_target"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_module_has_a_valid_example(entry):
    module = entry.load()
    args, problems = load_example(module.default_schema, read_example(entry.name))
    assert problems == []
    if issubclass(module, StackEditModule):
        unconnected = module.__new__(module)
        unconnected.args = args
        assert unconnected.role_problems() == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_examples_name_owner_and_project_and_not_a_private_server(entry):
    example = read_example(entry.name)
    connections = [example[name] for name in example if name.startswith("render")]
    assert connections or not entry.load().default_schema._declared_fields.keys() & CONNECTIONS
    for render in connections:
        assert render["host"] == "local"
        assert {"owner", "project"} <= set(render)


def test_every_example_is_one_of_a_module():
    assert {path for path in FOLDER.rglob("*.json")} == {example_path(e.name) for e in ENTRIES}


def test_examples_are_found_by_name_or_class():
    assert example_path(Template) == FOLDER / "module" / "template_module.json"
    assert example_path("renderapps.module.template_module") == example_path(Template)
    with pytest.raises(RenderModuleException, match="no example"):
        read_example("theme.no_module")
