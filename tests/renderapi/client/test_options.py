"""Command lines as the Java clients read them."""

import pytest

from renderapi.client.programs.options import Option, flag, read_options, z_values
from renderapi.errors import ClientScriptError

DECLARED = (
    Option("name", required=True),
    Option("scale", "number", 0.5),
    Option("levels", "whole"),
    Option("corner", "boolean", True),
    Option("z", "numbers"),
    Option("mode", default="A", choices=("A", "B")),
    *flag("loud"),
)


def test_values_flags_booleans_lists_and_positional_words():
    words = [
        "one",
        "--name",
        "n",
        "--loud",
        "--corner",
        "False",
        "--z",
        "1",
        "2.5",
        "--levels",
        "3",
    ]
    options = read_options(DECLARED, [*words, "two"], "any")
    assert options.name == "n"
    assert options.loud is True
    assert options.corner is False
    assert options.z == [1.0, 2.5]
    assert options.levels == 3
    assert options.scale == 0.5
    assert options.words == ["one", "two"]


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False), ("TRUE", True)])
def test_a_flag_may_be_followed_by_a_boolean(word, value):
    options = read_options(DECLARED, ["--name", "n", "--loud", word, "7"], "any")
    assert (options.loud, options.words) == (value, ["7"])


def test_negative_numbers_are_values():
    assert read_options(DECLARED, ["--name", "n", "--scale", "-2"]).scale == -2


@pytest.mark.parametrize("word", ["B", "b"])
def test_choices_are_taken_in_either_case(word):
    assert read_options(DECLARED, ["--name", "n", "--mode", word]).mode == "B"


def test_numbers_of_a_list_may_have_commas_between_them():
    assert read_options(DECLARED, ["--name", "n", "--z", "1,2.5", "3"]).z == [1.0, 2.5, 3.0]


def test_a_file_stands_for_its_lines(tmp_path):
    (tmp_path / "arguments").write_text("--name\nfrom file\n\n--loud\n")
    options = read_options(DECLARED, [f"@{tmp_path}/arguments"])
    assert (options.name, options.loud) == ("from file", True)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--nam", "n"], "unknown option --nam"),
        ([], "--name is required"),
        (["--name"], "a value is missing"),
        (["--name", "n", "--scale", "x"], "'x' is no number"),
        (["--name", "n", "--scale", "nan"], "no finite number"),
        (["--name", "n", "--levels", "1.5"], "no whole number"),
        (["--name", "n", "--corner", "maybe"], "neither true nor false"),
        (["--name", "n", "--mode", "C"], "none of A, B"),
        (["--name", "n", "word"], "unexpected words: word"),
        (["@/nowhere/arguments"], "cannot read"),
    ],
)
def test_what_is_wrong_is_named(arguments, text):
    with pytest.raises(ClientScriptError, match=text):
        read_options(DECLARED, arguments)


def test_all_problems_are_named_at_once():
    with pytest.raises(ClientScriptError, match="unknown option --a; --name is required"):
        read_options(DECLARED, ["--a"])


def test_z_values_must_be_numbers():
    assert z_values(["1", "2.5"]) == [1.0, 2.5]
    with pytest.raises(ClientScriptError, match="'a' is no number"):
        z_values(["a"])
