"""Rules, defaults and translations."""

from __future__ import annotations

from policies import Document, evaluate, explain, translate
from policies.load import parse_document
from tests.policies.kit import facts

DOCUMENT = parse_document(
    """
[policy]
name = "p"
default = { reject = 403 }

[[rule]]
name = "scanner"
when = 'message.user_agent.contains("scan")'
then = { drop = "scanner" }

[[rule]]
name = "to the PBX"
when = 'source.trunk == "carrier" && message.uri.number.prefix("+4930")'
then = { route = ["pbx", "spare"], media = "bypass" }

[[rule]]
name = "carrier"
when = 'source.trunk == "carrier"'
then = { reject = 404 }

[[translate]]
name = "international"
direction = "ingress"
realm = "inside"
number = { match = "^00", replace = "+" }

[[translate]]
name = "national"
direction = "ingress"
realm = "inside"
number = { match = "^0", replace = "+49" }

[[translate]]
name = "swap"
direction = "ingress"
trunk = "carrier"
number = { match = '^(\\d)(\\d)$', replace = '\\2\\1' }
"""
)


def test_the_first_rule_that_holds_decides() -> None:
    decision = evaluate(DOCUMENT, facts(trunk="carrier"), 0.0)
    assert (decision.rule, decision.route, decision.media) == ("to the PBX", ("pbx", "spare"), "bypass")
    assert (decision.reject, decision.drop) == (0, "")
    dropped = evaluate(DOCUMENT, facts(trunk="carrier", user_agent="scan"), 0.0)
    assert (dropped.rule, dropped.drop, dropped.route) == ("scanner", "scanner", ())
    assert evaluate(DOCUMENT, facts(trunk="carrier", called="+1"), 0.0).reject == 404


def test_where_no_rule_holds_the_default_decides() -> None:
    decision = evaluate(DOCUMENT, facts(), 0.0)
    assert (decision.rule, decision.reject) == ("default", 403)


def test_a_document_without_rules_is_its_default() -> None:
    empty = Document("e", DOCUMENT.default)
    assert evaluate(empty, facts(), 0.0).reject == 403


def test_the_first_translation_that_matches_is_the_only_one() -> None:
    """What one made is not given to the next: 1 becomes 2, and not 3."""
    chain = parse_document(
        """
[policy]
name = "p"
default = { reject = 404 }
[[translate]]
name = "first"
direction = "ingress"
number = { match = "^1$", replace = "2" }
[[translate]]
name = "second"
direction = "ingress"
number = { match = "^2$", replace = "3" }
"""
    )
    assert translate(chain, "ingress", "r", "t", "1") == "2"
    assert translate(DOCUMENT, "ingress", "inside", "pbx", "0043123") == "+43123"
    assert translate(DOCUMENT, "ingress", "inside", "pbx", "030123") == "+4930123"
    assert translate(DOCUMENT, "ingress", "inside", "pbx", "110") == "110"


def test_a_translation_belongs_to_its_realm_and_trunk() -> None:
    assert translate(DOCUMENT, "ingress", "outside", "pbx", "030123") == "030123"
    assert translate(DOCUMENT, "egress", "inside", "pbx", "030123") == "030123"
    assert translate(DOCUMENT, "ingress", "outside", "carrier", "12") == "21"
    assert translate(DOCUMENT, "ingress", "outside", "other", "12") == "12"


def test_rules_see_the_called_number_translated_and_the_decision_tells_it() -> None:
    document = parse_document(
        """
[policy]
name = "p"
default = { reject = 404 }
[[rule]]
name = "Berlin"
when = 'message.uri.number.prefix("+4930") && message.to.number == message.uri.number'
then = { route = ["pbx"] }
[[translate]]
name = "national"
direction = "ingress"
number = { match = "^0(?!0)", replace = "+49" }
"""
    )
    decision = evaluate(document, facts(called="030-123"), 0.0)
    assert (decision.rule, decision.called) == ("Berlin", "+4930123")
    assert evaluate(document, facts(called="+4930123"), 0.0).called == ""
    assert evaluate(document, facts(called="alice"), 0.0).called == ""


def test_a_translation_that_leaves_no_number_leaves_the_number() -> None:
    document = parse_document(
        """
[policy]
name = "p"
default = { reject = 404 }
[[translate]]
name = "nothing"
direction = "ingress"
number = { match = "^100$", replace = "" }
"""
    )
    assert translate(document, "ingress", "r", "t", "100") == "100"


def test_an_explanation_names_what_settled_each_rule() -> None:
    told = explain(DOCUMENT, facts(trunk="carrier", called="+1"))
    assert [(tried.rule, tried.matched, tried.because) for tried in told.tried] == [
        ("scanner", False, ('message.user_agent.contains("scan") is false: message.user_agent is ""',)),
        ("to the PBX", False, ('message.uri.number.prefix("+4930") is false: message.uri.number is "+1"',)),
        ("carrier", True, ('source.trunk == "carrier" is true: source.trunk is "carrier"',)),
    ]
    assert told.decision.reject == 404


def test_an_explanation_of_a_rule_that_holds_names_all_its_parts() -> None:
    told = explain(DOCUMENT, facts(trunk="carrier"))
    assert told.tried[-1].because == (
        'source.trunk == "carrier" is true: source.trunk is "carrier"',
        'message.uri.number.prefix("+4930") is true: message.uri.number is "+493012345"',
    )


def test_an_explanation_of_or_and_not_goes_to_the_part_that_counts() -> None:
    document = parse_document(
        """
[policy]
name = "p"
default = { reject = 404 }
[[rule]]
name = "either"
when = 'source.stranger && source.port in [1, 2] || !(source.port == 5060)'
then = { reject = 403 }
"""
    )
    assert explain(document, facts(trunk="x")).tried[0].because == (
        "source.stranger is false",
        "source.port == 5060 is true: source.port is 5060",
    )
    assert explain(document, facts(port=2)).tried[0].because == (
        "source.stranger is true",
        "source.port in [1, 2] is true: source.port is 2",
    )


def test_an_explanation_tells_the_translation() -> None:
    told = explain(DOCUMENT, facts(realm="inside", called="0301"))
    assert told.called == "the called number 0301 was translated to +49301"
    assert told.decision.called == "+49301"
