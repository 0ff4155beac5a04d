"""The sockets of a node of several workers: made, missing, rested and made again, on the loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sbc.config import Listener
from sbc.supervisor import estate as module
from sbc.supervisor.estate import Estate
from sbc.transport import ListenError
from tests.node.test_following import config

pytestmark = pytest.mark.interop

NOWHERE = "192.0.2.77"


@pytest.fixture
def estate() -> Iterator[Estate]:
    estate = Estate.make(2)
    yield estate
    for sock in [sock for mine in estate.sockets for sock in mine.values()]:
        sock.close()
    for end in [end for pair in estate.boxes for end in pair]:
        end.close()


def at(host: str, index: int = 0, transport: str = "UDP") -> Listener:
    return Listener(index, "outside", transport, host, free(host) if host != NOWHERE else 5060)


def free(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def test_a_listener_without_its_address_waits_while_another_one_has_its_own(estate: Estate) -> None:
    here = at("127.0.0.1")
    assert asyncio.run(estate.bind(config(here, at(NOWHERE, 1), at("127.0.0.1", 2, "TCP")))) == {1}
    assert [sorted(mine) for mine in estate.sockets] == [[0, 2], [0, 2]]
    assert estate.is_at(here)
    assert not estate.is_at(replace(here, host="127.0.0.2"))
    assert estate.descriptor(1, 0) == estate.sockets[1][0].fileno()
    assert estate.descriptor(1, 1) == -1


def test_a_node_none_of_whose_addresses_is_here_does_not_start(estate: Estate) -> None:
    with pytest.raises(ListenError, match="no interface of this machine has this address"):
        asyncio.run(estate.bind(config(at(NOWHERE))))


def test_sockets_rest_while_their_address_is_gone_and_not_where_it_is_somebody_elses(estate: Estate) -> None:
    here = at("127.0.0.1")
    asyncio.run(estate.bind(config(here, at("127.0.0.1", 1))))
    estate.rest(replace(here, host=NOWHERE))
    assert estate.is_at(here)
    estate.rest(here)
    assert not estate.is_at(here)
    asyncio.run(estate.open(here, 24))
    assert estate.is_at(here)


def test_a_port_that_is_let_go_late_is_waited_for(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    here = at("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((here.host, here.port))
        monkeypatch.setattr(module, "_FIRST_PATIENCE", 0.1)
        with pytest.raises(ListenError, match="another process has this port"):
            asyncio.run(estate.bind(config(here)))

        async def let_go() -> None:
            opening = asyncio.ensure_future(estate.open(here, 24, 60.0))
            await asyncio.sleep(0.1)
            other.close()
            await opening

        asyncio.run(let_go())
    assert estate.is_at(here)


def test_a_letter_is_posted_with_a_descriptor(estate: Estate) -> None:
    assert estate.post(3, b"word", estate.boxes[0][0].fileno())
    letter, descriptors, _, _ = socket.recv_fds(estate.boxes[3][0], 100, 1)
    assert letter == b"word"
    socket.socket(fileno=descriptors[0]).close()
