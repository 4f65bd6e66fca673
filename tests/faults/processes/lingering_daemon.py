"""A daemon stays behind after a complete result, in a session of its own."""

import os
import time

from faulting import SUCCEEDED, Scene

at = "end"
expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.wait()
