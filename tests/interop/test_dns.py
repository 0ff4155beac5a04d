"""Targets that are names, with a name server of the test's own: order, changes, dead places, kill and revival."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.dns import HOST, PORT, NameServer
from tests.rig.needs import need
from tests.rig.node import PBX_PORT
from tests.rig.process import wait_until
from tests.rig.promptness import expect_within
from tests.rig.rig import INSIDE, OUTSIDE, Rig

NAME = "pbx.corp.example"
FIRST, SECOND, DEAD = "10.20.0.10", "10.20.0.11", "10.20.0.66"
FOLLOWED = 10.0
"""Seconds until what the zone says counts, of records that live for one; who was silent is asked again after five."""
NOTICED = 15.0
"""Seconds until a place that refuses calls gets no more of them, at ten calls a second."""
_HOSTS = {"a": FIRST, "b": SECOND, "dead": DEAD}


@pytest.fixture(scope="module")
def named() -> Iterator[tuple[Rig, NameServer]]:
    """A node whose trunk `pbx` is a name without a port: all of it is left to DNS."""
    need("sipp")
    with Rig() as rig:
        names = NameServer(rig.network.node)
        serve(names, (10, 1, "a"), (20, 1, "b"))
        rig.start_with(pbx=(NAME,), node=f'name_servers = ["{HOST}:{PORT}"]')
        yield rig, names
        names.close()


def serve(names: NameServer, *servers: tuple[int, int, str]) -> None:
    """The zone: SRV records of these priorities, weights and hosts, for one second each."""
    zone: dict[tuple[str, str], list[tuple[int, str]]] = {
        (f"{NAME}.", "NAPTR"): [(1, f'10 10 "s" "SIP+D2U" "" _sip._udp.{NAME}.')],
        (f"_sip._udp.{NAME}.", "SRV"): [
            (1, f"{one} {weight} {PBX_PORT} {host}.example.") for one, weight, host in servers
        ],
    }
    for host, address in _HOSTS.items():
        zone[(f"{host}.example.", "A")] = [(1, address)]
    names.zone = zone


def places(rig: Rig) -> list[tuple[str, str]]:
    """Where the name leads by what the node says: hosts with their states."""
    answer = rig.node.ask("GET", "/trunks")
    trunk: dict[str, Any] = next(one for one in answer["trunks"] if one["name"] == "pbx")
    return [(one["host"], one["state"]) for one in trunk["targets"][0]["places"]]


def wait_places(rig: Rig, *hosts: str) -> None:
    """Until the node knows that the name leads there."""
    expect_within(FOLLOWED, lambda: sorted(host for host, _ in places(rig)) == sorted(hosts), "following DNS")


def call(rig: Rig) -> None:
    """One whole call from outside."""
    rig.sipp(OUTSIDE, "uac_call", call=True, options=("-s", "4930222")).assert_ok()


def test_a_name_is_located_and_changes_of_the_zone_are_followed(named: tuple[Rig, NameServer]) -> None:
    """RFC 3263 sections 4.1 and 4.2: NAPTR, SRV, A; the lowest priority first; what DNS changes counts at once."""
    rig, names = named
    for host, peer in (("a", 0), ("b", 1)):
        rig.begin()
        serve(names, (10, 1, host), (20, 1, "dead"))
        wait_places(rig, _HOSTS[host], DEAD)
        callee = rig.sipp(INSIDE, "uas_call", call=False, peer=peer)
        call(rig)
        callee.assert_ok()
        rig.assert_hidden()
        rig.assert_clean_end()


def test_an_answer_is_asked_for_once_and_silence_of_the_name_server_changes_nothing(
    named: tuple[Rig, NameServer],
) -> None:
    """RFC 8767: calls go on by what was known."""
    rig, names = named
    rig.begin()
    serve(names, (10, 1, "a"))
    wait_places(rig, FIRST)
    names.is_silent = True
    try:
        callee = rig.sipp(INSIDE, "uas_call", call=False, calls=3)
        rig.sipp(OUTSIDE, "uac_call", call=True, calls=3, rate=1, options=("-s", "4930222")).assert_ok()
        callee.assert_ok()
    finally:
        names.is_silent = False
    rig.assert_clean_end()


def test_a_dead_first_place_costs_the_first_caller_and_not_the_next(named: tuple[Rig, NameServer]) -> None:
    """Somebody is at the dead place and says nothing: four seconds once; then it gets no call at all."""
    rig, names = named
    rig.begin()
    serve(names, (10, 1, "dead"), (20, 1, "a"))
    wait_places(rig, DEAD, FIRST)
    silent = rig.ua(INSIDE, call=False, peer=2)
    callee = rig.sipp(INSIDE, "uas_call", call=False, calls=2)
    call(rig)
    assert dict(places(rig))[DEAD] == "down"
    rig.taps.clear()
    call(rig)
    callee.assert_ok()
    assert not [packet for packet in rig.taps.packets() if DEAD in (packet.source, packet.destination)]
    silent.close()
    rig.assert_clean_end()


def is_between_calls(rig: Rig) -> bool:
    """A call that rings at a place cannot ring elsewhere; where no new one comes, all have been answered soon."""
    return all(call["state"] in ("answered", "talking") for call in rig.node.calls())


def test_a_place_that_dies_under_load_loses_no_call_that_was_not_answered(named: tuple[Rig, NameServer]) -> None:
    """Killed and revived: ten calls a second go on at the other, and come back."""
    rig, names = named
    rig.begin()
    serve(names, (10, 50, "a"), (10, 50, "b"))
    wait_places(rig, FIRST, SECOND)
    ever = 100_000
    stays = rig.sipp(INSIDE, "uas_call", call=False, calls=ever, peer=1, timeout=120)
    dies = rig.sipp(INSIDE, "uas_call", call=False, calls=ever, peer=0, timeout=120)
    caller = rig.sipp(OUTSIDE, "uac_call", call=True, calls=120, rate=10, timeout=60, options=("-s", "4930222"))
    caller.process.signal(signal.SIGSTOP)
    try:
        wait_until(lambda: is_between_calls(rig) and is_between_calls(rig), 10, "a moment in which nothing rings")
        dies.stop()
    finally:
        caller.process.signal(signal.SIGCONT)
    expect_within(NOTICED, lambda: dict(places(rig))[FIRST] == "down", "noticing a dead place")
    again = rig.sipp(INSIDE, "uas_call", call=False, calls=ever, peer=0, timeout=120)
    caller.assert_ok(60)
    again.stop()
    stays.stop()
    rig.node.assert_sound()
