"""The program in the kernel reads messages as `key_of` does: the same messages to both, and one answer."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from random import Random
from zlib import crc32

import pytest

from sbc.kernel import Steering
from sbc.kernel.bpf import Assembler
from sbc.kernel.steer import crc_table
from sbc.steering import key_of

WORKERS = 3


def owner(key: int) -> int:
    return (key * 7 + key // 3) % WORKERS


def test_a_jump_goes_to_its_label_whichever_way() -> None:
    asm = Assembler()
    asm.label("start")
    asm.op(0x05, 0, 0, "end")
    asm.wide(1, 0x1_FFFF_FFFF)
    asm.op(0x05, 0, 0, "start")
    asm.label("end")
    asm.op(0x95)
    found = [struct.unpack_from("=BBhi", asm.finish(), at) for at in range(0, 40, 8)]
    assert found == [(0x05, 0, 3, 0), (0x18, 1, 0, -1), (0, 0, 0, 1), (0x05, 0, -4, 0), (0x95, 0, 0, 0)]


def test_the_table_makes_the_checksum_that_zlib_makes() -> None:
    table, value = crc_table(), 0xFFFFFFFF
    for byte in b"5f2e-1@198.51.100.10":
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    assert value ^ 0xFFFFFFFF == crc32(b"5f2e-1@198.51.100.10")


@pytest.fixture
def steered() -> Iterator[list[socket.socket]]:
    """Sockets on one port that the kernel steers to."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(WORKERS)]
    for sock in sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", 0 if sock is sockets[0] else sockets[0].getsockname()[1]))
        sock.settimeout(20.0)
    if os.geteuid():
        pytest.skip("bpf(2) needs root or CAP_BPF")
    steering = Steering()
    steering.attach(sockets, owner)
    steering.close()
    yield sockets
    for sock in sockets:
        sock.close()


def messages(random: Random) -> Iterator[bytes]:
    """Requests and responses in and outside calls, with tokens of every slot."""
    for number in range(600):
        token = f"{random.randrange(256):02x}{random.getrandbits(80):020x}"
        call = f"Call-ID: {random.getrandbits(random.randrange(8, 300)):x}@h{number}\r\n"
        via = f"Via: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK{random.choice([token, 'peer1'])};rport\r\n"
        start = random.choice(
            [
                f"INVITE sip:+4930{number}@sbc.example.net SIP/2.0",
                f"CANCEL sip:{number}@[2001:db8::1] SIP/2.0",
                f"BYE sip:{token}@198.51.100.1:5060 SIP/2.0",
                f"ACK sips:{token}@sbc.example.net SIP/2.0",
                "SIP/2.0 200 OK",
                "SIP/2.0 487 Request Terminated",
            ]
        )
        yield f"{start}\r\n{via}To: <sip:b@h>\r\n{call}CSeq: 1 X\r\n\r\n{'x' * random.randrange(900)}".encode()


@pytest.mark.interop
def test_the_kernel_chooses_as_key_of_does(steered: list[socket.socket]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for data in messages(Random(8)):
            peer.sendto(data, steered[0].getsockname())
            assert steered[owner(key_of(data))].recv(65535) == data


@pytest.mark.interop
def test_what_the_program_does_not_know_still_arrives(steered: list[socket.socket]) -> None:
    """Short, odd or no SIP at all: one of the sockets gets it."""
    odd = [
        b"",
        b"\r\n\r\n",
        b"x",
        b"INVITE",
        bytes(60),
        b"SIP/2.0 ",
        b"\nCall-ID" * 100,
        b"i: x\r\n" * 20,
        b"\xff" * 2000,
    ]
    for sock in steered:
        sock.setblocking(False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for data in odd:
            peer.sendto(data, steered[0].getsockname())
            got = [found for sock in steered if (found := taken(sock)) is not None]
            assert got == [data]


def taken(sock: socket.socket) -> bytes | None:
    try:
        return sock.recv(65535)
    except BlockingIOError:
        return None
