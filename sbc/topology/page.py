"""The docs page about headers, written from the table, so that it cannot drift from it."""

from __future__ import annotations

import sys
from typing import Final

from sbc.topology.checklist import ANSWERS, BEYOND
from sbc.topology.rows import ROWS
from sbc.topology.sdp_table import BANDWIDTHS, DISCLOSED, SENT, TOGETHER
from sbc.topology.table import Action, Kind, Row

_KINDS: Final[tuple[Kind, ...]] = (
    Kind.INVITE,
    Kind.ACK,
    Kind.BYE,
    Kind.CANCEL,
    Kind.INFO,
    Kind.EVENT,
    Kind.REFER,
    Kind.MESSAGE,
    Kind.OTHER,
    Kind.PROVISIONAL,
    Kind.SUCCESS,
    Kind.FAILURE,
)
_INTRODUCTION: Final = """# What crosses

This page is written by `python -m sbc.topology.page` from the tables in `sbc/topology`; a test fails when it is out
of date.

A header of one leg crosses to the other only where a row below says so. Without a row it does not cross, and is
counted by name. `sbc policy explain headers` prints the same table.

- **own**: we write our own, or none. No policy changes that.
- **rewrite**: it crosses with the hosts of its URIs replaced by the `domain` of the realm it goes to.
- **map**: it crosses reduced to words and numbers that its RFC defines.
- **pass**: it crosses as it is.
- **drop**: it does not cross, unless a policy passes it.

*Outward* is from a trusted realm to one that is not, *inward* the reverse, *within* between trusted realms,
*sideways* between realms that are not trusted. *Kinds* are the messages in which it may cross at all: `other` stands
for OPTIONS, PRACK, UPDATE, REGISTER and unknown methods, `event` for SUBSCRIBE, NOTIFY and PUBLISH.

A policy makes exceptions by name, for the realm or trunk that would see the header. What a row rewrites or maps stays
rewritten or mapped when a policy passes it. Whatever the table lets through, the egress audit looks at the finished
message.

```toml
[[header]]
realm = "inside"
name = "X-Customer-Id"
action = "pass"
```
"""


def headers_page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_INTRODUCTION, _header_table(), _sdp_lists(), _checklist()])


def _header_table() -> str:
    lines = [
        "## Headers",
        "",
        "| Header | Outward | Inward | Within | Sideways | Kinds | RFC | Note |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in ROWS:
        actions = " | ".join(one.value for one in (row.outward, row.inward, row.within, row.sideways))
        lines.append(f"| `{row.name}` | {actions} | {_kinds(row)} | {row.rfc} | {row.note} |")
    return "\n".join([*lines, ""])


def _kinds(row: Row) -> str:
    if row.outward is Action.OWN or row.kinds == Kind.ALL:
        return "all"
    return ", ".join(str(kind.name).lower() for kind in _KINDS if row.kinds & kind)


_DESCRIPTIONS: Final = """## Session descriptions

Built anew: `s=-`, `t=0 0`, an `o=` line of ours whose version grows by one when the rest changes. Streams keep their
number and order; one with a protocol that is not listed gets port 0. Attributes that are not listed fall, in offers
and answers alike, and are counted. Bandwidths: {bandwidths}. Where a stream has no feedback profile (it is `RTP/AVP`
or `RTP/SAVP`), {together} fall together. On a leg whose realm takes SRTP, the media engine's own `a=crypto` lines are
sent as well; those of the other leg never are.

| Protocol | Attributes | More, where media is bypassed |
| --- | --- | --- |
"""


def _sdp_lists() -> str:
    text = _DESCRIPTIONS.format(bandwidths=_words(BANDWIDTHS), together=_words(TOGETHER))
    for profile, names in SENT.items():
        text += f"| {profile.value} | {_words(names)} | {_words(DISCLOSED[profile] - names)} |\n"
    return text


def _words(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "-"


_PLACES: Final = """## Where SIP elements leak, and what happens here

| Place | Headers | Answer |
| --- | --- | --- |
"""


def _checklist() -> str:
    text = _PLACES
    for answer in ANSWERS:
        headers = ", ".join(f"`{name}`" for name in answer.headers) or "-"
        text += f"| {answer.place} | {headers} | {answer.answer} |\n"
    return text + "\nOutside of the message text:\n\n" + "".join(f"- {answer}\n" for _, answer in BEYOND)


if __name__ == "__main__":
    sys.stdout.write(headers_page())
