"""The result is a named pipe into which nobody writes."""

import os

from faulting import Scene, failed

at = "end"
expected = failed("bad_result")


def strike(scene: Scene) -> None:
    scene.result.unlink()
    os.mkfifo(scene.result)
