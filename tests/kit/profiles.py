"""Cases of interop profiles, filed by switch and position, and nodes whose peers have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from policies import HeaderRule
from sbc.config import Profile, Timers
from sbc.sip import Request
from tests.kit.node import Node, config

Case = Callable[[], None]
CASES: dict[tuple[str, str], Case] = {}


def case(switch: str, value: str) -> Callable[[Case], Case]:
    """Files the test of one position."""

    def file(check: Case) -> Case:
        assert (switch, value) not in CASES
        CASES[(switch, value)] = check
        return check

    return file


def node_with(trunk: str, mode: str = "bypass", headers: tuple[HeaderRule, ...] = (), **choices: str) -> Node:
    """A node whose one trunk has these choices, every other switch as it comes."""
    made = config(mode=mode, headers=headers, timers=Timers(liveness=0))
    profile = Profile(name="case", **choices)
    trunks = {name: replace(one, profile=profile) if name == trunk else one for name, one in made.trunks.items()}
    return Node(replace(made, trunks=trunks))


def called(node: Node, extra: str = "", body: bytes | None = None) -> Request:
    """What the PBX gets of a call by the carrier."""
    node.carrier.invite(extra=extra, body=body)
    node.carrier.expect_response(100)
    return node.pbx.expect_request("INVITE")
