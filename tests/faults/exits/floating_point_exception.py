"""Is ended by SIGFPE, as an integer division by zero in C is."""

import os
import signal

from faulting import Scene, failed

expected = failed("crashed", saying="SIGFPE")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGFPE)
