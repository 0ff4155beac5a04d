"""Which keys are in use on one party's m-line: SDES offers and answers (RFC 4568 section 5.1), of us and of the party.

Each leg has keys of its own; no key of one party is shown to the other. Our keys stay the same from one offer to the
next while their suite is in use, as the peer's do: a refresh must not restart anything. A key that was in use and has
been left is not used again, since its packet counter would begin anew (RFC 3711 section 9.1).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Final

from rtpengine.embedded.description import Fault
from rtpengine.embedded.sdes import SUITES, CryptoLine
from rtpengine.embedded.srtp import Srtp

NO_SUITE: Final = "No usable crypto suite"


class Agreement:
    """The security of one party's m-line. `srtp` is None where its media run in clear."""

    __slots__ = ("_keys", "heard", "offered", "srtp")

    def __init__(self) -> None:
        self.heard: tuple[CryptoLine, ...] = ()
        """What the party offered last."""
        self.offered: tuple[CryptoLine, ...] = ()
        """What the party was offered last."""
        self.srtp: Srtp | None = None
        self._keys: Final[dict[str, bytes]] = {}
        """Ours, by suite."""

    def hear_offer(self, lines: tuple[CryptoLine, ...]) -> None:
        """The party offers. Keys in use stay until the answer; a first offer lets nothing through before it."""
        self.heard = lines
        if lines and self.srtp is None:
            self.srtp = Srtp()

    def make_offer(self, suites: Collection[str], heard: tuple[CryptoLine, ...] = ()) -> tuple[CryptoLine, ...]:
        """Our lines for the party; none: its media are to run in clear.

        What the other party offered (`heard`) comes first and in its order, so that both legs may get one suite.
        """
        order = [line.suite.name for line in heard] + list(SUITES)
        chosen = sorted(
            (suite for name, suite in SUITES.items() if name in suites), key=lambda one: order.index(one.name)
        )
        self.offered = tuple(
            CryptoLine(tag, suite, self._key(suite.name, suite.key_length)) for tag, suite in enumerate(chosen, 1)
        )
        if self.offered and self.srtp is None:
            self.srtp = Srtp()
        return self.offered

    def take_answer(self, lines: tuple[CryptoLine, ...]) -> None:
        """The party answers our offer with one of its lines. Raises `Fault` where none fits.

        A changed tag is forgiven where the suite was offered (products renumber): our keys differ by suite.
        """
        for line in lines:
            for ours in self.offered:
                if ours.suite is line.suite:
                    self._agree(ours, line)
                    return
        raise Fault(NO_SUITE)

    def make_answer(self, suites: Collection[str]) -> CryptoLine | None:
        """Our answer to the party's offer: its first line that we may use, under its tag; None where there is none."""
        for line in self.heard:
            if line.suite.name in suites:
                ours = CryptoLine(line.tag, line.suite, self._key(line.suite.name, line.suite.key_length))
                self._agree(ours, line)
                return ours
        return None

    def clear(self) -> None:
        """The media run in clear from now on, or have ended."""
        self.srtp = None
        self.heard = self.offered = ()
        self._keys.clear()

    def _agree(self, ours: CryptoLine, theirs: CryptoLine) -> None:
        if self.srtp is None:
            self.srtp = Srtp()
        used = self.srtp.suite
        if used and used != ours.suite.name:
            self._keys.pop(used, None)
        self.srtp.set_keys(ours, theirs)

    def _key(self, suite: str, length: int) -> bytes:
        key = self._keys.get(suite)
        if key is None:
            key = self._keys[suite] = secrets.token_bytes(length)
        return key
