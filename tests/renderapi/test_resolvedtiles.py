"""Tiles together with the transforms they share."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from renderapi import resolvedtiles, stack
from renderapi.errors import ConflictError, NotFoundError, RenderError, RequestError, SpecError
from renderapi.resolvedtiles import ResolvedTiles, combine_resolvedtiles
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform, TransformList
from renderapi.utils import renderdumps


def tile(name, z=1.0, shift=0.0):
    return TileSpec(
        tileId=name,
        z=z,
        width=10,
        height=10,
        sectionId=str(z),
        imageUrl="file:///x.png",
        tforms=[ReferenceTransform("lens"), AffineModel(B0=shift)],
    )


def lens(shift=0.0):
    return AffineModel(B0=shift, transformId="lens", labels=["lens"])


def test_json_comes_back_and_is_not_changed():
    d = ResolvedTiles([tile("b"), tile("a")], [lens(), TransformList([lens()], "list")]).to_dict()
    before = copy.deepcopy(d)
    again = ResolvedTiles(json=d)
    assert d == before
    assert again.to_dict() == d
    assert [t.tileId for t in again.tilespecs] == ["b", "a"]
    assert [t.transformId for t in again.transforms] == ["lens", "list"]


def test_a_transform_without_id_takes_that_of_its_key():
    d = ResolvedTiles([], [lens()]).to_dict()
    del d["transformIdToSpecMap"]["lens"]["id"]
    assert ResolvedTiles(json=d).to_dict()["transformIdToSpecMap"]["lens"]["id"] == "lens"
    assert "id" not in d["transformIdToSpecMap"]["lens"]


def test_a_shared_transform_needs_an_id():
    with pytest.raises(SpecError, match="transformId"):
        ResolvedTiles([], [AffineModel()]).to_dict()
    for key in ("transformIdToSpecMap", "tileIdToSpecMap"):
        with pytest.raises(KeyError):
            ResolvedTiles(json={key: {}})


def test_text_is_that_of_the_dict():
    resolved = ResolvedTiles([tile("a")], [lens()])
    assert renderdumps(resolved) == renderdumps(resolved.to_dict()).replace(": ", ":").replace(
        ", ", ","
    )


def test_combining_keeps_the_first_place_and_the_last_value():
    first = ResolvedTiles([tile("a"), tile("b", shift=1)], [lens(1)])
    second = ResolvedTiles([tile("c"), tile("a", shift=5)], [lens(2), AffineModel(transformId="x")])
    combined = combine_resolvedtiles([first, second])
    assert [t.tileId for t in combined.tilespecs] == ["a", "b", "c"]
    assert combined.tilespecs[0] is second.tilespecs[1]
    assert combined.transforms == second.transforms
    assert combine_resolvedtiles([]).to_dict() == ResolvedTiles().to_dict()


def test_sections_go_to_the_service_and_back(render):
    stack.create_stack("s", render=render)
    section = ResolvedTiles([tile("a"), tile("b", shift=20), tile("c", z=2.0)], [lens(100)])
    assert resolvedtiles.put_tilespecs("s", section, render=render).status_code == 201
    back = resolvedtiles.get_resolved_tiles_from_z("s", 1, render=render)
    assert [t.to_dict() for t in back.tilespecs] == [t.to_dict() for t in section.tilespecs[:2]]
    assert [t.to_dict() for t in back.transforms] == [lens(100).to_dict()]
    assert [t.bbox for t in back.tilespecs] == [(100, 0, 110, 10), (120, 0, 130, 10)]


def test_stored_boxes_are_kept_when_nothing_is_derived(render):
    stack.create_stack("s", render=render)
    resolvedtiles.put_tilespecs("s", ResolvedTiles([tile("a")], [lens()]), render=render)
    section = resolvedtiles.get_resolved_tiles_from_z("s", 1, render=render)
    section.tilespecs[0].maxX = 12.0
    resolvedtiles.put_tilespecs("s", section, deriveData=False, render=render)
    section = resolvedtiles.get_resolved_tiles_from_z("s", 1, render=render)
    assert section.tilespecs[0].bbox == (0, 0, 12, 10)
    with pytest.raises(RequestError):
        resolvedtiles.put_tilespecs(
            "s", ResolvedTiles([tile("b")], [lens()]), deriveData=False, render=render
        )


def test_what_cannot_be_stored_is_an_error(render):
    with pytest.raises(RenderError, match="resolved_tiles or tilespecs"):
        resolvedtiles.put_tilespecs("s", render=render)
    with pytest.raises(NotFoundError, match="s"):
        resolvedtiles.put_tilespecs("s", tilespecs=[tile("a")], render=render)
    stack.create_stack("s", render=render)
    with pytest.raises(RequestError, match="lens"):
        resolvedtiles.put_tilespecs("s", tilespecs=[tile("a")], render=render)
    resolvedtiles.put_tilespecs(
        "s", tilespecs=[tile("a")], shared_transforms=[lens()], render=render
    )
    stack.set_stack_state("s", "COMPLETE", render=render)
    with pytest.raises(ConflictError, match="LOADING"):
        resolvedtiles.put_tilespecs("s", tilespecs=[tile("a")], render=render)


def test_a_large_section_comes_back_whole(render):
    count = 2000
    stack.create_stack("s", render=render)
    tiles = [tile(f"{i:05}", shift=float(i)) for i in range(count)]
    resolvedtiles.put_tilespecs("s", tilespecs=tiles, shared_transforms=[lens()], render=render)
    back = resolvedtiles.get_resolved_tiles_from_z("s", 1.0, render=render)
    shifts = [t.tforms[-1].M[0, 2] for t in back.tilespecs]
    np.testing.assert_array_equal(shifts, np.arange(count))
