"""Kills its own supervisor, and would go on for long."""

import os
import signal
import time

from faulting import Scene, failed

expected = failed("lost", saying="nobody can tell how it ended")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
