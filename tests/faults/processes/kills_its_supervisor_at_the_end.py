"""Kills its own supervisor when its complete result is written: nobody is left who could have seen it end."""

import os
import signal

from faulting import Scene, failed

at = "end"
expected = failed("lost", saying="nobody can tell how it ended")


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getppid(), signal.SIGKILL)
