"""A daemon that ignores SIGTERM, and has forgotten whose it is, stays behind after a complete result."""

import os
import signal
import sys

from faulting import SUCCEEDED, Scene

at = "end"
expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.execve(sys.executable, [sys.executable, "-ISc", "import time; time.sleep(600)"], {})  # noqa: S606
        os._exit(0)
    os.wait()
