"""Options as objects."""

import pytest

from renderapi.client import ArgumentParameters, ClientScriptError, SiftPointMatchOptions


def test_options_come_in_a_fixed_order_without_those_that_are_not_set():
    options = SiftPointMatchOptions(
        renderScale=0.5, fillWithNoise=True, matchRod=0.9, SIFTsteps=5, unknown=1
    )
    assert options.to_java_args() == [
        *("--SIFTsteps", "5", "--matchRod", "0.9"),
        *("--renderScale", "0.5", "--fillWithNoise", "true"),
    ]


def test_arguments_become_texts_and_none_is_refused():
    assert list(ArgumentParameters.sanitize_cmd(["a", 1, False])) == ["a", "1", "false"]
    with pytest.raises(ClientScriptError):
        list(ArgumentParameters.sanitize_cmd(["a", None]))


def test_options_and_flags_of_a_command():
    assert ArgumentParameters.get_cmd_opt(3, "--n") == ["--n", 3]
    assert ArgumentParameters.get_cmd_opt(None, "--n") == []
    assert ArgumentParameters.get_flag_cmd(True, "--f") == ["--f"]
    assert ArgumentParameters.get_flag_cmd(False, "--f") == []
