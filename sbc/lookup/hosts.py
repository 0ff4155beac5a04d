"""What this machine's files say: who its name servers are, and which names need none."""

from __future__ import annotations

from pathlib import Path


def nameservers(path: Path = Path("/etc/resolv.conf")) -> tuple[tuple[str, int], ...]:
    """The first three servers of a resolv.conf, as the C library takes them; none where it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    words = [line.split() for line in lines]
    return tuple([(word[1].partition("%")[0], 53) for word in words if len(word) > 1 and word[0] == "nameserver"][:3])


def is_local(name: str, path: Path = Path("/etc/hosts")) -> bool:
    """True for a name that is not for name servers: one without a dot (search domains), of mDNS, in a hosts file."""
    name = name.lower().removesuffix(".")
    if "." not in name or name.endswith((".localhost", ".local")):
        return True
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(name in line.partition("#")[0].lower().split()[1:] for line in text.splitlines())
