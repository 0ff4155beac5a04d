"""Session descriptions that cannot be anchored, and the addresses the embedded engine shows without being told its
names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.test_races import Talk
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.rtpengine import Rtpengine
from tests.rig.ua import DialogOf

PATIENT = "[media]\ntimeout = 10\n"
"""An engine on a busy machine is late, and is not asked again for that."""


@pytest.fixture
def talk(rig: Rig) -> Iterator[Talk]:
    """A caller outside, a callee inside."""
    talk = Talk(rig)
    yield talk
    talk.close()


@pytest.mark.parametrize("body", ["v=", "v=0\r\no=a 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"])
def test_a_body_that_is_no_usable_session_description_is_488(talk: Talk, body: str) -> None:
    """RFC 3261 section 21.4.26: the fault is the offer's, not the media engine's; nothing is forwarded."""
    talk.near.send(talk.near.request("INVITE", talk.uri, body=body))
    final = talk.near.expect(488, "INVITE")
    talk.ack_failure(final)
    talk.far.silent("INVITE")


def test_a_media_address_nobody_can_reach_does_not_refuse_the_call(talk: Talk) -> None:
    """A phone behind NAT offers its private address; what it really sends from is learnt later."""
    body = talk.near.sdp().replace(f"c=IN IP4 {talk.near.host}", "c=IN IP4 172.31.255.7")
    talk.near.send(talk.near.request("INVITE", talk.uri, body=body))
    talk.invite = talk.far.expect("INVITE")
    talk.far.respond(talk.invite, 486, "Busy Here", tag="fartag")
    talk.far.expect("ACK")
    talk.ack_failure(talk.near.expect(486))


@pytest.mark.parametrize(
    "text", ["ACK  SIP/2.0\r\n", "ACK sip:x SIP/2.0\r\n", "ACK sip:x@{node} SIP/2.0\r\nContent-Length: -1\r\n"]
)
def test_an_ack_is_never_answered(talk: Talk, text: str) -> None:
    """RFC 3261 section 17: there is no response to an ACK, however wrong it is."""
    via = f"Via: SIP/2.0/UDP {talk.near.address};branch=z9hG4bKack1\r\nCSeq: 1 ACK\r\nCall-ID: ack-only\r\n\r\n"
    talk.near.send(text.format(node=OUTSIDE.node_address) + via)
    talk.near.send(talk.near.request("OPTIONS", f"sip:{OUTSIDE.node_address}", call_id="after-the-ack"))
    talk.near.expect(200, "OPTIONS")
    assert [message.get("call-id") for message in talk.near.heard] == ["after-the-ack"]


def test_hold_by_the_unspecified_address_is_no_leak(talk: Talk) -> None:
    """RFC 3264 section 8.4: c=0.0.0.0 names nobody, and the audit need not say so."""
    near, _ = talk.establish()
    body = talk.near.sdp(version=2).replace(f"c=IN IP4 {talk.near.host}", "c=IN IP4 0.0.0.0")
    talk.near.send(talk.near.in_dialog("INVITE", near, body=body))
    again = talk.far.expect("INVITE")
    talk.far.respond(again, 200, "OK", body=talk.far.sdp(18000, version=2))
    talk.near.expect(200, "INVITE")
    talk.near.send(talk.near.in_dialog("ACK", near))
    talk.far.expect("ACK")
    talk.hang_up(near)


def test_an_answer_that_cannot_be_used_is_ended_with_one_bye(talk: Talk) -> None:
    """The callee gets ACK and a single BYE, the caller a failure."""
    talk.start()
    talk.far.respond(talk.invite, 200, "OK", tag="fartag", body="v=0\r\nnonsense\r\n")
    talk.far.expect("ACK")
    talk.far.respond(talk.far.expect("BYE"), 200, "OK")
    while (message := talk.near.receive(20)) is not None:
        if message.status >= 300:
            talk.ack_failure(message)
            break
    talk.far.silent("BYE")
    assert len({message.data for message in talk.far.heard if message.method == "BYE"}) == 1


def test_each_realm_sees_the_engines_address_in_it_without_a_media_section() -> None:
    """Design 2.3: [media.interfaces] is for engines with names of their own; the embedded one has the realms'
    addresses.
    """
    need("sipp")
    with Rig() as rig:
        rig.start_with(named_interfaces=False)
        rig.begin()
        callee = rig.sipp(INSIDE, "uas_call", call=False)
        rig.sipp(OUTSIDE, "uac_call", call=True, options=("-s", "4930222")).assert_ok()
        callee.assert_ok()
        rig.assert_hidden()


def test_an_engine_that_is_spoken_to_by_http_alone_anchors_calls(tmp_path: Path) -> None:
    """Issue: the controller speaks UDP and HTTP; here every command goes by the latter."""
    need("sipp", "rtpengine")
    place = "127.0.0.1:2225"
    with Rig() as rig:
        daemon = Rtpengine(tmp_path, rig.network.node, options=(f"--listen-http={place}",))
        try:
            rig.start(lambda state: node_file(state=state, engine=f"http:{place}").replace("[media]\n", PATIENT))
            rig.begin()
            callee = rig.sipp(INSIDE, "uas_call", call=False)
            rig.sipp(OUTSIDE, "uac_call", call=True, options=("-s", "4930222")).assert_ok()
            callee.assert_ok()
            rig.assert_hidden()
            rig.node.wait_idle()
            told = rig.node.ask("GET", "/status")["media"]
            assert told["commands"] >= 3
            assert (told["unreachable"], told["repeats"]) == (0, 0)
        finally:
            daemon.stop()


def test_a_2xx_without_a_to_tag_makes_a_dialog(talk: Talk) -> None:
    """RFC 3261 section 12.1.2: a UAC must be prepared for a response without a tag; the tag is then null."""
    talk.start()
    text = (
        f"SIP/2.0 200 OK\r\nVia: {talk.invite.get('via')}\r\nFrom: {talk.invite.get('from')}\r\n"
        f"To: {talk.invite.get('to')}\r\nCall-ID: {talk.invite.get('call-id')}\r\nCSeq: {talk.invite.get('cseq')}\r\n"
        f"Contact: <sip:old@{talk.far.address}>\r\nContent-Type: application/sdp\r\n\r\n{talk.far.sdp(18000)}"
    )
    talk.far.send(text, talk.invite.source)
    talk.far.expect("ACK")
    near = DialogOf.as_caller(talk.near.expect(200, "INVITE"))
    talk.near.send(talk.near.in_dialog("ACK", near))
    talk.hang_up(near)
    assert len({message.data for message in talk.far.heard if message.method == "BYE"}) == 1
