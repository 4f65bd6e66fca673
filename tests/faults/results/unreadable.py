"""The complete result may be read by nobody."""

import os

from faulting import SUCCEEDED, Scene, failed

at = "end"
# Root may read everything, so for root all is well.
expected = failed("bad_result", saying="denied") if os.geteuid() else SUCCEEDED


def strike(scene: Scene) -> None:
    scene.result.chmod(0)
