"""It goes into a folder that is then removed."""

import os
import tempfile

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED


def strike(scene: Scene) -> None:
    del scene
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
