"""Is ended by SIGTRAP."""

import os
import signal

from faulting import Scene, failed

expected = failed("crashed", saying="SIGTRAP")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGTRAP)
