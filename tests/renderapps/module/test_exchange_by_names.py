"""Stacks that take the places of others by renaming: whatever interrupts it, none is lost."""

import contextlib

import pytest
from layered_stacks import layers, read

import renderapi
from renderapi.errors import RenderError
from renderapps.module.exchange_by_names import exchange_names, settle

PAIRS = [("new_one", "one"), ("new_two", "two")]
RUN = "0a1b2c3d"
DONE = {"one": "new_one_a_1", "two": "new_two_a_1"}
BEFORE = {"one": "one_a_1", "two": "two_a_1"}


class Cut(BaseException):
    """The process was killed."""


def cut_after(monkeypatch, steps):
    """Kill before the request to rename or delete with this number."""
    left = [steps]

    def counted(name):
        real = getattr(renderapi.stack, name)

        def change(stack, *args, **kwargs):
            if not left[0]:
                raise Cut
            left[0] -= 1
            return real(stack, *args, **kwargs)

        return change

    for name in ("rename_stack", "delete_stack"):
        monkeypatch.setattr(renderapi.stack, name, counted(name))


def four_stacks(render):
    for stack in ("one", "two", "new_one", "new_two"):
        layers(render, stack, prefix=f"{stack}_", names="a", zs=(1.0,))


def exchange(render):
    exchange_names(render, RUN, PAIRS, ["COMPLETE", "LOADING"])


def held(render):
    there = renderapi.render.get_stacks_by_owner_project(render=render)
    return {stack: next(iter(read(render, stack))) for stack in ("one", "two") if stack in there}


def test_all_names_change_and_nothing_is_left(render):
    four_stacks(render)
    exchange(render)
    assert held(render) == DONE
    assert sorted(renderapi.render.get_stacks_by_owner_project(render=render)) == ["one", "two"]
    states = [
        renderapi.stack.get_full_stack_metadata(stack, render=render)["state"]
        for stack in ("one", "two")
    ]
    assert states == ["COMPLETE", "LOADING"]


@pytest.mark.parametrize("step", range(6))
@pytest.mark.parametrize("way_back", range(6))
def test_what_was_cut_off_is_put_in_order_even_if_that_is_cut_off(
    render, step, way_back, monkeypatch
):
    four_stacks(render)
    with monkeypatch.context() as patch:
        cut_after(patch, step)
        with pytest.raises(Cut):
            exchange(render)
    with monkeypatch.context() as patch:
        cut_after(patch, way_back)
        with contextlib.suppress(Cut):
            settle(render, ["two"])
    settle(render, ["one", "two"])
    assert held(render) == (DONE if step > 3 else BEFORE)
    left = renderapi.render.get_stacks_by_owner_project(render=render)
    assert not [stack for stack in left if "_replaced_" in stack]


def test_a_request_that_fails_is_undone_at_once(render):
    four_stacks(render)
    renderapi.stack.delete_stack("new_two", render=render)
    with pytest.raises(RenderError):
        exchange(render)
    assert held(render) == BEFORE


def test_stacks_of_other_names_are_left_alone(render):
    four_stacks(render)
    renderapi.stack.clone_stack("one", "one_replaced_by_two", render=render)
    renderapi.stack.clone_stack("one", "three_replaced_0a1b2c3d", render=render)
    settle(render, ["one", "two"])
    there = renderapi.render.get_stacks_by_owner_project(render=render)
    assert {"one_replaced_by_two", "three_replaced_0a1b2c3d"} <= set(there)
