"""baresip as a peer: a phone that plays one tone and records what it hears."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.rig.namespaces import entered
from tests.rig.process import Process, wait_until
from tests.rig.tones import read_wave, seconds_of, write_tone

_MODULES = Path("/usr/lib/baresip/modules")


class Phone:
    """One baresip with its configuration made here: G.711, a tone of `frequency` as microphone, sndfile as recorder.

    `encryption` is a module of baresip's that keys its media, such as `dtls_srtp`. It answers every call by itself;
    `dial` makes it call as soon as it runs. With a `control` port it takes commands.
    """

    def __init__(
        self,
        directory: Path,
        namespace: str,
        *,
        host: str,
        port: int,
        frequency: float,
        dial: str = "",
        media_ports: tuple[int, int] = (41000, 41100),
        seconds: float = 30,
        user: str = "phone",
        encryption: str = "",
        control: int = 0,
    ) -> None:
        self.directory = directory
        self._namespace, self._control = namespace, control
        write_tone(directory / "tone.wav", frequency, seconds)
        shown = f"[{host}]" if ":" in host else host
        (directory / "config").write_text(
            "poll_method epoll\n"
            f"sip_listen {shown}:{port}\n"
            f"audio_source aufile,{directory / 'tone.wav'}\n"
            "audio_player aubridge,nobody\naudio_alert aubridge,nobody2\n"
            "ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\n"
            f"rtp_ports {media_ports[0]}-{media_ports[1]}\n"
            f"snd_path {directory}\n"
            f"module_path {_MODULES}\n"
            + "".join(f"module {name}.so\n" for name in ("g711", "aufile", "aubridge", "sndfile", encryption) if name)
            + "module_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\n"
            + (f"module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\n" if control else "")
        )
        (directory / "accounts").write_text(
            f"<sip:{user}@{shown}:{port}>;regint=0;answermode=auto;audio_codecs=PCMU"
            + (f";mediaenc={encryption}\n" if encryption else "\n")
        )
        (directory / "contacts").write_text("")
        argv = [
            "baresip",
            "-6" if ":" in host else "-4",
            "-f",
            str(directory),
            *(["-e", f"/dial {dial}"] if dial else []),
        ]
        self.process = Process(argv, namespace=namespace, log=directory / "log", environment={"HOME": str(directory)})
        self.process.wait_for_udp(host, port)

    def hears(self, frequency: float) -> float:
        """For how many seconds that tone was heard so far."""
        heard = 0.0
        for path in self.directory.glob("*dec.wav"):
            rate, samples = read_wave(path)
            heard += seconds_of(samples, rate, frequency)
        return heard

    def wait_until_hears(self, frequency: float, seconds: float, timeout: float = 20.0) -> None:
        """Wait until that tone was heard for so long."""
        wait_until(
            lambda: self.hears(frequency) >= seconds, timeout, f"{seconds} s of {frequency} Hz at {self.directory.name}"
        )

    def command(self, command: str, value: str = "") -> None:
        """Have it do something, by the name that its menu has for it."""
        text = json.dumps({"command": command, "params": value})
        with entered(self._namespace), socket.create_connection(("127.0.0.1", self._control), 5) as way:
            way.sendall(f"{len(text)}:{text},".encode())
            way.settimeout(5)
            way.recv(4096)

    def stop(self) -> None:
        """Hang up and end."""
        self.process.stop()
