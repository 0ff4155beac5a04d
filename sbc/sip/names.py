"""Header names: one canonical spelling each, whatever case or compact form the peer used (RFC 3261 section 7.3)."""

from __future__ import annotations

from typing import Final

COMPACT: Final[dict[str, str]] = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_SPECIAL: Final[tuple[str, ...]] = (
    "Call-ID",
    "CSeq",
    "WWW-Authenticate",
    "MIME-Version",
    "RSeq",
    "RAck",
    "SIP-ETag",
    "SIP-If-Match",
    "P-DCS-Billing-Info",
    "Session-ID",
    "Min-SE",
    "User-to-User",
    "P-NPDI",
    "X-CID",
)

# Headers of which a message may hold at most one (RFC 3261 section 7.3.1 and table 2).
SINGLE: Final[frozenset[str]] = frozenset(
    {
        "Call-ID",
        "CSeq",
        "From",
        "To",
        "Max-Forwards",
        "Content-Length",
        "Content-Type",
        "Content-Disposition",
        "Expires",
        "Min-Expires",
        "Retry-After",
        "RSeq",
        "RAck",
        "Session-Expires",
        "Min-SE",
        "MIME-Version",
        "Event",
        "Join",
        "Referred-By",
        "SIP-ETag",
        "SIP-If-Match",
        "Target-Dialog",
        "Refer-To",
        "Replaces",
        "Subscription-State",
    }
)

SPELLINGS: Final[dict[str, str]] = {}
"""Every spelling seen lately to the canonical one; `canonical` fills it, the parser looks into it first."""
for _name in _SPECIAL:
    SPELLINGS[_name.lower()] = _name
for _short, _long in COMPACT.items():
    SPELLINGS[_short] = _long
_SEED: Final[dict[str, str]] = dict(SPELLINGS)
_CACHE_LIMIT: Final = 4096  # spellings kept; a peer that sends new names for ever starts the table afresh


def canonical(name: str) -> str:
    """The canonical spelling of a header name: `v` and `VIA` are both `Via`; unknown names are capitalised by word.

    Never raises. The table of spellings seen is bounded.
    """
    known = SPELLINGS.get(name)
    if known is not None:
        return known
    lower = name.lower()
    spelled = _SEED.get(lower)
    if spelled is None:
        spelled = "-".join([part[:1].upper() + part[1:] for part in lower.split("-")])
    if len(SPELLINGS) >= _CACHE_LIMIT:
        SPELLINGS.clear()
        SPELLINGS.update(_SEED)
    if len(name) <= 64:
        SPELLINGS[name] = spelled
    return spelled
