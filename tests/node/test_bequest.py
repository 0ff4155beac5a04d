"""What two supervisors agree on before one relieves the other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sbc.config import Config
from sbc.supervisor.bequest import FORMAT, Bequest, fixed_in, listeners_of, objections, with_known
from sbc.supervisor.ports import with_listeners
from tests.kit.node import config


def bequest(settings: Config) -> Bequest:
    return Bequest({}, 3, [1, 1], 300.0, listeners_of(settings), fixed_in(settings), 4711, "0.1.0")


def told(settings: Config) -> Bequest:
    """As it comes out at the other end."""
    return Bequest.read(json.loads(json.dumps(bequest(settings).told())))


def test_the_same_configuration_has_no_objections() -> None:
    assert objections(told(config()), config()) == []


def test_what_sockets_and_memory_depend_on_cannot_change() -> None:
    settings = config()
    moved = replace(settings, listeners=(replace(settings.listeners[0], port=5999), *settings.listeners[1:]))
    assert objections(told(settings), moved) == [
        "`listen` differs from what runs: an upgrade cannot change it, drain and start instead"
    ]
    found = objections(told(settings), replace(settings, workers=3, control_socket="elsewhere"))
    assert [text.split("`")[1] for text in found] == ["workers", "control"]


def test_ports_that_were_chosen_and_what_became_of_addresses_are_the_former_ones() -> None:
    """The file names an interface and leaves a port open; when it was read again the interface had another address."""
    settings = config()
    first, *others = settings.listeners
    named = replace(first, interface="eth0")
    running = with_listeners(settings, [replace(named, host="192.0.2.9", port=5999, is_up=False), *others])
    fresh = with_listeners(settings, [replace(named, port=0), *others])
    found = with_known(fresh, told(running).listeners)
    assert found.listeners == running.listeners
    assert found.realms[first.realm].listeners[0].host == "192.0.2.9"
    assert objections(told(running), found) == []
    other = with_listeners(settings, [replace(first, host="192.0.2.8"), *others])
    assert objections(told(running), with_known(other, told(running).listeners))[0].startswith("`listen` differs")
    assert with_known(fresh, told(running).listeners[1:]) == fresh


def test_an_embedded_engine_goes_on_as_it_was_started() -> None:
    """Nobody would find one with other addresses again, and nobody would end it."""
    settings = config(mode="anchor")
    keyed = replace(settings, media=replace(settings.media, keys=("127.0.0.1", 2224)))
    assert [text.split("`")[1] for text in objections(told(settings), keyed)] == ["media"]


def test_a_version_that_means_something_else_by_it_is_refused() -> None:
    """Memory that both share has a layout: nobody may guess at it."""
    other = bequest(config()).told() | {"format": FORMAT + 1}
    with pytest.raises(ValueError, match="drain and start"):
        Bequest.read(other)
