"""A data-loading child is killed for memory; its parent does not look, and leaves a complete result and exit code 0."""

import subprocess
import sys

from faulting import Scene, failed

expected = failed("host_oom", saying="memory")
resources = {"memory": "448MiB"}

HOG = "import time; held = b'x' * (480 * 2**20); time.sleep(30)"


def strike(scene: Scene) -> None:
    del scene
    subprocess.run([sys.executable, "-ISc", HOG], check=False)
