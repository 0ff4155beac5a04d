"""A node with TLS as a process: who gets in, what the log says of the rest, certificates renewed while it serves."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sbc.config import Certificate
from tests.kit.certificates import Authority
from tests.node.test_run import NODE, Running, eventually

pytestmark = pytest.mark.interop

OPTIONS = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK{serial}\r\n"
    "From: <sip:a@carrier.example>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: tls-{serial}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
TLS = 'tls = {{ certificate = "edge.pem", key = "edge.key", ca = "ca.pem", verify_client = "required" }}'
TARGET = '"sip:127.0.0.1:{pbx}" }}]\n[media]'
TLS_NODE = NODE.replace('"tcp:127.0.0.1:0"', '"tls:127.0.0.1:0"').replace("[realm.inside]", f"{TLS}\n[realm.inside]")
TLS_NODE = TLS_NODE.replace(TARGET, '"sips:sip.carrier.example" }}]\ntls_names = ["*.carrier.example"]\n[media]')


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path, "ca")
    made.issue("edge", dns=("sbc.example.net",), days=9.5)
    return made


@pytest.fixture
def node(authority: Authority, tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, "bypass", TLS_NODE)
    yield running
    running.close()


def connect(node: Running, authority: Authority, own: Certificate | None) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=authority.ca)
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    sock = socket.create_connection(("127.0.0.1", node.port("outside", "TLS")), timeout=5.0)
    return context.wrap_socket(sock, server_hostname="sbc.example.net")


def ask(sock: ssl.SSLSocket, serial: int) -> bytes:
    sock.sendall(OPTIONS.format(serial=serial).encode())
    return sock.recv(4096)


def is_refused(node: Running, authority: Authority, own: Certificate | None) -> bool:
    try:
        with closing(connect(node, authority, own)) as sock:
            return not sock.recv(1)
    except (ssl.SSLError, ConnectionError):
        return True


def reasons(node: Running) -> list[str]:
    return [line["reason"] for line in node.log() if line["event"] == "TLS client refused"]


def test_partners_are_served_through_a_renewal_and_others_are_turned_away_with_a_reason(
    node: Running, authority: Authority
) -> None:
    partner = authority.issue("partner", dns=("edge1.carrier.example",))
    with closing(connect(node, authority, partner)) as sock:
        assert ask(sock, 1).startswith(b"SIP/2.0 200 ")
        before = sock.getpeercert()
        authority.issue("edge", dns=("sbc.example.net",))
        node.process.send_signal(signal.SIGHUP)
        eventually(lambda: any(line["event"] == "reloaded" for line in node.log()))
        assert node.status()["certificates"][0]["days"] > 300
        with closing(connect(node, authority, partner)) as fresh:
            assert fresh.getpeercert() != before
            assert ask(fresh, 2).startswith(b"SIP/2.0 200 ")
        assert ask(sock, 3).startswith(b"SIP/2.0 200 ")
    for own in (None, authority.issue("expired", dns=("edge1.carrier.example",), days=-1)):
        assert is_refused(node, authority, own)
    eventually(lambda: len(reasons(node)) == 2)
    assert reasons(node) == [
        "no certificate shown, and one is required",
        "certificate not accepted: certificate has expired",
    ]
    which = [line.get("certificate", "") for line in node.log() if line["event"] == "TLS client refused"]
    assert which[0] == ""
    assert which[1].startswith("edge1.carrier.example, issued by CN=ca, serial ")
    warned = [line for line in node.log() if line["event"] == "certificate expires"]
    assert [(line["level"], line["days"]) for line in warned] == [("warning", 9)]


def test_a_renewal_gone_wrong_is_refused_and_the_old_certificate_stays(node: Running, authority: Authority) -> None:
    partner = authority.issue("partner", dns=("edge1.carrier.example",))
    (node.folder / "edge.key").write_text("broken", encoding="ascii")
    done = node.sbc("reload")
    assert done.returncode == 1
    assert "holds no private key" in done.stdout + done.stderr
    with closing(connect(node, authority, partner)) as sock:
        assert ask(sock, 1).startswith(b"SIP/2.0 200 ")
