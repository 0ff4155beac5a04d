"""Why something ended or was refused, as the other side may hear it: numbers that RFCs define, words of ours."""

from __future__ import annotations

from typing import Final

from sbc.sip import get_param, parse_params, parse_warning, split_list

_PROTOCOLS: Final[dict[str, str]] = {
    "sip": "SIP",
    "q.850": "Q.850",
    "preemption": "Preemption",
    "emm": "EMM",
    "stir": "STIR",
    "s1ap": "S1AP",
    "ngap": "NGAP",
    "rls": "RELEASE_CAUSE",
    "release_cause": "RELEASE_CAUSE",
}
_WARNINGS: Final[dict[int, str]] = {
    300: "Incompatible network protocol",
    301: "Incompatible network address formats",
    302: "Incompatible transport protocol",
    303: "Incompatible bandwidth units",
    304: "Media type not available",
    305: "Incompatible media format",
    306: "Attribute not understood",
    307: "Session description parameter not understood",
    308: "Trust or privacy requirement not met",
    330: "Multicast not available",
    331: "Unicast not available",
    370: "Insufficient bandwidth",
    380: "SIPS Not Allowed",
    381: "SIPS Required",
}
"""RFC 3261 section 20.43, RFC 5630 section 6.2: 399 is left out, its words are the peer's own."""


def reason(value: str, domain: str) -> str:
    """Protocol and cause of each value, one value a protocol (RFC 3326; several of one protocol: RFC 9366)."""
    out: list[str] = []
    for part in split_list(value):
        name, _, tail = part.partition(";")
        protocol = _PROTOCOLS.get(name.strip().lower())
        cause = get_param(parse_params(tail), "cause") or ""
        if protocol and is_number(cause, 4):
            out.append(f"{protocol};cause={cause}")
    return ", ".join(out)


def warning(value: str, domain: str) -> str:
    """The codes that an RFC defines, said by us (`domain`) and in that RFC's words (RFC 3261 section 20.43)."""
    codes = dict.fromkeys([parse_warning(part).code for part in split_list(value)])
    return ", ".join([f'{code} {domain} "{_WARNINGS[code]}"' for code in codes if code in _WARNINGS])


def number(value: str, domain: str) -> str:
    """The leading number: `120 (in a meeting);duration=60` is 120."""
    digits = value.partition(";")[0].partition("(")[0].strip()
    return digits if is_number(digits, 10) else ""


def is_number(text: str, digits: int) -> bool:
    """True for a decimal number of at most so many digits."""
    return text.isascii() and text.isdigit() and len(text) <= digits
