"""The disk of the whole attempt is full for good, logs included: not even the reason can be written down."""

import os
from contextlib import suppress

from faulting import Scene, failed

expected = failed("disk_full", saying="nothing more could be written into its folder: No space left on device")
MOUNT = (
    'for run in $("$@" --dry-run | grep -oE "[a-z_]+-[0-9a-f]{12}"); '
    'do mkdir -p "runs/$run" && mount -t tmpfs -o size=1m tmpfs "runs/$run"; done; exec "$@"'
)
around = ("unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, "-")
needs = ("unshare", "--map-root-user", "--mount", "true")


def strike(scene: Scene) -> None:
    filler = os.open(scene.attempt / "filler", os.O_CREAT | os.O_WRONLY)
    with suppress(OSError):
        while True:
            os.write(filler, bytes(512))
