"""RTP injected from a third host before the peer has sent anything: the embedded engine, real packets."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from rtpengine import Answer, Delete, Offer
from tests.rtpengine import engines
from tests.rtpengine.engines import (
    HOST,
    SILENCE,
    STRICT,
    Conversation,
    EngineUnderTest,
    Peer,
    heard,
    media_ports,
    rtp_packet,
)
from tests.rtpengine.test_srtp import SecurePeer, options

pytestmark = pytest.mark.interop

ELSEWHERE = "127.0.0.3"
QUOTED = 48
"""Where a raw ICMP packet has the UDP ports of the packet that it is about: behind IP, ICMP and IP again."""


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineUnderTest]:
    """The embedded one: 10.5.3 learns from whoever is first."""
    with engines.embedded() as running:
        yield running


@pytest.mark.parametrize("is_secure", [False, True])
def test_stranger_is_neither_forwarded_nor_answered(engine: EngineUnderTest, is_secure: bool) -> None:
    """The caller is behind a NAT: its SDP names a host that nothing comes from; the stranger is there first."""
    caller, callee, stranger = SecurePeer(), Peer(), Peer(ELSEWHERE)
    call_id = f"inject-{secrets.token_hex(6)}"
    inner = b"IN IP4 192.0.2.77"
    sdp = (caller.secure_sdp() if is_secure else caller.sdp()).replace(b"IN IP4 127.0.0.1", inner)
    wanted = options("RTP/AVP") if is_secure else STRICT
    offered = engine.ask(Offer(call_id, "a", sdp, options=wanted, received_from=HOST)).sdp
    answer = options() if is_secure else STRICT
    answered = engine.ask(Answer(call_id, "a", "b", callee.sdp(), options=answer, received_from=HOST)).sdp
    port = media_ports(answered)[0]
    for number in range(3):
        stranger.rtp.sendto(rtp_packet(number), (HOST, port))
    assert heard(callee.rtp, SILENCE) is None
    if is_secure:
        caller.learn(answered)
        caller.send(rtp_packet(10), port)
    else:
        caller.rtp.sendto(rtp_packet(10), (HOST, port))
    assert heard(callee.rtp) == rtp_packet(10)
    stranger.rtp.sendto(rtp_packet(11), (HOST, port))
    assert heard(callee.rtp, SILENCE) is None
    callee.rtp.sendto(rtp_packet(20), (HOST, media_ports(offered)[0]))
    assert (caller.hears() if is_secure else heard(caller.rtp)) == rtp_packet(20)
    assert heard(stranger.rtp, SILENCE) is None
    engine.ask(Delete(call_id))
    for peer in (caller, callee, stranger):
        peer.close()


@pytest.mark.parametrize("has_ended", [False, True])
def test_caller_learns_nothing_of_a_callee_that_is_gone(engine: EngineUnderTest, has_ended: bool) -> None:
    """The callee's host answers with ICMP, which quotes its address: that ends at the engine, call or no call."""
    caller, callee = Peer(), Peer()
    call = Conversation(engine, caller, callee)
    assert call.crosses(caller, callee, rtp_packet(1))
    callee.close()
    if has_ended:
        call.end()
    with capturing_icmp() as quoted:
        for number in range(2, 5):
            call.say(caller, rtp_packet(number))
            time.sleep(0.05)
        told = [packet for packet in quoted() if packet[QUOTED : QUOTED + 2] == caller.port.to_bytes(2, "big")]
    assert bool(told) == has_ended
    assert all(callee.port.to_bytes(2, "big") not in packet[QUOTED:] for packet in told)
    if not has_ended:
        call.end()
    caller.close()


@contextmanager
def capturing_icmp() -> Iterator[Callable[[], list[bytes]]]:
    """ICMP packets of this host, as they come; each quotes the packet that it is about."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.setblocking(False)

        def read() -> list[bytes]:
            found: list[bytes] = []
            while True:
                try:
                    found.append(raw.recv(2048))
                except BlockingIOError:
                    return found

        yield read
