"""The bpf(2) system call as far as we need it, and an assembler for its programs: no compiler, no library."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from typing import Final

_CALL: Final = {"x86_64": 321, "aarch64": 280}
_MAP_CREATE, _MAP_UPDATE, _PROG_LOAD = 0, 2, 5
_LOG: Final = 1 << 18
_PADDING: Final = bytes(64)


def _bpf(command: int, attributes: bytes) -> int:
    number = _CALL.get(platform.machine())
    if number is None:
        raise OSError(0, f"bpf(2) has no known number on {platform.machine()}")
    buffer = ctypes.create_string_buffer(attributes + _PADDING)
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(number, command, buffer, len(attributes) + len(_PADDING)))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def create_map(kind: int, value_size: int, entries: int) -> int:
    """A map with keys of four bytes; its descriptor."""
    return _bpf(_MAP_CREATE, struct.pack("=IIIII", kind, 4, value_size, entries, 0))


def update_map(descriptor: int, key: int, value: bytes) -> None:
    """Put a value in."""
    keys, values = ctypes.create_string_buffer(struct.pack("=I", key)), ctypes.create_string_buffer(value)
    _bpf(_MAP_UPDATE, struct.pack("=IIQQQ", descriptor, 0, ctypes.addressof(keys), ctypes.addressof(values), 0))


def load_program(kind: int, program: bytes) -> int:
    """Have the kernel check and load it; its descriptor. An OSError holds the verifier's last words."""
    code = ctypes.create_string_buffer(program)
    licence = ctypes.create_string_buffer(b"MIT")
    log = ctypes.create_string_buffer(_LOG)
    head = struct.pack("=IIQQ", kind, len(program) // 8, ctypes.addressof(code), ctypes.addressof(licence))
    try:
        return _bpf(_PROG_LOAD, head + struct.pack("=IIQII", 0, 0, 0, 0, 0))
    except OSError as refused:
        with contextlib.suppress(OSError):  # the same once more, for the log
            _bpf(_PROG_LOAD, head + struct.pack("=IIQII", 1, _LOG, ctypes.addressof(log), 0, 0))
        words = log.value.decode("ascii", "replace").strip().splitlines()[-2:]
        raise OSError(refused.errno, f"{refused.strerror}: {' '.join(words)}" if words else str(refused)) from None


class Assembler:
    """Instructions one after the other, jumps to labels; registers are numbers, r10 is the frame."""

    def __init__(self) -> None:
        self._code: Final[list[tuple[int, int, int, int | str, int]]] = []
        self._labels: Final[dict[str, int]] = {}

    def label(self, name: str) -> None:
        """The next instruction is called so."""
        self._labels[name] = len(self._code)

    def op(self, code: int, to: int = 0, of: int = 0, off: int | str = 0, imm: int = 0) -> None:
        """One instruction; `off` may be a label."""
        self._code.append((code, to, of, off, imm))

    def wide(self, to: int, value: int, of: int = 0) -> None:
        """A constant of 64 bits, or with `of` 1 the map behind a descriptor."""
        low, high = value & 0xFFFFFFFF, value >> 32
        self.op(0x18, to, of, 0, low - (1 << 32) if low >= 1 << 31 else low)
        self.op(0, 0, 0, 0, high - (1 << 32) if high >= 1 << 31 else high)

    def finish(self) -> bytes:
        """The program."""
        out = bytearray()
        for place, (code, to, of, off, imm) in enumerate(self._code):
            jump = self._labels[off] - place - 1 if isinstance(off, str) else off
            out += struct.pack("=BBhi", code, of << 4 | to, jump, imm)
        return bytes(out)
