"""Old and new URLs: paths survive every place, and nothing is rewritten that should not be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi.urls import path_to_url
from renderapps.module import RenderModuleException
from renderapps.module.tile_documents import Section
from renderapps.transfer.url_rewriting import (
    Moves,
    UrlRules,
    check_destination,
    quote_key,
    rewrite_section,
    split_url,
    unquote_key,
)


@pytest.mark.parametrize(
    ("destination", "prefix", "old", "new"),
    [
        ("file:", None, "/nas/a b.tif", "file:///nas/a%20b.tif"),
        ("file:", None, "file:/nas/a%20b.tif", "file:///nas/a%20b.tif"),
        ("file:///new", None, "file:///nas/50%25.tif", "file:///new/nas/50%25.tif"),
        ("/new place", "/nas", "file:///nas/c/a.tif", "file:///new%20place/c/a.tif"),
        ("s3://lab", None, "file:///nas/a%20b=50%25.tif", "s3://lab/nas/a=20b=3D50=25.tif"),
        ("s3://lab/p/", None, "/nas/é.tif", "s3://lab/p/nas/=C3=A9.tif"),
        ("file:", None, "s3://lab/nas/a=20b=3D50=25.tif", "file:///nas/a%20b%3D50%25.tif"),
        ("/back", "s3://lab/p", "s3://lab/p/nas/a.tif", "file:///back/nas/a.tif"),
        ("file:", "s3://lab/p", "s3://lab/other/a.tif", None),
        ("file:", "s3://lab/p", "s3://shop/p/a.tif", None),
        ("file:", "/nas", "/nastier/a.tif", None),
        ("s3://lab", None, "http://h:8080/render-ws/v1/owner/o/image?x=1:2", None),
        ("s3://lab", None, "mask://outside-box?minX=1", None),
    ],
)
def test_new_urls(destination, prefix, old, new):
    assert UrlRules(destination, prefix).new_url(old) == new


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1))
def test_any_file_name_comes_back_from_its_key(name):
    assert unquote_key(quote_key(name)) == name
    key = quote_key(name)
    assert "%" not in key
    assert " " not in key


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1))
def test_any_path_travels_to_a_bucket_and_back(name):
    if name in (".", ".."):
        return
    old = path_to_url(f"/nas/{name}")
    there = UrlRules("s3://lab/p").new_url(old)
    assert UrlRules("file:", "s3://lab/p").new_url(there) == old


def test_every_image_and_mask_of_channels_and_levels_is_rewritten():
    def entry(name):
        return {"imageUrl": f"/d/{name}.tif", "maskUrl": f"/d/{name}_mask.tif"}

    tile = {
        "tileId": "t",
        "mipmapLevels": {"0": entry("a"), "1": entry("b")},
        "channels": [{"name": "c", "mipmapLevels": {"0": entry("a"), "2": entry("d")}}],
    }
    moves = Moves()
    rewrite_section(Section(0.0, [tile], {}), UrlRules("/e", "/d"), moves)
    assert tile["channels"][0]["mipmapLevels"]["2"] == {
        "imageUrl": "file:///e/d.tif",
        "maskUrl": "file:///e/d_mask.tif",
    }
    assert moves.pairs[:2] == [
        ("file:///d/a.tif", "file:///e/a.tif"),
        ("file:///d/a_mask.tif", "file:///e/a_mask.tif"),
    ]
    assert len(moves.pairs) == 6


def test_masks_can_be_left_out_and_volumes_stay():
    slice_entry = {"imageUrl": "file:///v.n5?dataSet=s0", "imageLoaderType": "N5_SLICE"}
    tile = {
        "tileId": "t",
        "mipmapLevels": {
            "0": {"imageUrl": "/a.tif", "maskUrl": "/m.tif", "maskLoaderType": "IMAGEJ_DEFAULT"},
            "1": slice_entry,
        },
    }
    moves = Moves()
    rewrite_section(Section(0.0, [tile], {}), UrlRules("/e", remove_masks=True), moves)
    assert tile["mipmapLevels"]["0"] == {"imageUrl": "file:///e/a.tif"}
    assert tile["mipmapLevels"]["1"]["imageUrl"] == "file:///v.n5?dataSet=s0"
    assert moves.staying == {"file:///v.n5?dataSet=s0"}


def test_two_files_do_not_become_one():
    moves = Moves()
    moves.add("file:///a.tif", "s3://lab/a.tif")
    moves.add("file:///a.tif", "s3://lab/a.tif")
    with pytest.raises(RenderModuleException, match="would both become"):
        moves.add("s3://shop/a.tif", "s3://lab/a.tif")


@pytest.mark.parametrize("destination", ["s3://", "s3://lab:", "http://h/x", "ftp://h/x"])
def test_bad_destinations_are_refused(destination):
    with pytest.raises(RenderModuleException, match=r"bucket|neither"):
        check_destination(destination)


def test_services_are_not_places():
    assert split_url("http://h/x") is None
