"""The language of conditions: what holds, what is refused and where."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies import PolicyErrors, compile_condition
from policies.vocabulary import FACTS, METHODS
from tests.policies.kit import facts

CALL = facts(trunk="carrier-a", user_agent="Asterisk PBX 20", caller="+4989555")


def holds(text: str) -> bool:
    return compile_condition(text).test(CALL)


def refused(text: str) -> list[tuple[str, int]]:
    with pytest.raises(PolicyErrors) as caught:
        compile_condition(text)
    return [(finding.found, finding.column) for finding in caught.value.findings]


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "!false",
        'source.trunk == "carrier-a"',
        "source.trunk != 'pbx'",
        "!source.stranger",
        "source.stranger == false",
        "source.port == 5060 && source.port >= 5060 && source.port < 5061 && source.port <= 5060 && source.port > 1",
        'source.address.in_cidr("198.51.100.0/24")',
        'source.address.in_cidr("10.0.0.0/8", "198.51.100.10")',
        'source.transport in ["UDP", "TCP"]',
        "source.port in [5060, 5061]",
        'message.method == "INVITE"',
        'message.to.number.prefix("+4930")',
        'message.uri.number.suffix("345")',
        'message.user_agent.contains("PBX")',
        'message.user_agent.matches("(?i)asterisk")',
        'message.uri.number.matches(r"^\\+49(30|40)\\d+$")',
        'message.uri.number.matches("^\\\\+49")',
        'message.from.number == "+4989555"',
        'message.from.host == "example.org"',
        "message.uri.user == message.to.user && message.uri.host != message.from.host",
        '"INVITE" == message.method',
        'message.method == "BYE" || source.port == 5060',
        '(message.method == "BYE" || true) && true',
        'message.method == "INVITE" || message.method == "BYE" && false',
        '!(message.method == "BYE")',
        "!!true",
        'message.uri.host.matches("")',
        'source.realm in ["outside",]',
    ],
)
def test_a_condition_holds(text: str) -> None:
    assert holds(text) is True
    assert holds(f"!({text})") is False


def test_and_stops_at_the_first_false_and_or_at_the_first_true() -> None:
    """Facts are read only where they matter: one that would raise here is never asked."""

    class Poisoned:
        source = CALL.source

        @property
        def message(self) -> object:
            raise AssertionError("asked without need")

    for text in (
        'source.stranger && message.method == "INVITE"',
        'source.stranger && message.method == "INVITE" && true',
    ):
        assert compile_condition(text).test(Poisoned()) is False  # type: ignore[arg-type]
    for text in (
        'source.port == 5060 || message.method == "X"',
        'source.port == 5060 || message.method == "X" || true',
    ):
        assert compile_condition(text).test(Poisoned()) is True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "found", "column"),
    [
        ("sorce.realm == 'x'", "unknown fact 'sorce.realm'", 1),
        ("source.trunk.prefixx('x')", "unknown method 'prefixx'", 1),
        ("source.port == '5060'", "a number is compared with text", 1),
        ("true && source.trunk", "'&&' needs true or false and gets text", 9),
        ("source.port", "a condition needs true or false and gets a number", 1),
        ("!source.trunk", "'!' needs true or false and gets text", 2),
        ("source.trunk < 'b'", "'<' between text values", 1),
        ("source.port in [1, '2']", "a number is looked for in a list that holds text", 20),
        ("source.port in []", "an empty list: the condition can never hold", 1),
        ("source.port in [source.port]", "a list holds something else than a value", 17),
        ("source.port.prefix('5')", "'prefix' of a number", 1),
        ("source.trunk.prefix()", "'prefix' gets 0 strings", 1),
        ("source.trunk.prefix('a', 'b')", "'prefix' gets 2 strings", 1),
        ("source.trunk.prefix(5)", "'prefix' gets something else than a string", 21),
        ("source.trunk.contains('')", "'contains' of an empty string", 1),
        ("source.address.in_cidr('198.51.100.10/24')", "not a network: 198.51.100.10/24 has host bits set", 24),
        ("source.realm == 'a' source.realm", "unexpected 'source'", 21),
        ("source.realm = 'a'", "unexpected character '='", 14),
        ("true and false", "unexpected 'and'", 6),
        ("1 < 2 < 3", "unexpected '<'", 7),
        ("(true", "the condition ends too early", 6),
        ("'abc", "a string is not closed", 1),
        (r"'a\d'", r"unknown escape '\d'", 3),
        ("12ab == 3", "a number runs into 'a'", 3),
        ("prefix('x')", "unexpected '(' after 'prefix'", 7),
        ("source.", "the condition ends too early", 8),
        ("", "the condition ends too early", 1),
        ("source.port == 1234567890123456", "a number of more than 15 digits", 16),
    ],
)
def test_what_is_wrong_is_named_with_its_column(text: str, found: str, column: int) -> None:
    assert refused(text) == [(found, column)]


def test_all_wrong_names_and_types_are_found_at_once() -> None:
    found = refused('source.relm == "x" && source.port == "y" || message.metod.prefix(3)')
    assert [column for _, column in found] == [1, 23, 45, 66]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("source.relm == 'x'", "did you mean 'source.realm'?"),
        ("source.trunk.startsWith('x')", "did you mean 'prefix'?"),
        ("source.trunk.match('x')", "did you mean 'matches'?"),
        ("true and true", "write && for 'and'"),
        ("true & true", "write && for 'and'"),
        ("source.realm = 'a'", "write == to compare"),
        ("source.port == '5060'", "put text into quotes"),
    ],
)
def test_a_way_out_is_shown(text: str, remedy: str) -> None:
    with pytest.raises(PolicyErrors) as caught:
        compile_condition(text)
    assert caught.value.findings[0].remedy == remedy


def test_an_unknown_fact_lists_those_under_its_name() -> None:
    with pytest.raises(PolicyErrors, match=r"allowed: message\.to\.scheme, message\.to\.user, message\.to\.host"):
        compile_condition("message.to == 'x'")


@pytest.mark.parametrize("text", ["(" * 5000, "!" * 5000, "true" + ".a()" * 1000, "x" * 5000, "[" * 100])
def test_depth_and_length_are_bounded(text: str) -> None:
    assert refused(text)


def test_many_operands_are_no_depth() -> None:
    assert holds(" && ".join(["true"] * 500))
    assert not holds(" || ".join(["false"] * 400))


def test_an_ipv6_reference_is_an_address() -> None:
    """RFC 3261 section 25.1: the host of a URI stands in brackets."""
    v6 = facts(host="[2001:db8::1]", address="::ffff:198.51.100.10")
    assert compile_condition('message.uri.host.in_cidr("2001:db8::/32")').test(v6)
    assert compile_condition('source.address.in_cidr("198.51.100.0/24")').test(v6)
    assert not compile_condition('message.uri.host.in_cidr("10.0.0.0/8")').test(v6)


def test_a_host_name_is_in_no_network() -> None:
    assert not holds('message.uri.host.in_cidr("0.0.0.0/0", "::/0")')


WORDS = st.sampled_from(
    [
        *FACTS,
        *METHODS,
        "&&",
        "||",
        "!",
        "==",
        "!=",
        "<",
        "in",
        "[",
        "]",
        "(",
        ")",
        ",",
        ".",
        "'a'",
        '"',
        "5",
        "true",
        "\\",
    ]
)


SIGNS = "abcinr_.019 \t\n\"'\\!&|=<>()[],\x00\x7f\xe9\u20ac\U0001f600\u0660"


@settings(max_examples=150)
@given(
    st.one_of(
        st.text(SIGNS, max_size=60),
        st.lists(WORDS, max_size=14).map(" ".join),
        st.lists(WORDS, max_size=14).map("".join),
    )
)
@example("source.realm.matches('(')")
def test_any_text_compiles_or_raises_policy_errors_only(text: str) -> None:
    columns = []
    try:
        assert compile_condition(text).test(CALL) in (True, False)
    except PolicyErrors as errors:
        columns = [finding.column for finding in errors.findings]
    assert all(0 < column <= len(text) + 1 for column in columns)
