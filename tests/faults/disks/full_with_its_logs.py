"""The disk of the whole attempt is full for good, logs included: not even the reason can be written down."""

from faulting import Scene, failed
from small_disks import fill, has_tmpfs, on_tmpfs

expected = failed("disk_full", saying="nothing more could be written into its folder: No space left on device")
around, needs = on_tmpfs, has_tmpfs


def strike(scene: Scene) -> None:
    fill(scene.attempt)
