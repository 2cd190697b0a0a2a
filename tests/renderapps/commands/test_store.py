"""Looking after a store from the command line."""

import sqlite3

import pytest

import renderapi
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapps.__main__ import status


@pytest.fixture
def store(render, tmp_path):
    renderapi.stack.create_stack("s", render=render)
    tile = TileSpec(tileId="t", z=0, width=9, height=9, tforms=[AffineModel()])
    renderapi.resolvedtiles.put_tilespecs(
        "s", resolved_tiles=ResolvedTiles(tilespecs=[tile]), render=render
    )
    return str(tmp_path / "render.db")


def test_info_says_what_is_in_it(store, capsys):
    assert status(["store", "info", "--store", store]) == 0
    shown = capsys.readouterr().out
    assert f"path: {store}" in shown
    assert "tiles: 1" in shown


def test_check_finds_damage(store, capsys):
    assert status(["store", "check", "--store", store]) == 0
    assert "is sound" in capsys.readouterr().out
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE tile SET document = '{'")
    connection.close()
    assert status(["store", "check", "--quick", "--store", store]) == 0
    assert status(["store", "check", "--store", store]) == 1
    assert "document of tile t" in capsys.readouterr().out


def test_a_backup_is_a_store_and_never_overwrites(store, capsys, tmp_path):
    copy = tmp_path / "copy.db"
    assert status(["store", "backup", str(copy), "--store", store]) == 0
    render = renderapi.connect(host="local", store=copy, owner="test", project="project")
    assert renderapi.stack.get_z_values_for_stack("s", render=render) == [0.0]
    assert status(["store", "backup", str(copy), "--store", store]) == 1
    assert "exists already" in capsys.readouterr().err


def test_a_deleted_stack_comes_back_until_compact(store, render, capsys):
    renderapi.stack.delete_stack("s", render=render)
    assert status(["store", "undelete", "--store", store]) == 0
    assert "s (owner test, project project): 1 tiles, was LOADING" in capsys.readouterr().out
    words = ["store", "undelete", "s", "--owner", "test", "--project", "project", "--store", store]
    assert status(words) == 0
    assert renderapi.stack.get_z_values_for_stack("s", render=render) == [0.0]

    renderapi.stack.delete_stack("s", render=render)
    assert status(["store", "compact", "--store", store]) == 0
    assert status(words) == 1


def test_a_missing_store_is_one_clear_line(tmp_path, capsys):
    assert status(["store", "info", "--store", str(tmp_path / "none.db")]) == 1
    assert capsys.readouterr().err.startswith("renderapps: error: there is no store")
    assert not (tmp_path / "none.db").exists()
