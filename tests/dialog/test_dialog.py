"""RFC 3261 section 12, rule by rule."""

from __future__ import annotations

import pytest

from sbc.dialog import Dialog, DialogState
from sbc.sip import ParseError, Request, Response
from tests.dialog.script import ALICE, BOB, TLS, UDP, request, response, uac

CONTACT = "Contact: <sip:alice@192.0.2.1:5062;transport=udp>"
BOBS = "Contact: <sip:bob@192.0.2.77>"


# Making one


def test_uas_takes_its_state_from_the_request() -> None:
    """Section 12.1.1."""
    dialog = Dialog.uas(request("INVITE", CONTACT, cseq=314), "ours", UDP)

    assert (dialog.call_id, dialog.local_tag, dialog.remote_tag) == ("c1", "ours", "alice")
    assert (dialog.local_uri, dialog.remote_uri) == (BOB, ALICE)
    assert dialog.remote_target == "sip:alice@192.0.2.1:5062;transport=udp"
    assert (dialog.local_cseq, dialog.remote_cseq) == (0, 314)
    assert dialog.state is DialogState.EARLY
    assert dialog.flow is UDP
    assert dialog.key == "ours"
    assert repr(dialog) == "<Dialog c1 ours alice early>"


def test_uac_takes_its_state_from_the_response() -> None:
    """Section 12.1.2."""
    dialog = uac(response(180, BOBS))

    assert (dialog.call_id, dialog.local_tag, dialog.remote_tag) == ("c1", "ours", "bob")
    assert (dialog.local_uri, dialog.remote_uri) == (ALICE, BOB)
    assert dialog.remote_target == "sip:bob@192.0.2.77"
    assert (dialog.local_cseq, dialog.remote_cseq) == (7, -1)
    assert dialog.state is DialogState.EARLY
    assert dialog.flow is UDP


def test_2xx_makes_a_confirmed_dialog() -> None:
    """Section 12.1.2: without a provisional before it."""
    assert uac(response(200, BOBS)).state is DialogState.CONFIRMED


def test_uas_keeps_record_route_in_order() -> None:
    """Section 12.1.1: all URI parameters and their case, over several headers; header parameters are not kept."""
    invite = request(
        "INVITE",
        CONTACT,
        "Record-Route: <sip:p1.example.com;lr;Opaque=aB>;rr=1, <sip:p2.example.com;lr>",
        'Record-Route: "Edge" <sip:P3.example.com:5080;lr;transport=tcp>',
    )

    assert Dialog.uas(invite, "ours", UDP).route_set == (
        "<sip:p1.example.com;lr;Opaque=aB>",
        "<sip:p2.example.com;lr>",
        "<sip:p3.example.com:5080;lr;transport=tcp>",
    )


def test_uac_reverses_record_route() -> None:
    """Section 12.1.2."""
    ringing = response(
        180, BOBS, "Record-Route: <sip:p3.example.com;lr>, <sip:p2.example.com;lr>", "Record-Route: <sip:p1.x;lr>"
    )

    assert uac(ringing).route_set == ("<sip:p1.x;lr>", "<sip:p2.example.com;lr>", "<sip:p3.example.com;lr>")


def test_white_space_inside_the_brackets_is_not_part_of_a_route() -> None:
    """Section 25.1 allows none; peers send it."""
    assert uac(response(180, BOBS, "Record-Route: < sip:p1.x;lr >")).route_set == ("<sip:p1.x;lr>",)


@pytest.mark.parametrize("value", ["<sip:p1.x;lr", "nonsense", "<tel:+4930123>", "<sip:p1.x;lr>,,<sip:p2.x;lr>"])
def test_malformed_record_route_refuses_a_request_and_is_ignored_in_a_response(value: str) -> None:
    """A request can be answered with 400; a response cannot, and the call must still be ended properly."""
    # The parser refuses most of these already; the dialog must not depend on it.
    header = ("Record-Route", value)
    invite = Request("INVITE", "sip:bob@example.com", [*request("INVITE", CONTACT).fields, header])
    with pytest.raises(ParseError) as caught:
        Dialog.uas(invite, "ours", UDP)
    assert caught.value.status in (400, 416)

    dialog = uac(Response(200, "OK", [*response(200, BOBS).fields, header]))
    assert dialog.route_set == ()
    assert dialog.request_line_and_routes() == ("sip:bob@192.0.2.77", ())


@pytest.mark.parametrize("contact", [[], ["Contact: *"], ["Contact: <mailto:bob@example.com>"]])
def test_without_a_usable_contact_the_party_is_the_target(contact: list[str]) -> None:
    """Section 12.1 demands one; a call with a sloppy peer still gets its BYE."""
    assert uac(response(200, *contact)).remote_target == "sip:bob@example.com"
    assert Dialog.uas(request("INVITE", *contact), "ours", UDP).remote_target == "sip:alice@example.com"


def test_target_is_fit_for_a_request_line() -> None:
    """Section 19.1.1 table 1: no headers and no method parameter in a Request-URI."""
    dialog = uac(response(200, "Contact: <sip:bob@192.0.2.77;method=BYE;transport=tcp?Subject=x>"))

    assert dialog.remote_target == "sip:bob@192.0.2.77;transport=tcp"


def test_tags_leave_the_party_values_and_nothing_else_does() -> None:
    """Section 12.2.1.1: the URIs stay, the tags are added anew."""
    bob = '"B;tag=no <x>" <sip:bob@example.com;tag=uri>;user="a;tag=b"'
    dialog = Dialog.uas(request("INVITE", CONTACT, to=f"{bob};tag=old;isfocus"), "ours", UDP)

    assert dialog.local_uri == f"{bob};isfocus"
    assert Dialog.uas(request("INVITE", CONTACT, to="sip:bob@example.com ;TAG=x"), "o", UDP).local_uri == (
        "sip:bob@example.com"
    )


def test_a_peer_without_tags_has_an_empty_one() -> None:
    """Section 12.1.2: a response of RFC 2543 may have none."""
    dialog = uac(response(200, BOBS, tag=""))

    assert dialog.remote_tag == ""
    assert dialog.matches("c1", "")


def test_secure_needs_tls_and_sips() -> None:
    """Sections 12.1.1 and 12.1.2."""
    sips = request("INVITE", CONTACT, uri="sips:bob@example.com")
    assert Dialog.uas(sips, "ours", TLS).secure
    assert not Dialog.uas(sips, "ours", UDP).secure
    assert not Dialog.uas(request("INVITE", CONTACT), "ours", TLS).secure

    ok = response(200, BOBS)
    assert Dialog.uac("c1", "ours", ALICE, "<sips:bob@example.com>", 7, ok, TLS).secure
    assert not Dialog.uac("c1", "ours", ALICE, "<sips:bob@example.com>", 7, ok, UDP).secure
    assert not uac(ok, TLS).secure


# Confirming


def test_record_route_that_comes_late_counts() -> None:
    """Section 13.2.2.4: the route set and target are those of the 2xx, whatever the provisional said."""
    dialog = uac(response(180, BOBS))

    dialog.confirm(response(200, "Contact: <sip:bob@192.0.2.88>", "Record-Route: <sip:p2.x;lr>, <sip:p1.x;lr>"))

    assert dialog.state is DialogState.CONFIRMED
    assert dialog.route_set == ("<sip:p1.x;lr>", "<sip:p2.x;lr>")
    assert dialog.remote_target == "sip:bob@192.0.2.88"
    assert dialog.local_cseq == 7, "the numbers are not recomputed"


def test_record_route_missing_in_the_2xx_empties_the_route_set() -> None:
    """Section 13.2.2.4."""
    dialog = uac(response(180, BOBS, "Record-Route: <sip:p1.x;lr>"))

    dialog.confirm(response(200, BOBS))

    assert dialog.route_set == ()
    assert dialog.request_line_and_routes() == ("sip:bob@192.0.2.77", ())


def test_2xx_without_contact_keeps_the_target_of_the_provisional() -> None:
    """Section 13.2.2.4: better than nothing."""
    dialog = uac(response(180, BOBS))

    dialog.confirm(response(200))

    assert dialog.remote_target == "sip:bob@192.0.2.77"


def test_copies_of_the_2xx_change_nothing() -> None:
    """Section 12.2: once confirmed the route set is fixed."""
    dialog = uac(response(200, BOBS, "Record-Route: <sip:p1.x;lr>"))

    dialog.confirm(response(200, "Contact: <sip:evil@203.0.113.66>", "Record-Route: <sip:evil.x;lr>"))

    assert dialog.route_set == ("<sip:p1.x;lr>",)
    assert dialog.remote_target == "sip:bob@192.0.2.77"


def test_our_own_2xx_confirms_and_changes_nothing_else() -> None:
    """Section 12.1.1: as UAS the request has said it all."""
    dialog = Dialog.uas(request("INVITE", CONTACT, "Record-Route: <sip:p1.x;lr>"), "ours", UDP)

    dialog.confirm(response(200, BOBS, "Record-Route: <sip:other.x;lr>"))

    assert dialog.state is DialogState.CONFIRMED
    assert dialog.route_set == ("<sip:p1.x;lr>",)
    assert dialog.remote_target == "sip:alice@192.0.2.1:5062;transport=udp"


def test_terminated_is_not_confirmed_again() -> None:
    """Section 12.3."""
    dialog = uac(response(180, BOBS))
    dialog.terminate()

    dialog.confirm(response(200, BOBS, "Record-Route: <sip:p1.x;lr>"))

    assert dialog.state is DialogState.TERMINATED
    assert dialog.route_set == ()


# Numbers


def test_our_numbers_rise_by_one() -> None:
    """Section 12.2.1.1."""
    dialog = uac(response(200, BOBS))

    assert [dialog.next_cseq(), dialog.next_cseq()] == [8, 9]


def test_the_peers_numbers_may_jump_but_not_fall_or_stand() -> None:
    """Section 12.2.2."""
    dialog = Dialog.uas(request("INVITE", CONTACT, cseq=10), "ours", UDP)

    assert not dialog.accepts(request("BYE", cseq=10))
    assert not dialog.accepts(request("BYE", cseq=9))
    assert dialog.accepts(request("INFO", cseq=11))
    assert dialog.accepts(request("INFO", cseq=4711))
    assert not dialog.accepts(request("INFO", cseq=12))
    assert dialog.remote_cseq == 4711


def test_the_first_request_of_a_callee_may_have_any_number() -> None:
    """Section 12.2.2: the remote number is empty then."""
    dialog = uac(response(200, BOBS))

    assert dialog.accepts(request("INFO", cseq=0))
    assert not dialog.accepts(request("INFO", cseq=0))
    assert dialog.accepts(request("INFO", cseq=2**32 - 1))


# Targets and routes


def test_refresh_takes_the_new_contact_and_never_the_routes() -> None:
    """Sections 12.2.1.2 and 12.2.2."""
    dialog = uac(response(200, BOBS, "Record-Route: <sip:p1.x;lr>"))

    dialog.refresh_target(response(200, "Contact: <sip:bob@192.0.2.99>", "Record-Route: <sip:p9.x;lr>"))
    assert (dialog.remote_target, dialog.route_set) == ("sip:bob@192.0.2.99", ("<sip:p1.x;lr>",))

    dialog.refresh_target(request("INVITE", "Contact: <sip:bob@192.0.2.100>", "Record-Route: <sip:p9.x;lr>"))
    assert (dialog.remote_target, dialog.route_set) == ("sip:bob@192.0.2.100", ("<sip:p1.x;lr>",))


@pytest.mark.parametrize("contact", [[], ["Contact: *"], ["Contact: <tel:+4930123>"]])
def test_refresh_without_a_usable_contact_changes_nothing(contact: list[str]) -> None:
    """Section 12.2.2: only if the Contact is there."""
    dialog = uac(response(200, BOBS))

    dialog.refresh_target(request("UPDATE", *contact))

    assert dialog.remote_target == "sip:bob@192.0.2.77"


def test_without_routes_requests_go_to_the_target() -> None:
    """Section 12.2.1.1."""
    dialog = uac(response(200, BOBS))

    assert dialog.request_line_and_routes() == ("sip:bob@192.0.2.77", ())
    assert str(dialog.next_hop()) == "sip:bob@192.0.2.77"


def test_loose_routes_go_into_route_headers() -> None:
    """Section 12.2.1.1."""
    dialog = uac(response(200, BOBS, "Record-Route: <sip:p2.x;lr>, <sip:p1.x:5070;lr>"))

    assert dialog.request_line_and_routes() == ("sip:bob@192.0.2.77", ("<sip:p1.x:5070;lr>", "<sip:p2.x;lr>"))
    assert str(dialog.next_hop()) == "sip:p1.x:5070;lr"


def test_a_strict_router_gets_the_request_and_the_target_goes_last() -> None:
    """Section 12.2.1.1: its URI loses what may not stand in a Request-URI."""
    dialog = uac(response(200, BOBS, "Record-Route: <sip:p2.x;lr>, <sip:p1.x;method=INVITE;maddr=192.0.2.5?a=b>"))

    assert dialog.request_line_and_routes() == (
        "sip:p1.x;maddr=192.0.2.5",
        ("<sip:p2.x;lr>", "<sip:bob@192.0.2.77>"),
    )
    assert dialog.next_hop().host == "p1.x"


def test_a_refreshed_target_stands_behind_a_strict_router() -> None:
    """Section 12.2.1.1 after 12.2.2."""
    dialog = uac(response(200, BOBS, "Record-Route: <sip:p1.x>"))

    dialog.refresh_target(request("INVITE", "Contact: <sip:bob@192.0.2.99>"))

    assert dialog.request_line_and_routes() == ("sip:p1.x", ("<sip:bob@192.0.2.99>",))


def test_only_the_first_route_decides_about_strictness() -> None:
    """Section 12.2.1.1: a strict router further on is its neighbour's concern (16.6)."""
    dialog = uac(response(200, BOBS, "Record-Route: <sip:p2.x>, <sip:p1.x;lr>"))

    assert dialog.request_line_and_routes() == ("sip:bob@192.0.2.77", ("<sip:p1.x;lr>", "<sip:p2.x>"))


def test_a_strict_route_ends_with_the_2xx_that_has_none() -> None:
    """Section 13.2.2.4."""
    dialog = uac(response(180, BOBS, "Record-Route: <sip:p1.x>"))

    dialog.confirm(response(200, BOBS))

    assert dialog.request_line_and_routes() == ("sip:bob@192.0.2.77", ())


def test_a_dialog_comes_back_from_its_parts() -> None:
    """What the journal holds is enough for the next request."""
    dialog = Dialog("c1", "ours", "bob", ALICE, BOB, UDP)
    dialog.restore("sip:bob@192.0.2.77", ("<sip:p1.x>", "<sip:p2.x;lr>"))
    dialog.local_cseq = 107
    dialog.confirm()

    assert dialog.state is DialogState.CONFIRMED
    assert dialog.next_cseq() == 108
    assert dialog.request_line_and_routes() == ("sip:p1.x", ("<sip:p2.x;lr>", "<sip:bob@192.0.2.77>"))


def test_it_matches_by_call_id_and_remote_tag() -> None:
    """Section 12.2.2."""
    dialog = uac(response(200, BOBS))

    assert dialog.matches("c1", "bob")
    assert not dialog.matches("c2", "bob")
    assert not dialog.matches("c1", "eve")
