"""What a node knows beside its running calls, through an upgrade: registrations, calls on hold, a store on a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.test_races import Talk
from tests.interop.test_redis import KEY, shared
from tests.interop.test_upgrade import WORKERS, settled
from tests.interop.test_upgrade_around import TIMERS
from tests.interop.test_workers import status
from tests.rig.needs import need
from tests.rig.process import wait_until
from tests.rig.redis import Redis
from tests.rig.rig import OUTSIDE, Rig
from tests.rig.ua import DialogOf, Message, Ua
from tests.rig.upgrades import upgrade

EVENT = "Event: message-summary\r\nAccept: application/simple-message-summary\r\n"


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A rig whose node of several workers keeps its calls on a server."""
    need("redis-server")
    with Rig() as rig:
        redis = Redis(rig.work(), rig.network.node)
        try:
            rig.start(lambda state: shared(state, redis, workers=WORKERS, media="bypass", timers=TIMERS))
            first = rig.node.process
            rig.begin()
            yield rig
            assert redis.ask("HLEN", f"{KEY}calls") == "0"
            assert redis.ask("EXISTS", f"{KEY}lease") == "0", "the next node need not wait"
        finally:
            first.stop()
            redis.close()


def register(phone: Ua, pbx: Ua, call_id: str, cseq: int) -> Message:
    """A phone registers through us: what the registrar got."""
    uri = f"sip:{OUTSIDE.node_address}"
    phone.send(phone.request("REGISTER", uri, call_id=call_id, cseq=cseq, to=f"<sip:alice@{OUTSIDE.node_address}>"))
    heard = pbx.expect("REGISTER")
    pbx.respond(heard, 200, "OK", headers=f"Contact: <{heard.target}>;expires=600\r\n")
    phone.expect(200, "REGISTER")
    return heard


def subscribe(talk: Talk) -> tuple[DialogOf, DialogOf]:
    """A subscription through us, with its first NOTIFY: the dialog as each end has it (RFC 6665)."""
    talk.near.send(talk.near.request("SUBSCRIBE", talk.uri, headers=f"{EVENT}Expires: 600\r\n"))
    heard = talk.far.expect("SUBSCRIBE")
    talk.far.respond(heard, 200, "OK", tag="subtag", headers="Expires: 600\r\n")
    near, far = DialogOf.as_caller(talk.near.expect(200, "SUBSCRIBE")), DialogOf.as_callee(heard, "subtag")
    notify(talk, far)
    talk.near.respond(talk.near.expect("NOTIFY"), 200, "OK")
    talk.far.expect(200, "NOTIFY")
    return near, far


def notify(talk: Talk, far: DialogOf) -> None:
    """The notifier tells something."""
    headers = "Event: message-summary\r\nSubscription-State: active;expires=600\r\n"
    talk.far.send(talk.far.in_dialog("NOTIFY", far, headers=headers))


def test_a_held_call_and_a_registration_go_through_an_upgrade_and_a_subscription_begins_anew(rig: Rig) -> None:
    """The journal on a server is the next supervisor's at once: nobody stands by, and no call is left there."""
    settled(rig)
    talk = Talk(rig)
    known = register(talk.near, talk.far, "phone-1", 1)
    near, far = talk.establish()
    talk.near.send(talk.near.in_dialog("INVITE", near, body=talk.near.sdp(version=2, direction="inactive")))
    talk.far.respond(talk.far.expect("INVITE"), 200, "OK", body=talk.far.sdp(18000, version=2, direction="inactive"))
    talk.near.expect(200, "INVITE")
    talk.near.send(talk.near.in_dialog("ACK", near))
    talk.far.expect("ACK")
    subscriber, notifier = subscribe(talk)
    said = upgrade(rig.node, "--wait")
    assert status(rig)["supervisor"]["pid"] == said["pid"]
    assert status(rig)["journal"]["shared"]["state"] == "up"
    assert "standing by" not in rig.node.log()

    talk.far.send(talk.far.in_dialog("INVITE", far, body=talk.far.sdp(18000, version=3)))
    resumed = talk.near.expect("INVITE")
    assert b"a=sendrecv" in resumed.body
    talk.near.respond(resumed, 200, "OK", body=talk.near.sdp(version=3))
    talk.near.expect("ACK")
    talk.far.expect(200, "INVITE")
    talk.far.send(talk.far.in_dialog("ACK", far))
    talk.hang_up(near)

    talk.far.send(talk.far.request("OPTIONS", known.target, user="bob"))
    talk.near.respond(talk.near.expect("OPTIONS"), 200, "OK")
    talk.far.expect(200, "OPTIONS")
    assert register(talk.near, talk.far, "phone-1", 2).target == known.target

    talk.near.send(talk.near.in_dialog("SUBSCRIBE", subscriber, headers=f"{EVENT}Expires: 600\r\n"))
    talk.near.expect(481, "SUBSCRIBE")
    notify(talk, notifier)
    talk.far.expect(481, "NOTIFY")
    subscribe(talk)

    rig.node.wait_idle()
    wait_until(lambda: rig.node.records() == [(200, "caller", "bye")], 5, "the call record")
    assert status(rig)["steering"]["lost"] == 0
    rig.node.assert_sound()
    assert rig.node.stop() == 0
