"""Run a command so that Ctrl-C reaches it alone, and `make run` ends with its status instead of an error of make's own.

A terminal sends SIGINT to its whole foreground group, and make, which is in it, dies of it. So the command gets a group
of its own and the terminal. Where there is no terminal, signals that arrive here are handed on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

_HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AWAITED = (*_HANDED_ON, signal.SIGCHLD)


def _owns_terminal() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _start(command: list[str], terminal: bool) -> int:
    """Fork; the child leads a group of its own, in the foreground of the terminal where we were."""
    pid = os.fork()
    if pid:
        with contextlib.suppress(PermissionError, ProcessLookupError):  # the child was faster, and has done it
            os.setpgid(pid, pid)
        return pid
    try:
        os.setpgid(0, 0)
        if terminal:
            os.tcsetpgrp(0, os.getpid())
        for number in (*_HANDED_ON, signal.SIGTTOU):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _wait(pid: int, terminal: bool) -> int:
    """The command's exit status as a shell would say it; what is sent to us meanwhile is sent on to it.

    All of it is blocked and waited for, for a handler would not be run for what comes just before a wait begins.
    """
    while True:
        received = signal.sigwait(_AWAITED)
        if received != signal.SIGCHLD:
            os.kill(pid, received)
            continue
        of, status = os.waitpid(pid, os.WUNTRACED | os.WNOHANG)
        if of and not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if of:
            _stop_with_it(pid, terminal)


def _stop_with_it(pid: int, terminal: bool) -> None:
    """Ctrl-Z stops us with the command, and `fg` wakes both."""
    if terminal:
        os.tcsetpgrp(0, os.getpgrp())
    os.killpg(0, signal.SIGSTOP)
    if terminal:
        os.tcsetpgrp(0, pid)
    os.killpg(pid, signal.SIGCONT)


def main(command: list[str]) -> int:
    """Run `command` to its end. Being interrupted is how a node in the foreground is stopped: that is success."""
    if not command:
        print("usage: foreground.py COMMAND [ARGUMENT]...", file=sys.stderr)
        return 2
    terminal = _owns_terminal()
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    try:
        code = _wait(_start(command, terminal), terminal)
    finally:
        if terminal:
            os.tcsetpgrp(0, os.getpgrp())
    return 0 if code == 128 + signal.SIGINT else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
