"""Is started by a shell that has closed standard output and standard error (`>&- 2>&-`), and ends well."""

from faulting import SUCCEEDED, Scene

expected = SUCCEEDED
as_worker = None
why = "our own worker stands behind no shell"
before = ("bash", "-c", '"$@" >&- 2>&-', "train")


def strike(scene: Scene) -> None:
    del scene
