"""Branches, tags, Call-IDs and tokens, made from the entropy that the mint is handed; nothing else is random.

What is minted is one slot value (two hexadecimal digits) and 20 digits that only the key can predict. The slot
lets any worker
see whose message it holds: it is one of the random values its owner was given, never a worker number.
"""

from __future__ import annotations

import hashlib
from typing import Final

from sbc.sip import MAGIC_COOKIE

_DIGITS: Final[frozenset[str]] = frozenset("0123456789abcdef")
_STEP: Final = 10  # bytes behind each minted value: 80 bits


class Mint:
    """Makes identifiers from `key` (16 bytes of entropy or more) for the owner of `slots` (1 to 256 byte values).

    `mark` is what this node's sessions at media engines are known by.
    """

    __slots__ = ("_counter", "_key", "_mark", "_pool", "_position", "_slots", "_stable", "_turn")

    def __init__(self, key: bytes, slots: bytes = b"\x00", mark: str = "") -> None:
        if len(key) < 16 or not slots:
            raise ValueError("a mint needs 16 bytes of entropy and a slot")
        self._key: Final = key[:64]
        self._stable = key[:64]
        self._mark: Final = mark
        self._slots: Final = [f"{slot:02x}" for slot in slots]
        self._counter = 0
        self._pool = ""
        self._position = 0
        self._turn = 0

    def _opaque(self) -> str:
        if self._position >= len(self._pool):
            self._counter += 1
            block = hashlib.blake2b(self._counter.to_bytes(8, "big"), key=self._key, digest_size=_STEP * 6)
            self._pool = block.hexdigest()
            self._position = 0
        start = self._position
        self._position = start + _STEP * 2
        return self._pool[start : self._position]

    def token(self) -> str:
        """22 hexadecimal digits, the slot first: the user part of our Contact, tags, everything opaque."""
        slots = self._slots
        self._turn = turn = (self._turn + 1) % len(slots)
        return slots[turn] + self._opaque()

    def branch(self) -> str:
        """A Via branch with the RFC 3261 cookie; the slot follows the cookie."""
        return MAGIC_COOKIE + self.token()

    def tag(self) -> str:
        """A From or To tag (RFC 3261 section 19.3 wants 32 random bits; this has 80)."""
        return self.token()

    def session(self) -> str:
        """The name of a session at a media engine: the node's mark, and a token. Peers never see it."""
        return self._mark + self.token()

    def call_id(self) -> str:
        """A Call-ID without a host part."""
        return self.token()

    def keyed(self, seed: bytes) -> str:
        """An opaque value that is the same for the same seed, as long as the key is."""
        return hashlib.blake2b(seed, key=self._stable, digest_size=_STEP).hexdigest() + "00"

    def keyed_token(self, seed: bytes) -> str:
        """A token, slot included, that is the same for the same seed, as long as key and slots are."""
        digest = hashlib.blake2b(seed, key=self._stable, digest_size=_STEP + 1).digest()
        return self._slots[digest[0] % len(self._slots)] + digest[1:].hex()

    def uuid(self, seed: bytes) -> str:
        """A UUID of version 5's form, without dashes (RFC 7989 section 4.1), the same for the same seed."""
        digits = hashlib.blake2b(seed, key=self._stable, digest_size=16).hexdigest()
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:12]}5{digits[13:16]}{variant}{digits[17:]}"

    @property
    def stable_key(self) -> bytes:
        """What makes values the same for the same seed."""
        return self._stable

    def keep_key(self, key: bytes) -> None:
        """Make them with another mint's `stable_key`, as it would; what is random stays our own."""
        if len(key) < 16:
            raise ValueError("a mint needs 16 bytes of entropy")
        self._stable = key[:64]

    def number(self, bits: int = 31) -> int:
        """A random number of at most `bits` (up to 63) bits, never 0: SDP session ids, first CSeq numbers."""
        return (int(self._opaque()[:16], 16) & ((1 << bits) - 1)) or 1


def is_minted(text: str) -> bool:
    """True for what has the shape of a tag or token of ours: 22 lower-case hexadecimal digits."""
    return len(text) == 22 and _DIGITS.issuperset(text)


def slot_of(token: str) -> int:
    """The slot in a minted token or branch, -1 where it holds none."""
    if token.startswith(MAGIC_COOKIE):
        token = token[len(MAGIC_COOKIE) :]
    try:
        return int(token[:2], 16) if len(token) >= 22 else -1
    except ValueError:
        return -1
