"""One DTLS association as SRTP uses it (RFC 5763, 5764): datagrams in, datagrams out, keys at the end.

The peer's certificate is worth nothing but its fingerprint in the SDP (RFC 8122): keys are handed over only after the
fingerprint has been found in it. Version 1.2 alone; RSA certificates of peers are taken beside ours, which is ECDSA.

OpenSSL keeps the time of its retransmissions itself; `next_timer` says when it wants to be asked.
"""

from __future__ import annotations

import datetime
import hmac
import secrets
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from rtpengine.embedded.sdes import SUITES, CryptoLine
from rtpengine.embedded.srtp import Srtp

PATIENCE: Final = 30.0
"""Seconds after which an unfinished handshake has failed."""
_DTLS_1_2: Final = 0xFEFD
_MTU: Final = 1200
_RECORD: Final = 13
_VALID_FOR: Final = datetime.timedelta(days=3650)
_CIPHERS: Final = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305", "AES128-SHA", "AES256-SHA")
    for signature in ("ECDSA", "RSA")
).encode()
_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha-256": hashes.SHA256,
    "sha-384": hashes.SHA384,
    "sha-512": hashes.SHA512,
}
_PROFILES: Final[dict[bytes, tuple[str, int, int]]] = {
    b"SRTP_AEAD_AES_256_GCM": ("AEAD_AES_256_GCM", 32, 12),
    b"SRTP_AEAD_AES_128_GCM": ("AEAD_AES_128_GCM", 16, 12),
    b"SRTP_AES128_CM_SHA1_80": ("AES_CM_128_HMAC_SHA1_80", 16, 14),
}
"""RFC 5764 section 4.1.2, RFC 7714 section 14.2: suite, octets of key and of salt. In the order of our wishes."""


class Fingerprint:
    """`a=fingerprint`: a hash of the certificate that the peer will show."""

    __slots__ = ("algorithm", "value")

    def __init__(self, algorithm: str, value: str) -> None:
        self.algorithm: Final = algorithm.lower()
        self.value: Final = value.upper()

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fingerprint) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class Role(Enum):
    """Whose hello comes first (RFC 4145 section 4): `active` is the TLS client."""

    ACTIVE = "active"
    PASSIVE = "passive"


class Handshake(Enum):
    """How far an association is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Identity:
    """The engine's own certificate, made when it is first needed; the private key never leaves this object."""

    __slots__ = ("_context", "_fingerprint")

    def __init__(self) -> None:
        self._context: SSL.Context | None = None
        self._fingerprint = ""

    @property
    def fingerprint(self) -> str:
        """The attribute's value."""
        self._make()
        return self._fingerprint

    def connection(self) -> SSL.Connection:
        """A new association's end, not yet client or server."""
        connection = SSL.Connection(self._make(), None)
        connection.set_ciphertext_mtu(_MTU)
        return connection

    def _make(self) -> SSL.Context:
        if self._context is not None:
            return self._context
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
        now = datetime.datetime.now(tz=datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + _VALID_FOR)
            .sign(key, hashes.SHA256())
        )
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.set_options(SSL.OP_NO_TICKET)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(b":".join(_PROFILES))
        self._context = context
        self._fingerprint = f"sha-256 {_digest(certificate, 'sha-256')}"
        return context


class Dtls:
    """One association. `srtp` has keys once `state` is DONE; until then it lets nothing through."""

    __slots__ = ("_connection", "_deadline", "_identity", "fingerprints", "next_timer", "role", "srtp", "state")

    def __init__(self, identity: Identity, role: Role, fingerprints: tuple[Fingerprint, ...], now: float) -> None:
        self.role: Final = role
        self.srtp: Final = Srtp()
        self.state = Handshake.WAITING
        self.next_timer: float | None = None
        self.fingerprints: Final = fingerprints
        """Those that the peer has announced."""
        self._identity: Final = identity
        self._deadline = now + PATIENCE
        self._connection = self._connect()

    def restart(self, now: float) -> None:
        """Forget an unfinished handshake and wait for another."""
        self._end(Handshake.WAITING)
        self._deadline = now + PATIENCE
        self._connection = self._connect()

    def _connect(self) -> SSL.Connection:
        connection = self._identity.connection()
        if self.role is Role.ACTIVE:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        return connection

    @property
    def is_open(self) -> bool:
        """True while the handshake may still succeed."""
        return self.state in (Handshake.WAITING, Handshake.RUNNING)

    def begin(self, now: float) -> list[bytes]:
        """The first flight of the client; nothing of the server, or where it has begun."""
        if self.state is not Handshake.WAITING or self.role is not Role.ACTIVE:
            return []
        return self._advance(now)

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """A datagram of the peer; what to send back."""
        if self.state is Handshake.FAILED:
            return []
        self._connection.bio_write(data)
        if self.state is not Handshake.DONE:
            return self._advance(now)
        try:  # the peer's last flight again, or its farewell
            self._connection.recv(_MTU)
        except SSL.Error:
            return self._flight()
        return self._flight()

    def handle_timer(self, now: float) -> list[bytes]:
        """Repeat what was not answered in time, or give up."""
        if not self.is_open:
            self.next_timer = None
            return []
        if now >= self._deadline:
            self._end(Handshake.FAILED)
            return []
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self._end(Handshake.FAILED)
            return []
        return self._wait(now)

    def _advance(self, now: float) -> list[bytes]:
        self.state = Handshake.RUNNING
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return self._wait(now)
        except SSL.Error:
            self._end(Handshake.FAILED)
            return self._flight()
        self._end(Handshake.DONE if self._take_keys() else Handshake.FAILED)
        return self._flight()

    def _wait(self, now: float) -> list[bytes]:
        timeout = self._connection.DTLSv1_get_timeout()
        self.next_timer = self._deadline if timeout is None else min(now + timeout, self._deadline)
        return self._flight()

    def _end(self, state: Handshake) -> None:
        self.state = state
        self.next_timer = None

    def _take_keys(self) -> bool:
        """Keys of both directions (RFC 5764 section 4.2), if the certificate is the announced one."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        profile = _PROFILES.get(self._connection.get_selected_srtp_profile())
        if certificate is None or profile is None or not self._is_announced(certificate):
            return False
        name, key, salt = profile
        material = self._connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        ours, theirs = (client, server) if self.role is Role.ACTIVE else (server, client)
        self.srtp.set_keys(CryptoLine(0, SUITES[name], ours), CryptoLine(0, SUITES[name], theirs))
        return True

    def _is_announced(self, certificate: x509.Certificate) -> bool:
        """RFC 8122 section 5: the certificate matches one of the fingerprints with a hash that is still trusted."""
        return any(
            hmac.compare_digest(fingerprint.value.encode(), _digest(certificate, fingerprint.algorithm).encode())
            for fingerprint in self.fingerprints
            if fingerprint.algorithm in _HASHES
        )

    def _flight(self) -> list[bytes]:
        """What OpenSSL has written, as datagrams: records in it must not be cut, and fit in an MTU together."""
        try:
            data = self._connection.bio_read(65536)
        except SSL.Error:
            return []
        datagrams: list[bytes] = []
        start = end = 0
        while end + _RECORD <= len(data):
            length = _RECORD + int.from_bytes(data[end + 11 : end + 13], "big")
            if end > start and end + length - start > _MTU:
                datagrams.append(data[start:end])
                start = end
            end += length
        if end > start:
            datagrams.append(data[start:end])
        return datagrams


def _digest(certificate: x509.Certificate, algorithm: str) -> str:
    """The fingerprint's value as it stands in SDP."""
    return certificate.fingerprint(_HASHES[algorithm]()).hex(":").upper()
