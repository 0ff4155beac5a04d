"""Interop profiles: the shipped ones, those of a node file, and which peer has which."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Final

from policies.load import Decoded
from sbc.config.load.schema import NodeFile
from sbc.config.profile import DEFAULT_PROFILE, SWITCHES, Profile

_SWITCHES: Final = {switch.name: switch for switch in SWITCHES}
_OTHER_KEYS: Final = ("like", "note")
_DEEPEST: Final = 8
Choices = dict[str, str]


@cache
def shipped_profiles() -> dict[str, Profile]:
    """Those that come with the package, by name: the names of their files."""
    folder = files("sbc.config") / "profiles"
    names = sorted([one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")])
    tables: dict[str, Choices] = {
        name: tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8")) for name in names
    }
    return {name: _profile(name, tables, {}) for name in names}


def profiles_of(file: NodeFile) -> dict[str, Profile]:
    """Every profile that a node file without findings may name."""
    shipped = shipped_profiles()
    return {**shipped, **{name: _profile(name, file.profile, shipped) for name in file.profile}}


def check_profiles(decoded: Decoded[NodeFile], file: NodeFile) -> None:
    """Add every finding about profiles to `decoded`."""
    known = [*file.profile, *shipped_profiles()]
    for name, table in file.profile.items():
        path = ("profile", name)
        for key, value in table.items():
            switch = _SWITCHES.get(key)
            if switch is not None:
                allowed = [f'"{choice}"' for choice, _ in switch.choices if choice]
                if value not in [choice for choice, _ in switch.choices]:
                    decoded.add((*path, key), f'"{value}"', allowed=", ".join(allowed))
            elif key not in _OTHER_KEYS:
                decoded.add((*path, key), "unknown key", allowed=", ".join([*_SWITCHES, *_OTHER_KEYS]))
        like = table.get("like")
        if like is not None and like not in known:
            decoded.add((*path, "like"), f'no profile "{like}"', allowed=", ".join(known))
        elif _is_circular(name, file.profile):
            decoded.add((*path, "like"), f"{name} is like itself", remedy="name a profile that does not lead back")
    for name, realm in file.realm.items():
        _check_name(decoded, ("realm", name, "profile"), realm.profile, known)
    for name, trunk in file.trunk.items():
        _check_name(decoded, ("trunk", name, "profile"), trunk.profile, known)


def _check_name(decoded: Decoded[NodeFile], path: tuple[str, ...], name: str, known: list[str]) -> None:
    if name and name not in known:
        decoded.add(path, f'no profile "{name}"', allowed=", ".join(known))


def _is_circular(name: str, tables: dict[str, Choices]) -> bool:
    at = name
    for _ in range(_DEEPEST):
        table = tables.get(at)
        like = "" if table is None else table.get("like", "")
        if not like or (like == at and at in shipped_profiles()):
            return False
        at = like
    return True


def _profile(name: str, tables: dict[str, Choices], others: dict[str, Profile], depth: int = 0) -> Profile:
    table = tables[name]
    like = table.get("like", "")
    base = DEFAULT_PROFILE
    if like in tables and like != name and depth < _DEEPEST:
        base = _profile(like, tables, others, depth + 1)
    elif like in others:
        base = others[like]
    chosen = {key: value for key, value in table.items() if key in _SWITCHES}
    return replace(base, name=name, note=table.get("note", ""), **chosen)
