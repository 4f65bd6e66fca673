"""A tensor larger than `resources.memory` allows is filled: torch is not refused it, the kernel kills."""

import sys
import time

from faulting import Scene, failed

expected = failed("host_oom", saying="memory")
as_command = as_reporter = None
why = "only our worker has torch at hand"
resources = {"memory": "448MiB"}


def strike(scene: Scene) -> None:
    scene.metric = sys.modules["torch"].ones(120 * 2**20)
    time.sleep(30)
