"""Who calls and who forwarded, between real peers: what each side may see of the other, and nothing else.

The callee's scenario looks at the INVITE itself; the oracle looks at every packet on both wires.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.needs import need
from tests.rig.node import INSIDE_DOMAIN, OUTSIDE_DOMAIN, node_file
from tests.rig.rig import INSIDE, OUTSIDE, Rig, Side

UUID = "0123456789abcdef0123456789abcdef"
NIL = "0" * 32
"""RFC 7989's own word for nobody yet."""
NEVER = "no such text"


def forwarded(side: Side) -> str:
    """Diversion and History-Info as a side writes them, full of its hosts."""
    host = f"fwd.{side.name}.example.org"
    return (
        f'Diversion: "Boss" <sip:4930333@{host}:5099;x={side.name}>;reason=user-busy;counter=1\n'
        f"History-Info: <sip:4930444@{host};cause=302?Reason=SIP%3Bcause%3D302%3Btext%3D%22{host}%22>;index=1,"
        f" <sip:4930555@{host}>;index=1.1;rc=1"
    )


def check_call(rig: Rig, source: Side, *, more: str, seen: str, unseen: str = NEVER, caller: str = "4930111@") -> None:
    """A call from one side whose INVITE is right at the other, and no leak on either wire."""
    destination = INSIDE if source is OUTSIDE else OUTSIDE
    looks = {"from": caller, "expect": seen, "absent": unseen}
    far = rig.sipp(destination, "uas_identity", call=False, values=looks)
    near = rig.sipp(source, "uac_identity", call=True, values={"more": more}, options=("-s", "4930222"))
    near.assert_ok()
    far.assert_ok()
    rig.assert_hidden(allowed=[NIL])


def test_forwarding_enters_the_trusted_side_with_our_host(rig: Rig) -> None:
    """RFC 5806, RFC 7044: numbers, order and causes for voice mail; no host, no text."""
    check_call(rig, OUTSIDE, more=forwarded(OUTSIDE), seen=f"4930333@{INSIDE_DOMAIN}.;reason=user-busy;counter=1")
    rig.begin()
    tree = (
        f"4930444@{INSIDE_DOMAIN};cause=302.Reason=SIP%3Bcause%3D302.;index=1, .sip:4930555@{INSIDE_DOMAIN}.;index=1.1"
    )
    check_call(rig, OUTSIDE, more=forwarded(OUTSIDE), seen=tree)


def test_forwarding_and_identity_do_not_leave_it(rig: Rig) -> None:
    more = forwarded(INSIDE)
    check_call(rig, INSIDE, more=more, seen="INVITE", unseen="Diversion|History-Info|P-Asserted-Identity")


def test_a_wish_for_privacy_reaches_who_is_trusted(rig: Rig) -> None:
    """RFC 3324: the trusted side knows the caller and must withhold it further on."""
    check_call(rig, OUTSIDE, more="Privacy: user;id", seen="Privacy: user;id")


def test_a_caller_who_wants_to_be_nobody_is_nobody_outside(rig: Rig) -> None:
    """RFC 3323 section 5.3, in every message of the dialog."""
    check_call(rig, INSIDE, more="Privacy: user;id", seen="Privacy: id", unseen="4930111", caller="anonymous.invalid")


@pytest.mark.parametrize("source", [OUTSIDE, INSIDE], ids=lambda side: side.name)
def test_a_session_id_of_one_side_is_not_seen_on_the_other(rig: Rig, source: Side) -> None:
    """RFC 7989: a half of ours on each side."""
    more = f"Session-ID: {UUID};remote={NIL}"
    check_call(rig, source, more=more, seen="Session-ID: [0-9a-f]+;remote=0000", unseen=UUID)


@pytest.fixture(scope="module")
def contracted() -> Iterator[Rig]:
    """A node whose carrier is given identity by contract, and whose PBX wants Diversion."""
    need("sipp")
    with Rig() as rig:
        rig.start(
            lambda state: (
                node_file(state=state)
                .replace("[trunk.carrier]\n", '[trunk.carrier]\nprofile = "carrier-trusted"\n')
                .replace("[trunk.pbx]\n", '[trunk.pbx]\nprofile = "asterisk"\n')
            )
        )
        yield rig
        assert rig.node.stop() == 0, f"the node did not end cleanly\n{rig.node.log()[-3000:]}"


def test_a_carrier_that_is_given_identity_gets_it_with_our_host(contracted: Rig) -> None:
    """A profile with `privacy = pass`, `forwarding = history-info`: RFC 7544."""
    contracted.begin()
    more = forwarded(INSIDE).partition("\n")[0] + "\nPrivacy: id"
    seen = f"P-Asserted-Identity: .Alice. .sip:4930111@{OUTSIDE_DOMAIN}"
    check_call(contracted, INSIDE, more=more, seen=seen, unseen="Diversion:")
    contracted.begin()
    target = f".sip:4930222@{OUTSIDE_DOMAIN};cause=486.;index=1.1"
    seen = f"History-Info: .Boss. .sip:4930333@{OUTSIDE_DOMAIN}.;index=1, {target}"
    check_call(contracted, INSIDE, more=more, seen=seen)
    contracted.assert_clean_end()


def test_a_pbx_that_wants_diversion_gets_it(contracted: Rig) -> None:
    contracted.begin()
    more = forwarded(OUTSIDE).partition("\n")[2]
    more = more.replace(">;index=1.1", ";cause=486>;index=1.1")
    check_call(contracted, OUTSIDE, more=more, seen="Diversion: .sip:4930444@core", unseen="History-Info:")
    contracted.assert_clean_end()
