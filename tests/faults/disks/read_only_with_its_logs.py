"""After an error of its disk the kernel lets the whole attempt be read only, logs included: nothing can be recorded."""

from faulting import Scene, failed
from small_disks import break_ext4, has_ext4, on_ext4

expected = failed("lost", saying="nothing can be written into its folder: Read-only file system")
as_worker = as_reporter = None
why = "all bodies have the same supervisor, which tries for a minute to record the end"
around, needs = on_ext4, has_ext4
resources = {"time": 120}


def strike(scene: Scene) -> None:
    break_ext4(scene.attempt)
