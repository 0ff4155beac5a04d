"""What a peer's certificate says it is, and why one did not do: RFC 5922, and OpenSSL's words made readable."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

_COMMON_NAME: Final = NameOID.COMMON_NAME

_PLAIN: Final = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no certificate shown, and one is required",
    "HTTP_REQUEST": "speaks HTTP, not TLS",
    "WRONG_VERSION_NUMBER": "speaks no TLS",
    "UNSUPPORTED_PROTOCOL": "speaks no version of TLS that we do (1.2 and later)",
    "NO_SHARED_CIPHER": "no cipher in common",
    "UNEXPECTED_EOF_WHILE_READING": "closed during the handshake",
}


class TlsError(OSError):
    """A TLS connection could not be opened; the text says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: Final = reason


def identities(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The SIP domain identities of a verified certificate (RFC 5922 section 7.1), then its addresses.

    Those are the hosts of its `sip:` URIs without a user part; where there is none its DNS names; and the common name
    only where it has no subjectAltName at all. `certificate` is what `getpeercert` gives: empty where none was shown
    or verified. Addresses are for targets that are written as such, of which the RFC says nothing.
    """
    if not certificate:
        return ()
    alternatives: list[tuple[str, str]] = list(certificate.get("subjectAltName", ()))
    if not alternatives:
        pairs = [pair for part in certificate.get("subject", ()) for pair in part]
        common = tuple([value for key, value in pairs if key == "commonName"])
        return common[-1:] if common and " " not in common[-1] else ()
    hosts = [_host(value) for kind, value in alternatives if kind == "URI"]
    names = [host for host in hosts if host] or [value for kind, value in alternatives if kind == "DNS"]
    names += [value.strip() for kind, value in alternatives if kind == "IP Address"]
    return tuple(dict.fromkeys(names))


def _host(uri: str) -> str:
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "sip" or "@" in rest:
        return ""
    host = rest.partition(";")[0].partition("?")[0]
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def reason_of_tls(error: ssl.SSLError) -> str:
    """Why a handshake failed, in words for a log line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message}"
    reason = str(error.reason or "")
    plain = _PLAIN.get(reason)
    if plain:
        return plain
    _, alert, said = reason.partition("_ALERT_")
    if alert:
        return f"peer refused us: {said.lower().replace('_', ' ')}"
    return reason.lower().replace("_", " ") or "failed"


def describe(message: bytes) -> str:
    """Which certificate a peer showed, for a log line: its names, its issuer, its serial number and its dates.

    `message` is the handshake message Certificate with its header (RFC 5246 section 7.4.2, RFC 8446 section 4.4.2).
    Empty where it holds none, or nothing that can be read: what it says has not been verified.
    """
    try:
        certificate = x509.load_der_x509_certificate(_first_certificate(message))
        names = identities(_as_peercert(certificate)) or (certificate.subject.rfc4514_string() or "nobody",)
        issuer = certificate.issuer.rfc4514_string()
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, IndexError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return ""
    serial = f"{certificate.serial_number:x}"[:40]
    text = f"{listed(names)}, issued by {issuer[:100]}, serial {serial}, good from {start:%Y-%m-%d} to {end:%Y-%m-%d}"
    return "".join([letter if letter.isprintable() else "?" for letter in text])


def _first_certificate(message: bytes) -> bytes:
    body = message[4:]
    if int.from_bytes(body[:3]) != len(body) - 3:  # TLS 1.3: the list stands behind a context
        body = body[1 + body[0] :]
    return body[6 : 6 + int.from_bytes(body[3:6])]


def _as_peercert(certificate: x509.Certificate) -> dict[str, Any]:
    """As `getpeercert` has it, as far as `identities` looks."""
    subject = [(("commonName", str(one.value)),) for one in certificate.subject if one.oid == _COMMON_NAME]
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return {"subject": subject}
    pairs = [("URI", uri) for uri in named.get_values_for_type(x509.UniformResourceIdentifier)]
    pairs += [("DNS", name) for name in named.get_values_for_type(x509.DNSName)]
    pairs += [("IP Address", str(address)) for address in named.get_values_for_type(x509.IPAddress)]
    return {"subject": subject, "subjectAltName": pairs}


def listed(names: tuple[str, ...]) -> str:
    """The names of a certificate for a log line."""
    shown = ", ".join(names[:4])
    return (shown + (", …" if len(names) > 4 else ""))[:200] or "nobody"
