"""Digest as a client, with the vectors of the RFCs (RFC 2617, RFC 7616, RFC 8760)."""

from __future__ import annotations

from hashlib import md5

import pytest

from sbc.digest import LONGEST, REALMS, Challenge, DigestUser, challenges_in, response_of
from sbc.sip import parse_authentication

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def challenge(text: str) -> Challenge:
    (found,) = challenges_in([f"Digest {text}"], [])
    return found


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_vectors_of_rfc_7616(algorithm: str, response: str) -> None:
    """RFC 7616 section 3.9.1."""
    asked = challenge(f'realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="{NONCE}"')
    found = response_of(asked, NONCE, "Mufasa", "Circle of Life", "GET", "/dir/index.html", b"", "00000001", CNONCE)
    assert found == response


def test_the_vector_of_rfc_7616_with_sha_512_256_and_a_hashed_name() -> None:
    """RFC 7616 section 3.9.2 as erratum 4897 has it: the printed values were not computed with SHA-512/256."""
    asked = challenge(
        'realm="api@example.org", qop="auth", algorithm=SHA-512-256, charset=UTF-8, userhash=true,'
        ' nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS"'
    )
    user = DigestUser("Jäsøn Doe", "Secret, or not?")
    assert user.take([asked], "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
    ((name, value),) = user.credentials("GET", "/doe.json", b"")
    found = parse_authentication(value)
    assert name == "Authorization"
    assert found.get("username") == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert found.get("response") == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert found.get("userhash") == "true"
    assert found.get("opaque") == asked.opaque


def test_the_vector_of_rfc_2617() -> None:
    """RFC 2617 section 3.5."""
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    asked = challenge(f'realm="testrealm@host.com", qop="auth,auth-int", nonce="{nonce}", opaque="5ccc"')
    found = response_of(asked, nonce, "Mufasa", "Circle Of Life", "GET", "/dir/index.html", b"", "00000001", "0a4f113b")
    assert found == "6629fae49393a05397450978507c4ef1"


def test_without_qop_it_is_the_digest_of_rfc_2069() -> None:
    """RFC 2617 section 3.2.2.1: neither nc nor cnonce, which such servers do not know."""
    user = DigestUser("bob", "zanzibar")
    user.take([challenge('realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')], "c")
    found = parse_authentication(user.credentials("INVITE", "sip:bob@biloxi.com", b"")[0][1])
    assert [name for name, _ in found.params] == ["username", "realm", "nonce", "uri", "response"]
    assert found.get("response") == "bf57e4e0d0bffc0fbaedce64d59add5e"


def test_auth_int_covers_the_body() -> None:
    """RFC 7616 section 3.4.3; it is used where it alone is offered."""
    user = DigestUser("u", "p")
    user.take([challenge('realm="r", nonce="n", qop="auth-int"')], "c")
    found = parse_authentication(user.credentials("INVITE", "sip:x", b"v=0")[0][1])
    one, two = md5(b"u:r:p").hexdigest(), md5(f"INVITE:sip:x:{md5(b'v=0').hexdigest()}".encode()).hexdigest()
    assert found.get("qop") == "auth-int"
    assert found.get("response") == md5(f"{one}:n:00000001:c:auth-int:{two}".encode()).hexdigest()


def test_sess_puts_nonce_and_cnonce_into_the_key() -> None:
    """RFC 7616 section 3.4.2."""
    asked = challenge('realm="r", nonce="n", qop="auth", algorithm=MD5-sess')
    one = md5(f"{md5(b'u:r:p').hexdigest()}:n:c".encode()).hexdigest()
    two = md5(b"INVITE:sip:x").hexdigest()
    expected = md5(f"{one}:n:00000001:c:auth:{two}".encode()).hexdigest()
    assert response_of(asked, "n", "u", "p", "INVITE", "sip:x", b"", "00000001", "c") == expected


def test_a_nonce_is_used_again_and_counted() -> None:
    """RFC 7616 section 3.4: nc grows with each request, so that an answer is good once."""
    user = DigestUser("u", "p")
    user.take([challenge('realm="r", nonce="n", qop="auth"')], "c")
    counts = [parse_authentication(user.credentials("OPTIONS", "sip:x", b"")[0][1]).get("nc") for _ in range(11)]
    assert counts[:2] == ["00000001", "00000002"]
    assert counts[-1] == "0000000b"
    user.take([challenge('realm="r", nonce="m", stale=TRUE, qop="auth"')], "d")
    found = parse_authentication(user.credentials("OPTIONS", "sip:x", b"")[0][1])
    assert (found.get("nonce"), found.get("nc"), found.get("cnonce")) == ("m", "00000001", "d")


def test_authentication_info_names_the_next_nonce() -> None:
    """RFC 7616 section 3.5."""
    user = DigestUser("u", "p")
    user.take([challenge('realm="r", nonce="n", qop="auth"')], "c")
    user.renew(["nonsense", 'qop=auth, nextnonce="next"', f'nextnonce="{"x" * 2000}"'])
    found = parse_authentication(user.credentials("OPTIONS", "sip:x", b"")[0][1])
    assert (found.get("nonce"), found.get("nc")) == ("next", "00000001")


def test_of_several_algorithms_the_strongest_is_answered() -> None:
    """RFC 8760 section 2.4, RFC 7616 section 3.7: a list that begins with MD5 does not make us weaker."""
    kinds = ["MD5", "SHA-256", "SHA-512-256", "SHA-3", "MD5"]
    values = [f'Digest realm="r", nonce="{kind}", algorithm={kind}, qop="auth"' for kind in kinds]
    (found,) = challenges_in(values, [])
    assert found.nonce == "SHA-512-256"


def test_a_proxy_and_a_registrar_are_answered_side_by_side() -> None:
    """RFC 3261 section 22.3."""
    user = DigestUser("u", "p")
    user.take(challenges_in(['Digest realm="a", nonce="1"'], ['Digest realm="b", nonce="2"']), "c")
    assert [name for name, _ in user.credentials("INVITE", "sip:x", b"")] == ["Authorization", "Proxy-Authorization"]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Digest",
        "Basic realm=x",
        'Digest realm="r"',
        'Digest realm="r", nonce="n", nonce="m"',
        'Digest realm="r", nonce="n", algorithm=SHA-1',
        'Digest realm="r", nonce="n", qop="auth-conf"',
        f'Digest realm="r", nonce="{"n" * (LONGEST + 1)}"',
    ],
)
def test_what_we_cannot_answer_is_passed_over(value: str) -> None:
    """RFC 7616 section 3.3: unknown algorithms and qualities are ignored, malformed challenges too."""
    assert challenges_in([value], [value]) == []
    assert not DigestUser("u", "p").take([], "c")


def test_a_server_that_names_ever_new_realms_fills_nothing() -> None:
    user = DigestUser("u", "p")
    for number in range(100):
        user.take([challenge(f'realm="{number}", nonce="n"')], "c")
    assert len(user.credentials("INVITE", "sip:x", b"")) == REALMS


def test_quotes_in_names_are_escaped_and_the_password_is_never_shown() -> None:
    user = DigestUser('a"b', "secret")
    user.take([challenge('realm="r\\"s", nonce="n"')], "c")
    value = user.credentials("INVITE", "sip:x", b"")[0][1]
    found = parse_authentication(value)
    assert (found.get("username"), found.get("realm")) == ('a"b', 'r"s')
    assert "secret" not in repr(user) + value
