"""Reads behind the end of a mapped file, and the kernel ends it with SIGBUS."""

import mmap

from faulting import Scene, failed

expected = failed("crashed", saying="SIGBUS")


def strike(scene: Scene) -> None:
    with (scene.out / "mapped").open("w+b") as file:
        file.truncate(mmap.PAGESIZE)
        mapped = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        file.truncate(0)
        print(mapped[0])
