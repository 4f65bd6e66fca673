"""Is ended by SIGALRM, whose handler nobody set."""

import os
import signal

from faulting import Scene, failed

expected = failed("crashed", saying="SIGALRM")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGALRM)
