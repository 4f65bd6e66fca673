"""A forked child raises, and unwinds through the code of its parent, which waits for it and completes."""

import os

from faulting import SUCCEEDED, Scene, failed

expected = SUCCEEDED
as_reporter = failed("crashed", saying="of a child")
why = "of all that report for an attempt, a failure stays whatever the others say"


def strike(scene: Scene) -> None:
    if os.fork() == 0:
        raise RuntimeError(f"of a child, in step {scene.step}")
    os.wait()
