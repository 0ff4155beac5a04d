"""Emergency services by their URN (RFC 5031), as they may leave: known labels, none of a peer's own."""

from __future__ import annotations

from typing import Final

from sbc.sip import Uri

_ROOT: Final = "urn:service:sos"
SERVICES: Final[frozenset[str]] = frozenset(
    {
        "ambulance",
        "animal-control",
        "ecall.automatic",
        "ecall.manual",
        "fire",
        "gas",
        "marine",
        "mountain",
        "physician",
        "poison",
        "police",
    }
)
"""RFC 5031 section 4.2, RFC 7163, RFC 8147."""


def emergency_service(uri: Uri) -> str:
    """The URN in the IANA registry that is nearest to the one asked for: labels that nobody knows are left out.

    `uri` is one for which `firewall.is_emergency` holds. Help is sent all the same (RFC 5031 section 4.2: whoever does
    not know a sub-service treats the request as one for `sos`), and no text of a peer crosses.
    """
    label = uri.opaque.lower().removeprefix("service:sos").removeprefix(".")
    while label and label not in SERVICES:
        label = label.rpartition(".")[0]
    return f"{_ROOT}.{label}" if label else _ROOT
