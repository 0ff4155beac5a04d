"""A document's own tests."""

from __future__ import annotations

from policies import run_tests
from policies.load import parse_document

TEXT = """
[policy]
name = "p"
default = { reject = 403 }

[[rule]]
name = "carrier"
when = 'source.trunk == "carrier" && message.from.user == "bob" && message.user_agent == "X"'
then = { route = ["pbx"], media = "bypass" }

[[test]]
name = "one"
given = { source = "[2001:db8::1]:5061", realm = "outside", trunk = "carrier", transport = "TCP", request = '''
INVITE sip:100@pbx SIP/2.0
From: "Bob" <sip:bob@example.org>;tag=1
To: <tel:+49301>
User-Agent: X''', at = 2026-11-22T10:00:00Z }
expect = { EXPECT }
"""


def results(expect: str, text: str = TEXT) -> list[tuple[bool, tuple[str, ...]]]:
    document = parse_document(text.replace("EXPECT", expect))
    return [(result.passed, result.problems) for result in run_tests(document)]


def test_a_test_passes_where_everything_expected_comes_out() -> None:
    expect = 'rule = "carrier", route = ["pbx"], media = "bypass", reject = 0, drop = "", called = ""'
    assert results(expect) == [(True, ())]


def test_a_test_tells_each_difference() -> None:
    assert results('rule = "default", route = ["a", "b"], reject = 403') == [
        (
            False,
            (
                'rule: expected "default", got "carrier"',
                'route: expected ["a", "b"], got ["pbx"]',
                "reject: expected 403, got 0",
            ),
        )
    ]


def test_without_a_trunk_the_node_file_says_who_speaks() -> None:
    document = parse_document(TEXT.replace("EXPECT", 'rule = "carrier"').replace('trunk = "carrier", ', ""))

    def identify(realm: str, address: str) -> str:
        return "carrier" if (realm, address) == ("outside", "2001:db8::1") else ""

    assert [result.passed for result in run_tests(document, identify)] == [True]
    assert [result.passed for result in run_tests(document)] == [False]


def test_the_request_of_a_test_is_read_whole() -> None:
    trial = parse_document(TEXT.replace("EXPECT", "reject = 0")).tests[0]
    assert (trial.address, trial.port, trial.transport, trial.at) == ("2001:db8::1", 5061, "TCP", 1795341600.0)
    assert (trial.message.uri.user, trial.message.uri.host, trial.message.to.number) == ("100", "pbx", "+49301")
