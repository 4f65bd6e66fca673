"""Is ended by SIGTERM, which its runner did not send."""

import os
import signal

from faulting import Scene, failed

expected = failed("killed", saying="SIGTERM")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGTERM)
