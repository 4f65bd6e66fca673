"""Closes descriptor 1, so that the next file that is opened takes its place; what is printed goes to /dev/null."""

import os
import sys
from pathlib import Path

from faulting import SUCCEEDED, Scene

at = "start"
expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the end
    os.close(1)
