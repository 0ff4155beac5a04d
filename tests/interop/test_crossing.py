"""What is no call between real peers: subscriptions, messages, digest and redirects, with the oracle on the wires."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.kamailio import Registrar
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.oracle import find_leaks
from tests.rig.rig import INSIDE, OUTSIDE, Rig, Side

_TRUNK = f"""[trunk.pbx]
challenges = ["digest.example.net"]
redirect = {{ mode = "follow", hosts = ["{INSIDE.peers[1]}"] }}
"""


def passing_file(state: Path) -> str:
    """The rig's node file, whose PBX may challenge and redirect."""
    return node_file(state=state).replace("[trunk.pbx]\n", _TRUNK)


@pytest.fixture(scope="module")
def edge() -> Iterator[Rig]:
    """A rig of this file's own."""
    need("sipp")
    with Rig() as made:
        made.start(passing_file)
        yield made
        assert made.node.stop() == 0, f"the node did not end cleanly\n{made.node.log()[-3000:]}"
        made.node.assert_sound_log()


DIALOG_INFO = (
    '<?xml version="1.0"?>\n<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" '
    'entity="sip:4930222@pbx.{side}.example.org"><dialog id="{side}dialogid" call-id="{side}call@[local_ip]" '
    'local-tag="{side}localtag1" remote-tag="{side}remotetag1" direction="initiator"><state>confirmed</state>'
    "<local><identity>sip:4930222@pbx.{side}.example.org</identity>"
    '<target uri="sip:{side}device@[local_ip]:[local_port]"/></local></dialog></dialog-info>'
)
SUMMARY = (
    "Messages-Waiting: yes\nMessage-Account: sip:4930222@vmail.{side}.example.org\nVoice-Message: 4/8 (1/2)\n"
    "X-{side}-Node: {side}-private-summary"
)
PIDF = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:4930222@presence.{side}.example.org"><tuple '
    'id="{side}tupleid"><status><basic>open</basic></status><contact>sip:{side}device@[local_ip]</contact></tuple>'
    "</presence>"
)
_PACKAGES = {
    "dialog": ("application/dialog-info+xml", DIALOG_INFO),
    "message-summary": ("application/simple-message-summary", SUMMARY),
    "presence": ("application/pidf+xml", PIDF),
}
_WAYS = {"outside to inside": (OUTSIDE, INSIDE), "inside to outside": (INSIDE, OUTSIDE)}


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("package", _PACKAGES)
def test_a_subscription_shows_nothing_of_the_other_side(rig: Rig, package: str, way: str) -> None:
    """RFC 6665; leak checklist 4.6: SUBSCRIBE, NOTIFY with a body full of names, refresh to zero, last NOTIFY."""
    source, destination = _WAYS[way]
    kind, body = _PACKAGES[package]
    given = {"event": package, "type": kind, "body": body.replace("{side}", destination.name)}
    far = rig.sipp(destination, "uas_subscribe", call=False, values=given)
    near = rig.sipp(source, "uac_subscribe", call=True, values=given, options=("-s", "4930222"))
    near.assert_ok()
    far.assert_ok()
    rig.assert_hidden()
    assert rig.node.ask("GET", "/status")["engine"]["subscriptions"] == 0


@pytest.mark.parametrize("way", _WAYS)
def test_a_message_and_a_publication_show_nothing_of_the_other_side(rig: Rig, way: str) -> None:
    """RFC 3428, RFC 3903."""
    source, destination = _WAYS[way]
    for method, more, kind, body in (
        ("MESSAGE", "", "text/plain", "hello"),
        ("PUBLISH", "Event: presence\nExpires: 600\n", "application/pidf+xml", PIDF.replace("{side}", source.name)),
    ):
        tag = f"SIP-ETag: {destination.name}entitytag\n" if method == "PUBLISH" else ""
        far = rig.sipp(destination, "uas_message", call=False, values={"method": method, "more": tag})
        given = {"method": method, "more": more, "type": kind, "body": body, "status": "200"}
        near = rig.sipp(source, "uac_message", call=True, values=given, options=("-s", "4930222"))
        near.assert_ok()
        far.assert_ok()
    rig.assert_hidden()


def test_a_phone_registers_at_kamailio_through_us_with_digest(rig: Rig) -> None:
    """RFC 7616 across the edge: challenge out, credentials back; a wrong password is refused all the same."""
    need("kamailio")
    registrar = Registrar(rig.work(), rig.network.namespace_of("inside"), "digest.example.net", "the right one")
    try:
        for password, status in (("the right one", "200"), ("a wrong one", "401")):
            options = ("-s", "alice", "-au", "alice", "-ap", password)
            rig.sipp(OUTSIDE, "uac_register", call=True, values={"status": status}, options=options).assert_ok()
    finally:
        registrar.stop()
    # Realm, nonce and what is hashed with them cross as they are; no address of the inside does, and nothing elsewhere.
    leaks = find_leaks(rig.taps.packets())
    assert [leak for leak in leaks if leak.place not in ("www-authenticate", "authorization")] == []
    outward = [leak for leak in leaks if leak.packet.realm == "outside"]
    assert outward
    assert [leak for leak in outward if "10.20." in leak.token.text] == []


def _expect_redirected(rig: Rig, contacts: str, status: str = "") -> None:
    side: Side = INSIDE
    moved = rig.sipp(side, "uas_redirects", call=False, values={"contacts": contacts})
    options = ("-s", "4930222")
    if status:
        rig.sipp(OUTSIDE, "uac_refused", call=True, values={"status": status}, options=options).assert_ok()
    else:
        taken = rig.sipp(side, "uas_call", call=False, peer=1)
        rig.sipp(OUTSIDE, "uac_call", call=True, options=options).assert_ok()
        taken.assert_ok()
    moved.assert_ok()
    rig.assert_hidden()


def test_a_redirect_is_followed_to_another_peer_of_the_trunk(rig: Rig) -> None:
    """RFC 3261 section 8.1.3.4: the preferred Contact is nobody's, the other one answers."""
    _expect_redirected(rig, f"Contact: <sip:4930999@{INSIDE.peers[1]}:{INSIDE.trunk_port}>;q=0.5\n")


def test_a_redirect_to_ourselves_or_across_the_edge_is_a_failure(rig: Rig) -> None:
    """No way for the inside to aim this node at the outside, or at itself."""
    aims = (f"{INSIDE.node}:{INSIDE.node_port}", f"{OUTSIDE.peers[0]}:5090", "127.0.0.1:22")
    _expect_redirected(rig, "".join(f"Contact: <sip:4930999@{aim}>\n" for aim in aims), "480")
