"""Session descriptions of many vendors as offers: what the daemon takes the embedded engine takes, and hides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rtpengine import Delete, Flag, Ice, Offer, Options, Replace, RtcpMux
from tests.rig.needs import corpora
from tests.rtpengine import engines
from tests.rtpengine.engines import EngineUnderTest

pytestmark = pytest.mark.interop

LONGEST = 60_000
"""Octets that a datagram holds beside the rest of a request."""
BODIES = sorted(
    path
    for path in (corpora() / "sdp").rglob("*")
    if path.is_file() and path.suffix not in (".json", ".jsonl", ".md") and path.stat().st_size < LONGEST
)
OPTIONS = Options(
    flags=(Flag.STRICT_SOURCE, Flag.PORT_LATCHING),
    replace=(Replace.ORIGIN,),
    rtcp_mux=(RtcpMux.DEMUX,),
    ice=Ice.REMOVE,
)
DIFFERENT = {
    "audio_freeswitch_no_dtls.sdp": "a secure profile without any key",
    "2webrtc-unittest-1.sdp": "a secure profile without any key",
    "2webrtc-unittest-9.sdp": "a secure profile without any key",
    "skype4business-ice.sdp": "all its keys have an MKI",
    "onvif.sdp": "an m-line without an address that nobody needs",
}
"""Bodies of which the two engines think otherwise, and what is in them."""
ADDRESS = re.compile(rb"^(?:[oc]=.*|a=rtcp:.*|a=candidate:.*|a=remote-candidates:.*)", re.MULTILINE)


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[EngineUnderTest, EngineUnderTest]]:
    """The daemon and the embedded engine."""
    with ExitStack() as stack:
        daemon = stack.enter_context(engines.real())
        yield daemon, stack.enter_context(engines.embedded())


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
def test_offer_is_taken_and_hidden_as_by_the_daemon(both: tuple[EngineUnderTest, EngineUnderTest], path: Path) -> None:
    """RFC 3264 section 5: m-lines keep count and order; no address of the offerer is left where addresses stand."""
    body = path.read_bytes()
    call_id = f"vendor-{path.name}"
    replies = [engine.ask(Offer(call_id, "a", body, options=OPTIONS)) for engine in both]
    for engine in both:
        engine.ask(Delete(call_id))
    reasons = [reply.error_reason for reply in replies]
    assert (reasons[0] != reasons[1]) == (path.name in DIFFERENT), reasons
    written = replies[1].sdp
    if not written:
        return
    assert re.findall(rb"^m=(\S+)", written, re.MULTILINE) == re.findall(rb"^m=(\S+)", body, re.MULTILINE)
    left = [line for line in ADDRESS.findall(written) if b"127.0.0.1" not in line and b"0.0.0.0" not in line]
    assert [line for line in left if not re.fullmatch(rb"a=rtcp:\d+\r?", line)] == []
