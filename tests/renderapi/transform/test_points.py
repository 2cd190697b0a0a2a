"""Numbers of data strings."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi.transform.leaf.points import java_doubles, read_floats

finite = st.floats(allow_nan=False, allow_infinity=False)
separators = st.sampled_from([" ", "  ", "\t", "\n", " \n", "\r\n "])


def bits(numbers):
    return [struct.pack(">d", number) for number in numbers]


@given(st.lists(finite), separators, st.sampled_from([repr, "{:.20e}".format, "{:+}".format]))
def test_numbers_are_read_to_the_last_bit(numbers, separator, write):
    text = separator.join(map(write, numbers))
    assert bits(read_floats(f" {text}{separator}")) == bits(map(float, text.split()))


@pytest.mark.parametrize(
    "text", ["1 nan", "1e400 2", "Infinity", "1,2", "1, 2", "[1]", "1 x", "true", "null", '"1"']
)
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(ValueError):
        read_floats(text)


def test_digits_and_signs_of_every_kind():
    assert read_floats("1 +2 3. .5 -0 1E2 1e-5 9007199254740993") == [
        1.0, 2.0, 3.0, 0.5, 0.0, 100.0, 1e-5, 9007199254740992.0,
    ]  # fmt: skip
    assert math.copysign(1, read_floats("-0.0")[0]) == -1
    assert read_floats("") == []


@given(st.lists(finite, min_size=1))
def test_numbers_are_written_with_the_exponents_of_java(numbers):
    words = java_doubles(numbers).split(" ")
    assert bits(map(float, words)) == bits(numbers)
    for word in words:
        assert "e" not in word
        _, mark, exponent = word.partition("E")
        assert not mark or exponent.lstrip("+-") == str(abs(int(exponent)))
