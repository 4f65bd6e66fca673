"""The complete result is emptied."""

import os

from faulting import Scene, failed

at = "end"
expected = failed("bad_result")


def strike(scene: Scene) -> None:
    os.truncate(scene.result, 0)
