"""Its complete result is written when its time is up, and it ends well when it is asked to."""

import os
import signal
import time

from faulting import SUCCEEDED, Scene

at = "end"
expected = SUCCEEDED
resources = {"time": 60}  # long enough for a worker on a busy machine to complete


def strike(scene: Scene) -> None:
    del scene
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    time.sleep(600)
