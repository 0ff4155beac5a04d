"""What crosses between two realms, in which messages, and what a policy changes."""

from __future__ import annotations

import pytest

from policies import HeaderRule
from sbc.topology import Direction, check_header_rules, compile_passages, direction_of
from tests.topology.sides import config, edge, realm, request, response, trunk

PAI = '"Alice" <sip:+4930111@pbx.corp.local>'


def test_the_direction_is_a_matter_of_trust() -> None:
    """RFC 3324: a realm is inside the trust domain or it is not."""
    inner, outer = realm("i", "10.0.0.1", trusted=True), realm("o", "192.0.2.1")
    assert direction_of(inner, outer) is Direction.OUTWARD
    assert direction_of(outer, inner) is Direction.INWARD
    assert direction_of(inner, inner) is Direction.WITHIN
    assert direction_of(outer, outer) is Direction.SIDEWAYS


def test_of_an_ordinary_invite_nothing_needs_to_cross() -> None:
    passages = compile_passages(edge())
    assert passages.between("inside", "outside").cross(request(), "INVITE") == []
    assert passages.counters() == {}


def test_fields_cross_in_their_order_with_their_values_made_anew() -> None:
    message = request(
        "INVITE", "Privacy: ID", "Subject: x", "Priority: urgent", "Alert-Info: <urn:alert:source:external>"
    )
    assert compile_passages(edge()).between("inside", "outside").cross(message, "INVITE") == [
        ("Privacy", "id"),
        ("Priority", "urgent"),
        ("Alert-Info", "<urn:alert:source:external>"),
    ]


def test_a_field_crosses_only_in_the_kinds_of_message_of_its_row() -> None:
    passage = compile_passages(edge()).between("inside", "outside")
    assert passage.cross(request("BYE", "Priority: urgent", "Reason: Q.850;cause=16"), "BYE") == [
        ("Reason", "Q.850;cause=16")
    ]
    assert passage.cross(request("INFO", "Info-Package: dtmf"), "INFO") == [("Info-Package", "dtmf")]
    assert passage.cross(request("INVITE", "Info-Package: dtmf"), "INVITE") == []
    assert passage.cross(request("PING", "Expires: 5"), "PING") == [("Expires", "5")]


def test_a_response_is_judged_by_its_class() -> None:
    passage = compile_passages(edge()).between("inside", "outside")
    lines = ("Retry-After: 5 (pbx)", "Alert-Info: <urn:alert:service:normal>")
    assert passage.cross(response(180, "INVITE", *lines), "INVITE") == [("Alert-Info", "<urn:alert:service:normal>")]
    assert passage.cross(response(200, "INVITE", *lines), "INVITE") == []
    assert passage.cross(response(503, "INVITE", *lines), "INVITE") == [("Retry-After", "5")]


def test_identity_crosses_between_trusted_realms_with_the_host_of_the_egress_realm() -> None:
    """RFC 3325 section 5."""
    realms = [
        realm("a", "10.0.0.1", trusted=True),
        realm("b", "10.1.0.1", trusted=True, domain="b.example"),
        realm("o", "192.0.2.1"),
    ]
    passages = compile_passages(config(realms))
    message = request("INVITE", f"P-Asserted-Identity: {PAI}")
    assert passages.between("a", "b").cross(message, "INVITE") == [
        ("P-Asserted-Identity", '"Alice" <sip:+4930111@b.example>')
    ]
    assert passages.between("a", "o").cross(message, "INVITE") == []
    assert passages.between("o", "a").cross(message, "INVITE") == []


def test_diversion_enters_the_trusted_side_and_does_not_leave_it() -> None:
    """RFC 5806: voice mail needs it; the forwarding tree behind us is nobody's business."""
    passages = compile_passages(edge())
    message = request("INVITE", "Diversion: <sip:7@pbx.corp.local>;reason=user-busy")
    assert passages.between("outside", "inside").cross(message, "INVITE") == [
        ("Diversion", "<sip:7@edge.corp.local>;reason=user-busy")
    ]
    assert passages.between("inside", "outside").cross(message, "INVITE") == []


def test_a_policy_passes_a_header_by_name_toward_the_realm_that_would_see_it() -> None:
    passages = compile_passages(edge(headers=[HeaderRule("inside", "", "x-customer-id", "pass")]))
    message = request("INVITE", "X-Customer-ID: 42")
    assert passages.between("outside", "inside").cross(message, "INVITE") == [("X-Customer-Id", "42")]
    assert passages.between("inside", "outside").cross(message, "INVITE") == []


def test_a_policy_drops_what_the_table_would_let_cross() -> None:
    passages = compile_passages(edge(headers=[HeaderRule("outside", "", "Reason", "drop")]))
    assert passages.between("inside", "outside").cross(request("BYE", "Reason: SIP;cause=200"), "BYE") == []
    assert passages.counters() == {}


def test_a_rule_for_a_trunk_outdoes_one_for_its_realm() -> None:
    rules = [HeaderRule("", "carrier", "X-Id", "pass"), HeaderRule("outside", "", "X-Id", "drop")]
    passages = compile_passages(edge(headers=rules))
    message = request("INVITE", "X-Id: 1")
    assert passages.between("inside", "outside", "carrier").cross(message, "INVITE") == [("X-Id", "1")]
    assert passages.between("inside", "outside").cross(message, "INVITE") == []
    assert passages.between("outside", "inside", "pbx").cross(message, "INVITE") == []


def test_a_rule_for_a_realm_outdoes_one_for_all() -> None:
    rules = [HeaderRule("outside", "", "X-Id", "drop"), HeaderRule("", "", "X-Id", "pass")]
    passages = compile_passages(edge(headers=rules))
    assert passages.between("inside", "outside").cross(request("INVITE", "X-Id: 1"), "INVITE") == []
    assert passages.between("outside", "inside").cross(request("INVITE", "X-Id: 1"), "INVITE") == [("X-Id", "1")]


def test_what_a_row_rewrites_stays_rewritten_when_a_policy_passes_it() -> None:
    passages = compile_passages(edge(headers=[HeaderRule("outside", "", "P-Asserted-Identity", "pass")]))
    assert passages.between("inside", "outside").cross(request("INVITE", f"P-Asserted-Identity: {PAI}"), "INVITE") == [
        ("P-Asserted-Identity", '"Alice" <sip:+4930111@sbc.example.net>')
    ]


def test_identity_that_a_policy_passes_outward_is_withheld_from_callers_who_ask_for_privacy() -> None:
    """RFC 3325 section 7: `Privacy: id` keeps the asserted identity inside the trust domain."""
    rules = [
        HeaderRule("outside", "", "P-Asserted-Identity", "pass"),
        HeaderRule("inside", "", "P-Asserted-Identity", "pass"),
    ]
    passages = compile_passages(edge(headers=rules))
    message = request("INVITE", f"P-Asserted-Identity: {PAI}", "Privacy: id")
    assert passages.between("inside", "outside").cross(message, "INVITE") == [("Privacy", "id")]
    assert len(passages.between("outside", "inside").cross(message, "INVITE")) == 2


def test_no_policy_passes_what_we_write_ourselves() -> None:
    rule = HeaderRule("", "", "Via", "pass")
    assert compile_passages(edge(headers=[rule])).between("inside", "outside").cross(request(), "INVITE") == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (HeaderRule("", "", "call-id", "pass"), "Call-ID is written by the node itself"),
        (HeaderRule("", "", "User-Agent", "drop"), "User-Agent is written by the node itself"),
        (HeaderRule("", "", "X Id", "pass"), "is not a header name"),
        (HeaderRule("", "", "X-Id", "own"), "allowed are 'pass' and 'drop'"),
    ],
)
def test_a_header_rule_that_cannot_work_is_reported(rule: HeaderRule, words: str) -> None:
    found = check_header_rules((HeaderRule("", "", "X-Good", "pass"), rule))
    assert len(found) == 1
    assert words in found[0]


def test_names_that_a_peer_makes_up_for_ever_do_not_fill_the_counters() -> None:
    passage = compile_passages(edge()).between("inside", "outside")
    for number in range(300):
        passage.cross(request("INVITE", f"X-{number}: 1"), "INVITE")
    assert len(passage.counters) == 257
    assert passage.counters["other"] == 44


def test_realms_with_the_same_rules_share_what_was_compiled() -> None:
    """A node with many realms has a passage for each pair of them."""
    realms = [realm(f"r{number}", f"10.0.{number}.1") for number in range(30)]
    trunks = [trunk(f"t{number}", f"r{number}", f"sip:10.1.{number}.1") for number in range(30)]
    passages = compile_passages(config(realms, trunks))
    one, other = passages.between("r1", "r2", "t2"), passages.between("r7", "r8")
    assert one is not other
    assert one._requests is other._requests
