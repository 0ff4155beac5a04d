"""The embedded media engine: a child process that speaks the ng protocol on a loopback port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sbc.config import Config
from sbc.supervisor.pings import Hearer
from sbc.supervisor.survivor import LONELY, Survivor, forget, note, noted
from sbc.telemetry import Logger

READY_TIMEOUT: Final = 15.0
LOOPBACK: Final = "127.0.0.1"
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 10.0
_STOP_TIMEOUT: Final = 3.0


class EmbeddedError(RuntimeError):
    """The embedded media engine did not start; the text says what it said."""


def is_wanted(config: Config) -> bool:
    """True where media are anchored and no engine is configured."""
    return config.media.mode == "anchor" and not config.media.engines


def port_of_survivor(config: Config) -> int:
    """Where the engine of this node was last seen, 0 where none was."""
    return noted(Path(config.state))[1]


def interfaces_of(config: Config) -> list[tuple[str, str]]:
    """(interface name, address) for each realm and family, in order: the realm's own name where none is configured."""
    named: dict[tuple[str, bool], str] = {}
    for realm in config.realms.values():
        for listener in realm.listeners:
            named.setdefault((realm.media_interface or realm.name, ":" in listener.host), listener.host)
    return [(name, host) for (name, _), host in named.items()]


def command_line(config: Config, port: int) -> list[str]:
    """What starts the engine for this configuration; it outlives a node whose calls do."""
    low, high = config.media.ports
    command = [sys.executable, "-m", "rtpengine", "--listen", f"{LOOPBACK}:{port}", "--ports", f"{low}-{high}"]
    for name, address in interfaces_of(config):
        command += ["--interface", f"{name}/{address}"]
    if config.media.keys is not None:
        host, told = config.media.keys
        command += ["--dtmf-log-dest", f"[{host}]:{told}" if ":" in host else f"{host}:{told}"]
    if config.store != "memory":
        command += ["--lonely", str(LONELY)]
    return command


class EmbeddedEngine:
    """Starts the child, waits for its `ready`, starts it again when it dies, ends it with the node.

    The child is in a process group of its own: a Ctrl-C on the terminal is for the node, which drains first.
    """

    def __init__(
        self,
        config: Config,
        logger: Logger,
        on_loss: Callable[[], None] = lambda: None,
        on_return: Callable[[], None] = lambda: None,
    ) -> None:
        self.port = 0
        self.restarts = 0
        self.is_survivor = False
        """True while it is the one of an earlier node, with the sessions of that node's calls."""
        self._config = config
        self._state: Final = Path(config.state) if config.store != "memory" else None
        self._survivor: Survivor | None = None
        self._logger: Final = logger
        self._on_loss: Final = on_loss
        """Called when it has died: what it held is gone."""
        self._on_return: Final = on_return
        """Called when it is there again."""
        self._process: asyncio.subprocess.Process | None = None
        self._stopping: Final = asyncio.Event()
        self._is_moving = False

    @property
    def pid(self) -> int:
        """Its process id, 0 while there is none."""
        if self._survivor is not None:
            return self._survivor.pid if self._survivor.is_alive else 0
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    def status(self) -> dict[str, int]:
        """For `sbc status`."""
        return {"pid": self.pid, "port": self.port, "restarts": self.restarts}

    async def start(self) -> None:
        """Find the one that an earlier node has left, or start one and wait until it is ready. Raises EmbeddedError."""
        if self._state is not None and not self.restarts:
            pid, self.port = noted(self._state)
            self._survivor = Survivor.find(pid, command_line(self._config, self.port)) if pid else None
        self.is_survivor = self._survivor is not None
        if self._survivor is not None:
            self._logger.info("media engine found again", pid=self.pid, port=self.port)
            return
        if not self.restarts:
            self.port = _free_port()
        self._process = process = await asyncio.create_subprocess_exec(
            *command_line(self._config, self.port),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            process_group=0,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                line = await process.stdout.readline()
        except TimeoutError:
            process.kill()
            raise EmbeddedError(f"the embedded media engine was not ready after {READY_TIMEOUT:g} s") from None
        if not line.startswith(b"ready"):
            status = await process.wait() if not line else None
            said = line.decode("utf-8", "backslashreplace").strip() or f"exit status {status}, see its message above"
            raise EmbeddedError(f"the embedded media engine did not start: {said}")
        if self._state is not None:
            note(self._state, self.pid, self.port)

    def readdress(self, config: Config) -> None:
        """Where this configuration has other addresses: end it; `watch` starts it with them."""
        before, self._config = command_line(self._config, self.port), config
        if command_line(config, self.port) == before or not self.pid:
            return
        self._is_moving = True
        if self._survivor is not None:
            self._survivor.terminate()
        elif self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End one that hangs; `watch` starts another."""
        self._logger.error("media engine hangs; it is killed", pid=self.pid)
        if self._survivor is not None:
            self._survivor.terminate(signal.SIGKILL)
        elif self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def watch(self) -> None:
        """Pass its words on to the log, and start it again whenever it dies; until cancelled or stopped."""
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            status = await self._ended()
            if self._stopping.is_set():
                return
            if self._is_moving:
                self._logger.warning("media engine ended for its new addresses; its calls move to the next one")
                pause = 0.0
            else:
                self._logger.error("media engine died; its calls move to the next one", status=status)
            self._is_moving = False
            self._on_loss()
            if asyncio.get_running_loop().time() - started > _LONGEST_PAUSE:
                pause = _FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(max(pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
            self.restarts += 1
            try:
                await self.start()
            except (EmbeddedError, OSError) as error:
                self._logger.error("media engine not restarted", error=str(error))
            else:
                self._logger.info("media engine restarted", pid=self.pid)
                self._on_return()

    async def _ended(self) -> int | None:
        """Wait for its end, its words to the log; its exit status, which a survivor does not tell us."""
        if self._survivor is not None:
            await self._survivor.wait()
            self._survivor = None
            return None
        process = self._process
        assert process is not None
        assert process.stdout is not None
        async for line in process.stdout:
            self._logger.info("media engine", says=line.decode("utf-8", "backslashreplace").strip())
        return await process.wait()

    async def stop(self) -> None:
        """Ask it to end, then make it."""
        self._stopping.set()
        if self._state is not None:
            forget(self._state)
        if self._survivor is not None:
            await self._stop_survivor(self._survivor)
            return
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            try:
                async with asyncio.timeout(_STOP_TIMEOUT):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    async def _stop_survivor(self, survivor: Survivor) -> None:
        survivor.terminate()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT):
                await survivor.wait()
        except TimeoutError:
            survivor.terminate(signal.SIGKILL)


class EmbeddedHearer:
    """Hears pings of the embedded engine: one that is silent for too long is killed, and its end tells the rest."""

    def __init__(self, hearer: Hearer, engine: EmbeddedEngine) -> None:
        self._hearer: Final = hearer
        self._engine: Final = engine

    def media_health(self, engine: int, is_alive: bool) -> None:
        """A ping was answered, or was not."""
        self._hearer.media_health(engine, is_alive)

    def media_lost(self, engine: int, silent: float) -> None:
        """It has been silent for so long that it hangs; where there is none, its successor is on its way."""
        if self._engine.pid:
            self._engine.kill()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
