"""The leak checklist on the wire: what is planted in each of its places, on either side, is not seen on the other.

A place without a plant fails. The audit is off: what is shown here is that nothing crosses in the first place.
"""

from __future__ import annotations

import pytest

from sbc.sip import Request, Response
from sbc.topology.checklist import ANSWERS
from tests.kit.flows import assert_no_leak
from tests.kit.node import Node, config
from tests.kit.peer import Peer, sdp

SECRET = "leak7.corp.example"
UUID = "1eaf" * 8

HEADERS: dict[str, tuple[str, ...]] = {
    "Via parameters": (),
    "Route sets": (f"Record-Route: <sip:{SECRET};lr;ftag=1;did=2>",),
    "Registrar routes": (
        f"Path: <sip:{SECRET};lr>",
        f"Service-Route: <sip:{SECRET};lr>",
        f"P-Associated-URI: <sip:a@{SECRET}>",
    ),
    "Identity headers": (
        f"P-Asserted-Identity: <sip:a@{SECRET}>",
        f"P-Preferred-Identity: <sip:a@{SECRET}>",
        f"Remote-Party-ID: <sip:a@{SECRET}>;screen={SECRET}",
    ),
    "Privacy": (f"Privacy: id;{SECRET}", f"P-Asserted-Identity: <sip:a@{SECRET}>"),
    "Forwarding": (
        f'Diversion: "x" <sip:a@{SECRET};x={SECRET}>;reason={SECRET}',
        f"History-Info: <sip:a@{SECRET}?Reason=SIP%3Bcause%3D302%3Btext%3D%22{SECRET}%22>;index=1;x={SECRET}",
    ),
    "Who transfers, who is served": (
        f"Referred-By: <sip:a@{SECRET}>;cid={SECRET}",
        f'User-to-User: "{SECRET}";encoding=text',
        f"P-Called-Party-ID: <sip:a@{SECRET}>",
        f"P-Served-User: <sip:a@{SECRET}>;sescase=orig",
    ),
    "Charging and access": (
        f"P-Charging-Vector: icid-value=1;icid-generated-at={SECRET};orig-ioi={SECRET}",
        f"P-Charging-Function-Addresses: ccf={SECRET}",
        f"P-Visited-Network-ID: {SECRET}",
        f"P-Access-Network-Info: IEEE-802.11;i-wlan-node-id={SECRET}",
        f"Cellular-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp={SECRET}",
        f"P-DCS-LAES: {SECRET}",
    ),
    "Signed identity": (f"Identity: a.b.c;info=<https://{SECRET}/c.pem>", f"Identity-Info: <https://{SECRET}/c.pem>"),
    "Location": (f"Geolocation: <https://{SECRET}/1>", f"Geolocation-Routing: yes;x={SECRET}"),
    "Company and team": (
        f"Organization: {SECRET}",
        f"Subject: {SECRET}",
        f"Priority: {SECRET}",
        f"Accept-Contact: *;+sip.{SECRET}",
        f"Reply-To: <sip:a@{SECRET}>",
    ),
    "Software": (f"User-Agent: {SECRET}/1", f"Server: {SECRET}/1", f"X-Powered-By: {SECRET}"),
    "Capability lists": (f"Allow: INVITE, {SECRET}", f"Supported: {SECRET}", f"Accept: text/{SECRET}"),
    "Words of errors": (
        f'Warning: 399 {SECRET} "{SECRET}", 305 {SECRET} "{SECRET}"',
        f'Reason: Q.850;cause=16;text="{SECRET}";location={SECRET}',
        f"Retry-After: 5 ({SECRET})",
    ),
    "Addresses of web servers": (
        f"Error-Info: <http://{SECRET}/x>",
        f"Call-Info: <http://{SECRET}/x>;purpose=icon",
        f"Alert-Info: <http://{SECRET}/x>, <urn:alert:service:normal>;x={SECRET}",
    ),
    "Vendor headers": (
        f"X-CID: {SECRET}",
        f"X-Forwarded-For: {SECRET}",
        f"Cisco-Guid: {SECRET}",
        f"X-Asterisk-HangupCause: {SECRET}",
        f"P-App-Param: {SECRET}",
        f"X-Never-Heard-Of: {SECRET}",
    ),
    "Clocks": (f"Date: {SECRET}", f"Timestamp: 1 {SECRET}", "MIME-Version: 1.0"),
    "Challenges": (
        f'WWW-Authenticate: Digest realm="{SECRET}", nonce="{SECRET}", opaque="{SECRET}"',
        f'Proxy-Authenticate: Digest realm="{SECRET}", nonce="{SECRET}"',
    ),
    "Credentials": (
        f'Authorization: Digest username="{SECRET}", uri="sip:{SECRET}", realm="r", nonce="n", response="x"',
        f'Proxy-Authorization: Digest username="{SECRET}", uri="sip:{SECRET}", realm="r", nonce="n", response="x"',
    ),
    "Session-ID": (f"Session-ID: {UUID};remote={UUID}",),
    "Features": (f"Feature-Caps: *;+g.{SECRET}", f"Recv-Info: {SECRET}", f"Event: dialog;call-id={SECRET}"),
    "Replaces": (f"Replaces: {SECRET};to-tag={SECRET};from-tag={SECRET}",),
    "Refer-To": (f"Refer-To: <sip:a@{SECRET}?Replaces={SECRET}>",),
    "Other dialog references": (
        f"Target-Dialog: {SECRET};local-tag={SECRET};remote-tag={SECRET}",
        f"Join: {SECRET};to-tag={SECRET};from-tag={SECRET}",
        f"In-Reply-To: {SECRET}",
    ),
}
"""Header lines, sent in every request and response of the call."""

LINES: dict[str, tuple[str, ...]] = {
    "Labels and focus": (f"a=label:{SECRET}",),
    "ICE": (f"a=candidate:1 1 UDP 1 {SECRET} 9 typ host", f"a=ice-ufrag:{SECRET}", f"a=ice-options:{SECRET}"),
    "Sources and streams": (f"a=ssrc:1 cname:{SECRET}", f"a=msid:{SECRET}", f"a=msid-semantic: {SECRET}"),
    "Keys": (f"a=fingerprint:sha-256 {SECRET}", f"a=tls-id:{SECRET}"),
    "Vendor attributes": (f"a=tool:{SECRET}", f"a=X-nat:{SECRET}", f"a=extmap:1 urn:{SECRET}", f"a=mid:{SECRET}"),
    "Device attributes": (f"a=zrtp-hash:1.10 {SECRET}", f"a=acap:1 {SECRET}", f"a=T38VendorInfo:{SECRET}"),
    "Rejected streams": ("m=video 0 RTP/AVP 96", f"a=rtpmap:96 {SECRET}/90000", f"i={SECRET}"),
    "Media addresses": (f"a=rtcp:4001 IN IP4 {SECRET}",),
}
"""Lines at the end of every session description."""

ABOVE: dict[str, tuple[str, ...]] = {
    "Texts": (f"i={SECRET}", f"u=http://{SECRET}/", f"e=a@{SECRET}", "p=+49 30 1"),
    "Origin": (),
}
"""Lines above the first stream; the origin and name of each description of the kit are secrets as they come."""

BODIES: dict[str, tuple[str, str]] = {
    "Multipart and other bodies": (
        "multipart/mixed;boundary=b",
        f"--b\r\nContent-Type: application/isup\r\n\r\n{SECRET}\r\n--b--\r\n",
    ),
    "Dialog state": (
        "application/dialog-info+xml",
        f'<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" '
        f'entity="sip:a@{SECRET}"><dialog id="1" call-id="{SECRET}"><state>confirmed</state></dialog></dialog-info>',
    ),
    "Rosters and bindings": (
        "application/reginfo+xml",
        f'<?xml version="1.0"?><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full"><registration '
        f'aor="sip:a@{SECRET}" id="1" state="active"/></reginfo>',
    ),
    "Presence and voice mail": (
        "application/simple-message-summary",
        f"Messages-Waiting: yes\r\nMessage-Account: sip:a@{SECRET}\r\n",
    ),
    "Progress of transfers": ("message/sipfrag", f"SIP/2.0 200 OK\r\nContact: <sip:a@{SECRET}>\r\n"),
    "Messages": ("message/cpim", f"From: <im:a@{SECRET}>\r\n\r\nContent-Type: text/plain\r\n\r\nhello"),
}
"""Bodies, in MESSAGE, INFO, NOTIFY and PUBLISH: refused or made anew."""

DIALOG = frozenset(
    {
        "Via stack",
        "Via of responses",
        "Contact",
        "Call-ID",
        "CSeq",
        "From and To",
        "Max-Forwards",
        "Messages of our own",
    }
)
"""What every message of the kit shows: addresses, branches, tags, Call-IDs, agents; `assert_no_leak` looks for them."""
OF_THEIR_OWN = frozenset({"Contact of redirects", "Request-URI", "Spelling and order"})
"""Places with a test of their own below."""

PLANTED = set(HEADERS) | set(LINES) | set(ABOVE) | set(BODIES) | DIALOG
WAYS = ("inward", "outward")


def described(peer: Peer, place: str, version: int = 1) -> bytes:
    """A session description with what is planted in this place."""
    text = sdp(peer.host, version=version).decode()
    above = "".join([f"{line}\r\n" for line in ABOVE.get(place, ())])
    below = "".join([f"{line}\r\n" for line in LINES.get(place, ())])
    return (text.replace("c=IN", f"{above}c=IN", 1) + below).encode()


def assert_unseen(node: Node) -> None:
    """No wire toward one side holds what the other has planted; both plant the same, so that neither may see it."""
    for peer in node.peers.values():
        for wire in peer.wires:
            text = _without_own(wire.decode("utf-8", "replace"))
            assert SECRET not in text, text
            assert UUID not in text, text


def _without_own(text: str) -> str:
    """A response repeats Via, From, To and Call-ID of its asker, and Record-Route; a request goes to a peer's route."""
    own = ("via:", "from:", "to:", "call-id:", "record-route:", "route:", "session-id:")
    lines = text.split("\r\n")
    kept = [line for line in lines[1:] if not line.lower().startswith(own)]
    return "\r\n".join([lines[0] if not lines[0].endswith("SIP/2.0") else "", *kept])


def shown_session_ids(node: Node) -> set[str]:
    """Local halves of every Session-ID that the node has sent."""
    lines = [line for peer in node.peers.values() for wire in peer.wires for line in wire.decode().split("\r\n")]
    return {line[12:44] for line in lines if line.lower().startswith("session-id: ")}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", sorted(PLANTED))
def test_what_is_planted_in_a_place_is_not_seen_on_the_other_side(place: str, way: str) -> None:
    """A whole call with requests of both ends in it, a call that is refused and one that is cancelled."""
    node = Node(config(mode="anchor", audit="off"))
    caller, callee = (node.carrier, node.pbx) if way == "inward" else (node.pbx, node.carrier)
    extra = "".join([f"{line}\n" for line in HEADERS.get(place, ())])
    _call(node, caller, callee, place, extra)
    _refused(caller, callee, place, extra)
    _cancelled(node, caller, callee, place, extra)
    if place in BODIES:
        _bodies(caller, callee, *BODIES[place])
    assert_unseen(node)
    assert UUID not in shown_session_ids(node)
    if place in DIALOG:
        assert_no_leak(node)


def _requests(peer: Peer) -> list[Request]:
    """What a peer has been asked since last time."""
    found = [message for message in peer.inbox if isinstance(message, Request)]
    peer.inbox.clear()
    return found


def _begin(caller: Peer, callee: Peer, place: str, extra: str) -> Request | None:
    caller.remote_tag, caller.call_id = "", f"{caller.call_id}x"
    caller.invite(body=described(caller, place), extra=extra)
    found = [one for one in _requests(callee) if one.method == "INVITE"]
    if found:
        callee.inbox.append(found[0])
        callee.expect_request("INVITE")
    return found[0] if found else None


def _call(node: Node, caller: Peer, callee: Peer, place: str, extra: str) -> None:
    invite = _begin(caller, callee, place, extra)
    if invite is None:
        return  # what names a dialog that is not here is refused
    callee.reply(invite, 183, described(callee, place), extra=extra)
    callee.reply(invite, 200, described(callee, place), extra=extra)
    for message in caller.inbox:
        if isinstance(message, Response) and message.status == 200:
            caller.remote_tag, caller.target = message.to_tag, str(message.contacts[0].uri)
    caller.ack()
    caller.inbox.clear()
    callee.inbox.clear()
    for one, other in ((caller, callee), (callee, caller)):
        one.request("INFO", b"Signal=1\r\n", extra=extra, content_type="application/dtmf-relay")
        for asked in _requests(other):
            other.reply(asked, 200, extra=extra)
        one.request("OPTIONS", extra=extra)
        for asked in _requests(other):
            other.reply(asked, 404, extra=extra)
    caller.request("BYE", extra=extra)
    for asked in _requests(callee):
        callee.reply(asked, 200, extra=extra)
    node.advance(40)
    caller.inbox.clear()


def _refused(caller: Peer, callee: Peer, place: str, extra: str) -> None:
    invite = _begin(caller, callee, place, extra)
    if invite is not None:
        callee.reply(invite, 486, extra=extra)
    for message in caller.inbox:
        if isinstance(message, Response) and message.status >= 300:
            caller.ack_failure(message)
    caller.inbox.clear()
    callee.inbox.clear()


def _cancelled(node: Node, caller: Peer, callee: Peer, place: str, extra: str) -> None:
    invite = _begin(caller, callee, place, extra)
    if invite is None:
        return
    callee.reply(invite, 180, extra=extra)
    caller.cancel()
    callee.reply(invite, 487, extra=extra)
    node.advance(40)


def _bodies(caller: Peer, callee: Peer, kind: str, body: str) -> None:
    for method in ("MESSAGE", "NOTIFY", "PUBLISH", "INFO"):
        caller.remote_tag, caller.call_id = "", f"{caller.call_id}x"
        caller.remote, caller.target = "<sip:+4930@sbc.example.net>", "sip:+4930@sbc.example.net"
        caller.request(method, body.encode(), extra="Event: dialog\nSubscription-State: active\n", content_type=kind)
        for asked in _requests(callee):
            callee.reply(asked, 200)


def test_contacts_of_a_redirection_stay_where_they_are() -> None:
    for status in (300, 302, 485):
        node = Node(config(audit="off"))
        node.carrier.invite()
        invite = node.pbx.expect_request("INVITE")
        node.pbx.reply(invite, status, extra=f"Contact: <sip:other@{SECRET}>;q=1\n")
        assert_unseen(node)


def test_parameters_of_a_request_uri_do_not_cross() -> None:
    node = Node(config(audit="off"))
    node.carrier.target = f"sip:+4930;tgrp={SECRET};trunk-context={SECRET}@sbc.example.net;maddr={SECRET};user=phone"
    node.carrier.remote = f"<sip:+4930;rn={SECRET}@sbc.example.net>"
    node.carrier.request("INVITE", sdp(node.carrier.host))
    node.pbx.expect_request("INVITE")
    assert_unseen(node)


def test_a_message_is_written_in_our_order_and_spelling_whatever_came() -> None:
    """Compact names, folded lines and odd cases name a stack (leak checklist 4.3)."""
    wires = []
    for spelled in (False, True):
        node = Node(config(audit="off"))
        node.carrier.invite(extra="Privacy: id\n" if not spelled else "pRiVaCy:  ID \ns: x\nk: 100rel\n")
        wires.append(node.pbx.wires[0])
    names = [[line.partition(b":")[0] for line in wire.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]] for wire in wires]
    assert names[0] == names[1]
    assert b"Privacy: id\r\n" in wires[1]


def test_every_place_of_the_checklist_has_its_plant() -> None:
    assert {answer.place for answer in ANSWERS} == PLANTED | OF_THEIR_OWN


def test_a_plant_that_crosses_is_noticed() -> None:
    """The control: the eye sees what a node in the middle of nothing would show."""
    node = Node(config(audit="off"))
    node.pbx.wires.append(f"INVITE sip:a@b SIP/2.0\r\nX-Y: {SECRET}\r\n\r\n".encode())
    with pytest.raises(AssertionError):
        assert_unseen(node)
