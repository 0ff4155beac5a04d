"""The machines of a call and the tests of their arrows: dialog, session timer, reliable provisional responses.

The transactions have figures of their own (`tests/transaction/test_arrows.py`), the call and the subscription tables of
each state and each input (`test_call_arrows.py`, `test_subscription_arrows.py`). An arrow here is from, by, to, and the
tests that take it; a test that is gone or renamed makes this file fail, and so does one of these machines' test files
with a test that no arrow names and nothing excuses.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
Arrow = tuple[str, str, str, tuple[str, ...]]

DIALOG: tuple[Arrow, ...] = (
    ("none", "our request, 101 to 199", "early", ("test_uac_takes_its_state_from_the_response",)),
    ("none", "our request, 2xx", "confirmed", ("test_2xx_makes_a_confirmed_dialog",)),
    ("none", "a request, our tagged response", "early", ("test_uas_takes_its_state_from_the_request",)),
    (
        "early",
        "2xx received",
        "confirmed, route set anew",
        (
            "test_record_route_that_comes_late_counts",
            "test_record_route_missing_in_the_2xx_empties_the_route_set",
            "test_2xx_without_contact_keeps_the_target_of_the_provisional",
            "test_a_strict_route_ends_with_the_2xx_that_has_none",
        ),
    ),
    ("early", "our 2xx", "confirmed", ("test_our_own_2xx_confirms_and_changes_nothing_else",)),
    ("confirmed", "copy of the 2xx", "confirmed", ("test_copies_of_the_2xx_change_nothing",)),
    ("terminated", "2xx", "terminated", ("test_terminated_is_not_confirmed_again",)),
    (
        "any",
        "target refresh",
        "the same, new target",
        (
            "test_refresh_takes_the_new_contact_and_never_the_routes",
            "test_refresh_without_a_usable_contact_changes_nothing",
            "test_a_refreshed_target_stands_behind_a_strict_router",
        ),
    ),
    (
        "any",
        "request of the peer",
        "the same, or out of order",
        (
            "test_the_peers_numbers_may_jump_but_not_fall_or_stand",
            "test_the_first_request_of_a_callee_may_have_any_number",
        ),
    ),
    ("any", "request of ours", "the same", ("test_our_numbers_rise_by_one",)),
)

SESSION_TIMER: tuple[Arrow, ...] = (
    (
        "none",
        "INVITE of ours",
        "asked",
        (
            "test_timer_is_offered_on_the_b_leg_whatever_the_caller_says",
            "test_no_timer_is_asked_for_where_the_node_has_none",
        ),
    ),
    ("none", "INVITE of a peer", "running, refresher elected", ("test_refresher_is_elected_by_table_2",)),
    ("none", "too small an interval", "none, 422", ("test_interval_that_is_too_small_gets_422_with_our_min_se",)),
    (
        "asked",
        "422",
        "asked again, once",
        (
            "test_422_is_answered_with_one_retry_and_the_caller_hears_nothing",
            "test_second_422_or_one_without_a_use_ends_the_attempt",
        ),
    ),
    ("asked", "2xx without Session-Expires", "none", ("test_answer_without_session_expires_ends_the_timer",)),
    (
        "running, ours",
        "half of the interval",
        "refreshing",
        (
            "test_our_refresh_is_an_update_without_sdp",
            "test_our_refresh_is_a_reinvite_with_the_same_version_where_update_is_not_allowed",
            "test_refresh_waits_for_an_exchange_under_way",
        ),
    ),
    (
        "refreshing",
        "405 or 501",
        "refreshing by INVITE",
        ("test_update_that_is_not_known_after_all_becomes_a_reinvite",),
    ),
    ("refreshing", "422", "refreshing, once more", ("test_refresh_refused_with_422_is_tried_once_more",)),
    ("refreshing", "491 or another refusal", "running", ("test_refresh_refused_for_the_moment_is_repeated",)),
    (
        "refreshing",
        "408, 481, silence",
        "over",
        ("test_refresh_that_finds_no_dialog_ends_the_call", "test_refresh_without_any_answer_ends_the_call"),
    ),
    (
        "refreshing",
        "re-INVITE of the peer",
        "refreshing, 491",
        ("test_reinvite_of_the_peer_during_our_refresh_gets_491",),
    ),
    (
        "running, the peer's",
        "refresh of the peer",
        "running anew",
        ("test_refresh_of_a_peer_is_answered_here", "test_refresh_below_our_minimum_gets_422_and_the_session_goes_on"),
    ),
    (
        "running",
        "INVITE that crosses",
        "running anew on both legs",
        (
            "test_reinvite_that_crosses_refreshes_both_legs_each_in_its_own_terms",
            "test_hold_under_an_old_version_still_crosses",
        ),
    ),
    (
        "running, the peer's",
        "shortly before the end",
        "over",
        ("test_bye_before_the_session_of_a_silent_peer_expires",),
    ),
)

RELIABLE: tuple[Arrow, ...] = (
    (
        "callee: none",
        "reliable 18x",
        "PRACK sent",
        (
            "test_100rel_is_offered_to_the_callee_whatever_the_caller_says",
            "test_callee_is_pracked_at_once_for_a_caller_who_knows_nothing_of_it",
            "test_each_fork_counts_for_itself",
        ),
    ),
    ("callee: any", "RSeq without Require", "the same", ("test_an_rseq_without_require_makes_nothing_reliable",)),
    ("callee: PRACK sent", "copy, or a gap", "the same", ("test_copies_and_gaps_are_discarded",)),
    ("callee: PRACK sent", "2xx", "answered", ("test_what_a_reliable_answer_said_counts_over_the_2xx",)),
    ("callee: PRACK sent", "PRACK refused", "the same", ("test_prack_that_fails_is_the_invites_affair",)),
    (
        "callee: none",
        "reliable 18x with an offer",
        "offer shown to the caller",
        (
            "test_offer_in_a_reliable_response_is_answered_in_the_prack",
            "test_late_offer_of_a_caller_without_100rel_does_not_offer_it_to_the_callee",
        ),
    ),
    (
        "callee: offer shown",
        "2xx, or another fork's",
        "answered",
        (
            "test_2xx_that_does_not_wait_for_its_prack_is_acknowledged_once_that_is_out",
            "test_second_fork_that_answers_makes_an_offer_of_its_own",
        ),
    ),
    (
        "callee: offer shown",
        "no answer, or one that is refused",
        "over",
        ("test_prack_without_the_answer_ends_the_call", "test_answer_that_the_callee_refuses_ends_the_call"),
    ),
    (
        "caller: none",
        "18x",
        "sent reliably, waiting",
        (
            "test_early_media_goes_reliably_to_a_caller_who_supports_it",
            "test_ringing_without_sdp_is_not_sent_reliably_unless_required",
        ),
    ),
    (
        "caller: waiting",
        "18x or 2xx of the callee",
        "waiting, those behind",
        (
            "test_one_unacknowledged_at_a_time_and_the_2xx_waits",
            "test_provisional_responses_that_wait_are_overtaken_by_the_2xx",
            "test_answer_of_another_fork_does_not_wait_for_a_prack",
        ),
    ),
    ("caller: waiting", "64*T1", "over, 504", ("test_invite_is_rejected_when_no_prack_comes",)),
    (
        "caller: waiting",
        "refusal of the callee",
        "over, or the next target",
        (
            "test_final_refusal_does_not_wait_for_the_prack",
            "test_next_target_is_tried_though_the_first_rang_reliably",
        ),
    ),
    (
        "caller: waiting",
        "CANCEL",
        "over",
        (
            "test_cancel_ends_what_waits_for_a_prack",
            "test_cancel_while_the_2xx_is_held_ends_the_answered_callee",
        ),
    ),
    (
        "any",
        "PRACK that names nothing",
        "the same, 481",
        ("test_prack_that_names_nothing_gets_481", "test_prack_of_the_callee_gets_481"),
    ),
)

MACHINES: dict[str, tuple[str, tuple[Arrow, ...]]] = {
    "dialog": ("dialog/test_dialog.py", DIALOG),
    "session timer": ("engine/test_session_timers.py", SESSION_TIMER),
    "reliable provisional responses": ("engine/test_reliable.py", RELIABLE),
}
NO_ARROW = {
    "dialog": "what a dialog is made of and how it writes: values, not states",
}
"""Machines whose file tests more than arrows, and what."""


def names_in(path: str) -> set[str]:
    """Names of the tests in a file."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_arrow_is_taken_by_a_test_that_is_there(machine: str) -> None:
    path, arrows = MACHINES[machine]
    taken = [name for _, _, _, names in arrows for name in names]
    assert set(taken) <= names_in(path)
    assert len(taken) == len(set(taken))
    assert all(names for _, _, _, names in arrows)
    assert len({(source, event) for source, event, _, _ in arrows}) == len(arrows)


@pytest.mark.parametrize("machine", [name for name in MACHINES if name not in NO_ARROW])
def test_every_test_of_a_machine_takes_an_arrow(machine: str) -> None:
    path, arrows = MACHINES[machine]
    assert names_in(path) - {name for _, _, _, names in arrows for name in names} == set()
