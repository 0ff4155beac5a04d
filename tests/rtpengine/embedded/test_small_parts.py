"""Cookies, interfaces, arguments and framing."""

from __future__ import annotations

import contextlib
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtpengine.embedded import InterfaceError, Server, parse_interfaces
from rtpengine.embedded.command import parse_listen, parse_ports
from rtpengine.embedded.cookies import GENERATION, CookieCache
from rtpengine.embedded.description import Fault
from rtpengine.embedded.framing import decode_payload


def test_reply_lives_for_one_to_two_generations() -> None:
    """Under traffic; without any it stays."""
    cache = CookieCache(0.0)
    cache.add(b"a", b"reply")
    assert cache.find(b"a", GENERATION * 100) == b"reply"
    assert cache.find(b"a", GENERATION * 100 + 1) == b"reply"
    assert cache.find(b"a", GENERATION * 101) is None
    assert len(cache) == 0


def test_big_replies_end_a_generation_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of requests must not fill the memory."""
    monkeypatch.setattr("rtpengine.embedded.cookies.MAX_OCTETS", 1000)
    cache = CookieCache(0.0)
    for number in range(100):
        cookie = str(number).encode()
        assert cache.find(cookie, 1.0) is None
        cache.add(cookie, b"x" * 100)
    assert len(cache) < 25


def test_interfaces_have_names_addresses_and_what_is_shown() -> None:
    """A name that comes again adds an address."""
    interfaces = parse_interfaces(["pub/127.0.0.1!203.0.113.1", "pub/::1", "priv/127.0.0.2"])
    pub = interfaces.find("pub")
    assert [(address.host, address.advertised) for address in pub.addresses] == [
        ("127.0.0.1", "203.0.113.1"),
        ("::1", "::1"),
    ]
    assert pub.address("IP6").host == "::1"
    assert interfaces.find("priv").address("IP6").host == "127.0.0.2"
    assert interfaces.find("nobody") is pub


def test_network_interface_stands_for_its_addresses() -> None:
    """Loopback is everywhere."""
    assert "127.0.0.1" in [address.host for address in parse_interfaces(["in/lo"]).find("in").addresses]


@pytest.mark.parametrize(
    "text", ["", "pub/", "/127.0.0.1", "pub/no-such-device", "pub/127.0.0.1!name", "pub/::1!203.0.113.1"]
)
def test_unfit_interface_is_an_error_that_says_why(text: str) -> None:
    """Shown to the operator as it is."""
    with pytest.raises(InterfaceError, match=r"pub|''|127"):
        parse_interfaces([text])


def test_no_interface_is_an_error() -> None:
    """There would be nothing to bind to."""
    with pytest.raises(InterfaceError):
        parse_interfaces([])


def test_arguments_are_read() -> None:
    """Brackets around IPv6."""
    assert parse_listen("[::1]:2223") == ("::1", 2223)
    assert parse_ports("30000-39999") == (30000, 39999)


@pytest.mark.parametrize("text", ["", "2223", "host:", ":1", "h:99999", "h:x"])
def test_unfit_listen_address_is_an_error(text: str) -> None:
    """Host and port, both."""
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_listen(text)


@pytest.mark.parametrize("text", ["", "1", "2-1", "0-5", "1-70000", "a-b"])
def test_unfit_port_range_is_an_error(text: str) -> None:
    """First and last, in order."""
    with pytest.raises(ValueError, match="FIRST-LAST"):
        parse_ports(text)


def test_json_without_a_counterpart_in_bencode_is_refused() -> None:
    """null and floats, wherever they stand."""
    for document in (b'{"a": null}', b'{"a": [1.5]}', b'{"a": {"b": null}}'):
        with pytest.raises(Fault, match="bencode"):
            decode_payload(document)
    assert decode_payload(b'{"a": true, "b": "x", "c": [1]}') == ({"a": 1, "b": b"x", "c": [1]}, True)


def _bind(host: str, port: int) -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


SERVER = Server(parse_interfaces(["127.0.0.1"]), (40000, 40099), bind=_bind)


@settings(max_examples=80, deadline=None)
@given(
    st.binary(max_size=200)
    | st.binary(max_size=100).map(lambda data: b"c" + data[:3].hex().encode() + b" d7:command5:offer" + data)
)
def test_any_datagram_is_answered_or_dropped(data: bytes) -> None:
    """And never raises."""
    with contextlib.suppress(UnicodeEncodeError):
        reply = SERVER.answer(data)
        assert reply is None or b" " in reply
