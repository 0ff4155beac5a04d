"""A program that gives each datagram to the socket of the worker that owns it, as `sbc.steering.key_of` reads it.

It reads the usual spellings: a token of ours as user of the Request-URI, the branch of our top Via, and `Call-ID:`
within the first `WINDOW` bytes. Whatever it does not understand it leaves to the kernel's own choice, and the worker
that gets it hands it over; so it may know less than `key_of`, and never needs to know more.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Final
from zlib import crc32

from sbc.kernel.bpf import Assembler, create_map, load_program, update_map
from sbc.steering import SLOTS

WINDOW: Final = 1024
_LONGEST_CALL_ID: Final = 96
_OWNERS: Final = 1024
"""Where the owner of each key stands behind the checksum's table: a socket may be in one place of a map only."""
_ARRAY, _PERCPU_ARRAY, _SOCKARRAY, _SK_REUSEPORT = 2, 6, 20, 21
_SO_ATTACH_REUSEPORT_EBPF: Final = 52
_LOOKUP, _LOAD_BYTES, _SELECT = 1, 26, 82  # helpers by number, linux/bpf.h

# Opcodes, linux/bpf.h: class, operation, and whether the operand is a constant (k) or a register (x).
_MOV_K, _MOV_X, _ADD_K, _ADD_X, _AND_K, _LSH_K, _RSH_K, _OR_X, _XOR_X, _XOR_K = (
    0xB7, 0xBF, 0x07, 0x0F, 0x57, 0x67, 0x77, 0x4F, 0xAF, 0xA7,
)  # fmt: skip
_LOAD_8, _LOAD_32, _LOAD_64, _STORE_32 = 0x71, 0x61, 0x79, 0x63
_JUMP, _JEQ_K, _JEQ_X, _JNE_K, _JNE_X, _JGT_K, _JGE_X, _JLT_K, _CALL, _EXIT = (
    0x05, 0x15, 0x1D, 0x55, 0x5D, 0x25, 0x3D, 0xA5, 0x85, 0x95,
)  # fmt: skip


class Steering:
    """Programs for the ports of a node. Maps and programs live as long as the sockets that they are attached to."""

    def __init__(self) -> None:
        """Raises OSError where the kernel has no such programs for us."""
        self._buffer: Final = create_map(_PERCPU_ARRAY, 2 * WINDOW, 1)

    def attach(self, sockets: Sequence[socket.socket], owner: Callable[[int], int]) -> None:
        """Steer what comes to the port of these sockets, one a worker. Raises OSError."""
        table = create_map(_ARRAY, _OWNERS + 2 * SLOTS, 1)
        owners = bytes([owner(key) for key in range(2 * SLOTS)])
        update_map(table, 0, struct.pack("=256I", *crc_table()) + owners)
        choices = create_map(_SOCKARRAY, 8, len(sockets))
        for worker, sock in enumerate(sockets):
            update_map(choices, worker, struct.pack("=Q", sock.fileno()))
        program = load_program(_SK_REUSEPORT, assemble(self._buffer, table, choices))
        sockets[0].setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_EBPF, program)
        for descriptor in (program, choices, table):
            os.close(descriptor)

    def close(self) -> None:
        """Our hold on what the programs share; they keep theirs."""
        os.close(self._buffer)


def crc_table() -> list[int]:
    """What `zlib.crc32` looks bytes up in."""
    # A table entry is the checksum of one byte without the two inversions that open and close it.
    return [crc32(bytes([byte ^ 0xFF]), 0) ^ 0xFFFFFFFF ^ 0x00FFFFFF for byte in range(256)]


def assemble(buffer: int, table: int, choices: int) -> bytes:
    """The program. r6: the packet, r7: its first bytes in our buffer, r8: the checksum's table and the owners."""
    asm = Assembler()
    op = asm.op
    op(_MOV_X, 6, 1)
    _look_up(asm, buffer, 7)
    _look_up(asm, table, 8)
    op(_LOAD_32, 4, 6, 16)  # length, the UDP header's 8 bytes included
    op(_JLT_K, 4, 0, "pass", 48)
    op(_ADD_K, 4, 0, 0, -8)
    op(_JLT_K, 4, 0, "copy", WINDOW)
    op(_MOV_K, 4, 0, 0, WINDOW)
    asm.label("copy")
    op(_STORE_32, 10, 4, -8)
    op(_MOV_X, 1, 6)
    op(_MOV_K, 2, 0, 0, 8)
    op(_MOV_X, 3, 7)
    op(_CALL, 0, 0, 0, _LOAD_BYTES)
    op(_JNE_K, 0, 0, "pass", 0)
    op(_LOAD_64, 1, 7, 0)
    asm.wide(2, _word(b"SIP/2.0 "))
    op(_JEQ_X, 1, 2, "response")
    _find_token(asm)
    _find_branch(asm)
    _read_slot(asm)
    _hash_call_id(asm)
    asm.label("select")  # r4: the key
    op(_MOV_X, 1, 8)
    op(_ADD_X, 1, 4)
    op(_LOAD_8, 4, 1, _OWNERS)
    op(_STORE_32, 10, 4, -4)
    op(_MOV_X, 1, 6)
    asm.wide(2, choices, 1)
    op(_MOV_X, 3, 10)
    op(_ADD_K, 3, 0, 0, -4)
    op(_MOV_K, 4, 0, 0, 0)
    op(_CALL, 0, 0, 0, _SELECT)
    asm.label("pass")
    op(_MOV_K, 0, 0, 0, 1)
    op(_EXIT)
    return asm.finish()


def _word(text: bytes) -> int:
    return int.from_bytes(text, "little")


def _look_up(asm: Assembler, map_: int, to: int) -> None:
    """The one value of a map."""
    asm.op(_MOV_K, 1, 0, 0, 0)
    asm.op(_STORE_32, 10, 1, -4)
    asm.wide(1, map_, 1)
    asm.op(_MOV_X, 2, 10)
    asm.op(_ADD_K, 2, 0, 0, -4)
    asm.op(_CALL, 0, 0, 0, _LOOKUP)
    asm.op(_JEQ_K, 0, 0, "pass", 0)
    asm.op(_MOV_X, to, 0)


def _seek(asm: Assembler, text: bytes, places: tuple[int, int], found: str, otherwise: str) -> None:
    """The first of these places where the eight bytes stand: r9, and r3 points to them at `found`."""
    op = asm.op
    first, end = places
    asm.wide(2, _word(text))
    op(_MOV_K, 9, 0, 0, first)
    asm.label(f"before {found}")
    op(_MOV_X, 3, 7)
    op(_ADD_X, 3, 9)
    op(_LOAD_64, 1, 3, 0)
    op(_JEQ_X, 1, 2, found)
    op(_ADD_K, 9, 0, 0, 1)
    op(_JLT_K, 9, 0, f"before {found}", end)
    op(_JUMP, 0, 0, otherwise)
    asm.label(found)


def _find_token(asm: Assembler) -> None:
    """A request: 22 characters between the first colon and an `@`; r3 points to them at `slot`."""
    op = asm.op
    op(_MOV_K, 9, 0, 0, 0)
    asm.label("colon")
    op(_MOV_X, 3, 7)
    op(_ADD_X, 3, 9)
    op(_LOAD_8, 1, 3, 0)
    op(_JEQ_K, 1, 0, "user", ord(":"))
    op(_ADD_K, 9, 0, 0, 1)
    op(_JLT_K, 9, 0, "colon", 40)
    op(_JUMP, 0, 0, "call")
    asm.label("user")
    op(_LOAD_8, 1, 3, 23)
    op(_JNE_K, 1, 0, "call", ord("@"))
    op(_ADD_K, 3, 0, 0, 1)
    op(_JUMP, 0, 0, "slot")


def _find_branch(asm: Assembler) -> None:
    """A response: the first `branch=z9hG4bK`."""
    op = asm.op
    asm.label("response")
    _seek(asm, b"branch=z", (16, 400), "cookie", "call")
    op(_LOAD_64, 1, 3, 8)
    op(_LSH_K, 1, 0, 0, 16)
    op(_RSH_K, 1, 0, 0, 16)
    asm.wide(2, _word(b"9hG4bK"))
    op(_JNE_X, 1, 2, "call")
    op(_ADD_K, 3, 0, 0, 14)


def _read_slot(asm: Assembler) -> None:
    """Two lower-case hexadecimal digits at r3: the key; anything else is no token."""
    op = asm.op
    asm.label("slot")
    op(_LOAD_8, 4, 3, 0)
    op(_LOAD_8, 5, 3, 1)
    for register in (4, 5):
        op(_JLT_K, register, 0, "call", ord("0"))
        op(_JGT_K, register, 0, f"letter{register}", ord("9"))
        op(_ADD_K, register, 0, 0, -ord("0"))
        op(_JUMP, 0, 0, f"digit{register}")
        asm.label(f"letter{register}")
        op(_JLT_K, register, 0, "call", ord("a"))
        op(_JGT_K, register, 0, "call", ord("f"))
        op(_ADD_K, register, 0, 0, 10 - ord("a"))
        asm.label(f"digit{register}")
    op(_LSH_K, 4, 0, 0, 4)
    op(_OR_X, 4, 5)
    op(_AND_K, 4, 0, 0, 0xFF)
    op(_JUMP, 0, 0, "select")


def _hash_call_id(asm: Assembler) -> None:
    """The checksum of the Call-ID: the key."""
    op = asm.op
    asm.label("call")
    _seek(asm, b"\nCall-ID", (0, WINDOW - 8), "name", "pass")
    # The place goes through memory, so that the verifier looks at what follows once and not for every place.
    op(_STORE_32, 7, 9, 2 * WINDOW - 4)
    op(_LOAD_32, 9, 7, 2 * WINDOW - 4)
    op(_JGT_K, 9, 0, "pass", WINDOW - 8)
    op(_LOAD_32, 1, 10, -8)
    op(_JGE_X, 9, 1, "pass")  # what lies behind the datagram is of an earlier one
    op(_MOV_X, 3, 7)
    op(_ADD_X, 3, 9)
    op(_LOAD_8, 1, 3, 8)
    op(_JNE_K, 1, 0, "pass", ord(":"))
    op(_ADD_K, 3, 0, 0, 9)
    op(_LOAD_8, 1, 3, 0)
    op(_JNE_K, 1, 0, "value", ord(" "))
    op(_ADD_K, 3, 0, 0, 1)
    asm.label("value")
    asm.wide(4, 0xFFFFFFFF)
    op(_MOV_K, 9, 0, 0, 0)
    asm.label("byte")
    op(_LOAD_8, 5, 3, 0)
    op(_JLT_K, 5, 0, "done", ord(" ") + 1)
    op(_XOR_X, 5, 4)
    op(_AND_K, 5, 0, 0, 0xFF)
    op(_LSH_K, 5, 0, 0, 2)
    op(_MOV_X, 1, 8)
    op(_ADD_X, 1, 5)
    op(_LOAD_32, 5, 1, 0)
    op(_RSH_K, 4, 0, 0, 8)
    op(_XOR_X, 4, 5)
    op(_ADD_K, 3, 0, 0, 1)
    op(_ADD_K, 9, 0, 0, 1)
    op(_JLT_K, 9, 0, "byte", _LONGEST_CALL_ID)
    op(_JUMP, 0, 0, "pass")
    asm.label("done")
    op(_XOR_K, 4, 0, 0, -1)
    op(_AND_K, 4, 0, 0, 0xFF)
    op(_ADD_K, 4, 0, 0, SLOTS)
