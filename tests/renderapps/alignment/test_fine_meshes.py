"""Meshes follow links, and what is learnt of cracks is used."""

import numpy as np
from pair_flows import SIDE, STEP, flow

from renderapps.alignment.fine_links import FineLinks
from renderapps.alignment.fine_meshes import FineMeshes, misfits
from renderapps.alignment.relaxation import RelaxationParameters, Relaxed
from renderapps.alignment.sharp_cracks import SharpField

ZS = [0.0, 1.0, 2.0]


def meshes(look, scale=0.5):
    axis = np.arange(SIDE) * STEP
    rules = RelaxationParameters(anchor_sections=1000.0)
    return FineMeshes(ZS, ZS, axis, axis, (5.0, 7.0), STEP / scale, scale, rules, look)


def linked(flows, scale=0.5):
    links = FineLinks(scale, least=0.05)
    links.add(flows)
    return links


def test_fields_are_what_links_ask_for_in_world_pixels():
    links = linked({(0.0, 1.0): flow((3.0, -1.0)), (1.0, 2.0): flow((1.0, 2.0))})
    made = meshes(lambda sections: [None for _ in sections])
    assert made.follow(links, links.accepted()) == [(0.0, 1.0), (1.0, 2.0)]
    first, second, third = (made.fields[z] for z in ZS)
    assert (first.origin, first.stride) == ((5.0, 7.0), 20.0)
    # what lies at x of a section is at x + shift of the next: fields are those that meet
    np.testing.assert_allclose((first.shift - second.shift).mean((1, 2)), (6, -2), atol=0.02)
    np.testing.assert_allclose((second.shift - third.shift).mean((1, 2)), (2, 4), atol=0.02)
    assert links.rows[0.0, 1.0]["residual"] < 0.02 and links.rows[0.0, 1.0]["doubted"] == 0
    assert [made.about[z]["nodes_at_cracks"] for z in ZS] == [0, 0, 0]


def test_a_sharp_field_takes_the_place_of_the_smooth_one_and_cuts_springs_from_then_on():
    torn = flow((0.0, 0.0))
    torn.flow.shift[:, SIDE // 2 :, 0] = 30.0
    links = linked({(0.0, 1.0): torn, (1.0, 2.0): flow(), (0.0, 2.0): torn})
    seen = []

    def look(sections):
        seen.append([section.z for section in sections])
        cuts = np.zeros((SIDE, SIDE, 2), bool)
        cuts[:, SIDE // 2 - 1, 0] = True
        shift = np.full((2 * SIDE - 1, 2 * SIDE - 1, 2), 4.0)
        return [SharpField(shift, STEP / 2, cuts) for _ in sections]

    made = meshes(look)
    made.follow(links, links.accepted())
    assert len(seen) == 2  # once more with the springs cut, and then nothing new is known
    sharp = seen[-1]
    assert 0.0 in sharp
    for z in sharp:
        assert (made.fields[z].stride, made.about[z]["stride_at_cracks"]) == (10.0, 10.0)
        np.testing.assert_array_equal(made.fields[z].shift, 8.0)
    made.follow(links, links.accepted())
    assert len(seen) == 3


def test_a_link_that_gets_wrong_when_it_is_compared_again_is_given_up_from_then_on():
    links = linked({(0.0, 1.0): flow(), (1.0, 2.0): flow(), (0.0, 2.0): flow()}, 1.0)
    made = meshes(lambda sections: [None for _ in sections], 1.0)
    right = made.follow(links, links.accepted())
    assert right == [(0.0, 1.0), (0.0, 2.0), (1.0, 2.0)]
    links.add_again({(0.0, 2.0): flow((40.0, 0.0))})
    right = made.follow(links, right)
    assert right == [(0.0, 1.0), (1.0, 2.0)]
    assert [row["residual"] > 4 for row in links.wrong_rows()] == [True]
    np.testing.assert_allclose(made.fields[2.0].shift, 0, atol=0.1)


def test_what_is_told_wrong_is_far_off_by_the_others_and_by_pixels():
    def relaxed(*medians):
        return Relaxed(np.zeros(0), [np.full(5, m) for m in medians], [], np.zeros(0))

    pairs = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]
    assert misfits(pairs, relaxed(0.5, 0.5, 3.9)) == {}  # few pixels
    assert misfits(pairs, relaxed(0.5, 0.5, 4.1)) == {(2.0, 3.0): 4.1}
    assert misfits(pairs, relaxed(2.0, 2.0, 7.9)) == {}  # all are far off
