"""What a `doctor` check says, and the checks of the software itself."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final


class State(Enum):
    """How bad it is: `warn` costs speed or a feature, `fail` keeps a node from working."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    state: State
    found: str
    remedy: str = ""


TESTED_PYTHONS: Final = ((3, 11), (3, 12), (3, 13))
PACKAGES: Final = (
    "aiohttp",
    "aiortc",
    "netifaces-plus",
    "pydantic",
    "pyroute2",
    "redis",
    "scapy",
    "structlog",
    "typer",
    "tzdata",
)
OPTIONAL_PACKAGES: Final = ("uvloop",)

TOOLS: Final = (
    ("rtpengine", "media for production; the embedded engine serves small sites", "install rtpengine-daemon"),
    ("nft", "firewall rules in the kernel", "install nftables"),
    ("sipp", "test calls", "install sip-tester"),
    ("tcpdump", "captures", "install tcpdump"),
)


def check_python() -> Iterator[Check]:
    """Interpreter and platform."""
    version = platform.python_version()
    if sys.version_info[:2] in TESTED_PYTHONS:
        yield Check("python", State.OK, f"{version} ({sys.executable})")
    else:
        yield Check("python", State.WARN, version, "tested with Python 3.11 to 3.13")
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    if sys.platform == "linux":
        yield Check("platform", State.OK, system)
    else:
        yield Check("platform", State.WARN, system, "developed and tested on Linux only")


def check_compiled(path: str) -> Check:
    """Whether the hot modules run compiled; `path` is the file the parser was loaded from."""
    if path.endswith(".py"):
        remedy = (
            "a C compiler and the Python headers at installation make it faster: install them, then install sbc again"
        )
        return Check("codec", State.WARN, "pure Python", remedy)
    return Check("codec", State.OK, "compiled")


def check_packages() -> Iterator[Check]:
    """What we import, by distribution name."""
    for name in PACKAGES:
        try:
            yield Check(name, State.OK, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, State.FAIL, "not installed", "install sbc again: pip brings what it needs")
    for name in OPTIONAL_PACKAGES:
        try:
            yield Check(name, State.OK, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name, State.OK, "not installed (optional)")


def check_openssl() -> Iterator[Check]:
    """The two OpenSSLs of one process: Python's for SIP over TLS, the package's for DTLS."""
    yield Check("openssl", State.OK, f"{ssl.OPENSSL_VERSION} (Python, for TLS)")
    try:
        from cryptography.hazmat.backends.openssl import backend
    except ImportError:
        yield Check("openssl for dtls", State.WARN, "cryptography is not installed", "install sbc again")
    else:
        yield Check("openssl for dtls", State.OK, f"{backend.openssl_version_text()} (cryptography)")


def check_tools() -> Iterator[Check]:
    """Programs that some features use; none is needed to run."""
    for tool, use, remedy in TOOLS:
        path = shutil.which(tool)
        if path is None:
            yield Check(tool, State.WARN, f"not found; for {use}", remedy)
        else:
            yield Check(tool, State.OK, path)
