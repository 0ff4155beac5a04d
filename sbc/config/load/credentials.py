"""Passwords that the node file names: in files of their own, which nobody else may read."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from policies.load import Decoded
from sbc.config.load.certificates import place
from sbc.config.load.schema import AuthTable, NodeFile, RegisterTable, StateTable, TrunkTable
from sbc.config.model import Auth, Register

LONGEST: Final = 1024


def check_credentials(decoded: Decoded[NodeFile], file: NodeFile, folder: Path) -> None:
    """Add to `decoded` what is wrong with the credentials of trunks."""
    for name, trunk in file.trunk.items():
        if trunk.auth is not None:
            wrong, remedy = _fault(Path(place(trunk.auth.password_file, folder)))
            if wrong:
                decoded.add(("trunk", name, "auth", "password_file"), wrong, remedy=remedy)
        if trunk.register_ is not None and not trunk.targets:
            remedy = "add targets: that is where the REGISTER goes"
            decoded.add(("trunk", name, "register"), "a trunk without targets", remedy=remedy)
        if trunk.register_ is not None and not trunk.register_.user and trunk.auth is None:
            remedy = "add auth, or register.user"
            decoded.add(("trunk", name, "register"), "nobody to register", remedy=remedy)
    _check_state(decoded, file.state, folder)


def _check_state(decoded: Decoded[NodeFile], state: StateTable, folder: Path) -> None:
    for key, value in (("password_file", state.password_file), ("ca", state.ca)):
        if value and "://" not in state.store:
            decoded.add(("state", key), f"nothing to use it for: the store is {state.store}", remedy="leave it out")
    if state.password_file:
        wrong, remedy = _fault(Path(place(state.password_file, folder)))
        if wrong:
            decoded.add(("state", "password_file"), wrong, remedy=remedy)
    if state.ca and not Path(place(state.ca, folder)).is_file():
        decoded.add(("state", "ca"), f"{place(state.ca, folder)} is no file", remedy="a file of PEM certificates")


def read_password(path: str) -> str:
    """The password in a file that the node file names; empty for no file. Raises OSError or UnicodeDecodeError."""
    return _text(Path(path)) if path else ""


def _fault(path: Path) -> tuple[str, str]:
    try:
        if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            return f"{path} may be read or written by everybody", f"chmod 600 {path}"
        text = _text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
        return f"{path}: {reason}", "a relative path starts at the folder of the node file"
    if not text or len(text) > LONGEST or "\n" in text:
        return f"{path} does not hold a password", "one line with the password and nothing else"
    return "", ""


def _text(path: Path) -> str:
    return path.read_bytes()[: 2 * LONGEST].decode("utf-8").removesuffix("\n").removesuffix("\r")


def auth_of(table: AuthTable, folder: Path) -> Auth:
    """The credentials of a trunk, its password read."""
    return Auth(table.username, _text(Path(place(table.password_file, folder))))


def register_of(table: RegisterTable, trunk: TrunkTable) -> Register:
    """What to register, filled in from the trunk."""
    user = table.user or (trunk.auth.username if trunk.auth is not None else "")
    return Register(user, table.domain or trunk.targets[0].uri.host, table.expires)


def shown_register(register: Register) -> dict[str, object]:
    """The effective table."""
    return {"user": register.user, "domain": register.domain, "expires": register.expires}
