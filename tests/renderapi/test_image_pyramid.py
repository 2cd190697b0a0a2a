"""Images of a tile by level."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi.errors import RenderError
from renderapi.image_pyramid import ImagePyramid, MipMap, MipMapLevel, TransformedDict

MIPMAPS = st.fixed_dictionaries(
    {},
    optional={
        "imageUrl": st.text(),
        "maskUrl": st.text(),
        "imageLoaderType": st.just("N5_SLICE"),
        "imageSliceNumber": st.integers(0),
        "maskLoaderType": st.just("DYNAMIC_MASK"),
        "maskSliceNumber": st.integers(0),
    },
)


@given(st.dictionaries(st.integers(0, 20).map(str), MIPMAPS))
def test_json_comes_back(d):
    pyramid = ImagePyramid.from_dict(d)
    assert pyramid.to_dict() == d
    assert pyramid == d


def test_a_mipmap_has_two_items():
    mipmap = MipMap("i")
    mipmap["maskUrl"] = "m"
    assert (mipmap["imageUrl"], mipmap.maskUrl) == ("i", "m")
    for call in (lambda: mipmap["x"], lambda: mipmap.__setitem__("x", 1)):
        with pytest.raises(KeyError):
            call()
    assert dict(mipmap) == mipmap.to_dict() == {"imageUrl": "i", "maskUrl": "m"}
    assert dict(MipMap("i")) == {"imageUrl": "i"}
    with pytest.raises(TypeError, match="other"):
        MipMap(other=1)


def test_mipmaps_are_compared_with_mipmaps_and_dicts():
    assert MipMap("i") == MipMap("i")
    assert MipMap("i") == {"imageUrl": "i"} == MipMap("i")
    assert MipMap("i") == {"imageUrl": "i", "maskUrl": None}
    assert MipMap("i") != MipMap("i", "m")
    assert MipMap("i") != None  # noqa: E711
    with pytest.raises(TypeError):
        hash(MipMap("i"))


@pytest.mark.parametrize(
    ("key", "level"), [(0, "0"), ("0", "0"), ("01", "1"), (" 3 ", "3"), (1.7, "1")]
)
def test_levels_are_texts_of_numbers(key, level):
    pyramid = ImagePyramid({key: MipMap("i")})
    assert list(pyramid) == list(pyramid.levels) == [level]
    assert key in pyramid and int(level) in pyramid
    assert pyramid.get(int(level)) == pyramid[key] == MipMap("i")
    assert pyramid.pop(key) == MipMap("i") and len(pyramid) == 0


@pytest.mark.parametrize("key", ["x", "1.7", -1, "-1"])
def test_what_is_no_level_is_refused(key):
    pyramid = ImagePyramid()
    for call in (
        lambda: pyramid[key],
        lambda: pyramid.get(key),
        lambda: key in pyramid,
        lambda: ImagePyramid.from_dict({key: {}}),
    ):
        with pytest.raises(RenderError, match="level"):
            call()
    with pytest.raises(TypeError):
        pyramid[None]
    with pytest.raises(KeyError):
        pyramid[3]


def test_iteration_is_in_order_of_texts_and_levels_in_order_of_insertion():
    pyramid = ImagePyramid()
    for level in (2, 10, 0):
        pyramid[level] = MipMap(str(level))
    assert list(pyramid) == ["0", "10", "2"]
    assert list(pyramid.levels) == ["2", "10", "0"]
    assert len(pyramid.levels) == 3
    assert list(pyramid.to_ordered_dict()) == ["0", "2", "10"]


def test_a_transformed_dict_is_a_mapping():
    d = TransformedDict({"a": 1}, b=2)
    del d["a"]
    assert dict(d) == d.store == {"b": 2}
    assert "b" in d and "a" not in d


def test_levels_of_the_first_release_still_work():
    with pytest.warns(DeprecationWarning):
        level = MipMapLevel(1, "i", maskUrl="m")
    with pytest.warns(DeprecationWarning):
        other = MipMapLevel(2, "i", "m")
    assert level == other
    assert (level["imageUrl"], level.maskUrl, level.mipmap) == ("i", "m", MipMap("i", "m"))
    assert dict(level) == level.to_dict() == {"imageUrl": "i", "maskUrl": "m"}
    for pyramid in (ImagePyramid([level]), ImagePyramid(mipMapLevels=[level])):
        pyramid.append(other)
        pyramid.update(other)
        assert pyramid.to_dict() == {"1": level.to_dict(), "2": level.to_dict()}
