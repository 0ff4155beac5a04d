"""G.711, WAV files and keys, without a network."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpengine.embedded.g711 import PCMA, PCMU, encode_samples, key_tone
from rtpengine.embedded.player import PACE, Player
from rtpengine.embedded.sound import Sound, read_wav
from rtpengine.embedded.stream import Kind, Stream
from tests.rig.tones import strength
from tests.rtpengine.embedded.kit import Deaf


def wav(samples: list[int], *, rate: int = 8000, channels: int = 1, bits: int = 16, kind: int = 1) -> bytes:
    """A file with a chunk that nobody knows in front."""
    body = struct.pack(f"<{len(samples)}h", *samples) if bits == 16 else bytes(samples)
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    chunks = b"LIST\x03\x00\x00\x00abc\x00" + b"fmt \x10\x00\x00\x00" + form
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize(
    ("law", "sample", "octet"),
    [
        (PCMU, 0, 0xFF),
        (PCMU, 32767, 0x80),
        (PCMU, -32768, 0x00),
        (PCMU, 1000, 0xCE),
        (PCMA, 0, 0xD5),
        (PCMA, 32767, 0xAA),
        (PCMA, -32768, 0x2A),
        (PCMA, 1000, 0xFA),
    ],
)
def test_octets_are_those_of_the_recommendation(law: int, sample: int, octet: int) -> None:
    """ITU-T G.711."""
    assert encode_samples([sample], law) == bytes([octet])


def test_rates_channels_and_laws_come_out_as_eight_kilohertz_mono() -> None:
    """The first channel is taken."""
    tone = [int(12000 * ((at % 16) < 8) - 6000) for at in range(1600)]
    stereo = [sample for pair in zip(tone, [0] * len(tone), strict=True) for sample in pair]
    assert read_wav(wav(stereo, channels=2), PCMA).octets == encode_samples(tone, PCMA)
    assert read_wav(wav(tone, rate=16000), PCMU).duration == 100
    law = list(encode_samples(tone, PCMU))
    assert read_wav(wav(law, bits=8, kind=7), PCMU).octets == bytes(law)
    assert len(read_wav(wav(law, bits=8, kind=7), PCMA).octets) == len(law)
    assert read_wav(wav([128] * 80, bits=8), PCMA).octets == b"\xd5" * 80


@given(st.binary(max_size=80), st.sampled_from([8000, 1000, 11025, 192_000]))
def test_no_bytes_do_more_than_refuse(data: bytes, rate: int) -> None:
    """A blob comes over the network: what is played has something to play, and no more than the file has."""
    for candidate in (data, wav([0] * 8)[:12] + data, wav([0] * 8, rate=rate)[:-16] + data):
        try:
            sound = read_wav(candidate, PCMA)
        except ValueError:
            continue
        assert 0 < len(sound.octets) <= len(candidate) * 8


@pytest.mark.parametrize("file", [wav([0] * 8)[:-15], wav([1, 2], rate=192_000), wav([])])
def test_a_file_without_a_whole_sample_is_refused(file: bytes) -> None:
    with pytest.raises(ValueError, match="no samples"):
        read_wav(file, PCMA)


def test_key_is_two_tones() -> None:
    """ITU-T Q.23: 5 is 770 and 1336 Hz, in equal parts."""
    samples = key_tone(5, 0, 0, 800)
    low, high = strength(samples, 8000, 770.0), strength(samples, 8000, 1336.0)
    assert abs(low - 0.5) < 0.05
    assert abs(high - 0.5) < 0.05
    assert max(abs(sample) for sample in samples) < 32768


def test_player_keeps_the_pace_and_ends() -> None:
    """Twenty milliseconds a packet, in order, the first one marked; a late loop is caught up with, within bounds."""
    sock = Deaf()
    stream = Stream(sock, ("127.0.0.1", 40000), 0.0, is_rtcp=False)
    stream.expect(("192.0.2.1", 4000), 0.0, kind=Kind.RTP, is_strict=True, is_muxed=False)
    player = Player(stream, Sound(b"\xd5" * 160 * 40), PCMA, 1, 0.0)
    player.handle_timer(0.0)
    player.handle_timer(PACE / 2)
    assert len(sock.sent) == 1
    player.handle_timer(PACE * 2)
    assert len(sock.sent) == 3
    player.handle_timer(10.0)
    assert len(sock.sent) == 4
    while not player.is_over:
        player.handle_timer(10.0 + PACE * len(sock.sent))
    packets = [packet for packet, _ in sock.sent]
    assert len(packets) == 40
    assert [bool(packet[1] & 0x80) for packet in packets] == [True] + [False] * 39
    numbers = [int.from_bytes(packet[2:4], "big") for packet in packets]
    assert numbers == list(range(numbers[0], numbers[0] + 40))
    sock.close()
