"""Is ended by SIGUSR1, whose handler nobody set."""

import os
import signal

from faulting import Scene, failed

expected = failed("crashed", saying="SIGUSR1")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGUSR1)
