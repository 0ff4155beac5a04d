"""What one side could learn of the other on a way that nobody looked at."""

from __future__ import annotations

import pytest

from tests.kit.node import CARRIER, Node


@pytest.mark.parametrize(
    ("dialled", "sent"),
    [
        ("+4930;tgrp=TG-1;trunk-context=inner.lan", "+4930"),
        ("+4930:secret", "+4930"),
        ("%2B49%33%30", "+4930"),
        ("a%20b%40%25", "a%20b%40%25"),
    ],
)
def test_request_uri_crosses_as_a_user_and_nothing_else(dialled: str, sent: str) -> None:
    """RFC 4904 trunk groups, passwords; needless escapes (RFC 3261 section 19.1.4) must not pass a rule by either."""
    node = Node()
    node.pbx.invite(number=dialled)
    invite = node.carrier.take_request("INVITE")
    assert invite.request_uri == f"sip:{sent}@{CARRIER}"
    assert invite.to_address.uri.user == sent
