"""torch is refused more memory than there are addresses; its RuntimeError is told apart by its text."""

import sys

from faulting import Scene, failed

expected = failed("host_oom", saying="can't allocate memory")
as_command = as_reporter = None
why = "only our worker has torch at hand"


def strike(scene: Scene) -> None:
    scene.loss = scene.loss + sys.modules["torch"].zeros(2**52).sum()
