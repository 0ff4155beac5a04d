"""Gates, pressed keys and listeners on one stream."""

from __future__ import annotations

from rtpengine.embedded.detour import MAX_KEYS, Detour, Press
from rtpengine.embedded.g711 import PCMA
from rtpengine.embedded.srtp import PacketBuffer
from tests.rig.tones import strength
from tests.rtpengine.engines import decoded, event_packet, rtcp_packet, rtp_packet


def passed(detour: Detour, packet: bytes, *, is_rtcp: bool = False) -> bytes | None:
    """What is left of a packet; None: nothing."""
    buffer = PacketBuffer(2048)
    buffer.data[: len(packet)] = packet
    size = detour.handle(buffer, len(packet), is_rtcp, 0.0)
    return bytes(buffer.data[:size]) if size >= 0 else None


def test_everything_off_is_no_detour() -> None:
    """The relay takes the straight path then."""
    detour = Detour()
    blocked = Detour()
    blocked.is_blocked = True
    assert (detour.is_idle, blocked.is_idle) == (True, False)
    assert passed(detour, rtp_packet(1)) == rtp_packet(1)
    assert passed(blocked, rtp_packet(1)) is None


def test_silence_needs_a_codec_that_we_know() -> None:
    """Octets of silence for G.711; anything else had better not pass. Header and extension stay."""
    detour = Detour()
    detour.is_silenced = True
    extended = bytearray(rtp_packet(1, payload=b"\xbe\xde\x00\x01\x10\xaa\x00\x00" + b"\x21" * 160))
    extended[0] |= 0x10
    assert passed(detour, bytes(extended)) == bytes(extended[:20]) + b"\xd5" * 160
    unknown = bytearray(rtp_packet(1))
    unknown[1] = 111
    assert passed(detour, bytes(unknown)) is None
    assert passed(detour, rtcp_packet(), is_rtcp=True) == rtcp_packet()


def test_malformed_extension_passes_as_it_is() -> None:
    """Lengths are the peer's words."""
    detour = Detour()
    detour.is_silenced = True
    broken = bytearray(rtp_packet(1, payload=b"\xbe\xde\xff\xff"))
    broken[0] |= 0x10
    assert passed(detour, bytes(broken)) == bytes(broken)


def test_keys_of_the_party_are_heard_once() -> None:
    """RFC 4733 section 2.5.1.4: the end comes three times over."""
    heard: list[tuple[int, int, int]] = []
    detour = Detour()
    detour.events = frozenset({101})
    detour.heard = lambda *event: heard.append(event)
    for _ in range(3):
        assert passed(detour, event_packet(1)) == event_packet(1)
    assert heard == [(5, 100, 10)]
    detour.blocks_dtmf = True
    assert passed(detour, event_packet(2)) is None


def test_key_becomes_tones_where_no_events_are_taken() -> None:
    """In the audio itself, and then the audio goes on."""
    detour = Detour()
    detour.press(Press(5, 100, 100, 0))
    packets = [passed(detour, rtp_packet(sequence)) for sequence in range(1, 9)]
    sounds = decoded(b"".join(packet[12:] for packet in packets if packet is not None))
    assert strength(sounds[:800], 8000, 770.0) > 0.4
    assert strength(sounds[:800], 8000, 1336.0) > 0.4
    assert packets[5:] == [rtp_packet(sequence) for sequence in range(6, 9)]
    assert detour.is_idle


def test_keys_wait_for_their_turn_and_for_the_pause() -> None:
    """Two presses are two timestamps, with audio between."""
    detour = Detour()
    detour.event_type = 101
    detour.press(Press(1, 100, 100, 8))
    detour.press(Press(2, 100, 100, 8))
    packets = [passed(detour, rtp_packet(sequence)) for sequence in range(1, 40)]
    kinds = [packet[1] & 127 for packet in packets if packet is not None]
    assert kinds[0] == 101
    first_audio = kinds.index(PCMA)
    assert 101 in kinds[first_audio:]
    events = [packet for packet in packets if packet is not None and packet[1] & 127 == 101]
    assert list(dict.fromkeys(packet[12] for packet in events)) == [1, 2]
    assert len({packet[4:8] for packet in events}) == 2
    assert sum(packet[13] >> 7 for packet in events) == 6
    assert detour.is_idle


def test_presses_are_bounded() -> None:
    """A controller gone wild is told no."""
    detour = Detour()
    assert all(detour.press(Press(1, 100, 100, 8)) for _ in range(MAX_KEYS))
    assert not detour.press(Press(1, 100, 100, 8))


def test_listeners_get_what_passes_and_not_what_is_blocked() -> None:
    """A copy each."""

    class Listener:
        def __init__(self) -> None:
            self.taken: list[tuple[bytes, bool]] = []

        def take(self, data: memoryview, is_rtcp: bool, now: float) -> None:
            self.taken.append((bytes(data), is_rtcp))

    listener = Listener()
    detour = Detour()
    detour.taps = (listener,)
    passed(detour, rtp_packet(1))
    passed(detour, rtcp_packet(), is_rtcp=True)
    detour.is_blocked = True
    passed(detour, rtp_packet(2))
    assert listener.taken == [(rtp_packet(1), False), (rtcp_packet(), True)]
