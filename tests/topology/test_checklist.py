"""The leak checklist answered row by row, each answer held against what the room does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policies import HeaderRule
from sbc.sip import Request, Response, canonical
from sbc.topology import TABLE, Action, Direction, SdpIdentity, Value, build_sdp, compile_passages
from sbc.topology.checklist import ANSWERS, BEYOND, Answer
from tests.topology.sides import edge, request

CHECKLIST = Path(__file__).resolve().parents[3] / "shared" / "reference" / "leak-checklist.md"
SECRET = "leaky.pbx.corp.local"
PASSAGES = compile_passages(edge())


def places() -> list[tuple[str, str]]:
    """(section, place) of each row of the checklist's tables."""
    if not CHECKLIST.exists():
        pytest.skip("no folder 'shared' beside the repository: the checklist itself is not there")
    found, section = [], ""
    for line in CHECKLIST.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"### (4\.\d)", line)
        if heading:
            section = heading[1]
        elif line.startswith("|") and not line.startswith(("| Place", "|---")):
            found.append((section, line.split("|")[1].strip()))
    return found


def test_every_row_of_the_checklist_is_answered_in_its_order() -> None:
    asked = places()
    assert len(asked) == len(ANSWERS)
    strays = [
        (place, answer.keyword)
        for (section, place), answer in zip(asked, ANSWERS, strict=True)
        if section != answer.section or answer.keyword not in place
    ]
    assert strays == []


def test_every_point_outside_of_the_message_text_has_a_written_answer() -> None:
    if not CHECKLIST.exists():
        pytest.skip("no folder 'shared' beside the repository: the checklist itself is not there")
    section = CHECKLIST.read_text(encoding="utf-8").partition("### 4.7")[2]
    points = [line for line in section.splitlines() if line.startswith("- ")]
    assert [key for (key, _), point in zip(BEYOND, points, strict=True) if key not in point] == []


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.place)
def test_no_header_of_an_answer_shows_a_host_of_the_other_side(answer: Answer) -> None:
    """Sent by either side, in a request and in each class of response, with a host of that side in its value."""
    values = [
        f"<sip:x@{SECRET}>;a={SECRET}",
        f'SIP;cause=404;text="{SECRET}"',
        f"emergency;x={SECRET}",
        f"17 ({SECRET})",
    ]
    for name in answer.headers:
        assert canonical(name) in TABLE
        for value in values:
            fields = [(canonical(name), value)]
            messages: list[tuple[Request | Response, str]] = [
                (Request("INVITE", "sip:x", fields), "INVITE"),
                (Request("INFO", "sip:x", fields), "INFO"),
                (Request("NOTIFY", "sip:x", fields), "NOTIFY"),
                (Response(183, "x", fields), "INVITE"),
                (Response(200, "x", fields), "INVITE"),
                (Response(404, "x", fields), "INVITE"),
            ]
            for ingress, egress in (("inside", "outside"), ("outside", "inside"), ("outside", "outside")):
                passage = PASSAGES.between(ingress, egress)
                assert [message for message, method in messages if SECRET in str(passage.cross(message, method))] == []


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.place)
def test_no_header_of_an_answer_passes_verbatim_out_of_the_trusted_side(answer: Answer) -> None:
    for name in answer.headers:
        row = TABLE[canonical(name)]
        assert row.action(Direction.OUTWARD) is not Action.PASS
        assert row.action(Direction.OUTWARD) in (Action.OWN, Action.DROP) or row.value is not Value.VERBATIM


LEAKS_IN_SDP = {
    "o= username": "o=alice-at-leak 1 1 IN IP4 10.20.0.5",
    "s=, i=": "i=leak",
    "c= session": "a=rtcp:30001 IN IP4 10.20.0.5",
    "a=candidate": "a=candidate:1 1 UDP 2130706431 10.20.0.5 8998 typ host",
    "a=ssrc": "a=ssrc:1234 cname:user@leak",
    "a=fingerprint": "a=fingerprint:sha-256 1E:AC:1E:AC",
    "a=tool": "a=tool:leak 1.2",
    "zrtp-hash": "a=zrtp-hash:1.10 leak",
    "a=label": "a=label:leak",
}


@pytest.mark.parametrize("keyword", LEAKS_IN_SDP)
def test_no_line_of_an_answer_crosses_in_a_session_description(keyword: str) -> None:
    """Section 4.5 of the checklist; addresses in `c=` are the media engine's before this room sees them."""
    assert [answer for answer in ANSWERS if answer.keyword == keyword]
    line = LEAKS_IN_SDP[keyword]
    origin = line if line.startswith("o=") else "o=- 1 1 IN IP4 203.0.113.9"
    above = [line] if line.startswith("i=") else []
    below = [line] if line.startswith("a=") else []
    text = ["v=0", origin, "s=leak", *above, "c=IN IP4 203.0.113.9", "t=0 0", "m=audio 30000 RTP/AVP 0", *below, ""]
    built = build_sdp("\r\n".join(text).encode(), SdpIdentity(7, "203.0.113.5")).lower()
    assert b"leak" not in built
    assert b"10.20." not in built
    assert b"1e:ac" not in built


def test_a_header_without_a_row_does_not_cross_and_is_counted() -> None:
    passages = compile_passages(edge())
    passage = passages.between("inside", "outside")
    assert passage.cross(request("INVITE", "X-Pbx-Node: node-3.corp.local"), "INVITE") == []
    assert passages.counters() == {"X-Pbx-Node": 1}
    assert "X-Pbx-Node" not in TABLE


def test_switching_one_header_on_is_what_lets_it_cross() -> None:
    """The control of the tests above: a policy's `pass` shows that they would notice."""
    rule = HeaderRule("outside", "", "Call-Info", "pass")
    passage = compile_passages(edge(headers=[rule])).between("inside", "outside")
    crossing = passage.cross(request("INVITE", f"Call-Info: <http://{SECRET}/x>"), "INVITE")
    assert crossing == [("Call-Info", f"<http://{SECRET}/x>")]
