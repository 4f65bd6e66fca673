"""The folder that it is to write into is deleted under it."""

import shutil

from faulting import Scene, failed

expected = failed("crashed", saying="FileNotFoundError")
as_worker = as_reporter = None
why = "they write into the attempt's own folder; see `folder_removed`"


def strike(scene: Scene) -> None:
    shutil.rmtree(scene.out)
