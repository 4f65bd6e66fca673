"""Is ended by SIGINT, which Python makes a KeyboardInterrupt of."""

import os
import signal
import time

from faulting import Scene, failed

expected = failed("killed", saying="SIGINT")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)
