"""What we show of a certificate's chain."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from sbc.transport.contexts import chain_of
from tests.kit.certificates import Authority


def names(chain: bytes) -> list[str]:
    return [one.subject.rfc4514_string() for one in x509.load_pem_x509_certificates(chain)]


def test_a_certificate_alone_gets_the_issuers_that_we_know(tmp_path: Path) -> None:
    """RFC 8446 section 4.4.2: each certifies the one before it."""
    authority, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    own = authority.issue("edge", dns=("sbc.example.net",))
    both = tmp_path / "both.pem"
    both.write_bytes(Path(other.ca).read_bytes() + Path(authority.ca).read_bytes())
    assert names(chain_of(own.certificate, str(both))) == ["CN=edge", "CN=ours"]


def test_there_is_nothing_to_add_to_a_chain_or_for_an_unknown_issuer(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    own = authority.issue("edge", dns=("sbc.example.net",))
    assert chain_of(own.certificate, other.ca) == b""
    assert chain_of(own.certificate, "") == b""
    with Path(own.certificate).open("ab") as file:
        file.write(Path(authority.ca).read_bytes())
    assert chain_of(own.certificate, authority.ca) == b""


def test_what_is_no_certificate_is_left_to_openssl(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    assert chain_of(str(nothing), str(nothing)) == b""
