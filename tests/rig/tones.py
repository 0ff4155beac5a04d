"""Tones made and recognised: proof that audio arrived, and whose."""

from __future__ import annotations

import array
import math
import wave
from collections.abc import Sequence
from pathlib import Path

RATE = 8000


def write_tone(path: Path, frequency: float, seconds: float) -> None:
    """A sine of that frequency as a mono WAV file of 16-bit samples at 8 kHz."""
    step = 2 * math.pi * frequency / RATE
    samples = array.array("h", (int(8000 * math.sin(step * at)) for at in range(int(seconds * RATE))))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def read_wave(path: Path) -> tuple[int, list[int]]:
    """Sample rate and the samples of the first channel. A header left unfinished by a killed recorder is forgiven."""
    data = path.read_bytes()
    at = data.find(b"fmt ")
    start = data.find(b"data")
    if at < 0 or start < 0:
        return RATE, []
    channels = int.from_bytes(data[at + 10 : at + 12], "little")
    rate = int.from_bytes(data[at + 12 : at + 16], "little")
    body = data[start + 8 :]
    samples = array.array("h", body[: len(body) // 2 * 2])
    return rate, list(samples[:: max(1, channels)])


def strength(samples: Sequence[int], rate: int, frequency: float) -> float:
    """The share of the signal's energy at that frequency, 0 to 1 (Goertzel's algorithm)."""
    total = float(sum(sample * sample for sample in samples))
    if not total:
        return 0.0
    factor = 2 * math.cos(2 * math.pi * frequency / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    power = last * last + before * before - factor * last * before
    return 2 * power / (len(samples) * total)


def seconds_of(samples: Sequence[int], rate: int, frequency: float, block: float = 0.1) -> float:
    """For how long the tone was heard, judged block by block."""
    size = int(rate * block)
    blocks = [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]
    return block * sum(1 for one in blocks if strength(one, rate, frequency) > 0.8)
