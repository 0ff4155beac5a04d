"""Regular expressions: useful ones pass, those that a hostile text could make slow do not."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import PolicyErrors, compile_condition
from policies.patterns import INPUT_LIMIT, PATTERN_LIMIT, compile_pattern
from tests.policies.kit import facts


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(?i)friendly-scanner|sipvicious|sipcli", "User of SIPVicious"),
        ("^0(?!0)", "030123"),
        (r"^\+49(30|40)\d{4,8}$", "+493012345"),
        ("^[a-f0-9]+$", "c0ffee"),
        ("^.*@.*$", "a@b"),
        (r"\.example\.net$", "pbx.example.net"),
        ("^(?:ab)?c{2}$", "cc"),
        ("^(?=a)[^b]+?$", "aaa"),
        ("[]x]", "]"),
        ("a.*b", "xxaxxb"),
    ],
)
def test_a_useful_pattern_matches(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).search(text) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a*)*",
        "(a|a)*b",
        "(a|ab)+",
        "((a?){3})+",
        "(?:a{1,5}){2,}",
        r"(a)\1",
        "(?<=a)b",
        "(?P<n>a)",
        "(?>a)",
        "a**",
        "a+*",
        "a{2}{3}",
        ".*a.*b",
        "^.*a.*b.*c",
        "a?" * 30,
        "(a|b)" * 20,
        "(",
        ")",
        "[a",
        "*a",
        "{2}",
        "a{2",
        "a{9,3}",
        "a{999}",
        "\\",
        r"\x41",
        r"\Z",
        "[z-a]",
        "[[a]]",
        "[a--b]",
        "x" * (PATTERN_LIMIT + 1),
        "(" * 30 + ")" * 30,
        "a(?i)b",
    ],
)
def test_a_pattern_that_could_be_slow_or_wrong_is_refused(pattern: str) -> None:
    with pytest.raises(PolicyErrors) as caught:
        compile_pattern(pattern)
    assert len(caught.value.findings) == 1


def test_only_the_beginning_of_a_long_text_is_searched() -> None:
    """The bound of the input is what makes the bound of the cost."""
    condition = compile_condition('message.user_agent.matches("z")')
    assert condition.test(facts(user_agent="a" * (INPUT_LIMIT - 1) + "z"))
    assert not condition.test(facts(user_agent="a" * INPUT_LIMIT + "z"))


def test_the_dearest_patterns_allowed_stay_within_the_bound() -> None:
    """One star where every position is tried, two where only the first is."""
    compile_pattern("a[ab]*b")
    compile_pattern("^[ab]*a[ab]*b")
    for pattern in ("[ab]*a[ab]*", "^[ab]*a[ab]*|b", "^[ab]*|[ab]*b"):
        with pytest.raises(PolicyErrors, match="too many ways"):
            compile_pattern(pattern)


@settings(max_examples=200)
@given(st.text(alphabet="ab01^$.*+?{}[]()|\\-,:=!<iPd& ", max_size=20))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    """What we let through Python takes too, without a warning; and nothing else is ever raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            pattern = compile_pattern(text)
        except PolicyErrors:
            return
    assert isinstance(pattern, re.Pattern)
