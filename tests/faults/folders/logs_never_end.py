"""Puts a named pipe and a link to a file without end in the place of its logs, and ends well."""

import os

from faulting import SUCCEEDED, Scene

at = "end"
expected = SUCCEEDED


def strike(scene: Scene) -> None:
    for log in ("stdout.log", "stderr.log"):
        (scene.attempt / log).unlink()
    os.mkfifo(scene.attempt / "stdout.log")
    (scene.attempt / "stderr.log").symlink_to("/dev/zero")
