"""The disk that holds the result, or for our own worker the checkpoints, can only be read any more."""

import subprocess

from faulting import Scene, failed

expected = failed("crashed", saying="Read-only file system")
as_reporter = None
why = "it writes into the attempt's own folder, where no other file system can take the place of the one below"
around = ("unshare", "--map-root-user", "--mount")
needs = (*around, "true")


def strike(scene: Scene) -> None:
    folder = scene.attempt / "checkpoints" if scene.body == "worker" else scene.out
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=True)
