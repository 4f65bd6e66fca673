"""A file grows beyond what the process may write (`ulimit -f`)."""

import resource

from faulting import Scene, failed

expected = failed("crashed", saying="File too large")


def strike(scene: Scene) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    (scene.out if scene.out.is_dir() else scene.attempt).joinpath("large").write_bytes(bytes(2**21))
