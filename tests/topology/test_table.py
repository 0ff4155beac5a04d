"""The table as data: every row is sound, and what must never cross does not."""

from __future__ import annotations

import pytest

from sbc.sip import canonical
from sbc.topology import ROWS, TABLE, Action, Direction, Value

CROSSING = {Action.REWRITE, Action.MAP, Action.PASS}

OURS = """
    Via Route Record-Route From To Call-ID CSeq Contact Max-Forwards Content-Length Content-Type User-Agent
    Server Allow Supported Require Proxy-Require Unsupported Accept Accept-Encoding Accept-Language Date
    Timestamp MIME-Version Session-Expires Min-SE RSeq RAck Refer-To Replaces
"""

REGISTERED = """
    Accept Accept-Contact Accept-Encoding Accept-Language Accept-Resource-Priority Additional-Identity
    Alert-Info Allow Allow-Events Answer-Mode Attestation-Info Authentication-Info Authorization Call-ID
    Call-Info Cellular-Network-Info Contact Content-Disposition Content-Encoding Content-ID Content-Language
    Content-Length Content-Type CSeq Date DC-Info Encryption Error-Info Event Expires Feature-Caps Flow-Timer
    From Geolocation Geolocation-Error Geolocation-Routing Hide History-Info Identity Identity-Info
    Info-Package In-Reply-To Join Max-Breadth Max-Forwards MIME-Version Min-Expires Min-SE Organization
    Origination-Id P-Access-Network-Info P-Answer-State P-Asserted-Identity P-Asserted-Service
    P-Associated-URI P-Called-Party-ID P-Charge-Info P-Charging-Function-Addresses P-Charging-Vector
    P-DCS-Billing-Info P-DCS-LAES P-DCS-OSPS P-DCS-Redirect P-DCS-Trace-Party-ID P-Early-Media
    P-Media-Authorization P-Preferred-Identity P-Preferred-Service P-Private-Network-Indication P-Profile-Key
    P-Refused-URI-List P-Served-User P-User-Database P-Visited-Network-ID Path Permission-Missing
    Policy-Contact Policy-ID Priority Priority-Share Priority-Verstat Priv-Answer-Mode Privacy
    Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Recv-Info Refer-Events-At
    Refer-Sub Refer-To Referred-By Reject-Contact Relayed-Charge Replaces Reply-To Request-Disposition Require
    Resource-Priority Resource-Share Response-Key Response-Source Restoration-Info Retry-After Route RSeq
    Security-Client Security-Server Security-Verify Server Service-Interact-Info Service-Route Session-Expires
    Session-ID SIP-ETag SIP-If-Match Subject Subscription-State Supported Suppress-If-Match Target-Dialog
    Timestamp To Trigger-Consent Unsupported User-Agent User-to-User Via Warning WWW-Authenticate
"""


def test_a_header_has_one_row() -> None:
    assert len(TABLE) == len(ROWS)


def test_every_row_has_a_reason_and_is_owned_in_all_directions_or_none() -> None:
    for row in ROWS:
        actions = {row.action(direction) for direction in Direction}
        assert row.note, row.name
        assert row.rfc, row.name
        assert row.kinds, row.name
        assert "|" not in row.note, row.name
        assert actions == {Action.OWN} or Action.OWN not in actions, row.name


def test_nothing_crosses_verbatim_by_default() -> None:
    """Default-deny: a value that crosses is made anew, from a user, a number or a word that an RFC defines."""
    crossing = [row for row in ROWS if CROSSING & {row.action(direction) for direction in Direction}]
    assert [row.name for row in crossing if row.value is Value.VERBATIM] == []
    assert len(crossing) > 10


def test_what_we_write_ourselves_never_crosses() -> None:
    """RFC 7092: a B2BUA that hides topology owns what names hops, dialogs and itself."""
    for name in OURS.split():
        assert {TABLE[canonical(name)].action(direction) for direction in Direction} == {Action.OWN}, name


def test_every_registered_header_has_a_row() -> None:
    assert [name for name in REGISTERED.split() if canonical(name) not in TABLE] == []


@pytest.mark.parametrize("name", ["P-Asserted-Identity", "Remote-Party-ID", "P-Preferred-Identity"])
def test_identity_crosses_between_trusted_realms_only(name: str) -> None:
    """RFC 3325 section 5: not believed from a side that is not trusted, not shown to one."""
    row = TABLE[canonical(name)]
    assert row.within is Action.REWRITE
    assert {row.outward, row.inward, row.sideways} == {Action.DROP}
