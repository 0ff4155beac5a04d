"""The server as Redis or Valkey, alone or as a cluster: what belongs together is done by one script, in one step.

All keys of a node hold its name in braces, so that a cluster keeps them in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sbc.journal.server import LEASE, LIFE, Away, Batch, Grant, Place, packed, unpacked
from sbc.outputs import Journal

PATIENCE: Final = 2.0
"""Seconds for a connection, and for an answer."""
_CHUNK: Final = 200
"""Changes in one script: what it holds up others for stays below a few milliseconds."""
_PIPELINE: Final = 20
"""Scripts sent before their answers are read."""
_PORT: Final = 6379

_TAKE: Final = """
local held = redis.call('GET', KEYS[1])
local former = redis.call('GET', KEYS[3]) or ''
if held and string.match(held, ' (.*)$') ~= ARGV[1] then return {'', held, former} end
local token = redis.call('INCR', KEYS[2]) .. ' ' .. ARGV[1]
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return {token, token, former}
"""
_HOLD: Final = """
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  for at = 2, #KEYS do redis.call('EXPIRE', KEYS[at], ARGV[3]) end
end
return held or ''
"""
_WRITE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local at = 5
for _ = 1, tonumber(ARGV[3]) do
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, tonumber(ARGV[4]) do
  local kept = redis.call('HGET', KEYS[2], ARGV[at])
  if kept then redis.call('HSET', KEYS[2], ARGV[at], '1' .. string.sub(kept, 2)) end
  at = at + 1
end
while ARGV[at] do
  redis.call('HDEL', KEYS[2], ARGV[at])
  at = at + 1
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""
_SWAP: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('RENAME', KEYS[3], KEYS[2]) else redis.call('DEL', KEYS[2]) end
redis.call('SET', KEYS[4], ARGV[2], 'EX', ARGV[3])
return 1
"""
_SET: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
"""
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1"


def connect(place: Place, key: str) -> redis.Redis:
    """A client of the server, or of the one that has this key where it is one of a cluster. Raises Away.

    A key that moves within its cluster is an error like any other: whoever connects again finds it.
    """
    parts = urlsplit(place.url)
    arguments: dict[str, Any] = {
        "host": parts.hostname or "",
        "port": parts.port or _PORT,
        "username": unquote(parts.username) if parts.username else None,
        "password": place.password or None,
        "socket_timeout": PATIENCE,
        "socket_connect_timeout": PATIENCE,
        "protocol": 2,
    }
    if parts.scheme in ("rediss", "valkeys"):
        arguments |= {"ssl": True, "ssl_ca_certs": place.ca or None}
    once = Retry(NoBackoff(), 0)
    client = redis.Redis(db=int(parts.path.strip("/") or 0), retry=once, **arguments)
    with _answering():
        if not int(_told(client, "cluster").get("cluster_enabled", 0)):
            return client
        client.close()
        cluster = redis.RedisCluster(retry=Retry(NoBackoff(), 1), **arguments)
        host: Any = cluster.get_node_from_key(key)  # type: ignore[no-untyped-call]
        cluster.close()
        if host is None or host.host is None:
            raise Away(f"no server of the cluster has {key}")
        return redis.Redis(retry=once, **(arguments | {"host": host.host, "port": host.port}))


def examine(place: Place, name: str) -> tuple[str, str, str]:
    """For a look from outside: the server's version, its eviction policy, who has the lease. Raises Away."""
    client = connect(place, key_of(name, "lease"))
    try:
        with _answering():
            version, policy = (
                str(_told(client, part).get(key, ""))
                for part, key in (("server", "redis_version"), ("memory", "maxmemory_policy"))
            )
            held: Any = client.get(key_of(name, "lease"))
            return version, policy, _text(held or b"").partition(" ")[2]
    finally:
        client.close()


def key_of(name: str, what: str) -> str:
    """The key for this part of a node's."""
    return f"sbc:{{{name}}}:{what}"


class RedisServer:
    """A `Server`. One connection, made when it is needed; one thread at a time."""

    def __init__(self, place: Place, name: str, me: str) -> None:
        self._place: Final = place
        self._me: Final = me
        self._lease, self._epoch, self._owner, self._calls, self._fresh, self._aside, self._slots = (
            key_of(name, what) for what in ("lease", "epoch", "owner", "calls", "fresh", "aside", "slots")
        )
        self._connected: redis.Redis | None = None

    def look(self) -> Grant:
        """Read, changing nothing."""
        with _answering():
            held, former = (self._client.get(key) for key in (self._lease, self._owner))
        return Grant("", _text(held or b"").partition(" ")[2], _text(former or b""))

    def take(self) -> Grant:
        """A token begins with a number that has never been given out before."""
        keys = (self._lease, self._epoch, self._owner)
        token, held, former = (_text(one) for one in self._run(_TAKE, keys, self._me, int(LEASE * 1000)))
        return Grant(token, held.partition(" ")[2], former)

    def hold(self, token: str) -> str:
        """The calls and whose they are go on to be kept too."""
        keys = (self._lease, self._calls, self._owner, self._slots)
        return _text(self._run(_HOLD, keys, token, int(LEASE * 1000), LIFE))

    def write(self, token: str, batch: Batch) -> bool:
        """Scripts of a few hundred changes, several on their way at once."""
        return self._fill(token, self._calls, _chunks(batch))

    def replace(self, token: str, calls: Iterable[Journal]) -> bool:
        """Written beside the old ones, then renamed: a process that dies meanwhile spoils nothing."""
        with _answering():
            self._client.delete(self._fresh)
        rows = iter(calls)
        while several := list(islice(rows, _CHUNK * _PIPELINE)):
            if not self._fill(token, self._fresh, _chunks(Batch(several, [], []))):
                return False
        keys = (self._lease, self._calls, self._fresh, self._owner)
        return bool(self._run(_SWAP, keys, token, self._me, LIFE))

    def left(self) -> Iterator[tuple[Journal, str]]:
        """In no order; what is no record of ours is left out."""
        with _answering():
            for key in (self._aside, self._calls):
                for call, value in self._client.hscan_iter(key, count=_CHUNK):
                    former, _, record = value.partition(b" ") if key == self._aside else (b"", b"", value)
                    found = unpacked(_text(call), record)
                    if found is not None:
                        yield found, _text(former)

    def set_aside(self, calls: Iterable[tuple[Journal, str]]) -> None:
        """Whoever sets aside has read what was set aside before."""
        rows = {call.call: former.encode() + b" " + packed(call) for call, former in calls}
        with _answering():
            self._client.delete(self._aside)
            if rows:
                self._client.hset(self._aside, mapping=rows)  # type: ignore[arg-type]  # bytes are as good as texts
                self._client.expire(self._aside, LIFE)

    def slots(self) -> str:
        """Empty where nobody has kept any."""
        with _answering():
            found: Any = self._client.get(self._slots)
        return _text(found or b"")

    def keep_slots(self, token: str, slots: str) -> None:
        """For the node that comes after."""
        self._run(_SET, (self._lease, self._slots), token, slots, LIFE)

    def release(self, token: str) -> None:
        """The next one need not wait for the lease to end."""
        self._run(_RELEASE, (self._lease,), token)

    def close(self) -> None:
        """The next use makes a connection of its own."""
        client, self._connected = self._connected, None
        if client is not None:
            client.close()

    @property
    def _client(self) -> redis.Redis:
        if self._connected is None:
            self._connected = connect(self._place, self._lease)
        return self._connected

    def _run(self, script: str, keys: tuple[str, ...], *arguments: str | int) -> Any:  # noqa: ANN401
        with _answering():
            return self._client.eval(script, len(keys), *keys, *arguments)

    def _fill(self, token: str, key: str, chunks: Iterator[Batch]) -> bool:
        with _answering():
            while several := list(islice(chunks, _PIPELINE)):
                pipeline = self._client.pipeline(transaction=False)
                for one in several:
                    pipeline.eval(_WRITE, 2, self._lease, key, token, LIFE, *_arguments(one))
                if not all(pipeline.execute()):
                    return False
        return True


def _chunks(batch: Batch) -> Iterator[Batch]:
    """The same in parts, in the same order."""
    for at in range(0, len(batch.kept), _CHUNK):
        yield Batch(batch.kept[at : at + _CHUNK], [], [])
    for at in range(0, len(batch.acked), _CHUNK):
        yield Batch([], batch.acked[at : at + _CHUNK], [])
    for at in range(0, len(batch.ended), _CHUNK):
        yield Batch([], [], batch.ended[at : at + _CHUNK])


def _arguments(batch: Batch) -> list[Any]:
    kept = [part for call in batch.kept for part in (call.call, packed(call))]
    return [len(batch.kept), len(batch.acked), *kept, *batch.acked, *batch.ended]


@contextmanager
def _answering() -> Iterator[None]:
    """The library's errors as ours."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise Away(f"{type(error).__name__}: {error}") from None


def _told(client: Any, part: str) -> dict[str, Any]:  # noqa: ANN401 - the library says "or a coroutine" everywhere
    found: dict[str, Any] = client.info(part)
    return found


def _text(value: Any) -> str:  # noqa: ANN401
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
