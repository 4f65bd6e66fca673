"""All that lies in the attempt's folder is deleted under it, and a complete result is written afterwards."""

import shutil

from faulting import Scene, failed

expected = failed("lost", saying="emptied or removed")


def strike(scene: Scene) -> None:
    for path in scene.attempt.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    scene.out.mkdir(exist_ok=True)
