"""What an earlier training left lies where the result is to be, and the process ends well without one of its own."""

import os
import time

from faulting import STEPS, Scene, failed

at = "result"
expected = failed("bad_result")
as_command = failed("no_result", saying="was last modified before this attempt began")
why = "the file of a command tells by its times that it is old; a result of ours names its attempt"


def strike(scene: Scene) -> None:
    old = scene.attempt / "old"
    old.write_text(f'{{"steps": {STEPS}, "mse": 0.5}}')
    then = time.time() - 3600
    os.utime(old, (then, then))
    old.rename(scene.result)
    os._exit(0)
