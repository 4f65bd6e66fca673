"""All is done, and the disk of the whole attempt is full for good just before the result is written."""

from faulting import Scene, failed
from small_disks import fill, has_tmpfs, on_tmpfs

at = "result"
expected = failed("disk_full", saying="No space left on device")
around, needs = on_tmpfs, has_tmpfs


def strike(scene: Scene) -> None:
    fill(scene.attempt)
