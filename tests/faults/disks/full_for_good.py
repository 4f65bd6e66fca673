"""The disk is full when the result, or for our own worker the checkpoint, is written; a file system of four KiB."""

import subprocess
from contextlib import suppress

from faulting import Scene, failed

expected = failed("disk_full", saying="No space left on device")
as_reporter = None
why = "it writes into the attempt's own folder, where no other file system can take the place of the one below"
around = ("unshare", "--map-root-user", "--mount")
needs = (*around, "true")


def strike(scene: Scene) -> None:
    folder = scene.attempt / "checkpoints" if scene.body == "worker" else scene.out
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], check=True)
    with suppress(OSError):
        (folder / "other").write_bytes(bytes(4096))
