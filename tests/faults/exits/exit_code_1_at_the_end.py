"""Ends with exit code 1 after it has written a complete result."""

import os

from faulting import Scene, failed

at = "end"
expected = failed("contradiction", saying="exit code 1")
as_command = failed("crashed", saying="exit code 1")
why = "the files of a command do not claim that all went well"


def strike(scene: Scene) -> None:
    del scene
    os._exit(1)
