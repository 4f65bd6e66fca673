"""Its folder may not be written any more."""

import os

from faulting import Scene, failed

at = "result"
expected = failed("crashed", saying="Permission denied")
as_worker = as_reporter = None
why = "whoever may not write the attempt's own folder cannot keep its supervisor from it either; see `read_only_disk`"


def strike(scene: Scene) -> None:
    scene.out.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)
