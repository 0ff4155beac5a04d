"""The files behind `tls`: there, readable, a pair, in date. What a handshake needs is found missing before one."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509

from policies.load import Decoded
from sbc.config.load.schema import NodeFile, TlsTable
from sbc.config.model import Certificate, Config, Tls

SOON: Final = 30
"""Days before its end from which a certificate is warned of."""

_FROM: Final = "a relative path starts at the folder of the node file"
_PEM: Final = 'PEM: "-----BEGIN ..."'

_Path = tuple[str | int, ...]


class Expiry(NamedTuple):
    """Until when a certificate is good. `name` is the SNI name it is shown for, empty for the realm's own."""

    realm: str
    name: str
    file: str
    until: datetime

    def days(self, now: datetime) -> int:
        """Whole days left; negative once it has expired."""
        return (self.until - now).days

    def is_due(self, now: datetime) -> bool:
        """True where somebody should see to it."""
        return self.days(now) < SOON


def place(name: str, folder: Path) -> str:
    """A path of the node file, made absolute: the node may change its directory."""
    return str((folder / name).absolute())


def own_pair(certificate: str, key: str, folder: Path) -> Certificate:
    """The two files of one certificate."""
    return Certificate(place(certificate, folder), place(key, folder))


def check_tls(decoded: Decoded[NodeFile], file: NodeFile, folder: Path) -> None:
    """Add to `decoded` what is wrong with the TLS settings of realms and trunks, and with their files."""
    for name, realm in file.realm.items():
        path: _Path = ("realm", name, "tls")
        listens = any(entry.transport == "TLS" for entry in realm.listen)
        if realm.tls is None:
            if listens:
                remedy = 'add tls = { certificate = "edge.pem", key = "edge.key" }'
                decoded.add(("realm", name), "a tls listener, and no certificate for it", remedy=remedy)
            continue
        if not listens:
            decoded.add(path, "no tls listener", remedy=f'add "tls:..." to realm.{name}.listen: calls go out by it too')
        _check_table(decoded, path, realm.tls, folder)
    for name, trunk in file.trunk.items():
        table = file.realm[trunk.realm].tls if trunk.realm in file.realm else None
        if not trunk.tls_names or trunk.realm not in file.realm:
            continue
        if table is None:
            remedy = f"add tls to realm.{trunk.realm}, or name the trunk by sources"
            decoded.add(("trunk", name, "tls_names"), f"realm {trunk.realm} speaks no TLS", remedy=remedy)
        elif table.verify_client == "never":
            found = f"realm {trunk.realm} asks no client for a certificate"
            remedy = f'set realm.{trunk.realm}.tls.verify_client to "optional" or "required"'
            decoded.add(("trunk", name, "tls_names"), found, remedy=remedy)


def _check_table(decoded: Decoded[NodeFile], path: _Path, table: TlsTable, folder: Path) -> None:
    if table.verify_client != "never" and not table.ca:
        found = f'verify_client = "{table.verify_client}", and no ca to verify against'
        decoded.add(path, found, remedy='add ca = "FILE": the authorities your partners have their certificates from')
    _check_pair(decoded, (*path, "certificate"), (*path, "key"), own_pair(table.certificate, table.key, folder))
    for name, stem in table.sni.items():
        where = (*path, "sni", name)
        _check_pair(decoded, where, where, own_pair(f"{stem}.pem", f"{stem}.key", folder))
    if table.ca:
        ca = place(table.ca, folder)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=ca)
        except OSError as error:
            decoded.add((*path, "ca"), _unusable(ca, error, "certificates"), allowed=_PEM, remedy=_FROM)


def _check_pair(decoded: Decoded[NodeFile], where: _Path, where_key: _Path, own: Certificate) -> None:
    try:
        start, end = _validity(own.certificate)
    except (OSError, ValueError) as error:
        decoded.add(where, _unusable(own.certificate, error, "certificate"), allowed=_PEM, remedy=_FROM)
        return
    now = datetime.now(UTC)
    if end < now:
        decoded.add(where, f"{own.certificate} expired on {end:%Y-%m-%d}", remedy="renew it")
    elif start > now:
        decoded.add(
            where, f"{own.certificate} is good only from {start:%Y-%m-%d %H:%M} UTC", remedy="look at the clock"
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(own.certificate, own.key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            remedy = "name the two files that belong together"
            decoded.add(where_key, f"{own.key} is not the key of {own.certificate}", remedy=remedy)
        else:
            decoded.add(where_key, f"{own.key} holds no private key without a passphrase", allowed=_PEM)
    except OSError as error:
        decoded.add(where_key, _unusable(own.key, error, "key"), remedy=_FROM)


def _unusable(path: str, error: Exception, what: str) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no file {path}"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return f"{path} cannot be read: {error.strerror or error}"
    return f"{path} holds no {what} in PEM"


def _validity(path: str) -> tuple[datetime, datetime]:
    """From when until when the first certificate of a file is good. Raises OSError or ValueError."""
    first = x509.load_pem_x509_certificates(Path(path).read_bytes())[0]
    return first.not_valid_before_utc, first.not_valid_after_utc


def expiries(config: Config) -> list[Expiry]:
    """Every certificate we show and its end, read from the files now; one that cannot be read is left out."""
    found: list[Expiry] = []
    for realm in config.realms.values():
        if realm.tls is None:
            continue
        for name, own in (("", realm.tls.own), *realm.tls.sni):
            try:
                found.append(Expiry(realm.name, name, own.certificate, _validity(own.certificate)[1]))
            except (OSError, ValueError):
                continue
    return found


def shown_tls(tls: Tls) -> dict[str, object]:
    """A realm's TLS settings in the words of the node file, with the end of each certificate."""
    shown: dict[str, object] = {**_shown_pair(tls.own), "ca": tls.ca or "system", "verify_client": tls.verify_client}
    if tls.sni:
        shown["sni"] = {name: _shown_pair(own) for name, own in tls.sni}
    return shown


def _shown_pair(own: Certificate) -> dict[str, object]:
    try:
        end = _validity(own.certificate)[1]
    except (OSError, ValueError):
        until = "unreadable"
    else:
        days = (end - datetime.now(UTC)).days
        until = f"{end:%Y-%m-%d}" + (f" (WARNING: in {days} days)" if days < SOON else "")
    return {"certificate": own.certificate, "key": own.key, "expires": until}
