"""baresip over TLS with a certificate of its own: it calls, and it is called."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.certificates import Authority
from tests.node.test_run import NODE, Running, eventually

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("baresip") is None, reason="baresip is not installed"),
]

TLS = 'tls = {{ certificate = "edge.pem", key = "edge.key", ca = "ca.pem", verify_client = "required" }}'
MODULES = "g711 ausine aubridge"


def two_ports() -> int:
    """A free port whose successor is free too: baresip speaks TLS there."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@contextmanager
def phone(folder: Path, user: str, port: int, extra: str = "", dial: str = "") -> Iterator[Path]:
    """A baresip that answers by itself; yields its log."""
    folder.mkdir()
    uri = f"<sip:{user}@127.0.0.1:{port}>" if not extra else f"<sip:{user}@127.0.0.1:{port + 1};transport=tls>"
    lines = ["poll_method epoll", f"sip_listen 127.0.0.1:{port}", "audio_source ausine,440", "audio_player aubridge,x"]
    lines += [
        "audio_alert aubridge,y",
        "ausrc_srate 48000",
        "ausrc_channels 2",
        "auplay_srate 8000",
        "auplay_channels 1",
    ]
    lines += ["module_path /usr/lib/baresip/modules", *[f"module {name}.so" for name in MODULES.split()]]
    lines += ["module_tmp uuid.so", "module_tmp account.so", "module_app menu.so", extra]
    (folder / "config").write_text("\n".join(lines) + "\n", encoding="ascii")
    (folder / "accounts").write_text(f"{uri};regint=0;answermode=auto;audio_codecs=PCMU\n", encoding="ascii")
    (folder / "contacts").write_text("", encoding="ascii")
    log = folder / "log"
    command = ["baresip", "-4", "-f", str(folder), *(["-e", f"/dial {dial}"] if dial else [])]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "HOME": str(folder)}
        )
    try:
        eventually(lambda: b"baresip is ready" in log.read_bytes())
        yield log
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("caller", ["secure", "plain"])
def test_a_call_between_tls_and_udp_is_answered_and_ended(tmp_path: Path, caller: str) -> None:
    authority = Authority(tmp_path, "ca")
    authority.issue("edge", dns=("sbc.example.net",), addresses=("127.0.0.1",))
    own = authority.issue("partner", dns=("phone.carrier.example",))
    both = Path(own.key).read_text() + Path(own.certificate).read_text()
    (tmp_path / "both.pem").write_text(both, encoding="ascii")
    extra = f"sip_certificate {tmp_path}/both.pem\nsip_cafile {tmp_path}/ca.pem\nsip_verify_server yes"
    secure = two_ports()
    target = f'"sip:127.0.0.1:{secure + 1};transport=tls" }}}}]\ntls_names = ["*.carrier.example"]\n[media]'
    text = NODE.replace('"tcp:127.0.0.1:0"', '"tls:127.0.0.1:0"').replace("[realm.inside]", f"{TLS}\n[realm.inside]")
    node = Running(tmp_path, "bypass", text.replace('"sip:127.0.0.1:{pbx}" }}]\n[media]', target))
    plain = int(node.pbx.getsockname()[1])
    node.pbx.close()
    to_pbx = f"sip:plain@127.0.0.1:{node.port('outside', 'TLS')};transport=tls" if caller == "secure" else ""
    to_carrier = f"sip:secure@127.0.0.1:{node.port('inside')}" if caller == "plain" else ""

    def seen(event: str) -> list[object]:
        return [line["status"] if event == "call ended" else 200 for line in node.log() if line["event"] == event]

    try:
        first = phone(tmp_path / "plain", "plain", plain, dial=to_carrier)
        second = phone(tmp_path / "secure", "secure", secure, extra, to_pbx)
        with second if caller == "plain" else first:
            with first if caller == "plain" else second:
                eventually(lambda: seen("call answered"))
            eventually(lambda: seen("call ended"))
        assert seen("call ended") == [200]
        assert node.status()["transport"]["handshakes_failed"] == 0
    finally:
        node.close()
