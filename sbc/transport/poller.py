"""Waits for descriptors, and calls at once who reads one: no turn of asyncio's loop between two datagrams."""

from __future__ import annotations

import select
from collections.abc import Callable
from time import monotonic
from typing import Final

_MOST: Final = 128
"""Descriptors told in one look; the kernel tells the others in the next."""


class Poller:
    """An epoll with two kinds of descriptors: those with a reader of their own, which is called from within `wait`, and
    those that `wait` returns. One descriptor may be of both kinds: read here, its writer elsewhere.
    """

    __slots__ = ("_epoll", "_failed", "_masks", "_readers", "is_touched")

    def __init__(self, failed: Callable[[Callable[[], object], Exception], None]) -> None:
        """`failed` is told what a reader raised."""
        self._epoll: Final = select.epoll()
        self._failed: Final = failed
        self._readers: dict[int, Callable[[], object]] = {}
        self._masks: dict[int, int] = {}
        self.is_touched = False
        """Somebody has work for the loop: `wait` returns once the readers at hand are done."""

    def read(self, descriptor: int, reader: Callable[[], object]) -> None:
        """Call `reader` whenever this is readable, or its peer has gone. Raises OSError."""
        is_known = descriptor in self._masks or descriptor in self._readers
        self._readers[descriptor] = reader
        self._arm(descriptor, is_known)

    def stop_reading(self, descriptor: int) -> bool:
        """Whether it had a reader."""
        if self._readers.pop(descriptor, None) is None:
            return False
        self._disarm(descriptor)
        return True

    def watch(self, descriptor: int, mask: int) -> None:
        """Return this one from `wait` for events in `mask` (`select.EPOLL...`). Raises OSError."""
        is_known = descriptor in self._masks or descriptor in self._readers
        self._masks[descriptor] = mask
        self._arm(descriptor, is_known)

    def ignore(self, descriptor: int) -> None:
        """No more."""
        if self._masks.pop(descriptor, None) is not None:
            self._disarm(descriptor)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """What happened to descriptors that are watched, within so many seconds (None: for ever). Readers are called
        meanwhile, until one of them touches the loop.
        """
        self.is_touched = False
        deadline = 0.0 if timeout is None else monotonic() + timeout
        readers = self._readers
        while True:
            found = self._epoll.poll(timeout, min(len(readers) + len(self._masks) + 1, _MOST))
            others: list[tuple[int, int]] = []
            for descriptor, events in found:
                reader = readers.get(descriptor)
                if reader is None:
                    others.append((descriptor, events))
                    continue
                if events & select.EPOLLOUT and descriptor in self._masks:
                    others.append((descriptor, select.EPOLLOUT))
                if events & ~select.EPOLLOUT:
                    try:
                        reader()
                    except Exception as error:
                        self._failed(reader, error)
            if others or self.is_touched or not found:
                return others
            if timeout is not None:
                timeout = deadline - monotonic()
                if timeout <= 0.0:
                    return others

    def close(self) -> None:
        """Forget all of them."""
        self._readers.clear()
        self._masks.clear()
        self._epoll.close()

    def _arm(self, descriptor: int, is_known: bool) -> None:
        mask = self._masks.get(descriptor, 0)
        if descriptor in self._readers:
            mask |= select.EPOLLIN
        if is_known:
            try:
                self._epoll.modify(descriptor, mask)
                return
            except FileNotFoundError:  # closed by somebody who did not say so, and the number is another file's now
                pass
        self._epoll.register(descriptor, mask)

    def _disarm(self, descriptor: int) -> None:
        try:
            if descriptor in self._masks or descriptor in self._readers:
                self._arm(descriptor, True)
            else:
                self._epoll.unregister(descriptor)
        except OSError:  # closed before: the kernel has forgotten it
            return
