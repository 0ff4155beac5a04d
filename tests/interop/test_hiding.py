"""Nothing of one side is seen on the other: real peers, disjoint addresses, an oracle on the wires.

Every message of our scenarios carries identities in every place a peer may put one, so each call is a planted leak
that must not come through; among them the messages the node makes itself (100, ACK, CANCEL, BYE, 4xx and 5xx).
"""

from __future__ import annotations

import pytest

from tests.rig.rig import INSIDE, INSIDE6, OUTSIDE, OUTSIDE6, Rig, Side

_FLOWS = {
    "a good call": ("uac_call", "uas_call", {}),
    "early media": ("uac_call", "uas_early", {}),
    "the callee hangs up": ("uac_bye_wait", "uas_bye", {}),
    "a late offer": ("uac_late", "uas_call", {}),
    "the caller cancels": ("uac_cancel", "uas_cancelled", {}),
    "the caller re-invites": ("uac_reinvite", "uas_reinvited", {}),
    "the callee re-invites": ("uac_reinvited", "uas_reinvite", {}),
    "OPTIONS and INFO in the dialog": ("uac_in_dialog", "uas_in_dialog", {}),
    "a re-INVITE refused with 488": ("uac_reinvite_refused", "uas_refuses_reinvite", {"status": "488"}),
    "a re-INVITE refused with 491": ("uac_reinvite_refused", "uas_refuses_reinvite", {"status": "491"}),
}

_REFUSALS = {
    "busy": ("486", "486", ""),
    "declined": ("603", "603", ""),
    "not found": ("404", "404", ""),
    "gone 481": ("481", "481", ""),
    "glare 491": ("491", "491", ""),
    "server error": ("500", "500", ""),
    "unavailable": ("503", "503", ""),
    "401 from a callee is not the caller's business": (
        "401",
        "403",
        'WWW-Authenticate: Digest realm="realm.{side}.example.org", nonce="{side}noncevalue", opaque="{side}opaque"\n',
    ),
    "407": ("407", "403", 'Proxy-Authenticate: Digest realm="realm.{side}.example.org", nonce="{side}noncevalue"\n'),
    "moved": ("302", "480", "Contact: <sip:elsewhere@moved.{side}.example.org>\n"),
    "ambiguous": ("485", "485", "Contact: <sip:other@other.{side}.example.org>\n"),
    "bad extension": ("420", "420", "Unsupported: 100rel\n"),
}

_WAYS = {
    "outside to inside": (OUTSIDE, INSIDE),
    "inside to outside": (INSIDE, OUTSIDE),
}


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("flow", _FLOWS)
def test_a_flow_shows_nothing_of_the_other_side(rig: Rig, flow: str, way: str) -> None:
    """Design 3b; leak checklist 4.1 to 4.5."""
    caller, callee, values = _FLOWS[flow]
    _assert_hidden_flow(rig, *_WAYS[way], caller, callee, values)


@pytest.mark.parametrize("flow", ["a good call", "the callee re-invites", "the caller cancels"])
def test_a_flow_over_ipv6_shows_nothing_of_the_other_side(six: Rig, flow: str) -> None:
    """The same with IPv6 references in every place."""
    caller, callee, values = _FLOWS[flow]
    _assert_hidden_flow(six, OUTSIDE6, INSIDE6, caller, callee, values)


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("refusal", _REFUSALS)
def test_a_refusal_shows_nothing_of_the_other_side(rig: Rig, refusal: str, way: str) -> None:
    """Our own responses and ACKs are the most common leak of other products (leak checklist 4.3, last row)."""
    given, shown, more = _REFUSALS[refusal]
    source, destination = _WAYS[way]
    callee = rig.sipp(
        destination,
        "uas_refuses",
        call=False,
        values={"status": given, "reason": "Because", "more": more.replace("{side}", destination.name)},
    )
    caller = rig.sipp(source, "uac_refused", call=True, values={"status": shown}, options=("-s", "4930222"))
    caller.assert_ok()
    callee.assert_ok()
    rig.assert_hidden()


def _assert_hidden_flow(
    rig: Rig, source: Side, destination: Side, caller: str, callee: str, values: dict[str, str]
) -> None:
    given = {"reason": "Because", **values}
    far = rig.sipp(destination, callee, call=False, values=given)
    near = rig.sipp(source, caller, call=True, values=given, options=("-s", "4930222"))
    near.assert_ok()
    far.assert_ok()
    rig.assert_hidden()
