"""Puts a named pipe in the place of its supervisor's claim."""

import os
import time

from faulting import Scene, failed

expected = failed("contradiction", saying="claim.json cannot be opened: it is not a regular file")
resources = {"time": 120}  # it is believed alive until its lease is old


def strike(scene: Scene) -> None:
    (scene.attempt / "claim.json").unlink()
    os.mkfifo(scene.attempt / "claim.json")
    time.sleep(1)  # long enough for everybody to look
