"""The disk is full; the error is caught, printed and forgotten: exit code 0, no result."""

import os
from pathlib import Path

from faulting import Scene, failed

at = "result"
expected = failed("disk_full", saying="No space left on device")


def strike(scene: Scene) -> None:
    del scene
    try:
        Path("/dev/full").write_text("all of it")
    except OSError as error:
        print("could not save:", error, flush=True)
    os._exit(0)
