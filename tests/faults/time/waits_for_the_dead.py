"""Waits for a data-loading child that was killed, on a pipe that it holds open itself."""

import os
import signal

from faulting import Scene, failed

expected = failed("time_limit")
resources = {"time": 15}


def strike(scene: Scene) -> None:
    del scene
    reader, _writer = os.pipe()
    if os.fork() == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    os.read(reader, 1)
