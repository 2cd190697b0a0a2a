"""The base of modules with two connections."""

import pytest

from renderapps.module import ParameterError
from renderapps.transfer.transfer_module import RenderTransfer, RenderTransferParameters


class Nothing(RenderTransfer):
    """Does nothing."""

    default_schema = RenderTransferParameters


def test_both_connections_are_opened(connections, render, other):
    module = Nothing(input_data=connections, args=[])
    assert module.render_source.DEFAULT_HOST == render.DEFAULT_HOST
    assert module.render_target.DEFAULT_PROJECT == "elsewhere"
    assert not module.same_project()
    twice = {"render_source": connections["render_source"]}
    twice["render_target"] = twice["render_source"] | {"project": "p"}
    module = Nothing(input_data=twice, args=[])
    assert module.same_owner()
    assert not module.same_project()


def test_the_environment_does_not_say_which_of_two_services_is_meant(connections, monkeypatch):
    monkeypatch.setenv("RENDER_OWNER", "somebody")
    del connections["render_target"]["owner"]
    connections["render_source"]["host"] = "example.org"
    with pytest.raises(ParameterError) as refused:
        Nothing(input_data=connections, args=[])
    assert sorted(refused.value.problems) == [
        "render_source.port: missing, and required unless host is local",
        "render_target.owner: missing, and required",
    ]


def test_both_groups_are_required():
    with pytest.raises(ParameterError, match=r"render_source: missing[^$]*render_target: missing"):
        Nothing(input_data={}, args=[])
