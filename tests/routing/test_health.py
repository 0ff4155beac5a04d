"""Targets that fail, are asked, and come back."""

from __future__ import annotations

from collections import Counter
from random import Random

from sbc.config import Probe, Target, Trunk
from sbc.routing import FAILURE_PENALTY, FIRST_SHARE, SLOW_START, Health, NextHop, Router, TargetHealth, TargetState
from sbc.sip import parse_uri
from tests.routing.test_router import carrier, config, first, hosts, target

PROBE = Probe(every=30, down_after=3, up_after=2)


def health(probe: Probe | None = PROBE) -> TargetHealth:
    return TargetHealth(NextHop("carrier", "outside", Target(parse_uri("sip:192.0.2.1"))), probe, 0.0)


def probed(*targets: Target) -> Trunk:
    return Trunk("carrier", "outside", targets, probe=PROBE)


def test_a_probed_target_is_down_after_so_many_failures_in_a_row() -> None:
    """Hysteresis: two failures and an answer are no outage."""
    one = health()
    for _ in range(2):
        assert not one.note_failure("no answer", 1.0)
        assert not one.note_failure("no answer", 2.0)
        assert not one.note_answer(3.0, True)
    assert one.state is TargetState.UP
    assert [one.note_failure("503", float(time)) for time in (4, 5, 6, 7)] == [False, False, True, False]
    assert (one.state, one.since, one.reason) == (TargetState.DOWN, 6.0, "503")
    assert one.settle(1e6) is TargetState.DOWN  # no penalty ends it: only answers do


def test_it_is_up_after_so_many_answers_in_a_row() -> None:
    one = health()
    for _ in range(3):
        one.note_failure("no answer", 1.0)
    assert not one.note_answer(2.0, True)
    assert one.settle(2.0) is TargetState.PROBING
    assert not one.note_failure("no answer", 3.0)
    assert one.settle(3.0) is TargetState.DOWN
    assert [one.note_answer(4.0, True), one.note_answer(5.0, True), one.note_answer(6.0, True)] == [False, True, False]
    assert (one.state, one.since) == (TargetState.UP, 5.0)


def test_only_probes_lead_a_probed_target_out_of_its_outage() -> None:
    """All the calls that waited for it are answered in one moment: that is one sign of life, not many."""
    one = health()
    for _ in range(3):
        one.note_failure("no answer", 1.0)
    assert [one.note_answer(2.0, False) for _ in range(100)] == [False] * 100
    assert one.settle(2.0) is TargetState.DOWN
    unprobed = health(None)
    unprobed.note_failure("no answer", 1.0)
    assert unprobed.note_answer(2.0, False)


def test_a_target_comes_back_slowly_and_falls_at_once_while_it_does() -> None:
    one = health(Probe(down_after=3, up_after=1))
    assert one.share(0.0) == 1.0
    for _ in range(3):
        one.note_failure("no answer", 0.0)
    one.note_answer(100.0, True)
    shares = [one.share(100.0 + SLOW_START * part) for part in (0, 0.05, 0.5, 1)]
    assert shares == [FIRST_SHARE, FIRST_SHARE, 0.5, 1.0]
    assert one.note_failure("no answer", 110.0)
    assert one.state is TargetState.DOWN
    one.note_answer(200.0, True)
    one.settle(200.0 + SLOW_START)
    assert one.share(200.0 + SLOW_START) == 1.0
    assert not one.note_failure("no answer", 200.0 + SLOW_START)


def test_an_unprobed_target_pays_for_its_first_failure_with_time() -> None:
    one = health(None)
    assert one.note_failure("no answer", 0.0)
    assert not one.note_failure("no answer", 10.0)  # the penalty begins anew
    assert one.settle(9.9 + FAILURE_PENALTY) is TargetState.DOWN
    assert one.settle(10.0 + FAILURE_PENALTY) is TargetState.UP
    assert one.share(10.0 + FAILURE_PENALTY) == FIRST_SHARE


def test_a_disabled_target_is_disabled_whatever_it_answers() -> None:
    one = health()
    one.enabled = False
    one.note_answer(1.0, True)
    assert one.settle(1.0) is TargetState.DISABLED
    one.enabled = True
    assert one.settle(1.0) is TargetState.UP


def test_probed_targets_that_are_down_get_calls_only_where_no_other_is_left() -> None:
    made = Router(config(probed(target("sip:192.0.2.1", 1), target("sip:192.0.2.2", 2), target("sip:192.0.2.3", 3))))
    one, two, three = made.select(("carrier",), first, 0.0)
    for hop in (one, two):
        for _ in range(3):
            made.note_failure(hop, 0.0)
    assert hosts(made.select(("carrier",), first, 1.0)) == ["192.0.2.3"]
    made.note_success(two, 1.0, is_probe=True)  # probing: not yet
    assert hosts(made.select(("carrier",), first, 1.0)) == ["192.0.2.3"]
    for _ in range(3):
        made.note_failure(three, 1.0)
    assert hosts(made.select(("carrier",), first, 1.0)) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_a_disabled_trunk_or_target_gets_no_call_even_alone() -> None:
    known = Health()
    made = Router(config(probed(target("sip:192.0.2.1", 1), target("sip:192.0.2.2", 2))), known)
    known.of("carrier")[0].enabled = False
    assert hosts(made.select(("carrier",), first, 0.0)) == ["192.0.2.2"]
    known.disabled.add("carrier")
    assert made.select(("carrier",), first, 0.0) == []


def test_others_take_what_a_slow_start_turns_away_by_their_weights() -> None:
    """Of 60:30:10 with the first at half its share: 30, and 70 shared 3 to 1."""
    known = Health()
    heavy, middle, light = (target(f"sip:192.0.2.{n}", weight=w) for n, w in ((1, 60), (2, 30), (3, 10)))
    made = Router(config(probed(heavy, middle, light)), known)
    known.of("carrier")[0].risen = 100.0
    now = 100.0 + SLOW_START / 2
    random = Random(11)
    orders = [hosts(made.select(("carrier",), random.randrange, now)) for _ in range(10000)]
    counts = Counter(order[0] for order in orders)
    for host, share in (("192.0.2.1", 0.3), ("192.0.2.2", 0.525), ("192.0.2.3", 0.175)):
        assert abs(counts[host] - 10000 * share) < 4 * (10000 * share * (1 - share)) ** 0.5
    assert {len(order) for order in orders} == {3}


def test_a_reload_forgets_nothing_of_a_target_that_stays() -> None:
    """The state is the target's: other targets, other priorities and another probe leave it alone."""
    known = Health()
    before = Router(config(probed(target("sip:192.0.2.1"), target("sip:192.0.2.2"))), known)
    gone, stays = before.select(("carrier",), first, 0.0)
    for hop in (gone, stays):
        for _ in range(3):
            before.note_failure(hop, 5.0)
    known.disabled.add("carrier")
    after = Router(config(probed(target("sip:192.0.2.3"), target("sip:192.0.2.2", 7))), known, 10.0)
    assert known.find(gone) is None
    assert not after.note_failure(gone, 11.0)
    assert [(one.hop.host, one.state) for one in known.all()] == [
        ("192.0.2.2", TargetState.DOWN),
        ("192.0.2.3", TargetState.UP),
    ]
    assert known.disabled == {"carrier"}
    Router(config(carrier(target("sip:192.0.2.2"), name="other")), known, 12.0)
    assert known.disabled == set()
    assert [one.hop.trunk for one in known.all()] == ["other"]


def test_without_its_probe_a_target_that_is_down_gets_a_penalty() -> None:
    known = Health()
    made = Router(config(probed(target("sip:192.0.2.1"))), known)
    (hop,) = made.select(("carrier",), first, 0.0)
    for _ in range(3):
        made.note_failure(hop, 0.0)
    Router(config(carrier(target("sip:192.0.2.1"))), known, 50.0)
    (one,) = known.all()
    assert one.settle(49.9 + FAILURE_PENALTY) is TargetState.DOWN
    assert one.settle(50.0 + FAILURE_PENALTY) is TargetState.UP
