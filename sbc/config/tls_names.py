"""Whether what a certificate proves is what was asked for."""

from __future__ import annotations


def proves(names: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """True where one of the certificate's names is one of those wanted.

    Names are equal but for case and a closing dot (RFC 5922 section 7.2). A `*.` that opens a wanted name stands for
    exactly one label: it is our operator's. One in a certificate stands for nothing, as that section demands.
    """
    for name in names:
        name = name.lower().removesuffix(".")
        if not name or "*" in name:
            continue
        parent = name.partition(".")[2]
        for pattern in wanted:
            pattern = pattern.lower().removesuffix(".")
            if name == pattern or (parent and pattern == f"*.{parent}"):
                return True
    return False
