"""Sends its own supervisor SIGTERM, which then ends it."""

import os
import signal
import time

from faulting import Scene, failed

expected = failed("killed", saying="told to end by a signal")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(600)
