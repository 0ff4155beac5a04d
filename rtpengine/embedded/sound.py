"""WAV files to what a G.711 stream carries: 8 kHz, one channel, in packets of 20 ms."""

from __future__ import annotations

import struct
from typing import Final

from rtpengine.embedded.g711 import PCMA, PCMU, encode_samples

RATE: Final = 8000
FRAME: Final = 160
MAX_OCTETS: Final = 32 * 1024 * 1024
"""Of a file."""
_PCM: Final = 1
_A_LAW: Final = 6
_MU_LAW: Final = 7
_EXTENSIBLE: Final = 0xFFFE


class Sound:
    """A recording ready to be sent."""

    __slots__ = ("octets",)

    def __init__(self, octets: bytes) -> None:
        self.octets: Final = octets

    @property
    def duration(self) -> int:
        """Milliseconds."""
        return len(self.octets) * 1000 // RATE


def read_wav(data: bytes, payload_type: int) -> Sound:
    """A WAV of 8 or 16 bits, A-law or mu-law, any rate and any number of channels, of which the first is taken.

    Raises `ValueError` for anything else, and for a WAV without samples.
    """
    if len(data) > MAX_OCTETS or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("no WAV file, or too long")
    form, body = b"", b""
    at = 12
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"fmt ":
            form = data[at + 8 : at + 8 + length]
        elif name == b"data":
            body = data[at + 8 : at + 8 + length]
            break
        at += 8 + length + length % 2
    if len(form) < 16:
        raise ValueError("no format")
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if kind == _EXTENSIBLE and len(form) >= 26:
        kind = int.from_bytes(form[24:26], "little")
    if not channels or not RATE // 8 <= rate <= 192_000 or not body:
        raise ValueError("no samples, or at no rate that can be played")
    native = {_A_LAW: PCMA, _MU_LAW: PCMU}.get(kind)
    if native == payload_type and bits == 8 and rate == RATE and channels == 1:
        return Sound(body)
    samples = _at_rate(_samples(kind, bits, body)[::channels], rate)
    if not samples:
        raise ValueError("no samples: less than one of those that are played")
    return Sound(encode_samples(samples, payload_type))


def _samples(kind: int, bits: int, body: bytes) -> list[int]:
    """16-bit samples of all channels."""
    if kind == _PCM and bits == 16:
        count = len(body) // 2
        return list(struct.unpack(f"<{count}h", body[: 2 * count]))
    if kind == _PCM and bits == 8:
        return [(octet - 128) << 8 for octet in body]
    if kind in (_A_LAW, _MU_LAW) and bits == 8:
        table = _decoding(PCMA if kind == _A_LAW else PCMU)
        return [table[octet] for octet in body]
    raise ValueError("an encoding that is not played")


def _decoding(payload_type: int) -> list[int]:
    """A sample for each octet: the middle of those that are encoded to it."""
    steps = list(range(-32768, 32768, 4))
    found: list[list[int]] = [[] for _ in range(256)]
    for sample, octet in zip(steps, encode_samples(steps, payload_type), strict=True):
        found[octet].append(sample)
    return [sum(group) // len(group) if group else 0 for group in found]


def _at_rate(samples: list[int], rate: int) -> list[int]:
    """At 8 kHz, between neighbours in a straight line."""
    if rate == RATE or len(samples) < 2:
        return samples
    result: list[int] = []
    for index in range(len(samples) * RATE // rate):
        whole, rest = divmod(index * rate, RATE)
        following = samples[min(whole + 1, len(samples) - 1)]
        result.append(samples[whole] + (following - samples[whole]) * rest // RATE)
    return result
