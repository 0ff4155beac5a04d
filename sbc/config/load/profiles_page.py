"""The docs page about interop profiles, from the switches and the shipped files."""

from __future__ import annotations

import sys
from typing import Final

from sbc.config.load.profiles import shipped_profiles
from sbc.config.profile import DEFAULT_PROFILE, SWITCHES

_INTRODUCTION: Final = """# Interop profiles

This page is written by `python -m sbc.config.load.profiles_page` from `sbc/config/profile.py` and
`sbc/config/profiles`; a test fails when it is out of date.

A profile says how one peer wants to be spoken to. A trunk names one, and a realm one for its other peers:

```toml
[trunk.pbx]
profile = "asterisk"         # shipped, or of this file

[realm.outside]
profile = "carrier"

[profile.our-pbx]            # switches that are not named are as in the profile it is like
like = "asterisk"
early_media = "ringing"
```

Each leg of a call follows the profile of its own peer, whatever the other side's says. `sbc check` prints what holds
for each realm and trunk. A key `refer` or `redirect` of the realm or trunk itself outdoes its profile's.

## Switches

The first position of each holds without a word.
"""


def profiles_page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_INTRODUCTION, *_switches(), *_shipped()])


def _switches() -> list[str]:
    lines: list[str] = []
    for switch in SWITCHES:
        source = f"RFC {switch.rfc}" if switch.rfc[0].isdigit() else switch.rfc
        lines += [f"### `{switch.name}`", "", f"{switch.about} ({source})."]
        lines += ["", "| position | what happens |", "| --- | --- |"]
        lines += [f"| {_position(value)} | {does} |" for value, does in switch.choices]
        lines.append("")
    return lines


def _position(value: str) -> str:
    return f"`{value}`" if value else "(none)"


def _shipped() -> list[str]:
    profiles = shipped_profiles()
    lines = ["## Shipped profiles", "", "Positions that differ from those of a peer without a profile.", ""]
    lines += ["| profile | for | switches |", "| --- | --- | --- |"]
    for name, profile in profiles.items():
        chosen = {key: value for key, value in profile.choices.items() if value != getattr(DEFAULT_PROFILE, key)}
        switches = ", ".join([f"`{key} = {value}`" for key, value in chosen.items()])
        lines.append(f"| `{name}` | {profile.note} | {switches} |")
    return [*lines, ""]


if __name__ == "__main__":
    sys.stdout.write(profiles_page())
