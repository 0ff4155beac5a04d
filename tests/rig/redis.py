"""A real redis-server on a loopback port, without a disk: what it is killed with is gone."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.rig.namespaces import entered
from tests.rig.process import Process, wait_until

PORT = 6379


class Redis:
    """One server; `start` and `kill` as often as a test wants."""

    def __init__(self, directory: Path, namespace: str = "", port: int = PORT, *, cluster: bool = False) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        self._port = port
        self._directory = directory
        self._namespace = namespace
        self._argv = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
        self._argv += ["--dir", str(directory)] + (["--cluster-enabled", "yes"] if cluster else [])
        self.start()

    def start(self) -> None:
        """An empty one."""
        log = self._directory / "redis.log"
        self.process = Process(self._argv, namespace=self._namespace, log=log, cwd=self._directory)
        wait_until(lambda: self.ask("PING") == "PONG", 10, "redis-server to answer")

    def ask(self, *command: str) -> str:
        """What it says to a command."""
        argv = ["redis-cli", "-p", str(self._port), *command]
        with entered(self._namespace):
            return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10).stdout.strip()

    def kill(self) -> None:
        """With all it holds."""
        self.process.signal(signal.SIGKILL)
        self.process.wait(5)

    def close(self) -> None:
        """End it."""
        self.process.stop()
