"""Finds the dialog that a message belongs to (RFC 3261 section 12.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from sbc.dialog.dialog import Dialog, DialogState


@dataclass(frozen=True, slots=True)
class DialogStatistics:
    """How many dialogs are in which state."""

    early: int
    confirmed: int
    terminated: int


class DialogTable:
    """All dialogs of an engine by their local tag.

    The forks of one INVITE share a local tag and are told apart by the remote one. So may many calls whose peers chose
    the tag (RFC 3261 section 12.2.2), which costs no more than any other dialog.
    """

    __slots__ = ("_first", "_forks")

    def __init__(self) -> None:
        self._first: dict[str, Dialog] = {}
        self._forks: dict[str, dict[tuple[str, str], Dialog]] = {}
        """By their common tag; Call-ID and remote tag tell them apart. Of equal ones the first is found."""

    def __len__(self) -> int:
        return len(self._first) + sum([len(forks) for forks in self._forks.values()])

    def add(self, dialog: Dialog, owner: object) -> None:
        """Make a dialog findable together with `owner`; adding it again only changes the owner."""
        dialog.owner = owner
        tag = dialog.local_tag
        first = self._first.setdefault(tag, dialog)
        if first is dialog:
            return
        self._forks.setdefault(tag, {}).setdefault((dialog.call_id, dialog.remote_tag), dialog)

    def find(self, call_id: str, local_tag: str, remote_tag: str) -> tuple[Dialog, object] | None:
        """The dialog and its owner; None is a 481 for a request that has a To tag."""
        dialog = self._first.get(local_tag)
        if dialog is None:
            return None
        if dialog.matches(call_id, remote_tag):
            return dialog, dialog.owner
        forks = self._forks.get(local_tag)
        fork = forks.get((call_id, remote_tag)) if forks is not None else None
        return (fork, fork.owner) if fork is not None else None

    def has_tag(self, local_tag: str) -> bool:
        """Whether a dialog has this tag of ours, whoever the peer is."""
        return local_tag in self._first

    def owner_of(self, call_id: str, local_tag: str) -> object | None:
        """Who owns the dialogs with this tag of ours, whatever the remote tag: a NOTIFY may bring a new one."""
        dialog = self._first.get(local_tag)
        return dialog.owner if dialog is not None and dialog.call_id == call_id else None

    def remove(self, dialog: Dialog) -> None:
        """Forget a dialog and its owner; one that is not there is no error."""
        tag = dialog.local_tag
        forks = self._forks.get(tag)
        if forks is not None:
            key = (dialog.call_id, dialog.remote_tag)
            if self._first[tag] is dialog:
                self._first[tag] = forks.popitem()[1]
            elif forks.get(key) is dialog:
                del forks[key]
            if not forks:
                del self._forks[tag]
        elif self._first.get(tag) is dialog:
            del self._first[tag]
        dialog.owner = None

    def statistics(self) -> DialogStatistics:
        """A snapshot; costs a walk over the table."""
        counts = dict.fromkeys(DialogState, 0)
        for dialog in self._first.values():
            counts[dialog.state] += 1
        for forks in self._forks.values():
            for fork in forks.values():
                counts[fork.state] += 1
        return DialogStatistics(
            early=counts[DialogState.EARLY],
            confirmed=counts[DialogState.CONFIRMED],
            terminated=counts[DialogState.TERMINATED],
        )
