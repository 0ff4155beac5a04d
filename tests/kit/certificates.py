"""Certificates for tests: an authority of their own, and what it signs, as PEM files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sbc.config import Certificate

_PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates into a directory; `ca` is its own."""

    def __init__(self, directory: Path, name: str = "Test CA") -> None:
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self._certificate = self._builder(self._name, self._key, 3650.0).add_extension(
            x509.BasicConstraints(True, None), True
        )
        signed = self._certificate.sign(self._key, hashes.SHA256())
        self.ca = str(directory / f"{name.replace(' ', '-')}.pem")
        Path(self.ca).write_bytes(signed.public_bytes(_PEM))

    def issue(
        self,
        stem: str,
        *,
        dns: tuple[str, ...] = (),
        uris: tuple[str, ...] = (),
        addresses: tuple[str, ...] = (),
        common: str = "",
        days: float = 365.0,
    ) -> Certificate:
        """A certificate and its key; `days` below 0 makes one that has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_named(common or stem), key, days)
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
        names += [x509.UniformResourceIdentifier(uri) for uri in uris]
        names += [x509.IPAddress(ip_address(address)) for address in addresses]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        own = Certificate(str(self.directory / f"{stem}.pem"), str(self.directory / f"{stem}.key"))
        Path(own.certificate).write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        clear = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        Path(own.key).write_bytes(clear)
        return own

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: float) -> x509.CertificateBuilder:
        end = datetime.now(UTC) + timedelta(days=days)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=3651))
            .not_valid_after(end)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
