"""What we know of one subscription that goes through us, and of all of them (RFC 6665)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sbc.dialog import Dialog
from sbc.sip import Request

if TYPE_CHECKING:
    from sbc.call.call import Call

GRACE: Final = 32.0
"""Seconds that a subscription outlives its end, for the notifier's last word to come (RFC 6665 section 4.2.2)."""


class Watch:
    """One dialog with a notifier, and the one that stands for it on the subscriber's side.

    A SUBSCRIBE that forks behind us makes several (section 4.4.1). `until` is when the subscriber is told that it is
    over, whatever the notifier says (monotonic seconds).
    """

    __slots__ = ("a_dialog", "dialog", "is_notified", "is_over", "until")

    def __init__(self, dialog: Dialog, a_dialog: Dialog, until: float) -> None:
        self.dialog: Final = dialog
        self.a_dialog: Final = a_dialog
        self.until = until
        self.is_notified = False
        """A NOTIFY has come: only that makes a subscription (section 4.4.1)."""
        self.is_over = False
        """The notifier has said `terminated`."""


class Subscription:
    """A subscriber on the A leg, its notifiers on the B leg, one event package.

    `event` is the subscriber's Event value, which every NOTIFY to it repeats; the notifiers have one without `id`.
    `request` is the first SUBSCRIBE while further forks may still come: until `forks_until`, 64*T1 after it was sent
    (Timer N).
    """

    __slots__ = ("event", "forks_until", "is_confirmed", "package", "request", "seconds", "seed", "watches")

    def __init__(self, package: str, event: str, request: Request, seconds: int, seed: Dialog, until: float) -> None:
        self.package: Final = package
        self.event: Final = event
        self.request: Request | None = request
        self.seconds: Final = seconds
        """What was asked for first."""
        self.seed: Final = seed
        """Lets a NOTIFY that comes before any response find us: it has our tag, and one that we do not know yet."""
        self.forks_until = until
        self.watches: Final[list[Watch]] = []
        self.is_confirmed = False
        """The subscriber has its 2xx."""

    @property
    def next_timer(self) -> float:
        """When there is something to do."""
        due = [watch.until for watch in self.watches]
        if self.request is not None:
            due.append(self.forks_until)
        return min(due, default=0.0)

    def find(self, local_tag: str, remote_tag: str) -> tuple[Watch, bool] | None:
        """The watch that a request belongs to, and whether its notifier sent it."""
        for watch in self.watches:
            if watch.dialog.local_tag == local_tag and watch.dialog.remote_tag == remote_tag:
                return watch, True
            if watch.a_dialog.local_tag == local_tag and watch.a_dialog.remote_tag == remote_tag:
                return watch, False
        return None


class Subscriptions:
    """All that are up, counted by the realm of their subscriber."""

    __slots__ = ("_by_id", "_count")

    def __init__(self) -> None:
        self._by_id: Final[dict[str, Call]] = {}
        self._count: Final[dict[str, int]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def count(self, realm: str) -> int:
        """How many the subscribers of a realm have."""
        return self._count.get(realm, 0)

    def add(self, call: Call) -> None:
        """One more."""
        realm = call.caller_leg.realm.name
        self._by_id[call.id] = call
        self._count[realm] = self._count.get(realm, 0) + 1

    def remove(self, id_: str) -> None:
        """It is over; unknown ones are no error."""
        call = self._by_id.pop(id_, None)
        if call is not None:
            self._count[call.caller_leg.realm.name] -= 1
