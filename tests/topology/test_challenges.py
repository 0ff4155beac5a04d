"""Digest values that cross: built anew, bounded, and only for realms that a trunk names."""

from __future__ import annotations

import pytest

from sbc.config import Trunk
from sbc.mint import Mint
from sbc.sip import Request, Response, parse_authentication
from sbc.topology import Challenges

TRUNK = Trunk("pbx", "inside", (), challenges=("example.net", 'odd "realm"'))


def shown(value: str, trunk: Trunk = TRUNK, known: Challenges | None = None) -> str:
    """The one challenge that crosses of a 401, or nothing."""
    response = Response(401, "x", [("WWW-Authenticate", value)])
    fields = (known or Challenges(Mint(bytes(32)))).shown(response, "REGISTER", trunk)
    return fields[0][1] if fields else ""


def test_quoted_realm_and_several_algorithms_keep_their_meaning() -> None:
    """RFC 7616 section 3.3, RFC 8760: what is hashed is the unquoted text; one challenge an algorithm."""
    assert shown(r'Digest realm="odd \"realm\"", nonce="a\\b"') == r'Digest realm="odd \"realm\"", nonce="a\\b"'
    known = Challenges(Mint(bytes(32)))
    values = [f'Digest realm="example.net", nonce="n", algorithm={name}' for name in ("sha-256", "MD5", "AKAv1-MD5")]
    response = Response(401, "x", [("WWW-Authenticate", value) for value in values])
    found = [parse_authentication(value).get("algorithm") for _, value in known.shown(response, "INVITE", TRUNK)]
    assert found == ["SHA-256", "MD5"]
    assert known.counters == {"challenge.algorithm": 1}


@pytest.mark.parametrize("method", ["BYE", "ACK", "CANCEL"])
def test_some_methods_are_never_challenged_and_bear_no_credentials(method: str) -> None:
    known = Challenges(Mint(bytes(32)))
    response = Response(401, "x", [("WWW-Authenticate", 'Digest realm="example.net", nonce="n"')])
    assert known.shown(response, method, TRUNK) == []
    answer = 'Digest username="a", realm="example.net", nonce="n", uri="sip:x", response="00ff"'
    assert known.credentials(Request(method, "sip:x", [("Authorization", answer)]), TRUNK) == []
    assert len(known.credentials(Request("INVITE", "sip:x", [("Authorization", answer)]), TRUNK)) == 1


def test_opaque_of_another_trunk_or_of_nobody_does_not_go_back() -> None:
    known = Challenges(Mint(bytes(32)))
    token = parse_authentication(shown('Digest realm="example.net", nonce="n", opaque="state"', known=known)).get(
        "opaque"
    )
    other = Trunk("carrier", "outside", (), challenges=("example.net",))
    for trunk, value, expected in ((TRUNK, token, "state"), (other, token, ""), (TRUNK, "state", "")):
        text = f'Digest username="a", realm="example.net", nonce="n", uri="sip:x", response="00ff", opaque="{value}"'
        ((_, sent),) = known.credentials(Request("INVITE", "sip:x", [("Authorization", text)]), trunk)
        assert parse_authentication(sent).get("opaque") == expected


def test_opaque_values_are_bounded() -> None:
    known = Challenges(Mint(bytes(32)), 3)
    for number in range(10):
        shown(f'Digest realm="example.net", nonce="n", opaque="{number}"', known=known)
    assert len(known._opaques) == 3


@pytest.mark.parametrize("response", ["", "xyz", "0" * 200])
def test_credentials_that_are_none_do_not_cross(response: str) -> None:
    known = Challenges(Mint(bytes(32)))
    text = f'Digest username="a", realm="example.net", nonce="n", uri="sip:x", response="{response}"'
    assert known.credentials(Request("INVITE", "sip:x", [("Authorization", text)]), TRUNK) == []
