"""The complete result says that it was written an hour ago."""

import os
import time

from faulting import SUCCEEDED, Scene, failed

at = "end"
expected = SUCCEEDED
as_command = failed("no_result", saying="was last modified before this attempt began")
why = "an old file that was moved here says the same; a result of ours names its attempt instead"


def strike(scene: Scene) -> None:
    then = time.time() - 3600
    os.utime(scene.result, (then, then))
