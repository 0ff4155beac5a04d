"""The embedded engine as a child, and its relay on real sockets, beyond what the real daemon shares."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

import rtpengine
from rtpengine import Answer, Delete, Offer, Options, Ping, Result, Unreachable
from rtpengine.client import Client
from rtpengine.embedded import start_process
from tests.rtpengine.engines import (
    HOST,
    SILENCE,
    STRICT,
    Conversation,
    EngineUnderTest,
    Peer,
    embedded,
    heard,
    media_ports,
    rtcp_packet,
    rtp_packet,
)

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineUnderTest]:
    """On both families."""
    with embedded(interfaces=("in/127.0.0.1", "in/::1")) as running:
        yield running


@pytest.fixture
def peers() -> Iterator[tuple[Peer, Peer, Peer]]:
    """Caller, callee, stranger."""
    three = Peer(), Peer(), Peer()
    yield three
    for peer in three:
        peer.close()


def start(*options: str) -> subprocess.Popen[bytes]:
    """A child that is ready."""
    child = subprocess.Popen(
        [sys.executable, "-m", "rtpengine", "--listen", f"{HOST}:0", "--interface", HOST, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout
    assert child.stdout.readline().startswith(b"ready 127.0.0.1:")
    return child


def test_child_ends_on_sigterm() -> None:
    """With status 0."""
    with start() as child:
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0


def test_child_ends_with_its_standard_input() -> None:
    """An orphan never stays."""
    with start() as child:
        assert child.stdin
        child.stdin.close()
        assert child.wait(30) == 0


def test_child_ends_when_its_parent_is_killed() -> None:
    """Even where somebody else still holds its standard input."""
    reading, writing = os.pipe()
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'rtpengine',"
        f" '--listen', '{HOST}:0', '--interface', '{HOST}'],"
        f" stdin={reading}, stdout=subprocess.PIPE, pass_fds=({writing},))\n"
        "child.stdout.readline()\nprint(child.pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, pass_fds=(reading, writing)) as parent:
        assert parent.stdout
        grandchild = int(parent.stdout.readline())
        parent.kill()
        parent.wait(30)
    deadline = time.monotonic() + 30
    while _is_running(grandchild) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.close(reading)
    os.close(writing)
    assert not _is_running(grandchild)


def _is_running(pid: int) -> bool:
    """Running, and not merely unburied."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as status:
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--interface", HOST, "--listen", "nonsense"], 2),
        (["--interface", "no-such-device"], 2),
        (["--interface", HOST, "--ports", "5-4"], 2),
        (["--interface", HOST, "--listen", "192.0.2.1:2223"], 1),
        ([], 2),
    ],
)
def test_wrong_arguments_end_at_once_with_a_word(arguments: list[str], status: int) -> None:
    """One line on standard error."""
    run = subprocess.run([sys.executable, "-m", "rtpengine", *arguments], capture_output=True, timeout=60, check=False)
    assert run.returncode == status
    assert run.stderr
    assert b"Traceback" not in run.stderr


def test_start_process_and_client_work_together() -> None:
    """As the node does it; a stopped engine is unreachable."""

    async def scenario() -> None:
        child = await start_process([HOST], (41600, 41699))
        client = await Client.connect(child.host, child.port, interval=0.1, attempts=2)
        replies = await asyncio.gather(*(client.request(Ping()) for _ in range(50)))
        assert {reply.result for reply in replies} == {Result.PONG}
        assert await child.stop() == 0
        with pytest.raises(Unreachable):
            await client.request(Ping())
        client.close()

    asyncio.run(scenario())


def test_start_process_tells_when_it_fails() -> None:
    """Nothing is left behind."""

    async def scenario() -> None:
        with pytest.raises(Unreachable):
            await start_process(["no-such-device"], (41600, 41699))

    asyncio.run(scenario())


def test_injection_is_refused_from_the_first_packet_on(engine: EngineUnderTest, peers: tuple[Peer, Peer, Peer]) -> None:
    """Where the SDP's own address has been heard, no learning window is open for anybody else."""
    caller, callee, stranger = peers
    call = Conversation(engine, caller, callee)
    assert call.crosses(caller, callee, rtp_packet(1))
    stranger.rtp.sendto(rtp_packet(2), (HOST, call.to_caller))
    assert heard(callee.rtp, SILENCE) is None
    assert call.crosses(callee, caller, rtp_packet(3))
    assert heard(stranger.rtp, SILENCE) is None
    call.end()


@pytest.mark.parametrize(
    "packet", [b"", b"\x00\x01\x00\x00" + b"x" * 16, b"INVITE sip:x SIP/2.0\r\n", b"\x16\xfe\xfd\x00"]
)
def test_what_is_no_rtp_is_neither_forwarded_nor_learnt(
    engine: EngineUnderTest, peers: tuple[Peer, Peer, Peer], packet: bytes
) -> None:
    """STUN, DTLS, SIP, nothing at all."""
    caller, callee, stranger = peers
    call = Conversation(engine, caller, callee)
    stranger.rtp.sendto(packet, (HOST, call.to_caller))
    caller.rtp.sendto(packet, (HOST, call.to_caller))
    assert heard(callee.rtp, SILENCE) is None
    assert call.crosses(caller, callee, rtp_packet(1))
    call.end()


def test_ipv6_talks_to_ipv4(engine: EngineUnderTest, peers: tuple[Peer, Peer, Peer]) -> None:
    """One leg each, RTP and RTCP."""
    caller = peers[0]
    callee = Peer("::1")
    inward = Options(flags=STRICT.flags, address_family="IP6")
    offered = engine.ask(Offer("six-1", "a", caller.sdp(), options=inward))
    assert b"c=IN IP6 ::1\r\n" in offered.sdp
    answered = engine.ask(Answer("six-1", "a", "b", callee.sdp(), options=STRICT))
    to_callee, to_caller = media_ports(offered.sdp)[0], media_ports(answered.sdp)[0]
    caller.rtp.sendto(rtp_packet(1), (HOST, to_caller))
    assert heard(callee.rtp) == rtp_packet(1)
    callee.rtp.sendto(rtp_packet(2), ("::1", to_callee))
    assert heard(caller.rtp) == rtp_packet(2)
    callee.rtcp.sendto(rtcp_packet(), ("::1", to_callee + 1))
    assert heard(caller.rtcp) == rtcp_packet()
    engine.ask(Delete("six-1"))
    callee.close()


def test_second_fork_is_heard_under_its_own_tag(engine: EngineUnderTest, peers: tuple[Peer, Peer, Peer]) -> None:
    """Early media of one, then of another; unlike 10.5.3 the ports are those that were announced."""
    caller, first, second = peers
    call = Conversation(engine, caller, first)
    assert call.crosses(first, caller, rtp_packet(1))
    final = engine.ask(Answer(call.call_id, "a", "b2", second.sdp(), options=STRICT))
    assert media_ports(final.sdp) == [call.to_caller]
    second.rtp.sendto(rtp_packet(2), (HOST, call.to_callee))
    assert heard(caller.rtp) == rtp_packet(2)
    assert call.crosses(caller, second, rtp_packet(3))
    call.end()


def test_burst_crosses_whole_and_in_order(engine: EngineUnderTest, peers: tuple[Peer, Peer, Peer]) -> None:
    """Several packets waiting on one socket."""
    caller, callee, _ = peers
    call = Conversation(engine, caller, callee)
    packets = [rtp_packet(number) for number in range(100)]
    for packet in packets:
        call.say(caller, packet)
    assert [heard(callee.rtp) for _ in packets] == packets
    call.end()


def test_thousand_calls_leave_nothing(engine: EngineUnderTest) -> None:
    """Every ending gives its ports back: more calls than there are pairs."""
    body = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n"
    for number in range(1000):
        call_id = f"many-{number}"
        assert engine.ask(Offer(call_id, "a", body)).result is Result.OK
        if number % 2:
            assert engine.ask(Answer(call_id, "a", "b", body)).result is Result.OK
        assert engine.ask(Delete(call_id)).result is Result.OK
    assert engine.ask(rtpengine.List(limit=10)).body["calls"] == []
