"""The nursery's side of a birth: a process that has loaded everything forks one for each request of its supervisor.

It has one thread, no event loop and nothing open, so that what it forks begins with nothing but its orders. Requests
and answers are packets on descriptor 0. A process is forked twice: the one between ends at once, and the supervisor,
which adopts orphans meanwhile, has a child of its own that outlives the nursery.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from sbc.supervisor.life import settle_memory

LONGEST: Final = 1 << 17
"""Bytes of a packet."""
AT_ONCE: Final = 253
"""Descriptors that one packet takes (SCM_MAX_FD)."""
_CONTROL: Final = 0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What is meant for the node: the nursery ends with its supervisor, never before it."""

Be = Callable[[dict[str, Any], Mapping[int, int]], int]
"""Be a process of these orders; what the supervisor calls a descriptor, and its number here. The exit status."""


@dataclass(frozen=True)
class Birth:
    """What a process is given: its orders, and descriptors by the supervisor's numbers."""

    orders: dict[str, Any]
    stdin: int
    stdout: int
    given: dict[int, int]


def ask(control: socket.socket, orders: Mapping[str, Any], stdin: int, stdout: int, given: Sequence[int]) -> None:
    """Ask for a process. Raises OSError where nobody is there to be asked."""
    head = json.dumps({"orders": orders, "given": list(given)}).encode()
    everything = [stdin, stdout, *given]
    for start in range(0, len(everything), AT_ONCE):
        socket.send_fds(control, [b"+" if start else head], everything[start : start + AT_ONCE])


def asked(control: socket.socket) -> Birth | None:
    """The next request, None where there is nobody any more who could ask."""
    with contextlib.suppress(OSError):
        head, found, _, _ = socket.recv_fds(control, LONGEST, AT_ONCE)
        if not head:
            return None
        told = json.loads(head)
        while len(found) < len(told["given"]) + 2:
            more = socket.recv_fds(control, 1, AT_ONCE)[1]
            if not more:
                return None
            found += more
        return Birth(told["orders"], found[0], found[1], dict(zip(told["given"], found[2:], strict=True)))
    return None


def answered(packet: bytes) -> int:
    """The process id in an answer. Raises OSError where there is none."""
    pid = int(packet) if packet.isdigit() else 0
    if not pid:
        raise OSError("the nursery is gone" if not packet else "the nursery could not fork")
    return pid


def fork_nursery(be: Be) -> tuple[int, socket.socket]:
    """Fork the nursery off a process that has loaded everything, and has no second thread and no event loop yet: its
    process id, and our end. It is `be` that its children do.
    """
    settle_memory()  # of what is not walked any more, most pages stay shared
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if not pid:
        _end_with(lambda: _begin(ours, theirs, be))
    theirs.close()
    return pid, ours


def tend(be: Be) -> int:
    """Be the nursery in a process that was executed for it. The exit status."""
    settle_memory()
    return _tend(be)


def name_process(name: str) -> None:
    """What `ps` and `top` show this process as: of several that were forked, all have one command line."""
    with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write(name)


def _tend(be: Be) -> int:
    """Until there is no supervisor at descriptor 0."""
    _close_all_but(())
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.close(null)
    name_process("sbc nursery")
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    with socket.socket(fileno=_CONTROL) as control:
        while (birth := asked(control)) is not None:
            pid = _bear(birth, be)
            for number in (birth.stdin, birth.stdout, *birth.given.values()):
                os.close(number)
            with contextlib.suppress(OSError):
                control.send(str(pid).encode())
    return 0


def _begin(ours: socket.socket, theirs: socket.socket, be: Be) -> int:
    os.setpgid(0, 0)
    ours.close()
    os.dup2(theirs.detach(), _CONTROL)
    return _tend(be)


def _close_all_but(kept: Iterable[int]) -> None:
    """And the three that every process has."""
    for number in {int(name) for name in os.listdir("/proc/self/fd")} - {0, 1, 2, *kept}:
        with contextlib.suppress(OSError):  # the one by which they were listed
            os.close(number)


def _bear(birth: Birth, be: Be) -> int:
    """A process that is nobody's child here: its id, 0 where the machine has no room for one."""
    reader, writer = os.pipe()
    try:
        between = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return 0
    if not between:
        _end_with(lambda: _pass_on(birth, be, writer))
    os.close(writer)
    said = os.read(reader, 32)
    os.close(reader)
    os.waitpid(between, 0)  # what it has forked is the supervisor's from here on
    return int(said or b"0")


def _pass_on(birth: Birth, be: Be, writer: int) -> int:
    pid = os.fork()
    if not pid:
        _end_with(lambda: _become(birth, be))
    os.write(writer, str(pid).encode())
    return 0


def _become(birth: Birth, be: Be) -> int:
    os.setpgid(0, 0)  # a Ctrl-C is for the supervisor
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    os.dup2(birth.stdin, 0)
    os.dup2(birth.stdout, 1)
    _close_all_but(birth.given.values())
    return be(birth.orders, birth.given)


def _end_with(work: Callable[[], int]) -> NoReturn:
    """The end of a forked process: what its parent would tidy up is its parent's."""
    status = 1
    try:
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
