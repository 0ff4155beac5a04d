"""The ear of the rig: it hears a tone that is there, and none that is not."""

from __future__ import annotations

import random
from pathlib import Path

from tests.rig.tones import read_wave, seconds_of, strength, write_tone


def test_a_tone_is_recognised_by_its_frequency(tmp_path: Path) -> None:
    """What was written is heard for its whole length; another frequency is not heard at all."""
    write_tone(tmp_path / "a.wav", 440, 0.5)
    rate, samples = read_wave(tmp_path / "a.wav")
    assert (rate, len(samples)) == (8000, 4000)
    assert seconds_of(samples, rate, 440) == 0.5
    assert seconds_of(samples, rate, 1000) == 0


def test_silence_and_noise_are_no_tone() -> None:
    """Neither an empty line nor hiss passes for audio."""
    noise = random.Random(1)
    assert strength([0] * 800, 8000, 440) == 0
    assert strength([noise.randrange(-8000, 8000) for _ in range(800)], 8000, 440) < 0.1
