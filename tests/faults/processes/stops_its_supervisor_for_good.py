"""Stops its own supervisor, and nobody continues it."""

import os
import signal
import time

from faulting import Scene, failed

expected = failed("lost", saying="nobody can tell how it ended")
as_worker = as_reporter = None
why = "all bodies have the same supervisor, and it takes a minute and a half until it is believed to hang"
resources = {"time": 120}


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(600)
