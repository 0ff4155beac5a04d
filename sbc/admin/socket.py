"""The control socket: a Unix socket that its group may use, and that only one node can hold."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Final

MODE: Final = 0o660
_LONGEST: Final = 107  # bytes in sockaddr_un.sun_path, less its end


class ControlError(OSError):
    """The control socket cannot be opened; the text says why and what to do."""


def open_control_socket(path: Path) -> socket.socket:
    """Bind and listen on `path` with mode 0660. A file left by a dead node is replaced; a live node's is not.

    Raises ControlError.
    """
    if len(os.fsencode(path)) > _LONGEST:
        raise ControlError(f"control socket {path}: the path is longer than {_LONGEST} bytes; choose a shorter one")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_room(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            before = os.umask(0o777 & ~MODE)  # the mode is right from the first moment, not after a chmod
            try:
                sock.bind(str(path))
            finally:
                os.umask(before)
            sock.listen(64)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
    except ControlError:
        raise
    except OSError as error:
        raise ControlError(f"control socket {path}: {error.strerror or error}") from error
    return sock


def remove_control_socket(path: Path, inode: int) -> None:
    """Remove the file, if it is still the one that we made."""
    try:
        if path.stat().st_ino == inode:
            path.unlink()
    except OSError:
        pass


def _make_room(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlError(
            f"control socket {path}: a file that is no socket is in the way; remove it or choose another"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError:
            pass
    raise ControlError(
        f"control socket {path}: another node is running on it; stop that one (`sbc drain`), or give this one a socket "
        "of its own (`sbc run --state DIR`)"
    )
