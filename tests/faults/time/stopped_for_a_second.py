"""Is stopped for a second."""

import os
import signal
import time

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    body = os.getpid()
    if os.fork() == 0:
        time.sleep(1)
        os.kill(body, signal.SIGCONT)
        os._exit(0)
    os.kill(body, signal.SIGSTOP)
    os.wait()
