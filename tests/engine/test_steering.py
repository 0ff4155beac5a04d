"""Whose a message is: read from the message alone, the same for all messages of a call that a worker must see."""

from __future__ import annotations

from random import Random

import pytest

from sbc.mint import Mint, slot_of
from sbc.steering import NOBODY, PER_WORKER, SLOTS, WORKERS, Table, assign, call_id_of, key_of, named_key, owners_in
from tests.kit.flows import talk
from tests.kit.node import Node, config

CALL = "Via: SIP/2.0/UDP 198.51.100.10;branch=z9hG4bKpeer1\r\nFrom: <sip:a@h>;tag=x\r\nTo: <sip:b@h>\r\n"


def message(start: str, call_id: str = "Call-ID: one@h", more: str = "") -> bytes:
    return f"{start}\r\n{CALL}{more}{call_id}\r\nCSeq: 1 INVITE\r\n\r\n".encode()


def test_everything_outside_dialogs_goes_by_its_call_id() -> None:
    """Design 3a: INVITE and its copies, CANCEL and the ACK to a failure end at one worker."""
    keys = {key_of(message(f"{method} sip:+49301@sbc.example.net SIP/2.0")) for method in ("INVITE", "CANCEL", "ACK")}
    assert len(keys) == 1
    assert keys.pop() >= SLOTS


@pytest.mark.parametrize("form", ["Call-ID: one@h", "call-id:one@h", "i: one@h", "CALL-ID :\t one@h "])
def test_a_call_id_counts_however_its_line_is_written(form: str) -> None:
    assert key_of(message("INVITE sip:b@h SIP/2.0", form)) == key_of(message("INVITE sip:b@h SIP/2.0"))


def test_call_ids_spread_over_the_workers() -> None:
    """Issue, must show: load spread over the workers within 10 %."""
    random = Random(5)
    table = assign(b"", 4, random.randrange)
    counts = [0] * 4
    for number in range(8000):
        counts[table.owner(key_of(message("INVITE sip:b@h SIP/2.0", f"Call-ID: {number}-2274@198.51.100.10")))] += 1
    assert min(counts) > 0.9 * max(counts), counts


def test_all_that_peers_send_in_a_call_names_a_slot_of_its_worker() -> None:
    """Requests by the token in their Request-URI, responses by the branch in their top Via."""
    node = Node(config(mode="anchor"))
    slots = bytes([7, 99, 200])
    node.engine.egress.mint._slots[:] = [f"{slot:02x}" for slot in slots]
    seen: list[bytes] = []
    carry = node.carry
    node.carry = lambda data, flow: (seen.append(data), carry(data, flow))[1]  # type: ignore[method-assign, func-returns-value]
    talk(node, node.carrier, node.pbx)
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    first, *others = seen
    assert key_of(first) >= SLOTS
    assert {key_of(data) for data in others} <= set(slots)


def test_a_request_in_a_dialog_whose_uri_is_no_token_goes_by_its_to_tag() -> None:
    """Peers that write the Request-URI anew still repeat our tag (RFC 3261 section 12.2.1.1)."""
    tag = Mint(bytes(16), bytes([42])).tag()
    data = message("BYE sip:198.51.100.1 SIP/2.0").replace(b"To: <sip:b@h>", f"To: <sip:b@h>;tag={tag}".encode())
    assert key_of(data) == 42 == slot_of(tag)


OURS, THEIRS = Mint(bytes(16), bytes([42])).tag(), "as837265"


@pytest.mark.parametrize(
    "line",
    [
        f"Replaces: one@h;to-tag={OURS};from-tag={THEIRS}",
        f"REPLACES :one@h ; from-tag={THEIRS}; To-Tag={OURS} ;early-only",
        f"Replaces: one@h;to-tag={THEIRS};from-tag={OURS}",
        f"Join: one@h;from-tag={THEIRS};to-tag={OURS}",
        f"Target-Dialog: one@h;local-tag={THEIRS};remote-tag={OURS}",
    ],
)
def test_who_names_a_dialog_goes_to_the_worker_that_has_it(line: str) -> None:
    """RFC 3891, RFC 3911, RFC 4538: the tag of ours among the two."""
    data = message("INVITE sip:b@h SIP/2.0", more=f"{line}\r\n")
    assert named_key(data) == 42
    assert key_of(data) >= SLOTS  # the kernel's reading, which knows nothing of it


def test_a_dialog_without_a_tag_of_ours_is_where_its_first_invite_went() -> None:
    """ADR 5: a To tag that a caller brought stays in its dialog."""
    data = message("INVITE sip:b@h SIP/2.0", "Call-ID: two@h", "Replaces: one@h;to-tag=a;from-tag=b\r\n")
    assert named_key(data) == key_of(message("INVITE sip:b@h SIP/2.0"))


def test_most_requests_name_no_dialog() -> None:
    assert named_key(message("INVITE sip:b@h SIP/2.0", more="Subject: Replaces\r\n")) == -1
    assert named_key(message("INVITE sip:b@h SIP/2.0") + b"\r\nReplaces: body;to-tag=x\r\n") == -1
    assert call_id_of(message("CANCEL sip:b@h SIP/2.0")) == b"one@h"


def test_a_table_of_an_earlier_start_keeps_its_owners() -> None:
    random = Random(1)
    before = assign(b"", 2, random.randrange)
    after = assign(before.owners, 5, random.randrange)
    for worker in range(2):
        assert after.slots(worker) == before.slots(worker)
    assert all(len(after.slots(worker)) == PER_WORKER for worker in range(5))
    assert len({slot for worker in range(5) for slot in after.slots(worker)}) == 5 * PER_WORKER


@pytest.mark.parametrize("text", ["", "zz", "07" * SLOTS, "ff" * 4, "ff" * (SLOTS - 1) + "07", "\ufffd" * 2 * SLOTS])
def test_what_is_no_table_of_ours_counts_for_nothing(text: str) -> None:
    """A file or a shared store may hold anything: one with an owner for each slot leaves none for workers to come."""
    assert owners_in(text) == b""


def test_a_table_that_was_kept_is_read_again() -> None:
    owners = assign(b"", WORKERS, Random(4).randrange).owners
    assert owners_in(owners.hex() + "\n") == owners


def test_with_fewer_workers_the_slots_of_one_stay_together() -> None:
    """The tokens of one call are in several slots of one worker: they must not part."""
    before = assign(b"", 5, Random(2).randrange)
    after = assign(before.owners, 2, Random(3).randrange)
    for worker in range(5):
        assert len({after.owner(slot) for slot in before.slots(worker)}) == 1


def test_what_a_node_with_one_worker_minted_is_the_first_workers() -> None:
    table = assign(b"", WORKERS, Random(4).randrange)
    assert table.owners[0] == NOBODY
    assert table.owner(0) == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n\r\n", b"SIP/2.0 ", b"INVITE", bytes(range(256)), b"a:b@c\n:\n" * 9, b"INVITE\nJoin:;\nReplaces\n"],
)
def test_any_bytes_have_an_owner(data: bytes) -> None:
    table = Table(bytes(SLOTS), 3)
    assert 0 <= table.owner(key_of(data)) < 3
    assert 0 <= table.owner(max(0, named_key(data))) < 3
