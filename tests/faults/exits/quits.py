"""Is ended by SIGQUIT."""

import os
import signal

from faulting import Scene, failed

expected = failed("crashed", saying="SIGQUIT")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGQUIT)
