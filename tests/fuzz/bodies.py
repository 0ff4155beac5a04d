"""Event bodies of any bytes: written anew or refused, and what was written is read and written the same again."""

from __future__ import annotations

from pathlib import Path

from sbc.mint import Mint
from sbc.topology import BodyRefused, Rules, View, rewrite_body

SAMPLES = Path(__file__).resolve().parents[1] / "topology" / "bodies" / "samples"
KINDS = (
    "application/dialog-info+xml",
    "application/simple-message-summary",
    "application/reginfo+xml",
    "application/conference-info+xml",
    "application/pidf+xml",
    "message/sipfrag",
    'multipart/mixed;boundary="b"',
)
_VIEW = View("sbc.example.net", Mint(bytes(32)))
_RULES = Rules(frozenset({"application/isup"}))
_GROWTH = 12
"""Times that a body may grow: an id of one character becomes one of twenty, `&` five, an empty element its own end."""


def run_bodies(data: bytes) -> None:
    """Raises where a body comes out that this room would not read itself, or that has grown beyond reason."""
    for kind in KINDS:
        try:
            out, shown = rewrite_body(data, kind, _VIEW, _RULES)
        except BodyRefused:
            continue
        if len(out) > _GROWTH * len(data) + 1000:
            raise AssertionError(f"{kind}: {len(data)} bytes became {len(out)}")
        again, _ = rewrite_body(out, shown, _VIEW, _RULES)
        if out and not again:
            raise AssertionError(f"{kind}: nothing is left the second time")


def body_seeds() -> list[bytes]:
    """One of each kind, and all of them in one."""
    found = [path.read_bytes() for path in sorted(SAMPLES.glob("*.xml"))]
    found.append(b"Messages-Waiting: yes\r\nMessage-Account: sip:200@vmail.corp.local\r\nVoice-Message: 4/8 (1/2)\r\n")
    found.append(b"SIP/2.0 486 Busy Here\r\n")
    parts = b"".join(
        [
            b"--b\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + body + b"\r\n"
            for kind, body in zip(
                ("application/conference-info+xml", "application/dialog-info+xml", "application/pidf+xml"),
                found,
                strict=False,
            )
        ]
    )
    return [*found, parts + b"--b--\r\n"]
