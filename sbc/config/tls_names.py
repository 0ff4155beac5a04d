"""Whether what a certificate proves is what was asked for."""

from __future__ import annotations


def proves(names: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """True where one of the certificate's names is one of those wanted.

    Names are equal but for case and a closing dot (RFC 5922 section 7.2). A `*.` that opens a wanted name stands for
    exactly one label: it is our operator's. One in a certificate stands for no name, as that section demands; it is
    believed only where the operator wants all the names it could stand for.
    """
    for name in names:
        name = name.lower().removesuffix(".")
        if not name:
            continue
        parent = "" if "*" in name else name.partition(".")[2]
        for pattern in wanted:
            pattern = pattern.lower().removesuffix(".")
            if name == pattern or (parent and pattern == f"*.{parent}"):
                return True
    return False
