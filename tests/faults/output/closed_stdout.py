"""Closes its standard output and goes on printing."""

import os

from faulting import SUCCEEDED, Scene, failed

expected = failed("contradiction", saying="exit code 120")
as_worker = SUCCEEDED
as_command = failed("crashed", saying="exit code 120")
why = "our own worker prints nothing; Python ends with 120 where what was printed is lost"


def strike(scene: Scene) -> None:
    del scene
    os.close(1)
