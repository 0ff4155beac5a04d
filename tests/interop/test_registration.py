"""We register at Kamailio, which checks the digest with code of its own; a wrong password, a refresh, the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.kamailio import Registrar
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.process import wait_until
from tests.rig.rig import Rig

REALM, PASSWORD = "digest.example.net", "the right one"
EXPIRES = 60


def file_for(state: Path, password: str) -> str:
    """The rig's node file, whose PBX is registered at."""
    state.mkdir(parents=True, exist_ok=True)
    secret = state / "pbx.secret"
    secret.write_text(f"{password}\n")
    secret.chmod(0o600)
    trunk = (
        f'[trunk.pbx]\nauth = {{ username = "sbc", password_file = "{secret}" }}\n'
        f'register = {{ domain = "{REALM}", expires = {EXPIRES} }}\n'
    )
    return node_file(state=state).replace("[trunk.pbx]\n", trunk)


@pytest.fixture
def registrar() -> Iterator[tuple[Rig, Registrar]]:
    """A rig without a node yet, and Kamailio in the place of the PBX."""
    need("kamailio")
    with Rig() as rig:
        made = Registrar(rig.work(), rig.network.namespace_of("inside"), REALM, PASSWORD)
        yield rig, made
        made.stop()


def registration(rig: Rig) -> dict[str, Any]:
    """How it stands, by what the node says."""
    trunks = rig.node.ask("GET", "/trunks")["trunks"]
    found: dict[str, Any] = next(one for one in trunks if one["name"] == "pbx")["registration"]
    return found


def sent(rig: Rig, text: str) -> int:
    """REGISTERs on the inside with this text in them, without copies."""
    packets = [packet for packet in rig.taps.packets() if packet.payload.startswith(b"REGISTER ")]
    return len({packet.payload for packet in packets if text.encode() in packet.payload})


def assert_refreshed_in_time(rig: Rig) -> None:
    """After half of the binding's short time, and long before its end (RFC 3261 section 10.2.4), by the wire."""
    made, again = [
        min(
            packet.when
            for packet in rig.taps.packets()
            if packet.payload[:9] == b"REGISTER " and count in packet.payload
        )
        for count in (b"nc=00000001", b"nc=00000002")
    ]
    assert 0.4 * EXPIRES < again - made < 0.8 * EXPIRES


def test_a_registration_is_made_refreshed_and_given_back(registrar: tuple[Rig, Registrar]) -> None:
    """RFC 3261 section 10, RFC 7616: the nonce is used again; at the end the binding is removed."""
    rig, _ = registrar
    rig.start(lambda state: file_for(state, PASSWORD))
    wait_until(lambda: registration(rig)["state"] == "registered", 15, "the registration")
    assert registration(rig)["aor"] == f"sip:sbc@{REALM}"
    wait_until(lambda: sent(rig, "nc=00000002") > 0, 60, "the refresh")
    assert_refreshed_in_time(rig)
    assert registration(rig)["state"] == "registered"
    assert rig.node.stop() == 0
    assert sent(rig, "Expires: 0\r\n") > 0
    assert '"state": "gone"' in rig.node.log() or "state=gone" in rig.node.log()
    rig.node.assert_sound_log()


def test_a_wrong_password_is_tried_once_and_then_seldom(registrar: tuple[Rig, Registrar]) -> None:
    """RFC 3261 section 22.2: not again and again at once."""
    rig, _ = registrar
    rig.start(lambda state: file_for(state, "a wrong one"))
    wait_until(lambda: registration(rig)["state"] == "failed", 15, "the refusal")
    assert registration(rig)["reason"] == "answered 401"
    assert sent(rig, "Authorization: Digest") == 1
    rig.node.stop()
