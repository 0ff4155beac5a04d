"""The tables in the modules of a call, and the tests that take each of their rows.

A row that nobody takes makes this file fail, and so does a test that is gone. A row is its first cells, as many as tell
it from the others.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "engine"

TAKEN: dict[str, dict[str, tuple[str, ...]]] = {
    "sbc/call/join.py": {
        "waiting, both legs are free": ("test_attended::test_the_two_who_are_left_are_joined_without_a_new_call",),
        "waiting, neither for 64*T1": ("test_joins::test_an_exchange_that_never_ends_breaks_the_join",),
        "offering, the engine's description": (
            "test_replaces::test_a_colleague_takes_a_call_over",
            "test_replaces::test_take_over_without_an_offer",
        ),
        "asking, 2xx, or the caller's ACK": (
            "test_replaces::test_a_colleague_takes_a_call_over",
            "test_replaces::test_take_over_without_an_offer",
        ),
        "asking, 491, or 500 with Retry-After": (
            "test_transfer::test_glare_with_a_reinvite_of_the_peer_is_tried_again",
            "test_evacuation::test_glare_is_tried_again",
        ),
        "asking, 422": ("test_joins::test_a_peer_that_wants_a_longer_session_is_asked_once_more",),
        "asking, any other refusal, or silence": (
            "test_attended::test_refused_join_leaves_both_calls_as_they_were",
            "test_findings::test_a_transfer_ends_where_who_is_transferred_says_nothing",
        ),
        "answering, the offerer knows all of it": ("test_replaces::test_a_colleague_takes_a_call_over",),
        "answering, it does not": ("test_attended::test_the_two_who_are_left_are_joined_without_a_new_call",),
        "any, the engine refuses": ("test_joins::test_an_engine_that_has_no_session_for_the_two_breaks_the_join",),
        "any, `new` or `kept` hangs up": (
            "test_attended::test_transferred_peer_hangs_up_during_the_join",
            "test_attended::test_new_partner_hangs_up_during_the_join",
        ),
        "any, who leaves hangs up": ("test_attended::test_the_second_line_may_hang_up_first",),
    },
    "sbc/call/referral.py": {
        "placing, accepted": ("test_transfer::test_blind_transfer_joins_the_one_who_is_left",),
        "trying, a provisional response of the new callee": (
            "test_transfer::test_blind_transfer_joins_the_one_who_is_left",
            "test_attended::test_transfer_while_the_consultation_rings",
        ),
        "trying, refused by policy, failed, or one of the two hung up": (
            "test_transfer::test_policy_refuses_the_new_call_and_the_old_one_goes_on",
            "test_transfer::test_failed_transfer_leaves_the_call_as_it_was",
            "test_transfer::test_the_one_who_is_transferred_hangs_up_while_the_target_rings",
        ),
        "trying, the new callee answered, or the named dialog is there": (
            "test_transfer::test_blind_transfer_joins_the_one_who_is_left",
            "test_attended::test_the_two_who_are_left_are_joined_without_a_new_call",
        ),
        "joining, the two are joined": ("test_transfer::test_blind_transfer_joins_the_one_who_is_left",),
        "joining, they cannot be joined": ("test_transfer::test_refused_reinvite_ends_the_new_call_only",),
        "any, the asker subscribes again (SUBSCRIBE)": (
            "test_transfer::test_the_asker_subscribes_again_and_then_no_more",
        ),
        "any, it ends its subscription (Expires: 0)": (
            "test_transfer::test_the_asker_subscribes_again_and_then_no_more",
        ),
        "any, the asker hangs up": (
            "test_transfer::test_asker_hangs_up_at_once_and_the_transfer_goes_on",
            "test_transfer::test_asker_has_gone_and_the_transfer_fails_so_the_call_ends",
        ),
    },
    "sbc/call/replace.py": {
        'the sender\'s profile says `replaces = "refuse"`': ("test_profiles::check_replaces_refused",),
        "no such dialog": ("test_replaces::test_only_the_same_realm_and_trunk_may_take_a_place",),
        "it is about to end": ("test_joins::test_a_call_that_is_about_to_end_has_no_place_to_take",),
        "it is up, and `early-only` was asked for": ("test_replaces::test_early_only_and_early_dialogs",),
        "it is early, and the peer called us": ("test_replaces::test_who_began_the_early_dialog_cannot_be_replaced",),
        "it is early, and the callee is to make the offer": (
            "test_replaces::test_a_pick_up_of_a_call_without_an_offer_is_refused",
        ),
        "it is early, the new one brings no offer, and its media are encrypted": (
            "test_replaces::test_a_pick_up_without_an_offer_where_media_are_encrypted_is_refused",
        ),
        "it is early (section 7.1)": ("test_replaces::test_a_ringing_phone_is_picked_up_from_another",),
        "it is early, and the new one brings no offer": ("test_replaces::test_who_picks_up_may_leave_the_offer_to_us",),
        "another exchange has it": ("test_joins::test_who_is_being_transferred_has_no_place_to_take",),
        "it is up": ("test_replaces::test_a_colleague_takes_a_call_over",),
        "Join, and the dialog is there": ("test_replaces::test_join_has_no_mixer",),
    },
    "sbc/call/reanchor.py": {
        "is over, or has another session by now": ("test_evacuation::test_a_bye_meanwhile_ends_the_call",),
        "rings, the engine had the caller's offer and answers to it": (
            "test_evacuation::test_a_call_that_rings_is_answered_by_another_engine",
        ),
        "is not up yet otherwise": ("test_evacuation::test_an_early_session_that_cannot_be_repeated_ends_with_503",),
        "was just answered, and the engine says nothing to the answer": (
            "test_evacuation::test_an_answer_that_meets_a_dead_engine_is_given_by_another",
        ),
        "is being transferred, or its caller owes the ACK": (
            "test_evacuation::test_a_call_whose_caller_owes_the_ack_moves_after_it",
        ),
        "is up": ("test_evacuation::test_both_peers_are_offered_the_new_engine_and_the_call_goes_on",),
    },
    "sbc/call/restore.py": {
        "2xx": ("test_findings::test_nothing_is_accepted_while_the_way_back_is_offered",),
        "491": ("test_findings::test_the_way_back_that_meets_an_offer_is_offered_again",),
        "408, 481, or none": ("test_findings::test_a_peer_that_knows_no_dialog_to_go_back_in_ends_the_call",),
        "any other": ("test_joins::test_a_peer_that_refuses_the_way_back_keeps_what_it_has",),
    },
}


def rows_of(path: Path) -> list[list[str]]:
    """The cells of each row of the table in a module's docstring, the header first; none where it has no table."""
    docs = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    lines = [line for line in docs.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if not line.startswith("| ---")]


def names_in(file: str) -> set[str]:
    """Functions at the top of a test file."""
    tree = ast.parse((TESTS / f"{file}.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_module_of_a_call_with_a_table_is_here() -> None:
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "sbc" / "call").glob("*.py") if rows_of(path)}
    assert found == set(TAKEN)


@pytest.mark.parametrize("module", TAKEN)
def test_every_row_of_a_table_is_taken_by_a_test_that_is_there(module: str) -> None:
    head, *rows = rows_of(ROOT / module)
    cells = 2 if head[0] == "state" else 1
    assert [", ".join(row[:cells]) for row in rows] == list(TAKEN[module])
    gone = [
        one
        for names in TAKEN[module].values()
        for one in names
        if one.split("::")[1] not in names_in(one.split("::")[0])
    ]
    assert gone == []
    assert all(TAKEN[module].values())
