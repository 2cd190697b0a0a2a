"""The start of a project file: what TrakEM2's own reader wants of it."""

import re

from lxml import etree

from renderapps.TrakEM2.header import header


def test_strict_parser_accepts_the_internal_subset():
    root = etree.fromstring((header + "<trakem2/>").encode("latin-1"))
    assert root.getroottree().docinfo.internalDTD.name == "trakem2_anything"


def test_brackets_of_the_subset_are_on_different_lines():
    lines = header.splitlines()
    opening = next(i for i, line in enumerate(lines) if "[" in line)
    closing = next(i for i, line in enumerate(lines) if "]" in line)
    assert closing > opening


def test_project_is_declared_once_with_one_child_that_is_declared():
    declarations = re.findall(r"<!ELEMENT (\S+) \(?([^)>]*)\)?", header)
    children = [model for name, model in declarations if name == "project"]
    assert children == ["anything"]
    assert [name for name, _ in declarations].count("anything") == 1


def test_every_element_is_declared_once():
    names = re.findall(r"<!ELEMENT (\S+)", header)
    assert len(names) == len(set(names)) == 33
    attributes = re.findall(r"<!ATTLIST (\S+) (\S+)", header)
    assert len(attributes) == len(set(attributes))
