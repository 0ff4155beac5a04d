"""Attribute values that an SBC reads: each with `parse` and `str` (the sections are named at each).

`parse` gives None for a value that does not follow its grammar: a peer's odd attribute is no reason to refuse its call.
"""

from __future__ import annotations

from typing import Final


class RtpMap:
    """`a=rtpmap:` (RFC 8866 section 6.6): payload type, encoding name, clock rate, parameters (channels of audio)."""

    __slots__ = ("clock_rate", "encoding", "parameters", "payload")

    def __init__(self, payload: str, encoding: str, clock_rate: int, parameters: str = "") -> None:
        self.payload: Final = payload
        self.encoding: Final = encoding
        self.clock_rate: Final = clock_rate
        self.parameters: Final = parameters

    @staticmethod
    def parse(value: str) -> RtpMap | None:
        """`111 opus/48000/2`."""
        payload, space, rest = value.partition(" ")
        encoding, slash, rest = rest.strip().partition("/")
        rate, _, parameters = rest.partition("/")
        rate = rate.strip()
        if not space or not slash or not encoding or not (rate.isascii() and rate.isdigit()) or len(rate) > 10:
            return None
        return RtpMap(payload, encoding, int(rate), parameters.strip())

    def __str__(self) -> str:
        text = f"{self.payload} {self.encoding}/{self.clock_rate}"
        return f"{text}/{self.parameters}" if self.parameters else text


class Fmtp:
    """`a=fmtp:` (RFC 8866 section 6.15): a format and parameters that only its codec understands."""

    __slots__ = ("format", "parameters")

    def __init__(self, format: str, parameters: str) -> None:
        self.format: Final = format
        self.parameters: Final = parameters

    @staticmethod
    def parse(value: str) -> Fmtp | None:
        """`101 0-16`."""
        name, space, parameters = value.partition(" ")
        return Fmtp(name, parameters) if space and name else None

    def __str__(self) -> str:
        return f"{self.format} {self.parameters}"


class RtcpAddress:
    """`a=rtcp:` (RFC 3605): the RTCP port, and an address where it is not that of the media."""

    __slots__ = ("address", "port")

    def __init__(self, port: int, address: str = "") -> None:
        self.port: Final = port
        self.address: Final = address

    @staticmethod
    def parse(value: str) -> RtcpAddress | None:
        """`53020` or `53020 IN IP4 126.16.64.4`."""
        parts = value.split()
        if len(parts) not in (1, 4) or not (parts[0].isascii() and parts[0].isdigit()) or len(parts[0]) > 5:
            return None
        if len(parts) == 1:
            return RtcpAddress(int(parts[0]))
        return RtcpAddress(int(parts[0]), parts[3]) if parts[2] in ("IP4", "IP6") else None

    def __str__(self) -> str:
        if not self.address:
            return str(self.port)
        return f"{self.port} IN {'IP6' if ':' in self.address else 'IP4'} {self.address}"


class Crypto:
    """`a=crypto:` (RFC 4568 section 4): tag, suite, key parameters, session parameters. The key is a secret."""

    __slots__ = ("key", "parameters", "suite", "tag")

    def __init__(self, tag: str, suite: str, key: str, parameters: str = "") -> None:
        self.tag: Final = tag
        self.suite: Final = suite
        self.key: Final = key
        self.parameters: Final = parameters

    @staticmethod
    def parse(value: str) -> Crypto | None:
        """`1 AES_CM_128_HMAC_SHA1_80 inline:...`."""
        parts = value.split(None, 3)
        if len(parts) < 3 or not (parts[0].isascii() and parts[0].isdigit()):
            return None
        return Crypto(parts[0], parts[1], parts[2], parts[3] if len(parts) == 4 else "")

    def __str__(self) -> str:
        text = f"{self.tag} {self.suite} {self.key}"
        return f"{text} {self.parameters}" if self.parameters else text

    def __repr__(self) -> str:
        return f"Crypto({self.tag} {self.suite} ...)"


class Candidate:
    """`a=candidate:` (RFC 8839 section 5.1). `extensions` is the text behind the type, `raddr` and `rport` included."""

    __slots__ = ("address", "component", "extensions", "foundation", "kind", "port", "priority", "transport")

    def __init__(
        self,
        foundation: str,
        component: str,
        transport: str,
        priority: str,
        address: str,
        port: str,
        kind: str,
        extensions: str = "",
    ) -> None:
        self.foundation: Final = foundation
        self.component: Final = component
        self.transport: Final = transport
        self.priority: Final = priority
        self.address: Final = address
        self.port: Final = port
        self.kind: Final = kind
        self.extensions: Final = extensions

    @staticmethod
    def parse(value: str) -> Candidate | None:
        """`1 1 UDP 2130706431 10.0.1.1 8998 typ host`."""
        parts = value.split(None, 8)
        if len(parts) < 8 or parts[6].lower() != "typ":
            return None
        extensions = parts[8].rstrip() if len(parts) == 9 else ""
        return Candidate(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[7], extensions)

    @property
    def related_address(self) -> str:
        """The `raddr` of a reflexive or relayed candidate, or an empty string."""
        words = self.extensions.split()
        return words[words.index("raddr") + 1] if "raddr" in words[:-1] else ""

    def __str__(self) -> str:
        text = (
            f"{self.foundation} {self.component} {self.transport} {self.priority} "
            f"{self.address} {self.port} typ {self.kind}"
        )
        return f"{text} {self.extensions}" if self.extensions else text
