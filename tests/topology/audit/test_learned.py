"""What a leg's messages teach, and what they must not."""

from __future__ import annotations

import sys

from sbc.topology import Learned
from tests.topology.sides import SDP, request, response


def learned() -> Learned:
    one = Learned()
    one.learn_message(request())
    return one


def test_an_invite_teaches_hosts_tags_call_id_branch_and_device() -> None:
    assert learned().tokens == {
        b"10.20.0.1",
        b"10.20.0.5",
        b"inner-call-id-0001",
        b"inner-from-tag-1",
        b"inner-device-77",
        b"z9hg4bk-inner-branch-01",
    }


def test_a_response_teaches_its_tag_routes_and_contact() -> None:
    one = Learned()
    one.learn_message(response(200, "INVITE", "Record-Route: <sip:proxy.corp.local;lr;did=abc.4711xyz>"))
    assert {b"proxy.corp.local", b"abc.4711xyz", b"inner-to-tag-1", b"inner-device-77"} <= one.tokens


def test_users_and_display_names_are_never_learnt() -> None:
    """They cross on purpose."""
    one = Learned()
    one.learn_message(
        request(
            From='"Alice Anderson" <sip:alice.anderson@10.20.0.5>;tag=1',
            To="<sip:robert.brown@10.20.0.1>",
            Contact='"Alice Anderson" <sip:alice.anderson@10.20.0.5:5080>;expires=3600;q=0.5',
            Call_ID="short@h",
            Via="SIP/2.0/UDP 10.20.0.5;branch=z9hG4bK1",
        )
    )
    assert one.tokens == {b"10.20.0.5", b"10.20.0.1", b"z9hg4bk1"}


def test_a_number_in_the_contact_is_no_token() -> None:
    one = Learned()
    one.learn_message(request(Contact="<sip:+4930123456789@10.20.0.5>"))
    assert b"4930123456789" not in one.tokens


def test_the_parameters_of_a_contact_name_a_device() -> None:
    one = Learned()
    one.learn_message(
        request(Contact='<sip:x@10.20.0.5;gr=urn:uuid:f81d4fae>;+sip.instance="<urn:uuid:00c0ffee-1234>"')
    )
    assert {b"f81d4fae", b"00c0ffee-1234"} <= one.tokens
    assert b"sip.instance" not in one.tokens


def test_short_strings_and_words_of_the_protocol_are_ignored() -> None:
    """A peer whose tag is `application` must not be able to make every message with a body look like a leak."""
    one = Learned()
    one.learn_message(request(Call_ID="application", From="<sip:a@10.20.0.5>;tag=telephone-event"))
    assert one.tokens.isdisjoint({b"application", b"telephone-event"})
    one.learn_message(request(Via="SIP/2.0/UDP 1.1.1.1;branch=z9hG4bK-x;received=9.9.9.9"))
    assert {b"1.1.1.1", b"9.9.9.9"} <= one.tokens


def test_a_description_teaches_addresses_ids_and_credentials() -> None:
    one = Learned()
    lines = (
        "a=ice-ufrag:ufragufrag\r\na=ice-pwd:pwdpwdpwdpwdpwdpwdpwdpw\r\na=rtcp:30001 IN IP4 10.20.0.7\r\n"
        "a=candidate:1 1 UDP 2130706431 10.20.0.8 8998 typ srflx raddr 10.20.0.9 rport 9\r\n"
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KeyKeyKey\r\n"
        "a=ssrc:1234 cname:user-name-1\r\n"
    )
    one.learn_sdp((SDP.replace("{host}", "10.20.0.6") + lines).encode())
    wanted = (
        "8812345670 10.20.0.6 ufragufrag pwdpwdpwdpwdpwdpwdpwdpw 10.20.0.7 10.20.0.8 10.20.0.9 keykeykey user-name-1"
    )
    assert one.tokens == set(wanted.encode().split())


def test_keys_of_a_secure_profile_are_secrets_of_their_leg() -> None:
    """RFC 4568: SRTP ends on each leg, whose keys the other one has no business to see."""
    one = Learned()
    one.learn_sdp(b"v=0\r\nm=audio 1 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KeyKeyKey\r\n")
    assert one.tokens == {b"keykeykey"}


def test_ipv6_is_learnt_in_one_form() -> None:
    one = Learned()
    one.learn_message(request(Via="SIP/2.0/UDP [2001:DB8:0:0::5]:5080;branch=z9hG4bK-x;received=2001:db8::6"))
    one.learn_sdp(b"v=0\r\nc=IN IP6 2001:0db8::0007\r\n")
    assert one.has_ipv6
    assert {b"2001:db8::5", b"2001:db8::6", b"2001:db8::7"} <= one.tokens


def test_a_shared_host_is_a_token_with_its_port_only() -> None:
    """On the quickstart both sides are 127.0.0.1."""
    one = Learned(frozenset({b"127.0.0.1", b"::1"}))
    one.learn_message(request(host="127.0.0.1", To="<sip:x@[::1]:5071>", From="<sip:1@127.0.0.1>;tag=12345678"))
    one.learn_message(request(host="127.0.0.1", Via="SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK-x"))
    assert sorted(one.pairs) == [b"127.0.0.1:5080", b"[::1]:5071"]
    assert b"127.0.0.1" not in one.tokens
    assert b"5080" in one.tokens


def test_what_we_minted_for_the_leg_is_a_token_too() -> None:
    one = Learned()
    one.learn_own("00Call-Id-Of-Ours", "0123456789abcdef", "short")
    assert one.tokens == {b"00call-id-of-ours", b"0123456789abcdef"}


def test_branches_of_a_long_call_give_way_to_newer_ones() -> None:
    """A phone that is asked every 30 seconds for hours costs no more than one that is not."""
    one = Learned()
    sizes = []
    for number in range(1000):
        one.learn_message(request("OPTIONS", Via=f"SIP/2.0/UDP 10.20.0.5;branch=z9hG4bK-{number:08d}"))
        sizes.append(len(one.tokens))
    assert b"z9hg4bk-00000999" in one.tokens
    assert b"z9hg4bk-00000001" not in one.tokens
    assert max(sizes) == sizes[-1] == 13


def test_a_peer_that_shows_thousands_of_names_costs_no_more_than_a_few() -> None:
    one = Learned()
    for number in range(300):
        one.learn_message(request(Call_ID=f"call-{number:08d}", Record_Route=f"<sip:proxy-{number}.corp.local;lr>"))
    assert len(one.tokens) <= 48
    assert {b"call-00000299", b"10.20.0.5"} <= one.tokens


def test_the_set_is_made_when_it_is_needed_and_can_be_dropped() -> None:
    one = learned()
    kept = [one.is_warm]
    warm = one.warm()
    kept.append(one.is_warm)
    one.learn_own("something-new")
    assert b"something-new" in warm
    one.forget_cache()
    kept.append(one.is_warm)
    assert kept == [False, True, False]
    assert one.tokens == warm


def test_a_held_call_costs_a_few_hundred_bytes_a_leg() -> None:
    """20,000 held calls have 40,000 of these."""
    one = learned()
    one.learn_sdp(SDP.replace("{host}", "10.20.0.6").encode())
    one.learn_own("00" * 11, "11" * 11, "22" * 11)
    parts = [getattr(one, name) for name in ("_stable", "_recent", "_pairs")]
    assert sys.getsizeof(one) + sum(sys.getsizeof(part) for part in parts) < 600
