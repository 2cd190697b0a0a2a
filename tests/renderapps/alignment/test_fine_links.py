"""Which pairs of compared sections are links, and what the report says of each."""

import numpy as np
from pair_flows import flow

from renderapps.alignment.fine_links import FineLinks, matches_of, votes_of


def test_a_pair_is_a_link_where_enough_blocks_were_found_and_told_in_world_pixels():
    links = FineLinks(scale=0.5, least=0.25)
    links.add({(0.0, 1.0): flow((3.0, -1.0), 9), (1.0, 2.0): flow(found=8)})
    assert links.accepted() == [(0.0, 1.0)]
    assert links.linked([0.0, 1.0, 2.0]) == [0.0, 1.0]
    assert links.rows[0.0, 1.0]["median_shift"] == [6.0, -2.0]
    assert links.rows[1.0, 2.0]["reason"] == "only 8 of 36 blocks were found"


def test_what_is_found_again_counts_where_enough_is_found():
    links = FineLinks(scale=1.0, least=0.25)
    links.add({(0.0, 1.0): flow(found=20), (1.0, 2.0): flow(found=20)})
    better, worse = flow(found=30, correlation=0.75), flow(found=2)
    links.add_again({(0.0, 1.0): better, (1.0, 2.0): worse})
    assert links.flows[0.0, 1.0] is better and links.flows[1.0, 2.0] is not worse
    told = links.rows[0.0, 1.0]
    assert (told["found"], told["found_again"], told["block_correlation"]) == (20, 30, 0.75)
    assert "found_again" not in links.rows[1.0, 2.0]


def test_a_link_that_does_not_close_around_triangles_is_given_up():
    links = FineLinks(scale=1.0, least=0.05)
    shifts = {0.0: 0.0, 1.0: 2.0, 2.0: 5.0, 3.0: 6.0}
    pairs = [(p, q) for p in shifts for q in shifts if p < q]
    links.add({(p, q): flow((shifts[q] - shifts[p], 0.0)) for p, q in pairs})
    links.flows[1.0, 2.0] = flow((40.0, 0.0))
    links.give_up_contradicting()
    assert [(row["p_z"], row["q_z"]) for row in links.wrong_rows()] == [(1.0, 2.0)]
    assert links.accepted() == [pair for pair in pairs if pair != (1.0, 2.0)]


def test_blocks_that_hardly_correlate_do_not_outvote_a_link_of_neighbours():
    links = FineLinks(scale=1.0, least=0.05)
    right = {pair: flow() for pair in ((0.0, 1.0), (1.0, 2.0), (2.0, 3.0))}
    wrong = {pair: flow((40.0, 0.0), 16, 0.15) for pair in ((0.0, 2.0), (1.0, 3.0))}
    links.add(right | wrong)  # 1 - 2 is in both triangles, and neither closes
    links.give_up_contradicting()
    assert links.accepted() == sorted(right)


def test_votes_count_places_in_the_series_and_weights_are_multiplied_by_them():
    pairs = [(0.0, 1.0), (0.0, 5.0), (1.0, 5.0)]  # what lies between 1 and 5 is linked with nothing
    votes = votes_of(pairs, [0.0, 1.0, 5.0])
    assert votes == {
        0.0: {1.0: 1.0, 5.0: 0.5},
        1.0: {0.0: 1.0, 5.0: 1.0},
        5.0: {0.0: 0.5, 1.0: 1.0},
    }
    flows = {pair: flow((1.0, 2.0), 10) for pair in pairs}
    _, far, _ = matches_of(flows, pairs, votes, [0.0, 1.0, 3.0, 5.0])
    assert (far.p, far.q, far.vote) == (0, 3, 0.5)
    np.testing.assert_array_equal(far.there - far.here, np.tile([1.0, 2.0], (10, 1)))
    np.testing.assert_allclose(far.weights, flows[0.0, 5.0].points()[2] / 2)
