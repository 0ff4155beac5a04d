"""The cryptography of a leg without sockets: rollover counters, new keys, bounds; and what a crypto line must be."""

from __future__ import annotations

import secrets

import pytest

from rtpengine.embedded.agreement import Agreement
from rtpengine.embedded.sdes import SUITES, CryptoLine, parse_crypto
from rtpengine.embedded.srtp import SOURCES, PacketBuffer, Srtp

USUAL = "AES_CM_128_HMAC_SHA1_80"


def line(tag: int = 1, suite: str = USUAL) -> CryptoLine:
    """A line with a fresh key."""
    return CryptoLine(tag, SUITES[suite], secrets.token_bytes(SUITES[suite].key_length))


class End:
    """One end of a pair of legs that talk to each other."""

    def __init__(self, local: CryptoLine, remote: CryptoLine) -> None:
        self.srtp = Srtp()
        self.srtp.set_keys(local, remote)
        self.buffer = PacketBuffer(2000)

    def seal(self, index: int, ssrc: int = 7, payload: bytes = b"hello") -> bytes:
        """A packet on the wire; empty where it cannot be."""
        packet = b"\x80\x08" + (index & 0xFFFF).to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big") + payload
        self.buffer.data[: len(packet)] = packet
        return bytes(self.buffer.data[: max(self.srtp.seal(self.buffer, len(packet), False), 0)])

    def open(self, sealed: bytes) -> bytes:
        """Its payload; empty where it is not taken."""
        self.buffer.data[: len(sealed)] = sealed
        return bytes(self.buffer.data[12 : max(self.srtp.open(self.buffer, len(sealed), False), 12)])


def walk(one: End, two: End, position: int) -> None:
    """Let the counters of both come to `position`."""
    for index in (*range(0, position, 0x6000), position):
        assert two.open(one.seal(index)) == b"hello"


@pytest.mark.parametrize("suite", SUITES)
def test_rollover_counter_outlives_a_new_key(suite: str) -> None:
    """RFC 3711 section 3.3.1: re-keying does not reset it, whichever side gets the key."""
    first, second, back = line(1, suite), line(1, suite), line(1, suite)
    one, two = End(first, back), End(back, first)
    walk(one, two, 0x25000)
    one.srtp.set_keys(second, back)
    two.srtp.set_keys(back, second)
    assert two.open(one.seal(0x25001)) == b"hello"
    anew = End(back, second)
    assert anew.open(one.seal(0x25002)) == b""


def test_peer_that_resets_its_counter_with_a_new_key_is_heard_too() -> None:
    """Products that begin a new context with each key are common; the packet itself tells which kind it is."""
    first, second, back = line(), line(), line()
    one, two = End(first, back), End(back, first)
    walk(one, two, 0x25000)
    two.srtp.set_keys(back, second)
    assert two.open(End(second, back).seal(0x5001)) == b"hello"


def test_packets_under_the_former_key_are_taken_until_one_comes_under_the_new() -> None:
    """They were on their way when the key changed. Afterwards the former key is dead."""
    first, second, back = line(), line(), line()
    one, two = End(first, back), End(back, first)
    late = [one.seal(index) for index in range(1, 5)]
    assert two.open(late[0]) == b"hello"
    two.srtp.set_keys(back, second)
    assert two.open(late[1]) == b"hello"
    assert two.open(End(second, back).seal(5)) == b"hello"
    assert two.open(late[2]) == b""


def test_same_keys_again_keep_the_replay_list() -> None:
    """A refresh must not open the door to packets that were heard before (RFC 3711 section 3.3.2)."""
    first, back = line(), line()
    one, two = End(first, back), End(back, first)
    sealed = one.seal(1)
    assert two.open(sealed) == b"hello"
    two.srtp.set_keys(back, CryptoLine(9, first.suite, first.key))
    assert two.open(sealed) == b""


def test_sequence_number_is_sealed_once_only() -> None:
    """RFC 3711 section 9.1: two payloads under one keystream would give both away."""
    one = End(line(), line())
    assert one.seal(1)
    assert not one.seal(1, payload=b"other")


def test_number_of_sources_is_bounded() -> None:
    """Each SSRC costs memory, and whoever speaks in clear may choose any."""
    one = End(line(), line())
    assert all(one.seal(1, ssrc=ssrc) for ssrc in range(SOURCES))
    assert not one.seal(1, ssrc=SOURCES)
    assert one.seal(2, ssrc=0)


def test_nothing_passes_without_keys() -> None:
    """Between a secure offer and its answer."""
    srtp, buffer = Srtp(), PacketBuffer(200)
    assert srtp.seal(buffer, 100, False) == -1
    assert srtp.open(buffer, 100, False) == -1


def test_our_key_stays_while_its_suite_is_in_use_and_is_never_used_again() -> None:
    """A context that began anew under an old key would repeat its keystream (RFC 3711 section 9.1)."""
    agreement = Agreement()
    small = "AES_CM_128_HMAC_SHA1_32"
    keys = {one.suite.name: one.key for one in agreement.make_offer(SUITES)}
    agreement.take_answer((line(3),))
    assert {one.suite.name: one.key for one in agreement.make_offer(SUITES)} == keys
    agreement.take_answer((line(4, small),))
    again = {one.suite.name: one.key for one in agreement.make_offer(SUITES)}
    assert again[USUAL] != keys[USUAL]
    assert again[small] == keys[small]


KEY = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"


@pytest.mark.parametrize(
    "value",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"999999999  AES_CM_128_HMAC_SHA1_32 inline:{KEY} WSH=64 -unknown",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^48",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2147483648",
    ],
)
def test_line_that_can_be_honoured_is_usable(value: str) -> None:
    """RFC 4568 section 9.1."""
    found = parse_crypto(value)
    assert found is not None
    assert len(found.key) == 30


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY}",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"1234567890 AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 NULL_HMAC_SHA1_80 inline:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=0",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP",
        f"1 AEAD_AES_128_GCM inline:{KEY}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:not base64",
        "1 AES_CM_128_HMAC_SHA1_80 inline:\u00e9\u00e9\u00e9\u00e9",
    ],
)
def test_line_that_cannot_be_honoured_is_as_good_as_absent(value: str) -> None:
    """RFC 4568 section 5.1.2: it is skipped, and so is a stream without another."""
    assert parse_crypto(value) is None


def test_suites_of_the_caller_come_first_in_the_offer_to_the_callee() -> None:
    """Both legs may then get one suite; each has its own key all the same."""
    heard = (line(1, "AES_CM_128_HMAC_SHA1_32"), line(2, USUAL))
    offered = Agreement().make_offer(frozenset(SUITES), heard)
    names = [one.suite.name for one in offered]
    assert names == ["AES_CM_128_HMAC_SHA1_32", USUAL, "AEAD_AES_256_GCM", "AEAD_AES_128_GCM"]
    assert [one.tag for one in offered] == [1, 2, 3, 4]
    assert not {one.key for one in offered} & {one.key for one in heard}
