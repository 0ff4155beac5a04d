"""A realm's TLS settings as contexts of OpenSSL, read from its files anew whenever they are made."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from sbc.config import Certificate, Tls

_SHOWN: Final = "_shown_certificate"
_CERTIFICATE: Final = 11  # a handshake message's type (RFC 8446 section 4)

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325 section 4.2); 1.3 has nothing else."""


class TlsContexts:
    """`server` for connections accepted, `client` for those we open. A handshake takes the pair that is current when it
    begins, so that a new pair changes nothing for connections that are up.

    The verify mode and the authorities are those of `server` whatever name a client asks for: a context that is
    swapped in by SNI brings its certificate, and nothing else.
    """

    __slots__ = ("_named", "client", "quiet", "requires_client", "server")

    def __init__(self, tls: Tls) -> None:
        """Raises OSError (ssl.SSLError among it) where a file cannot be used."""
        self.requires_client: Final = tls.verify_client == "required"
        self._named: Final = {name.lower(): _server(Tls(own, tls.ca, tls.verify_client)) for name, own in tls.sni}
        self.server: Final = _server(tls)
        if self._named:
            self.server.sni_callback = self._choose
        self.client: Final = _client(tls)
        self.quiet: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """For connections whose handshake is done: it keeps nothing of what goes by."""

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        context = self._named.get((name or "").lower())
        if context is not None:
            connection.context = context


def _server(tls: Tls) -> ssl.SSLContext:
    context = _context(ssl.PROTOCOL_TLS_SERVER, tls.own, tls.ca)
    # No resumption: a certificate that has expired since is to be noticed, and handshakes are cheap enough.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if tls.verify_client != "never":
        context.load_verify_locations(cafile=tls.ca)
        context.verify_mode = ssl.CERT_REQUIRED if tls.verify_client == "required" else ssl.CERT_OPTIONAL
        _keep_what_is_shown(context)
    return context


def _client(tls: Tls) -> ssl.SSLContext:
    context = _context(ssl.PROTOCOL_TLS_CLIENT, tls.own, tls.ca)
    # Names are compared by us, after RFC 5922: OpenSSL would take wildcards in certificates.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    if tls.ca:
        context.load_verify_locations(cafile=tls.ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    _keep_what_is_shown(context)
    return context


def _context(protocol: int, own: Certificate, ca: str) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_ciphers(_CIPHERS)
    _load(context, own, ca)
    return context


def _load(context: ssl.SSLContext, own: Certificate, ca: str) -> None:
    """Show this certificate, with its chain: OpenSSL would look for that anew in each handshake where the file has none
    (an eighth of one), and there is no other way to hand it over than in a file.
    """
    chain = chain_of(own.certificate, ca)
    certificate = own.certificate
    with contextlib.ExitStack() as stack:
        if chain:
            file = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".pem"))
            file.write(chain)
            file.flush()
            certificate = file.name
        context.load_cert_chain(certificate, own.key, password="")  # else an encrypted key would ask the terminal


def chain_of(certificate: str, ca: str) -> bytes:
    """A certificate that stands alone in its file with those of its issuers that `ca` has, as PEM; empty where there is
    nothing to add. Raises OSError.
    """
    try:
        chain = x509.load_pem_x509_certificates(Path(certificate).read_bytes())
        known = x509.load_pem_x509_certificates(Path(ca).read_bytes()) if ca and len(chain) == 1 else []
    except ValueError:
        return b""  # OpenSSL says better what is wrong
    is_alone = len(chain) == 1
    while (found := next((one for one in known if _has_issued(one, chain[-1])), None)) is not None:
        known.remove(found)
        chain.append(found)
    return b"".join([one.public_bytes(Encoding.PEM) for one in chain]) if is_alone and len(chain) > 1 else b""


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    if issuer == certificate:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _keep_what_is_shown(context: ssl.SSLContext) -> None:
    """Keep the certificate that a peer shows, good or not, on its connection: for `shown_by`.

    OpenSSL forgets one that it does not accept. The callback is no documented part of the module, and set past the
    layer in Python that makes enums of its arguments, which costs a fifth of a handshake. Where it is missing, log
    lines say why a peer was refused and not with what.
    """
    callback = vars(ssl.SSLContext.__mro__[1]).get("_msg_callback")
    if callback is not None:
        callback.__set__(context, _notice)


def shown_by(connection: ssl.SSLObject) -> bytes:
    """The handshake message with the certificate that the peer has shown; empty where there was none."""
    return bytes(getattr(connection, _SHOWN, b""))


def forget_what_is_shown(connection: ssl.SSLObject, quiet: ssl.SSLContext) -> None:
    """The handshake is over: nothing of it is kept, and nothing is looked at any more."""
    connection.context = quiet
    if hasattr(connection, _SHOWN):
        delattr(connection, _SHOWN)


def _notice(connection: object, direction: str, version: int, content: int, message: int, data: bytes) -> None:
    if message == _CERTIFICATE and direction == "read" and not hasattr(connection, _SHOWN):
        setattr(connection, _SHOWN, data)
