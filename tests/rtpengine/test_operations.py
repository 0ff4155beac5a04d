"""Commands on running calls, on both engines, judged by what the parties hear."""

from __future__ import annotations

import itertools
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtpengine import (
    Flag,
    Gate,
    Options,
    PlayDtmf,
    PlayMedia,
    Record,
    Recording,
    Selector,
    StopMedia,
    Switch,
)
from rtpengine.embedded.g711 import PCMA
from rtpengine.embedded.sound import read_wav
from tests.rig.tones import strength, write_tone
from tests.rtpengine import engines
from tests.rtpengine.engines import (
    HOST,
    KEY,
    SILENCE,
    WAIT,
    Conversation,
    EngineUnderTest,
    Peer,
    decoded,
    event_packet,
    heard,
    rtp_packet,
)

pytestmark = pytest.mark.interop

INJECTING = Options(flags=(Flag.STRICT_SOURCE, Flag.PORT_LATCHING, Flag.INJECT_DTMF))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both engines may write."""
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def keys() -> Iterator[socket.socket]:
    """Where both engines tell of keys."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        yield sock


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def engine(request: pytest.FixtureRequest, recordings: Path, keys: socket.socket) -> Iterator[EngineUnderTest]:
    """Each of the two, once for the module, with recording on."""
    told = f"--dtmf-log-dest={HOST}:{keys.getsockname()[1]}"
    if request.param == "embedded":
        with engines.embedded(f"--recording-dir={recordings}", told) as running:
            yield running
    else:
        for name in ("pcaps", "metadata", "tmp"):
            (recordings / name).mkdir(exist_ok=True)
        options = (f"--recording-dir={recordings}", "--recording-method=pcap", "--recording-format=raw", told)
        with engines.real(*options) as running:
            yield running


@pytest.fixture
def call(engine: EngineUnderTest) -> Iterator[Conversation]:
    """Caller `a` and callee `b`, whose audio flows."""
    caller, callee = Peer(), Peer()
    try:
        call = Conversation(engine, caller, callee, options=INJECTING)
        assert arrives(call, caller, callee, rtp_packet(1))
        assert arrives(call, callee, caller, rtp_packet(1, ssrc=0x22222222))
        yield call
        call.end()
    finally:
        caller.close()
        callee.close()


def test_blocked_party_is_not_heard_and_hears_on(call: Conversation) -> None:
    """Until it is let in again."""
    who = Selector(from_tag="a")
    call.engine.ask(Switch(Gate.BLOCK_MEDIA, call.call_id, who)).check()
    call.say(call.caller, rtp_packet(2))
    assert heard(call.callee.rtp, SILENCE) is None
    assert arrives(call, call.callee, call.caller, rtp_packet(2, ssrc=0x22222222))
    call.engine.ask(Switch(Gate.UNBLOCK_MEDIA, call.call_id, who)).check()
    assert arrives(call, call.caller, call.callee, rtp_packet(2))


def test_blocked_call_is_silent_both_ways(call: Conversation) -> None:
    """Without a selector the whole call is meant."""
    call.engine.ask(Switch(Gate.BLOCK_MEDIA, call.call_id)).check()
    for speaker, listener, ssrc in ((call.caller, call.callee, 1), (call.callee, call.caller, 2)):
        call.say(speaker, rtp_packet(2, ssrc=ssrc))
        assert heard(listener.rtp, SILENCE) is None
    call.engine.ask(Switch(Gate.UNBLOCK_MEDIA, call.call_id)).check()
    assert arrives(call, call.callee, call.caller, rtp_packet(2, ssrc=0x22222222))


def test_silenced_party_sends_on_and_says_nothing(call: Conversation) -> None:
    """The stream stays, its sound goes."""
    who = Selector(from_tag="a")
    call.engine.ask(Switch(Gate.SILENCE_MEDIA, call.call_id, who)).check()
    call.say(call.caller, rtp_packet(2, payload=b"\x21" * 160))
    packet = heard(call.callee.rtp)
    assert packet is not None
    assert packet[1] & 127 == PCMA
    assert packet[12:] in (b"\xd5" * 160, b"\x55" * 160)
    call.engine.ask(Switch(Gate.UNSILENCE_MEDIA, call.call_id, who)).check()
    assert arrives(call, call.caller, call.callee, rtp_packet(3))


def test_blocked_key_does_not_cross(call: Conversation) -> None:
    """Audio beside it does."""
    call.engine.ask(Switch(Gate.BLOCK_DTMF, call.call_id, Selector(from_tag="a"))).check()
    call.say(call.caller, event_packet(2))
    packet = heard(call.callee.rtp, SILENCE)
    assert packet is None or packet[1] & 127 != 101
    call.engine.ask(Switch(Gate.UNBLOCK_DTMF, call.call_id, Selector(everybody=True))).check()
    for sequence in range(3, 40):  # a phone repeats its event, too
        call.say(call.caller, event_packet(sequence))
        packet = heard(call.callee.rtp, SILENCE)
        if packet is not None and packet[1] & 127 == 101:
            break
    else:
        pytest.fail("the key does not cross any more")


def test_pressed_key_crosses_and_is_told(call: Conversation, keys: socket.socket) -> None:
    """RFC 4733 to the other party, one JSON document to whoever wants to know, however often its end comes."""
    while heard(keys, 0.01) is not None:
        pass
    for sequence in range(2, 5):
        packet = event_packet(sequence)
        call.say(call.caller, packet[:4] + b"\0\0\x10\0" + packet[8:])
    packets = iter(lambda: heard(call.callee.rtp), None)
    assert any(packet[1] & 127 == 101 and packet[12] == KEY for packet in packets)
    data = heard(keys)
    assert data is not None
    told = json.loads(data)
    assert (told["callid"], told["source_tag"], told["type"]) == (call.call_id, "a", "DTMF")
    assert (told["event"], told["volume"], told["source_ip"]) == (KEY, 10, HOST)
    assert heard(keys, SILENCE) is None


def test_key_is_pressed_for_a_party(call: Conversation) -> None:
    """RFC 4733 section 2.5: one timestamp, a duration that grows, a marked end; and the sequence rises.

    An event takes the place of audio, so that half of the numbers may be missing, how many at once is the scheduler's.
    The daemon sends from two threads, of which one may overtake the other: heard is what a phone makes of the numbers.
    """
    call.engine.ask(PlayDtmf(call.call_id, Selector(from_tag="a"), str(KEY), duration=100)).check()
    packets = said_and_heard_until_the_key_is_over(call)
    in_order = sorted(packets, key=number_of)
    assert packets == in_order or call.engine.name == "rtpengine"
    packets = in_order
    events = [packet for packet in packets if packet[1] & 127 == 101]
    assert events
    assert {packet[12] for packet in events} == {KEY}
    assert len({packet[4:8] for packet in events}) == 1
    assert events[0][1] & 0x80
    assert events[-1][13] & 0x80
    durations = [int.from_bytes(packet[14:16], "big") for packet in events]
    assert durations == sorted(durations)
    assert 700 <= durations[-1] <= 1000
    assert packets[-1][1] & 127 == PCMA
    numbers = [number_of(packet) for packet in packets]
    assert all(earlier < later for earlier, later in itertools.pairwise(numbers))
    assert numbers[-1] - numbers[0] <= 2 * len(numbers)


def test_tone_is_played_to_a_party(call: Conversation, tmp_path: Path) -> None:
    """A WAV at 8 kHz, by content; only the party that is meant hears it, until it is stopped."""
    wav = tmp_path / "tone.wav"
    write_tone(wav, 600.0, 3.0)
    who = Selector(from_tag="b")
    reply = call.engine.ask(PlayMedia(call.call_id, who, blob=wav.read_bytes()))
    reply.check()
    assert reply.body["duration"] == 3000
    payloads = [packet[12:] for packet in (heard(call.callee.rtp) for _ in range(20)) if packet is not None]
    samples = decoded(b"".join(payloads))
    assert strength(samples, 8000, 600.0) > 0.8
    assert heard(call.caller.rtp, SILENCE) is None
    call.engine.ask(StopMedia(call.call_id, who)).check()
    while heard(call.callee.rtp, SILENCE) is not None:
        pass
    assert arrives(call, call.caller, call.callee, rtp_packet(2))


def test_recording_is_a_capture_of_what_was_said(call: Conversation, recordings: Path) -> None:
    """And of nothing that came before or after."""
    call.engine.ask(Record(Recording.START, call.call_id)).check()
    marks = [b"during--" + bytes([index]) * 152 for index in range(2)]
    call.say(call.caller, rtp_packet(2, payload=marks[0]))
    assert heard(call.callee.rtp)
    call.say(call.callee, rtp_packet(2, payload=marks[1], ssrc=0x22222222))
    assert heard(call.caller.rtp)
    call.engine.ask(Record(Recording.STOP, call.call_id)).check()
    call.say(call.caller, rtp_packet(3, payload=b"after---" + bytes(152)))
    assert heard(call.callee.rtp)
    files = sorted(recordings.rglob("*.pcap"), key=lambda path: path.stat().st_mtime)
    data = files[-1].read_bytes()
    assert struct.unpack("<I", data[:4])[0] == 0xA1B2C3D4
    assert all(mark in data for mark in marks)
    assert b"after---" not in data


def said_and_heard_until_the_key_is_over(call: Conversation) -> list[bytes]:
    """What the callee hears while the caller talks on, as a phone does: 38 packets, and more where a host is slow."""
    packets: list[bytes] = []
    latest = time.monotonic() + WAIT
    for sequence in itertools.count(2):
        call.say(call.caller, rtp_packet(sequence))
        deadline = time.monotonic() + 0.02
        while time.monotonic() < deadline:
            packet = heard(call.callee.rtp, 0.01)
            if packet is not None:
                packets.append(packet)
        if time.monotonic() > latest or (sequence >= 39 and is_key_over(packets)):
            break
    return packets


def is_key_over(packets: list[bytes]) -> bool:
    """True where a key's end was heard, and audio has the highest number."""
    ends = [packet for packet in packets if packet[1] & 127 == 101 and packet[13] & 0x80]
    return bool(ends) and max(packets, key=number_of)[1] & 127 == PCMA


def number_of(packet: bytes) -> int:
    """Its sequence number."""
    return int.from_bytes(packet[2:4], "big")


def arrives(call: Conversation, speaker: Peer, listener: Peer, packet: bytes) -> bool:
    """True where the packet's sound arrives; a daemon that may inject keys writes headers of its own."""
    call.say(speaker, packet)
    found = heard(listener.rtp)
    return found is not None and found[12:] == packet[12:]


def test_reader_and_writer_agree(tmp_path: Path) -> None:
    """What the tests judge by is judged itself."""
    wav = tmp_path / "tone.wav"
    write_tone(wav, 600.0, 0.5)
    assert strength(decoded(read_wav(wav.read_bytes(), PCMA).octets), 8000, 600.0) > 0.9
