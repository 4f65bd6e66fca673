"""Stops itself (SIGSTOP) and never goes on."""

import os
import signal

from faulting import Scene, failed

expected = failed("time_limit")
resources = {"time": 10}


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGSTOP)
