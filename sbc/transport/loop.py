"""The event loop of a node: asyncio's, on a poller that calls readers of datagrams directly.

A turn of asyncio's loop is interpreted, and cold where the machine has slept: at 100 calls a second it was a tenth of
a call. Whoever asks by `add_reader` is called by the poller, time after time, for as
long as nobody schedules anything; all else (timers, tasks, streams, other threads) is asyncio's own.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector, SelectorKey
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

from sbc.transport.poller import Poller

_Result = TypeVar("_Result")
_Args = TypeVarTuple("_Args")


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """As `asyncio.run`, on such a loop."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)


class Loop(asyncio.SelectorEventLoop):
    """Readers are called without a handle and without a context of their own; what they raise goes to the loop's
    exception handler. Whatever else is scheduled has asyncio take its turn.
    """

    def __init__(self) -> None:
        self._poller: Final = Poller(self._complain)
        super().__init__(_Selector(self._poller))

    def add_reader(  # type: ignore[override]
        self, fd: int, callback: Callable[[Unpack[_Args]], Any], *args: *_Args
    ) -> None:
        """Call it whenever `fd` is readable. Raises OSError."""
        self._poller.read(fd, partial(callback, *args) if args else callback)

    def remove_reader(self, fd: int) -> bool:  # type: ignore[override]
        """Whether there was one: of ours, or of asyncio's `sock_recv`, which asks for it here."""
        return self._poller.stop_reading(fd) or super().remove_reader(fd)

    def call_soon(
        self,
        callback: Callable[[Unpack[_Args]], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """In the loop's next turn."""
        self._poller.is_touched = True
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[_Args]], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """In the loop's next turn, from another thread."""
        self._poller.is_touched = True
        return super().call_soon_threadsafe(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Args]], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """At this moment of the loop's clock."""
        self._poller.is_touched = True
        return super().call_at(when, callback, *args, context=context)

    def stop(self) -> None:
        """At the end of this turn."""
        self._poller.is_touched = True
        super().stop()

    def _complain(self, reader: Callable[[], object], error: Exception) -> None:
        self.call_exception_handler({"message": f"a reader failed: {reader!r}", "exception": error})


class _Selector(BaseSelector):
    """What asyncio itself watches."""

    def __init__(self, poller: Poller) -> None:
        self._poller: Final = poller
        self._keys: dict[int, SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:  # noqa: ANN401
        fd = self._find(fileobj)
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} is watched already")
        return self._keep(SelectorKey(fileobj, fd, events, data))

    def modify(self, fileobj: Any, events: int, data: Any = None) -> SelectorKey:  # noqa: ANN401
        return self._keep(self.get_key(fileobj)._replace(events=events, data=data))

    def unregister(self, fileobj: Any) -> SelectorKey:  # noqa: ANN401
        key = self._keys.pop(self._find(fileobj), None)
        if key is None:
            raise KeyError(f"{fileobj!r} is not watched")
        self._poller.ignore(key.fd)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        found: list[tuple[SelectorKey, int]] = []
        for fd, events in self._poller.wait(timeout):
            key = self._keys.get(fd)
            if key is not None:
                read = EVENT_READ if events & ~select.EPOLLOUT else 0
                write = EVENT_WRITE if events & ~select.EPOLLIN else 0
                found.append((key, (read | write) & key.events))
        return found

    def close(self) -> None:
        self._keys.clear()
        self._poller.close()

    def get_key(self, fileobj: Any) -> SelectorKey:  # noqa: ANN401
        return self._keys[self._find(fileobj)]

    def get_map(self) -> Mapping[Any, SelectorKey]:
        return self._keys

    def _keep(self, key: SelectorKey) -> SelectorKey:
        mask = (select.EPOLLIN if key.events & EVENT_READ else 0) | (select.EPOLLOUT if key.events & EVENT_WRITE else 0)
        self._poller.watch(key.fd, mask)
        self._keys[key.fd] = key
        return key

    def _find(self, fileobj: Any) -> int:  # noqa: ANN401
        if isinstance(fileobj, int):
            return fileobj
        number = int(fileobj.fileno())
        if number >= 0:
            return number
        return next((key.fd for key in self._keys.values() if key.fileobj is fileobj), -1)  # closed before
