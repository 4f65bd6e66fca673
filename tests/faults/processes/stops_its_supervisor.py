"""Stops its own supervisor, which somebody continues a second later."""

import os
import signal
import time

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    supervisor = os.getppid()
    os.kill(supervisor, signal.SIGSTOP)
    time.sleep(1)
    os.kill(supervisor, signal.SIGCONT)
