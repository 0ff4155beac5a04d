"""G.711 (RFC 3551 section 4.5.14): both laws from 16-bit samples, by table, and tones in either."""

from __future__ import annotations

import math
from typing import Final

PCMU: Final = 0
PCMA: Final = 8
SILENCE: Final[dict[int, int]] = {PCMU: 0xFF, PCMA: 0xD5}
"""An octet of silence, by static payload type."""

_KEYS: Final = "123A456B789C*0#D"
_LOW: Final = (697, 770, 852, 941)
_HIGH: Final = (1209, 1336, 1477, 1633)
_RATE: Final = 8000
_LOUDEST: Final = 16000
"""Peak of one of a key's two tones at volume 0."""


def _mu(sample: int) -> int:
    """One 16-bit sample to mu-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> (exponent + 3) & 15) & 0xFF


def _a(sample: int) -> int:
    """One 16-bit sample to A-law."""
    mask = 0xD5 if sample >= 0 else 0x55
    magnitude = min(sample if sample >= 0 else -sample - 1, 32767) >> 3
    if magnitude < 32:
        return magnitude >> 1 ^ mask
    exponent = magnitude.bit_length() - 5
    return (exponent << 4 | magnitude >> exponent & 15) ^ mask


_TABLES: Final[dict[int, bytes]] = {
    PCMU: bytes(_mu(sample << 2) for sample in range(-8192, 8192)),
    PCMA: bytes(_a(sample << 2) for sample in range(-8192, 8192)),
}
"""Fourteen bits are all that either law keeps."""


def encode_samples(samples: list[int], payload_type: int) -> bytes:
    """16-bit samples to the law of a static payload type, `PCMU` or `PCMA`."""
    table = _TABLES[payload_type]
    return bytes(table[(max(-32768, min(32767, sample)) >> 2) + 8192] for sample in samples)


def key_tone(code: int, volume: int, first: int, count: int) -> list[int]:
    """Samples of a DTMF key's two tones (ITU-T Q.23), by event code (RFC 4733 section 3.2) and minus decibels.

    `first` is the number of the first sample since the key went down.
    """
    key = "0123456789*#ABCD"[code]
    place = _KEYS.index(key)
    low, high = (2 * math.pi * tone / _RATE for tone in (_LOW[place // 4], _HIGH[place % 4]))
    peak = _LOUDEST * 10 ** (-volume / 20)
    return [int(peak * (math.sin(low * at) + math.sin(high * at)) / 2 * 1.9) for at in range(first, first + count)]
