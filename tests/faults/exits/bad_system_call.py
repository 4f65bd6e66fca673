"""Is ended by SIGSYS, as a sandbox does it."""

import os
import signal

from faulting import Scene, failed

expected = failed("crashed", saying="SIGSYS")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGSYS)
