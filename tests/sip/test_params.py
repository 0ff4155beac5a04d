"""Tokens, quoted strings, lists, parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbc.sip import (
    ParseError,
    format_params,
    get_param,
    is_token,
    parse_params,
    quote,
    split_list,
    split_outside,
    unquote,
)


def test_parameters_are_written_back() -> None:
    """RFC 3261 section 25.1: names have no case, values are kept."""
    params = parse_params(';a=1;B;c="x;\\"y";D=Z')

    assert params == (("a", "1"), ("b", None), ("c", '"x;\\"y"'), ("d", "Z"))
    assert format_params(params) == ';a=1;b;c="x;\\"y";d=Z'
    assert (get_param(params, "a"), get_param(params, "b"), get_param(params, "x")) == ("1", "", None)


def test_empty_value_is_a_flag() -> None:
    """Old phones send `tag=`."""
    assert parse_params("tag=") == (("tag", None),)


@pytest.mark.parametrize("text", [";;", ";a;;b", "=1", "a b=1", "\u212a=1", 'a="x'])
def test_malformed_parameters_are_refused(text: str) -> None:
    """RFC 4475 section 3.1.2.1."""
    with pytest.raises(ParseError):
        parse_params(text)


def test_list_is_split_outside_quotes() -> None:
    """RFC 3261 section 7.3.1."""
    assert split_list('a, "b, \\", c" , <d,e>') == ["a", '"b, \\", c"', "<d,e>"]
    assert split_outside("a;b", ",") == ["a;b"]


@pytest.mark.parametrize("text", ["a,,b", "a,", ",", '"a,', "<a,", 'a,"b\\'])
def test_malformed_list_is_refused(text: str) -> None:
    """RFC 4475 section 3.1.2.1."""
    with pytest.raises(ParseError):
        split_list(text)


@given(st.text())
def test_quoting_is_undone_by_unquoting(text: str) -> None:
    """RFC 3261 section 25.1: quoted-pair."""
    assert unquote(quote(text)) == text
    assert split_list(f"{quote(text)},x")[-1] == "x"


@pytest.mark.parametrize("text", ["plain", '"', '"a', 'a"', ""])
def test_text_without_quotes_is_left_alone(text: str) -> None:
    """Tokens need no quotes."""
    assert unquote(text) == text


def test_token_is_ascii_without_separators() -> None:
    """RFC 3261 section 25.1."""
    assert is_token("INVITE-1.!%*_+`'~")
    for text in ("", "a b", "a/b", "\u00e4", "a\0"):
        assert not is_token(text)
