"""Is ended by SIGHUP."""

import os
import signal

from faulting import Scene, failed

expected = failed("killed", saying="SIGHUP")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGHUP)
