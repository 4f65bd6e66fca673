"""Touches more memory than `resources.memory` allows; the kernel ends it, or where it cannot, the supervisor."""

import time

from faulting import Scene, failed

expected = failed("host_oom", saying="memory")
resources = {"memory": "448MiB"}


def strike(scene: Scene) -> None:
    held = b"x" * (480 * 2**20)
    time.sleep(30)
    scene.step += len(held) * 0
