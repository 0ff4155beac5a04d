"""Which calls of another machine a node goes on with, whose calls they are, and what operators hear of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sbc.adoption import needs
from sbc.config import Config, Engine
from sbc.journal import Away, Instance, SharedStore, SqliteStore, Standing
from sbc.media import NOBODY
from sbc.outputs import KEPT, Journal
from sbc.supervisor import sharing
from sbc.supervisor.sharing import Fitness, TakenOver, check_ours, follow, journal_status
from tests.journal.servers import FakeServer, Shelf, ended, kept
from tests.kit.flows import talk
from tests.kit.node import Node, config
from tests.node.fakes import FakeLogger

HERE = socket.gethostname()
ELSEWHERE = "elsewhere/1234"


@pytest.fixture(autouse=True)
def all_addresses(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A machine with every address but these."""
    absent: set[str] = set()
    monkeypatch.setattr(sharing, "is_here", lambda host: host not in absent)
    return absent


def record_of(node: Node) -> Journal:
    talk(node, node.carrier, node.pbx)
    (found,) = node.journal.values()
    return found


def with_engine(found: Journal, engine: str) -> Journal:
    """The same call with its media on this engine; lengths stand in the first line."""
    record = found.record.replace(b"\nembedded\n", f"\n{engine}\n".encode())
    head, _, rest = record.partition(b"\n")
    length = int(head.split()[1]) + len(engine) - len("embedded")
    return Journal(found.call, KEPT, found.wall, b"1 %d\n" % length + rest)


def engines(found: Config, *hosts: str) -> Config:
    return replace(found, media=replace(found.media, engines=tuple([Engine(host, 2223, 1) for host in hosts])))


def test_a_call_fits_where_its_listeners_and_its_media_engine_are(all_addresses: set[str]) -> None:
    made = config(mode="bypass")
    found = record_of(Node(made))
    assert Fitness(made)(found, ELSEWHERE) == ""
    host = made.listeners[0].host
    all_addresses.add(host)
    assert host in Fitness(made)(found, ELSEWHERE)
    moved = replace(made, listeners=tuple([replace(one, port=one.port + 1) for one in made.listeners]))
    all_addresses.clear()
    assert "no listener udp" in Fitness(moved)(found, ELSEWHERE)
    assert "does not begin a record" in Fitness(made)(kept("c1"), ELSEWHERE)


@pytest.mark.parametrize(
    ("engine", "former", "stays"),
    [
        ("10.0.0.9:2223", ELSEWHERE, True),
        ("10.0.0.8:2223", ELSEWHERE, False),
        ("127.0.0.1:2223", ELSEWHERE, False),
        ("127.0.0.1:2223", f"{HERE}/5678", True),
        ("embedded", f"{HERE}/5678", False),
    ],
)
def test_media_on_an_engine_that_is_not_ours_are_to_be_taken_to_one_that_is(
    engine: str, former: str, stays: bool
) -> None:
    """The embedded engine of the other machine is not one of ours, whatever it is called; nor is its loopback."""
    made = config(mode="anchor")
    found = with_engine(record_of(Node(made)), engine)
    fits = Fitness(engines(made, "10.0.0.9", "127.0.0.1"))
    assert fits(found, former) == ""
    taken = fits.fitted(found, former)
    assert needs(taken.record).engine == (engine if stays else "")
    assert needs(taken.record).listeners == needs(found.record).listeners
    assert (taken.call, taken.kind, taken.wall) == (found.call, found.kind, found.wall)
    adopter = Node(engines(made, "10.0.0.9", "127.0.0.1"))
    adopter.act(adopter.engine.adopt(taken, adopter.now))
    (call,) = adopter.engine.egress.calls.values()
    assert call.media is not None
    assert call.media.engine == (adopter.engine.egress.placement.names.index(engine) if stays else NOBODY)


def test_media_stay_away_where_nobody_relays() -> None:
    found = record_of(Node(config(mode="anchor")))
    assert "media engine embedded is not here" in Fitness(config(mode="bypass"))(found, ELSEWHERE)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def store(tmp_path: Path, shelf: Shelf) -> Iterator[SharedStore]:
    instance = Instance(tmp_path, HERE)
    made = SharedStore(tmp_path, instance, FakeServer(shelf, instance.name))
    yield made
    made.close()


def test_calls_of_another_instance_are_taken_over_and_those_that_do_not_fit_are_left(
    store: SharedStore, shelf: Shelf
) -> None:
    other = FakeServer(shelf, ELSEWHERE)
    token = other.take().token
    other.replace(token, [kept("fits"), kept("misfits", b"far away")])
    other.release(token)
    grant, unfit = store.take(lambda call, former: "far" if call.record == b"far away" else "")
    assert grant.former == ELSEWHERE
    assert [(call.call, why) for call, why in unfit] == [("misfits", "far")]
    assert [call.call for call in store.live()] == ["fits"]
    store.append(kept("fresh"))
    store.append(ended("fits"))
    store.replica.close()
    assert set(shelf.calls) == {"fresh"}
    assert set(shelf.aside) == {"misfits"}


def test_what_was_left_is_gone_on_with_by_whom_it_fits(store: SharedStore, shelf: Shelf) -> None:
    shelf.owner = ELSEWHERE
    shelf.aside = {"back": (kept("back"), "third/1"), "gone": (kept("gone"), "third/1")}
    store.take(lambda call, former: "" if (call.call, former) == ("back", "third/1") else "far")
    assert [call.call for call in store.live()] == ["back"]
    assert set(shelf.aside) == {"gone"}


def test_what_another_has_left_of_our_own_calls_is_ours_again(tmp_path: Path, shelf: Shelf) -> None:
    """Their media engine may be here still; where it is not, they are ended as after any restart."""
    instance = Instance(tmp_path, HERE)
    store = SharedStore(tmp_path, instance, FakeServer(shelf, instance.name))
    shelf.owner, shelf.aside = ELSEWHERE, {"back": (kept("back"), instance.name)}
    store.take(lambda call, former: "far")
    assert [call.call for call in store.live()] == ["back"]
    store.close()
    assert shelf.aside == {}


def test_our_own_file_counts_where_nobody_has_been_in_between(tmp_path: Path, shelf: Shelf) -> None:
    for calls in ([], ["c1"]):
        instance = Instance(tmp_path, HERE)
        again = SharedStore(tmp_path, instance, FakeServer(shelf, instance.name))
        again.take(lambda call, former: pytest.fail("our own calls fit"))
        assert [call.call for call in again.live()] == calls
        again.append(kept("c1"))
        again.close()


def test_nobody_takes_what_another_has(store: SharedStore, shelf: Shelf) -> None:
    FakeServer(shelf, ELSEWHERE).take()
    grant, _ = store.take(lambda call, former: "")
    assert (grant.token, grant.holder) == ("", ELSEWHERE)


def test_a_state_directory_has_one_process(tmp_path: Path) -> None:
    """A second one would have the same name, and so the first one's lease."""
    first = Instance(tmp_path, HERE)
    with pytest.raises(OSError, match="another node runs on this state directory"):
        Instance(tmp_path, HERE)
    first.close()
    second = Instance(tmp_path, HERE)
    assert second.name == first.name
    second.close()


async def watched(store: SharedStore, standings: list[Standing]) -> tuple[FakeLogger, list[str]]:
    logger, given_up = FakeLogger(), list[str]()
    task = asyncio.ensure_future(follow(store, logger, lambda: given_up.append("yes")))
    for standing in standings:
        store.replica.standing, store.replica.why = standing, "why"
        for _ in range(3):
            await asyncio.sleep(0)
    task.cancel()
    return logger, given_up


def test_operators_hear_once_that_the_server_is_away_and_that_it_is_back(
    store: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "EVERY", 0)
    standings = [Standing.UP, Standing.AWAY, Standing.AWAY, Standing.UP, Standing.LOST]
    logger, given_up = asyncio.run(watched(store, standings))
    assert [(level, event.partition(";")[0]) for level, event, _ in logger.lines] == [
        ("warning", "the shared store is away"),
        ("info", "the shared store is back"),
        ("error", "another node has taken over: this one ends"),
    ]
    assert given_up == ["yes"]
    with pytest.raises(TakenOver, match="why has taken over"):
        check_ours(store)


def test_status_says_how_the_server_does(store: SharedStore) -> None:
    store.replica.standing, store.replica.why = Standing.AWAY, "connection refused"
    found = journal_status("redis://h/0", store)
    assert found["lost"] == 0
    assert isinstance(shared := found["shared"], dict)
    assert (shared["state"], shared["why"], shared["waiting"]) == ("away", "connection refused", 0)


class FakeStandby:
    """A control socket without a socket: what was done with it, in order."""

    done: list[str]

    def __init__(self, *_: object) -> None:
        self.waiting_for = ""

    async def open(self) -> None:
        self.done.append("open")

    async def close(self) -> None:
        self.done.append(f"close: {self.waiting_for}")


def test_a_server_that_is_away_at_the_start_is_waited_for_then_done_without(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "open_server", lambda place, name, me: FakeServer(shelf, me))
    monkeypatch.setattr(sharing, "_LOOK", 0)
    monkeypatch.setattr(sharing, "WITHOUT", 0.3)
    monkeypatch.setattr(sharing, "StandbyServer", FakeStandby)
    FakeStandby.done = []
    shelf.is_away = True
    logger = FakeLogger()
    shared = replace(config(), store="redis://127.0.0.1/0", state=str(tmp_path))
    found = asyncio.run(sharing.open_lasting(shared, logger))
    assert isinstance(found, SharedStore)
    assert logger.events() == ["standing by", "the shared store is away; starting without it"]
    opened, closed = FakeStandby.done
    assert (opened, closed.startswith("close: the server, which does not answer")) == ("open", True)
    with pytest.raises(Away):
        found.look()
    found.close()


def test_a_file_that_takes_nothing_is_told_of_once_and_so_is_that_it_does_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is no secret of a counter's."""
    monkeypatch.setattr(sharing, "EVERY", 0)

    async def told() -> list[str]:
        store, logger = SqliteStore(tmp_path / "sbc.sqlite"), FakeLogger()
        task = asyncio.ensure_future(follow(store, logger, lambda: None))
        for trouble in ("", "database or disk is full", "database is locked", ""):
            store.trouble = trouble
            for _ in range(3):
                await asyncio.sleep(0)
        task.cancel()
        store.close()
        return logger.events()

    assert asyncio.run(told()) == [
        "the journal cannot be written; calls go on, their records wait",
        "the journal is written again",
    ]
