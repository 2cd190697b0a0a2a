"""What the engines of align_sections_fine make of its parameters."""

import pytest

from renderapps.alignment.fine_parameters import (
    AlignSectionsFineParameters,
    flow_parameters,
    relaxation_parameters,
    stride_of,
)
from renderapps.module.fields import prepare

PLACE = {"host": "local", "owner": "o", "project": "p", "client_scripts": ""}


def arguments(**given):
    stacks = {"input_stack": "rough", "output_stack": "fine", "render": PLACE}
    return prepare(AlignSectionsFineParameters()).load(stacks | given)


@pytest.mark.parametrize(
    ("given", "spacing"),
    [({}, 32), ({"scale": 0.25}, 32), ({"scale": 0.25, "spacing": 50}, 12), ({"spacing": 1}, 4)],
)
def test_fields_have_the_nodes_at_which_sections_are_compared(given, spacing):
    args = arguments(**given)
    assert flow_parameters(args).spacing == spacing
    assert stride_of(args) == spacing / args["scale"]


def test_world_pixels_are_told_to_the_engines_in_pixels_of_the_drawn_sections():
    args = arguments(scale=0.5, levels=2, search_radius=100, crack=20)
    assert flow_parameters(args).radius == 13  # 100 / 2 pixels, at a quarter of their scale
    assert relaxation_parameters(args).jump == 10
    usual = arguments(scale=0.5)
    assert (flow_parameters(usual).radius, relaxation_parameters(usual).jump) == (16, 6)
