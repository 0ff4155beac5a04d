"""Admits or refuses a request before anybody acts on it.

In: a parsed `Request`, or the source of a packet. Out: a `Verdict` with the status to answer and a named reason, or
None where nothing is wrong; for sources, yes or no.

Not for: bytes that do not parse (`sbc.sip` refuses those), who may call whom (`policies`), or anything a dialog knows.
"""

from sbc.firewall.overload import SHEDDABLE, Overload, is_emergency
from sbc.firewall.rate import RateLimiter, source_key
from sbc.firewall.sanity import ALLOW, KNOWN_METHODS, SUPPORTED, SUPPORTED_OPTIONS, Reason, Verdict, sanity

__all__ = [
    "ALLOW",
    "KNOWN_METHODS",
    "SHEDDABLE",
    "SUPPORTED",
    "SUPPORTED_OPTIONS",
    "Overload",
    "RateLimiter",
    "Reason",
    "Verdict",
    "is_emergency",
    "sanity",
    "source_key",
]
