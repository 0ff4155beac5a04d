"""Live calls on a shared server: behind, in order, anew after an outage, and never without the lease."""

from __future__ import annotations

from sbc.journal import LEASE, Replica, Standing
from sbc.journal import replica as module
from sbc.outputs import ACKED, CallEnded, Journal
from tests.journal.servers import FakeServer, Shelf, check_server, contents, ended, kept

ME, OTHER = "one/a", "two/b"


class Site:
    """A replica with the lease, its server and its file."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.file: dict[str, Journal] = {}
        server = FakeServer(self.shelf, ME)
        self.replica = Replica(server, ME, lambda: list(self.file.values()))
        self.replica.begin(server.take().token)
        self.now = 0.0

    def append(self, record: Journal | CallEnded) -> None:
        if isinstance(record, CallEnded):
            self.file.pop(record.call, None)
        elif record.kind == ACKED:
            old = self.file[record.call]
            self.file[record.call] = kept(record.call, old.record, acked=True)
        else:
            self.file[record.call] = record
        self.replica.append(record)

    def step(self, seconds: float = module.DELAY) -> float:
        self.now += seconds
        return self.replica.step(self.now)

    def assert_in_step(self) -> None:
        assert self.shelf.kept() == contents(self.file.values())


def test_the_fake_does_what_is_demanded_of_a_server() -> None:
    shelf = Shelf()

    def end_lease() -> None:
        shelf.lease = ""

    check_server(lambda me: FakeServer(shelf, me), end_lease)


def test_calls_of_the_file_come_first_and_records_behind_them_in_order() -> None:
    site = Site()
    site.file = {"c0": kept("c0")}
    assert site.step() == module.DELAY
    site.assert_in_step()
    assert site.shelf.owner == ME
    site.append(kept("c1"))
    site.append(kept("c2"))
    site.step()
    site.append(Journal("c1", ACKED, 2.0, b""))
    site.append(ended("c2"))
    site.append(kept("c3"))
    site.append(ended("c3"))
    site.step()
    assert site.shelf.kept() == contents([kept("c0"), kept("c1", acked=True)])
    site.assert_in_step()


def test_many_records_of_one_moment_go_in_one_batch() -> None:
    site = Site()
    site.step()
    before = site.shelf.scripts
    for number in range(3000):
        site.append(kept(f"c{number}"))
    assert site.replica.waiting == 3000
    site.step()
    assert site.shelf.scripts == before + 1
    site.assert_in_step()


def test_a_server_that_is_away_costs_nothing_and_is_told_all_when_it_is_back() -> None:
    site = Site()
    site.append(kept("c1"))
    site.step()
    site.shelf.is_away = True
    site.append(kept("c2"))
    assert site.step() == module.AGAIN
    assert (site.replica.standing, site.replica.why) == (Standing.AWAY, "connection refused")
    site.append(ended("c1"))
    site.append(kept("c3"))
    assert site.replica.waiting == 0, "nothing is kept back for it"
    assert site.replica.missed == 4  # with the one before the first step
    site.step(60)
    site.shelf.is_away = False
    site.step(1)
    assert (site.replica.standing, site.replica.why) == (Standing.UP, "")
    site.assert_in_step()
    site.append(kept("c4"))
    site.step()
    site.assert_in_step()


def test_a_server_that_has_lost_everything_is_told_all_anew() -> None:
    """Its process was killed and nothing of it was on a disk."""
    site = Site()
    site.append(kept("c1"))
    site.step()
    site.replica.keep_slots("0102")
    site.step()
    shelf = site.shelf
    shelf.lease, shelf.epoch, shelf.owner, shelf.slots, shelf.calls = "", 0, "", "", {}
    site.step(LEASE / 2)
    site.assert_in_step()
    assert (shelf.lease, shelf.owner, shelf.slots) == (f"1 {ME}", ME, "0102")


def test_a_server_that_does_not_keep_up_is_told_anew_rather_than_of_everything() -> None:
    site = Site()
    site.step()
    for number in range(module.BACKLOG + 5):
        site.append(kept(f"c{number % 7}", str(number).encode()))
    assert site.replica.waiting == module.BACKLOG
    site.step()
    assert site.replica.waiting == 0
    assert site.replica.missed == 5
    site.assert_in_step()


def test_the_lease_is_held_while_there_is_nothing_to_write() -> None:
    site = Site()
    site.step()
    before = site.shelf.scripts
    for _ in range(int(2 * LEASE / module.DELAY)):
        site.step()
    assert before + 6 <= site.shelf.scripts <= before + 10


def test_whoever_finds_another_with_the_lease_writes_no_more() -> None:
    """Fencing: a process that slept through the end of its lease must not touch the calls of the next one."""
    site = Site()
    site.append(kept("c1"))
    site.step()
    site.shelf.lease = ""
    other = FakeServer(site.shelf, OTHER)
    token = other.take().token
    site.append(kept("c2"))
    site.step()
    site.step()
    assert (site.replica.standing, site.replica.why) == (Standing.LOST, OTHER)
    site.append(kept("c3"))
    site.step(60)
    site.replica.close()
    assert set(site.shelf.calls) == {"c1"}
    assert site.shelf.lease == token


def test_another_that_came_and_went_has_had_the_calls() -> None:
    site = Site()
    site.step()
    site.shelf.is_away = True
    site.step(5)
    other = FakeServer(site.shelf, OTHER)
    site.shelf.is_away, site.shelf.lease = False, ""
    token = other.take().token
    other.replace(token, [kept("theirs")])
    other.release(token)
    site.step(5)
    assert (site.replica.standing, site.replica.why) == (Standing.LOST, OTHER)
    assert set(site.shelf.calls) == {"theirs"}
    assert site.shelf.lease == ""


def test_a_node_that_began_alone_gets_the_lease_that_its_last_process_had() -> None:
    shelf = Shelf()
    server = FakeServer(shelf, ME)
    server.take()
    replica = Replica(server, ME, lambda: [kept("c1")])
    replica.begin("", "connection refused")
    replica.step(0.0)
    assert replica.standing is Standing.UP
    assert shelf.lease == f"2 {ME}"
    assert shelf.kept() == contents([kept("c1")])


def test_an_orderly_end_writes_what_waits_and_gives_the_lease_back() -> None:
    site = Site()
    site.step()
    site.append(kept("c1"))
    site.replica.close()
    site.assert_in_step()
    assert site.shelf.lease == ""
