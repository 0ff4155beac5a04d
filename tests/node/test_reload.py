"""What a reload may change, and how the embedded engine and free ports follow from a configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Config, Media
from sbc.config import Engine as MediaEngine
from sbc.config.load import load_config
from sbc.supervisor import changes_that_need_a_restart
from sbc.supervisor.embedded import command_line, is_wanted
from sbc.supervisor.ports import keep_ports


@pytest.fixture(scope="module")
def quickstart() -> Config:
    return load_config(None)


def texts(old: Config, new: Config) -> str:
    return " ".join(str(finding["text"]) for finding in changes_that_need_a_restart(old, new))


def test_trunks_timers_and_policies_can_be_changed(quickstart: Config) -> None:
    assert texts(quickstart, replace(quickstart, trunks={}, name="other", drain_deadline=1.0)) == ""


def test_sockets_media_and_state_cannot_and_are_named(quickstart: Config) -> None:
    moved = replace(quickstart.listeners[0], port=5099)
    new = replace(
        quickstart,
        listeners=(moved, *quickstart.listeners[1:]),
        media=Media(mode="bypass"),
        state="elsewhere",
        control_socket="elsewhere/control.sock",
    )
    found = texts(quickstart, new)
    assert all(f"`{key}`" in found for key in ("listen", "media", "state", "control"))


def test_a_port_chosen_at_the_start_is_kept(quickstart: Config) -> None:
    free = tuple(replace(listener, port=0) for listener in quickstart.listeners)
    realms = {
        name: replace(realm, listeners=tuple(free[listener.index] for listener in realm.listeners))
        for name, realm in quickstart.realms.items()
    }
    assert keep_ports(replace(quickstart, listeners=free, realms=realms), quickstart) == quickstart


def test_the_embedded_engine_is_for_anchored_media_without_engines(quickstart: Config) -> None:
    assert is_wanted(quickstart)
    assert not is_wanted(replace(quickstart, media=Media(mode="bypass")))
    assert not is_wanted(replace(quickstart, media=Media(engines=(MediaEngine("127.0.0.1", 2223),))))


def test_each_realm_is_an_interface_of_the_embedded_engine(quickstart: Config) -> None:
    command = command_line(quickstart, 2223)
    given = [command[i + 1] for i, word in enumerate(command) if word == "--interface"]
    assert given == ["outside/127.0.0.1", "inside/127.0.0.1"]
    assert command[command.index("--listen") + 1] == "127.0.0.1:2223"
    assert command[command.index("--ports") + 1] == "30000-39999"
