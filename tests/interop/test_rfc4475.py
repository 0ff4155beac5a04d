"""RFC 4475 against the running node, over UDP: each torture message, then a plain OPTIONS and a plain call."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.test_races import Talk
from tests.rig.frames import Packet
from tests.rig.needs import corpora, need_corpus
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.ua import Message, Ua

_INDEX = corpora() / "rfc4475" / "index.json"
_CASES = {one["file"]: one for one in json.loads(_INDEX.read_text())["messages"]} if _INDEX.exists() else {"none": {}}
_POLICY = {403, 404, 405, 480, 501}
"""What a node that is no registrar and relays nothing but calls says to a well-formed request it understood."""


@pytest.fixture
def stranger(rig: Rig) -> Iterator[Ua]:
    """A peer nobody knows, on the port where responses to a Via without one go."""
    ua = rig.ua(OUTSIDE, call=True, peer=2, port=5060)
    yield ua
    ua.close()


@pytest.mark.parametrize("name", _CASES)
def test_a_torture_message_has_an_acceptable_outcome(rig: Rig, stranger: Ua, name: str) -> None:
    """RFC 4475, the section its index names. The first acceptable outcome is the preferred one."""
    data = (need_corpus("rfc4475") / name).read_bytes()
    talk = Talk(rig)
    try:
        stranger.send(data)
        _probe(stranger)
        outcome = _outcome(rig, talk.far, data)
        acceptable = _CASES[name]["acceptable"]
        assert _is_acceptable(outcome, acceptable, data), f"{outcome} is none of {acceptable}"
        near, _ = talk.establish()
        talk.hang_up(near)
    finally:
        talk.close()


def _probe(ua: Ua) -> None:
    """A plain OPTIONS is answered; by then what was sent before it has been read."""
    ua.send(ua.request("OPTIONS", f"sip:{OUTSIDE.node_address}"))
    for _ in range(50):
        message = ua.receive(0.1)
        if message is not None and message.cseq_method == "OPTIONS" and message.get("call-id").startswith("ua-"):
            assert message.status == 200
            return
    raise AssertionError(f"no answer to a plain OPTIONS; heard {ua.heard}")


def _outcome(rig: Rig, far: Ua, data: bytes) -> set[str]:
    """Final statuses sent back, and `relayed` if a request reached the other side (which is then refused with 486)."""
    found: set[str] = set()
    for _ in range(10):
        request = far.receive(0.05)
        if request is not None and request.method not in ("", "ACK"):
            found.add("relayed")
            _assert_sane(request)
            far.respond(request, 486 if request.method == "INVITE" else 404, "Refused", tag="fartag")
        found |= {str(status) for status in _statuses(rig.taps.packets(), data)}
        if found - {"relayed"} and (request is None or request.method == "ACK"):
            break
    return found


def _assert_sane(request: Message) -> None:
    """What crosses is clean, however it came in."""
    assert re.fullmatch(rf"[1-9]\d* {re.escape(request.method)}", request.get("cseq"))
    assert re.fullmatch(r"\d{1,3}", request.get("max-forwards"))
    assert not set("<> ?") & set(request.uri)


def _statuses(packets: list[Packet], data: bytes) -> Iterator[int]:
    """Final responses the node sent outside that answer this message, wherever they were sent to."""
    probe = re.compile(rb"^(?:Call-ID|i)[ \t]*:[ \t\r\n]*(\S+)", re.IGNORECASE | re.MULTILINE)
    wanted = probe.search(data)
    for packet in packets:
        match = re.match(rb"SIP/2\.0 ([2-6]\d\d) ", packet.payload)
        if match and packet.from_node and packet.realm == "outside":
            seen = probe.search(packet.payload)
            if wanted and seen and seen[1] != wanted[1]:
                continue
            if not wanted and seen and seen[1].startswith(b"ua-"):
                continue
            yield int(match[1])


def _is_acceptable(outcome: set[str], acceptable: list[str], data: bytes) -> bool:
    statuses = {int(one) for one in outcome if one.isdigit()}
    for wanted in acceptable:
        if wanted == "any-no-crash" or (wanted == "drop" and not outcome) or wanted in outcome:
            return True
        understood = {200} if b"INVITE" in data.split(b"\n", 1)[0] else {200, *_POLICY}
        if wanted.startswith("accept") and ("relayed" in outcome or statuses & understood):
            return True
        if wanted == "accept" and data.startswith(b"SIP/2.0 ") and not outcome:
            return True
    return False


def test_the_messages_are_there(tmp_path: Path) -> None:
    """An empty list of cases would prove nothing."""
    need_corpus("rfc4475")
    assert len(_CASES) >= 30
    assert INSIDE.name != OUTSIDE.name
