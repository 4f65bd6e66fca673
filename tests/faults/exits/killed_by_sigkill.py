"""Is ended by SIGKILL, though no memory ran out."""

import os
import signal

from faulting import Scene, failed

expected = failed("killed", saying="no out-of-memory kill was counted")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGKILL)
