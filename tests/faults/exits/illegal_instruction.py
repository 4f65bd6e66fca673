"""Is ended by SIGILL, as code for another CPU is."""

import os
import signal

from faulting import Scene, failed

expected = failed("crashed", saying="SIGILL")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGILL)
