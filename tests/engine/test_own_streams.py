"""Audio under numbers of the engine's, as messages to it ask for it."""

from __future__ import annotations

from dataclasses import replace

import rtpengine
from tests.kit.flows import talk
from tests.kit.node import CARRIER, PBX, FakeMedia
from tests.kit.peer import sdp
from tests.kit.transfers import Transfers, transfer_config

FLAG = "veil-streams"


class Told:
    """What the engine was told: command, session, flags and the names of both views."""

    def __init__(self, *, is_wanted: bool) -> None:
        settings = transfer_config(mode="anchor")
        self.node = Transfers(replace(settings, media=replace(settings.media, has_own_streams=is_wanted)))
        self.fake = FakeMedia()
        self.heard: list[tuple[str, str, bool, object]] = []
        self.node.media = self.note

    def note(self, command: rtpengine.Command) -> rtpengine.Reply | None:
        """Write it down, and do it."""
        if isinstance(command, rtpengine.Offer | rtpengine.Answer):
            request = command.to_dict()
            flags = request["flags"]
            assert isinstance(flags, list)
            self.heard.append((command.name, command.call_id, FLAG in flags, request.get("veil-names")))
        return self.fake(command)


def test_each_message_names_the_views_of_its_sender_and_its_receiver() -> None:
    """A message without the flag would end it."""
    told = Told(is_wanted=True)
    node = told.node
    talk(node, node.carrier, node.pbx)
    node.pbx.request("INVITE", sdp(PBX, 4100, version=2))
    node.carrier.reply(node.carrier.expect_request("INVITE"), 200, sdp(CARRIER, version=2))
    assert [(name, has) for name, _, has, _ in told.heard] == [("offer", True), ("answer", True)] * 2
    first, second, third, fourth = [names for _, _, _, names in told.heard]
    assert isinstance(first, list)
    assert second == third == first[::-1]
    assert fourth == first


def test_who_is_kept_has_its_view_in_the_session_of_a_transfer() -> None:
    """A colleague takes over the PBX's place: the carrier sees one stream go on."""
    told = Told(is_wanted=True)
    node = told.node
    talk(node, node.carrier, node.pbx)
    (_, former, _, names) = told.heard[0]
    assert isinstance(names, list)
    replaces = f"Replaces: {node.pbx.call_id};to-tag={node.pbx.remote_tag};from-tag={node.pbx.tag}\n"
    node.line2.invite(extra=replaces)
    node.line2.expect_response(100)
    node.carrier.reply(node.carrier.expect_request("INVITE"), 200, sdp(CARRIER, version=2))
    seen = [one for one in told.heard if one[1] != former]
    assert seen
    for _, _, _, views in seen:
        assert isinstance(views, list)
        assert names[0] in views
        assert names[1] not in views


def test_nothing_is_asked_for_where_nobody_wants_it() -> None:
    """It costs, and the daemon writes a line for what it does not know."""
    told = Told(is_wanted=False)
    talk(told.node, told.node.carrier, told.node.pbx)
    assert [(has, names) for _, _, has, names in told.heard] == [(False, None)] * 2
