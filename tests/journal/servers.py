"""A shared server in memory, and what is demanded of any: the real one is held to it in tests/interop/test_redis.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sbc.journal import Away, Grant, Server
from sbc.journal.server import Batch
from sbc.outputs import ACKED, KEPT, CallEnded, Journal

Kept = dict[str, tuple[str, float, bytes]]


class Shelf:
    """What a server keeps of one name."""

    def __init__(self) -> None:
        self.lease = ""
        self.epoch = 0
        self.owner = ""
        self.slots = ""
        self.calls: dict[str, Journal] = {}
        self.aside: dict[str, tuple[Journal, str]] = {}
        self.is_away = False
        self.scripts = 0

    def kept(self) -> Kept:
        """The live calls, to compare."""
        return contents(self.calls.values())


def contents(calls: Iterable[Journal]) -> Kept:
    """Records, to compare."""
    return {call.call: (call.kind, call.wall, call.record) for call in calls}


class FakeServer:
    """One instance's `Server` on a shelf."""

    def __init__(self, shelf: Shelf, me: str) -> None:
        self._shelf = shelf
        self._me = me

    def _ask(self) -> Shelf:
        if self._shelf.is_away:
            raise Away("connection refused")
        self._shelf.scripts += 1
        return self._shelf

    def look(self) -> Grant:
        shelf = self._ask()
        return Grant("", shelf.lease.partition(" ")[2], shelf.owner)

    def take(self) -> Grant:
        shelf = self._ask()
        holder = shelf.lease.partition(" ")[2]
        if holder not in ("", self._me):
            return Grant("", holder, shelf.owner)
        shelf.epoch += 1
        shelf.lease = f"{shelf.epoch} {self._me}"
        return Grant(shelf.lease, self._me, shelf.owner)

    def hold(self, token: str) -> str:
        return self._ask().lease

    def write(self, token: str, batch: Batch) -> bool:
        shelf = self._ask()
        if shelf.lease != token:
            return False
        shelf.calls.update({one.call: one for one in batch.kept})
        for call in batch.acked:
            if call in shelf.calls:
                old = shelf.calls[call]
                shelf.calls[call] = Journal(call, ACKED, old.wall, old.record)
        for call in batch.ended:
            shelf.calls.pop(call, None)
        return True

    def replace(self, token: str, calls: Iterable[Journal]) -> bool:
        shelf = self._ask()
        if shelf.lease != token:
            return False
        shelf.calls = {one.call: one for one in calls}
        shelf.owner = self._me
        return True

    def left(self) -> Iterator[tuple[Journal, str]]:
        shelf = self._ask()
        yield from [*shelf.aside.values(), *[(one, "") for one in shelf.calls.values()]]

    def set_aside(self, calls: Iterable[tuple[Journal, str]]) -> None:
        self._ask().aside = {call.call: (call, former) for call, former in calls}

    def slots(self) -> str:
        return self._ask().slots

    def keep_slots(self, token: str, slots: str) -> None:
        if self._ask().lease == token:
            self._shelf.slots = slots

    def release(self, token: str) -> None:
        if self._ask().lease == token:
            self._shelf.lease = ""

    def close(self) -> None:
        pass


def left_on(server: Server) -> Kept:
    """What whoever comes after finds, to compare."""
    return contents([call for call, _ in server.left()])


def kept(call: str, record: bytes = b"record", *, acked: bool = False, wall: float = 1.5) -> Journal:
    """A record as it is read back."""
    return Journal(call, ACKED if acked else KEPT, wall, record)


def ended(call: str) -> CallEnded:
    """The end of a call."""
    return CallEnded(call, 1.0, 2.0, 3.0, "outside", "inside", "pbx", "alice", "bob", 200, "caller", "", "rule")


def check_server(make: Callable[[str], Server], end_lease: Callable[[], object]) -> None:
    """What any server must do for the instances of one name; it begins empty. `end_lease` lets time pass."""
    a, b = make("one/a"), make("two/b")
    assert a.look() == Grant("", "", "")
    first = a.take()
    assert (first.holder, first.former) == ("one/a", "")
    assert b.take() == Grant("", "one/a", "")
    assert a.hold(first.token) == first.token == b.hold("0 two/b")
    assert a.replace(first.token, [])
    assert a.replace(first.token, [kept("c1"), kept("c2", b"x\n\xff" * 1000, acked=True)])
    many = [kept(f"m{number}") for number in range(1000)]
    assert a.write(first.token, Batch([kept("c3"), *many], ["c1", "gone"], ["c2"]))
    assert left_on(a) == contents([kept("c1", acked=True), kept("c3"), *many])
    assert a.write(first.token, Batch([], [], [one.call for one in many]))
    a.keep_slots(first.token, "0102")
    assert b.slots() == "0102"

    end_lease()
    assert a.hold(first.token) == ""
    second = b.take()
    assert (second.holder, second.former) == ("two/b", "one/a")
    assert second.token != first.token
    assert not a.write(first.token, Batch([kept("c9")], [], []))
    assert not a.replace(first.token, [])
    a.keep_slots(first.token, "ff")
    a.release(first.token)
    assert b.hold(second.token) == second.token
    assert b.slots() == "0102"
    b.set_aside([(kept("c1"), "one/a")])
    assert b.replace(second.token, [kept("c3")])
    assert left_on(b) == contents([kept("c1"), kept("c3")])
    assert [former for _, former in b.left()] == ["one/a", ""]
    b.release(second.token)
    third = a.take()
    assert (third.holder, third.former) == ("one/a", "two/b")
    assert a.take().token != third.token
    for one in (a, b):
        one.close()
