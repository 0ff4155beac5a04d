"""A real redis-server on a loopback port, without a disk: what it is killed with is gone."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from sbc.config import Certificate
from tests.rig.namespaces import entered
from tests.rig.process import Process, wait_until

PORT = 6379


class Redis:
    """One server; `start` and `kill` as often as a test wants."""

    def __init__(
        self,
        directory: Path,
        namespace: str = "",
        port: int = PORT,
        *,
        cluster: bool = False,
        password: str = "",
        tls: Certificate | None = None,
        ca: str = "",
    ) -> None:
        """With `tls` it speaks nothing else, and shows this certificate; `ca` is for those who ask it."""
        self.url = f"{'rediss' if tls else 'redis'}://127.0.0.1:{port}/0"
        self._how = ["-p", str(port), *(["--tls", "--cacert", ca] if tls else [])]
        self._password = password
        self.files = directory
        """Where its tests may keep what a node needs to speak to it."""
        self._directory = directory
        self._namespace = namespace
        self._argv = [
            "redis-server",
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(directory),
        ]
        self._argv += ["--port", "0", "--tls-port", str(port)] if tls else ["--port", str(port)]
        if tls is not None:
            self._argv += ["--tls-cert-file", tls.certificate, "--tls-key-file", tls.key, "--tls-auth-clients", "no"]
        self._argv += ["--cluster-enabled", "yes"] if cluster else []
        self._argv += ["--requirepass", password] if password else []
        self.start()

    def start(self) -> None:
        """An empty one."""
        log = self._directory / "redis.log"
        self.process = Process(self._argv, namespace=self._namespace, log=log, cwd=self._directory)
        wait_until(lambda: self.ask("PING") == "PONG", 10, "redis-server to answer")

    def ask(self, *command: str) -> str:
        """What it says to a command."""
        argv = ["redis-cli", *self._how, *command]
        environment = os.environ | ({"REDISCLI_AUTH": self._password} if self._password else {})
        with entered(self._namespace):
            done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30, env=environment)
            return done.stdout.strip()

    def kill(self) -> None:
        """With all it holds."""
        self.process.signal(signal.SIGKILL)
        self.process.wait(30)

    def close(self) -> None:
        """End it."""
        self.process.stop()
