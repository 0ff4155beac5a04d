"""Races and rudeness, step by step: two scripted user agents with the node between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.process import wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.ua import DialogOf, Message, NothingHeard, Ua


class Talk:
    """A caller outside, a callee inside, and the call between them as far as it has come."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.near = rig.ua(OUTSIDE, call=True)
        self.far = rig.ua(INSIDE, call=False)
        self.invite = self.ringing = self.answer = Message(b"", ("", 0))

    def start(self, body: str | None = None) -> Message:
        """INVITE sent and heard."""
        self.near.send(self.near.request("INVITE", self.uri, body=self.near.sdp() if body is None else body))
        self.invite = self.far.expect("INVITE")
        return self.invite

    @property
    def uri(self) -> str:
        return f"sip:4930222@{OUTSIDE.node_address}"

    def ring(self) -> None:
        """180 sent and heard."""
        self.far.respond(self.invite, 180, "Ringing", tag="fartag")
        self.ringing = self.near.expect(180)

    def establish(self) -> tuple[DialogOf, DialogOf]:
        """A call up and acknowledged; the dialog as each end sees it."""
        self.start()
        self.ring()
        self.far.respond(self.invite, 200, "OK", tag="fartag", body=self.far.sdp(18000))
        self.answer = self.near.expect(200, "INVITE")
        near = DialogOf.as_caller(self.answer)
        self.near.send(self.near.in_dialog("ACK", near))
        self.far.expect("ACK")
        return near, DialogOf.as_callee(self.invite, "fartag")

    def hang_up(self, near: DialogOf) -> None:
        """BYE from the caller, answered."""
        self.near.send(self.near.in_dialog("BYE", near))
        self.far.respond(self.far.expect("BYE"), 200, "OK")
        self.near.expect(200, "BYE")

    def cancel(self) -> str:
        """The CANCEL of the INVITE (RFC 3261 section 9.1)."""
        heard = self.ringing
        return (
            f"CANCEL {self.uri} SIP/2.0\r\nVia: {heard.get('via')}\r\nMax-Forwards: 70\r\nFrom: {heard.get('from')}\r\n"
            f"To: <{self.uri}>\r\nCall-ID: {heard.get('call-id')}\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n"
        )

    def ack_failure(self, response: Message) -> None:
        """The ACK to a final response other than 2xx (RFC 3261 section 17.1.1.3)."""
        self.near.send(
            f"ACK {self.uri} SIP/2.0\r\nVia: {response.get('via')}\r\nMax-Forwards: 70\r\n"
            f"From: {response.get('from')}\r\nTo: {response.get('to')}\r\nCall-ID: {response.get('call-id')}\r\n"
            f"CSeq: {response.get('cseq').split()[0]} ACK\r\nContent-Length: 0\r\n\r\n"
        )

    def close(self) -> None:
        """Both ends leave."""
        self.near.close()
        self.far.close()


@pytest.fixture
def talk(rig: Rig) -> Iterator[Talk]:
    """Two ends on the node that keeps RFC 3261's timers."""
    talk = Talk(rig)
    yield talk
    talk.close()


@pytest.fixture
def short(hasty: Rig) -> Iterator[Talk]:
    """Two ends on the node that gives up early."""
    hasty.begin()
    talk = Talk(hasty)
    yield talk
    talk.close()
    hasty.assert_clean_end()


def test_both_ends_reinvite_at_once_and_the_call_survives(talk: Talk) -> None:
    """RFC 3261 section 14.1: glare is answered 491 to at least one, and nobody's session is torn."""
    near, far = talk.establish()
    talk.near.send(talk.near.in_dialog("INVITE", near, body=talk.near.sdp(version=2)))
    talk.far.send(talk.far.in_dialog("INVITE", far, body=talk.far.sdp(18000, version=2)))
    _settle_reinvites(talk)
    near.cseq += 1
    talk.hang_up(near)
    talk.rig.assert_hidden()


def _settle_reinvites(talk: Talk) -> None:
    """Each of the two is answered 491, by the node or by its hearer where it crosses: then both ends are at rest."""
    refused: set[Ua] = set()

    def both_are() -> bool:
        for ua in (talk.near, talk.far):
            if (crossed := _heard(ua, "INVITE")) is not None:
                ua.respond(crossed, 491, "Request Pending")
            if _heard(ua, 491) is not None:
                refused.add(ua)
        return len(refused) == 2

    wait_until(both_are, 10, "glare to be answered")


def _heard(ua: Ua, what: str | int) -> Message | None:
    """That request, or that answer to an INVITE, where it is there by now."""
    try:
        return ua.expect(what, "INVITE", timeout=0.05)
    except NothingHeard:
        return None


def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_ended(talk: Talk) -> None:
    """RFC 3261 section 9.1 and design 3a: a 2xx after CANCEL gets ACK and BYE, the caller has its 487."""
    talk.start()
    talk.ring()
    talk.near.send(talk.cancel())
    talk.near.expect(200, "CANCEL")
    talk.ack_failure(talk.near.expect(487, "INVITE"))
    talk.far.expect("CANCEL")
    talk.far.respond(talk.invite, 200, "OK", tag="fartag", body=talk.far.sdp(18000))
    talk.far.expect("ACK")
    talk.far.respond(talk.far.expect("BYE"), 200, "OK")
    talk.rig.assert_hidden()


def test_a_cancel_waits_for_the_first_provisional(talk: Talk) -> None:
    """RFC 3261 section 9.1: no CANCEL before a provisional response has come from that side."""
    talk.start()
    talk.ringing = talk.near.expect(100)
    talk.near.send(talk.cancel())
    talk.near.expect(200, "CANCEL")
    talk.far.silent("CANCEL", timeout=0.2)
    talk.far.respond(talk.invite, 180, "Ringing", tag="fartag")
    cancel = talk.far.expect("CANCEL")
    talk.far.respond(cancel, 200, "OK")
    talk.far.respond(talk.invite, 487, "Request Terminated", tag="fartag")
    talk.far.expect("ACK")
    talk.ack_failure(talk.near.expect(487, "INVITE"))
    talk.rig.assert_hidden()


def test_both_ends_hang_up_at_once(talk: Talk) -> None:
    """Each BYE is answered 200, by the node if nobody else is left to."""
    near, far = talk.establish()
    talk.near.send(talk.near.in_dialog("BYE", near))
    talk.far.send(talk.far.in_dialog("BYE", far))
    talk.near.expect(200, "BYE")
    talk.far.expect(200, "BYE")
    talk.rig.assert_hidden()


def test_a_copy_of_the_invite_makes_no_second_call(talk: Talk) -> None:
    """RFC 3261 section 17.2.1: copies are absorbed, the last response is repeated."""
    text = talk.near.request("INVITE", talk.uri, body=talk.near.sdp())
    for _ in range(3):
        talk.near.send(text)
    talk.invite = talk.far.expect("INVITE")
    talk.far.silent("INVITE")
    talk.ring()
    talk.far.respond(talk.invite, 486, "Busy Here", tag="fartag")
    talk.far.expect("ACK")
    talk.ack_failure(talk.near.expect(486))


def test_the_same_request_by_another_way_is_a_loop(talk: Talk) -> None:
    """RFC 3261 section 8.2.2.2: same From tag, Call-ID and CSeq with another branch is answered 482."""
    text = talk.near.request("INVITE", talk.uri, call_id="merged-1", tag="merged", body=talk.near.sdp())
    talk.near.send(text)
    talk.invite = talk.far.expect("INVITE")
    talk.near.send(talk.near.request("INVITE", talk.uri, call_id="merged-1", tag="merged", body=talk.near.sdp()))
    talk.ack_failure(talk.near.expect(482, "INVITE"))
    talk.far.respond(talk.invite, 486, "Busy Here", tag="fartag")
    talk.far.expect("ACK")
    talk.ack_failure(talk.near.expect(486))
    talk.rig.assert_hidden()


def test_every_copy_of_the_answer_is_acknowledged(talk: Talk) -> None:
    """RFC 3261 section 13.2.2.4: a 2xx repeated because its ACK was lost gets an ACK again."""
    near, _ = talk.establish()
    talk.far.respond(talk.invite, 200, "OK", tag="fartag", body=talk.far.sdp(18000))
    talk.far.expect("ACK", copies=True)
    talk.hang_up(near)


def test_the_answer_is_repeated_until_the_caller_acknowledges(short: Talk) -> None:
    """RFC 3261 section 13.3.1.4: T1 doubling; when no ACK ever comes both sides get a BYE."""
    short.start()
    short.far.respond(short.invite, 200, "OK", tag="fartag", body=short.far.sdp(18000))
    for _ in range(3):
        short.near.expect(200, "INVITE", copies=True)
    short.near.expect("BYE", timeout=40)
    short.far.expect("ACK")
    short.far.respond(short.far.expect("BYE"), 200, "OK")
    short.rig.assert_hidden()


def test_a_callee_that_never_answers_is_given_up(short: Talk) -> None:
    """No provisional at all: 64*T1 later the caller has a final response."""
    short.start()
    final = _final(short.near, 12)
    assert final.status in (408, 480, 500, 503, 504)
    short.ack_failure(final)
    short.rig.assert_hidden()


def test_a_callee_that_rings_for_ever_is_cancelled(short: Talk) -> None:
    """The longest ringing is the node's to bound (Timer C's purpose, RFC 3261 section 16.8)."""
    short.start()
    short.ring()
    cancel = short.far.expect("CANCEL")
    short.far.respond(cancel, 200, "OK")
    short.far.respond(short.invite, 487, "Request Terminated", tag="fartag")
    final = _final(short.near, 6)
    assert final.status in (408, 480, 487, 504)
    short.ack_failure(final)
    short.rig.assert_hidden()


def test_a_callee_killed_in_the_call_ends_it_for_the_caller(short: Talk) -> None:
    """A peer that vanishes ends the call on both sides."""
    short.establish()
    short.far.close()
    bye = _answering(short.near, "BYE", 15)
    short.near.respond(bye, 200, "OK")
    short.rig.assert_hidden()


def test_a_caller_killed_in_the_call_ends_it_for_the_callee(short: Talk) -> None:
    """The same from the other side."""
    short.establish()
    short.near.close()
    bye = _answering(short.far, "BYE", 15)
    short.far.respond(bye, 200, "OK")
    short.rig.assert_hidden()


def test_the_longest_call_is_bounded(short: Talk) -> None:
    """Both sides get a BYE when the call has lasted as long as it may; both peers live and answer."""
    short.establish()
    deadline_bye = 0
    for _ in range(200):
        for ua in (short.near, short.far):
            message = ua.receive(0.05)
            if message is not None and message.method in ("OPTIONS", "BYE"):
                ua.respond(message, 200, "OK")
                deadline_bye += message.method == "BYE"
        if deadline_bye == 2:
            break
    assert deadline_bye == 2
    short.rig.assert_hidden()


def test_an_answer_without_contact_or_sdp_ends_the_call_decently(talk: Talk) -> None:
    """A 2xx that makes no dialog or no session: refused, or up until somebody hangs up; no call is left."""
    talk.start()
    text = (
        f"SIP/2.0 200 OK\r\nVia: {talk.invite.get('via')}\r\nFrom: {talk.invite.get('from')}\r\n"
        f"To: {talk.invite.get('to')};tag=fartag\r\nCall-ID: {talk.invite.get('call-id')}\r\n"
        f"CSeq: {talk.invite.get('cseq')}\r\nContent-Length: 0\r\n\r\n"
    )
    talk.far.send(text, talk.invite.source)
    final = _final(talk.near, 5)
    if final.status >= 300:
        talk.ack_failure(final)
    else:
        near = DialogOf.as_caller(final)
        talk.near.send(talk.near.in_dialog("ACK", near))
        talk.near.send(talk.near.in_dialog("BYE", near))
        talk.near.expect(200, "BYE")
    talk.rig.assert_hidden()


@pytest.mark.parametrize(
    "rude",
    [
        "SIP/2.0 200 OK\r\n\r\n",
        "BYE sip:nobody@10.20.0.1 SIP/2.0\r\nCSeq: 1 BYE\r\n\r\n",
        "\x00\x01\x02\xff" * 20,
        "INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5080;branch=z9hG4bK1\r\nContent-Length: -5\r\n\r\n",
        "SIP/2.0 183 \r\nVia: SIP/2.0/UDP 10.20.0.1:5070;branch=z9hG4bKnone\r\nCSeq: 1 INVITE\r\n\r\n",
    ],
)
def test_rude_bytes_in_the_middle_of_a_call_change_nothing(talk: Talk, rude: str) -> None:
    """Bad input: answered or dropped by name, and the call goes on."""
    near, _ = talk.establish()
    talk.far.send(rude.replace("z9hG4bK", "z9hG4bKfar"))
    talk.near.send(rude)
    talk.hang_up(near)
    talk.rig.assert_hidden()


def test_a_request_for_an_unknown_dialog_is_481(talk: Talk) -> None:
    """RFC 3261 section 12.2.2: on either side, and the answer names nothing of the other."""
    for ua, side in ((talk.near, OUTSIDE), (talk.far, INSIDE)):
        to = f"<sip:x@{side.node_address}>;tag=unknown"
        ua.send(ua.request("BYE", f"sip:x@{side.node_address}", to=to))
        ua.expect(481, "BYE")
    talk.rig.assert_hidden()


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("BYE", 481)])
@pytest.mark.parametrize("place", ["Via", "From", "Call-ID"])
def test_guessing_an_inner_address_is_no_oracle(talk: Talk, method: str, status: int, place: str) -> None:
    """Design 3a: what a peer sends itself is its own; an answer withheld for a right guess would confirm it."""
    for guess in (INSIDE.peers[0], INSIDE.node, "203.0.113.77"):
        to = f"<sip:x@{OUTSIDE.node_address}>" + (";tag=nobody" if method == "BYE" else "")
        text = talk.near.request(method, f"sip:x@{OUTSIDE.node_address}", to=to, call_id=f"{place}{method}{guess}")
        found = {
            "Via": (f"UDP {talk.near.address};", f"UDP {guess}:5080;"),
            "From": (f"sip:alice@{talk.near.address}", f"sip:alice@{guess}"),
            "Call-ID": (f"{place}{method}{guess}", f"{method}@{guess}"),
        }
        talk.near.send(text.replace(*found[place]))
        talk.near.expect(status, method)


def test_a_malformed_request_that_names_an_inner_address_is_answered_like_any_other(talk: Talk) -> None:
    """The same for what does not parse: 400 for a right guess and for a wrong one."""
    for guess in (INSIDE.peers[0], INSIDE.node, "203.0.113.77"):
        text = talk.near.request("OPTIONS", f"sip:x@{OUTSIDE.node_address}", call_id=f"malformed-{guess}")
        text = text.replace(f"UDP {talk.near.address};", f"UDP {guess}:5080;")
        talk.near.send(text.replace("Content-Length: 0", "Content-Length: -5"))
        talk.near.expect(400)


def test_a_reinvite_answered_481_ends_both_dialogs(talk: Talk) -> None:
    """RFC 3261 section 12.2.1.2: 481 within a dialog means it is gone."""
    near, _ = talk.establish()
    talk.near.send(talk.near.in_dialog("INVITE", near, body=talk.near.sdp(version=2)))
    talk.far.respond(talk.far.expect("INVITE"), 481, "Gone")
    talk.far.expect("ACK")
    refused = talk.near.expect(481, "INVITE")
    talk.ack_failure(refused)
    talk.near.respond(talk.near.expect("BYE"), 200, "OK")
    talk.rig.assert_hidden()


def _final(ua: Ua, timeout: float) -> Message:
    for _ in range(int(timeout / 0.1)):
        message = ua.receive(0.1)
        if message is not None and message.status >= 200 and message.cseq_method == "INVITE":
            return message
    raise AssertionError(f"no final response; heard {ua.heard}")


def _answering(ua: Ua, method: str, timeout: float) -> Message:
    """Wait for a request, answering the node's questions whether we live."""
    for _ in range(int(timeout / 0.1)):
        message = ua.receive(0.1)
        if message is not None and message.method == method:
            return message
        if message is not None and message.method == "OPTIONS":
            ua.respond(message, 200, "OK")
    raise AssertionError(f"no {method}; heard {ua.heard}")
