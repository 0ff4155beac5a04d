"""An upgrade that a ringing call keeps from its end: one worker has changed its process, the other one has two."""

from __future__ import annotations

import os
import signal

from tests.interop.test_races import Talk
from tests.interop.test_workers import WORKERS, status
from tests.rig.process import wait_until
from tests.rig.rig import Rig
from tests.rig.ua import DialogOf
from tests.rig.upgrades import upgrade

LONG = "900"
"""Seconds that old processes have to make room: more than anybody waits for it, so that none does by its deadline."""


class HalfWay:
    """The upgrade, so far: `talk` is the call, `said` what the command told, `former` the supervisor before."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.former = rig.node.process
        self.talk = Talk(rig)
        self.talk.start()
        self.talk.ring()  # its process cannot leave
        self.said = upgrade(rig.node, "--deadline", LONG)
        wait_until(lambda: sorted(stands(rig)) == ["behind", "front", "leaving"], 60, "one process to make room")

    def kill_next(self) -> None:
        """The next supervisor dies; what it has is the former one's again."""
        os.kill(self.said["pid"], signal.SIGKILL)
        self.wait_given_back()

    def wait_given_back(self) -> None:
        """Until the former supervisor runs the node, with a process for each worker."""
        self.rig.node.process = self.former
        wait_until(lambda: is_run_by(self.rig, self.former.pid), 60, "the former supervisor to have everything back")
        wait_until(lambda: stands(self.rig) == ["front"] * WORKERS, 60, "its workers")

    def answer(self) -> DialogOf:
        """As `answered`: the old process has nothing left that it waits for."""
        return answered(self.talk)

    def hang_up(self, near: DialogOf) -> None:
        """The caller does; then the node has no call."""
        near.cseq += 1
        self.talk.hang_up(near)
        self.talk.close()
        self.rig.node.wait_idle()


def stands(rig: Rig) -> list[str]:
    """What each process is to its worker, those in front first."""
    return [str(one["steering"]["standing"]) for one in status(rig)["workers"]]


def is_run_by(rig: Rig, pid: int) -> bool:
    """Whether this supervisor answers."""
    try:
        return bool(status(rig)["supervisor"]["pid"] == pid)
    except (OSError, KeyError):
        return False


def answered(talk: Talk) -> DialogOf:
    """The callee answers, the caller acknowledges: the dialog as the caller has it."""
    talk.far.respond(talk.invite, 200, "OK", tag="fartag", body=talk.far.sdp(18000))
    near = DialogOf.as_caller(talk.near.expect(200, "INVITE"))
    talk.near.send(talk.near.in_dialog("ACK", near))
    talk.far.expect("ACK")
    return near
