"""The disk is full when the result is written."""

from faulting import Scene, failed

at = "result"
expected = failed("disk_full", saying="No space left on device")
as_worker = as_reporter = None
why = "they write beside the result and rename, which no /dev/full can stand in for"


def strike(scene: Scene) -> None:
    scene.result.symlink_to("/dev/full")
