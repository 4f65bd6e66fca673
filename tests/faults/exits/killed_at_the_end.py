"""Is ended by SIGKILL after it has written a complete result."""

import os
import signal

from faulting import Scene, failed

at = "end"
expected = failed("contradiction", saying="SIGKILL")
as_command = failed("killed", saying="SIGKILL")
why = "the files of a command do not claim that all went well"


def strike(scene: Scene) -> None:
    del scene
    os.kill(os.getpid(), signal.SIGKILL)
