"""Keys and orders of INFO: what they mean crosses, what else stands in them does not."""

from __future__ import annotations

import pytest

from sbc.topology import BodyRefused
from tests.topology.bodies.test_rewrite import shown


@pytest.mark.parametrize(
    ("body", "crosses"),
    [
        ("Signal=5\r\nDuration=160\r\n", "Signal=5\r\nDuration=160\r\n"),
        ("Signal= *\nDuration= 250\n", "Signal=*\r\nDuration=250\r\n"),
        ("Signal=10\r\n", "Signal=10\r\n"),
        ("signal=hf", "Signal=hf\r\n"),
        ("Signal=5\r\nX-Node: node-3\r\nHost=10.20.0.5\r\n", "Signal=5\r\n"),
        ("Signal=5\r\nDuration=10.20.0.5\r\n", "Signal=5\r\n"),
        ("#", "#"),
        ("5\r\npbx.corp.local\r\n", "5"),
    ],
)
def test_a_key_and_its_length_cross_and_nothing_beside_them(body: str, crosses: str) -> None:
    assert shown(body, "application/dtmf-relay") == shown(body, "application/dtmf") == crosses


@pytest.mark.parametrize("body", ["", "Signal=\r\n", "Signal=pbx.corp.local", "10.20.0.5", "Duration=160\r\n"])
def test_without_a_key_nothing_crosses(body: str) -> None:
    with pytest.raises(BodyRefused):
        shown(body, "application/dtmf-relay")


def test_a_wish_for_a_whole_picture_crosses_as_the_rfc_writes_it() -> None:
    """RFC 5168 section 5: not what a vendor adds, and no comments."""
    order = "<to_encoder><picture_fast_update/></to_encoder>"
    body = f"<!-- node-3 --><media_control><vc_primitive>{order}<x at='10.20.0.5'/></vc_primitive></media_control>"
    out = shown(body, "application/media_control+xml")
    assert out.endswith(f"<media_control><vc_primitive>{order}</vc_primitive></media_control>\r\n")
    with pytest.raises(BodyRefused):
        shown(
            "<media_control><general_error>at 10.20.0.5</general_error></media_control>",
            "application/media_control+xml",
        )


def test_orders_of_plain_words_cross() -> None:
    assert shown("play tone\nCallWaitingTone1\n", "application/broadsoft") == "play tone\r\nCallWaitingTone1\r\n"
    with pytest.raises(BodyRefused):
        shown("play http://10.20.0.5/tone", "application/broadsoft")
