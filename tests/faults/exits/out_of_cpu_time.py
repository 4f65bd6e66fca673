"""Uses more CPU time than RLIMIT_CPU allows, and is ended by SIGXCPU."""

import resource

from faulting import Scene, failed

expected = failed("crashed", saying="SIGXCPU")


def strike(scene: Scene) -> None:
    del scene
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1, resource.RLIM_INFINITY))
    while True:
        pass
