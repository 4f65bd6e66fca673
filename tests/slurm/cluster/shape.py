"""What a cluster looks like: chosen once, kept in its folder, so that whoever finds the folder can take it down."""

from __future__ import annotations

import json
import random
import socket
import string
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

_PORTS = range(15000, 30000)  # below those that the kernel gives to outgoing connections
_FILE = "cluster.json"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a test may choose. Memory is in MiB; `slurmd_timeout`, in seconds, is how long a node may be silent. With
    `own_host_names` a job sees its node's name as that of its host, as on a cluster of several hosts.
    """

    accounting: bool = True
    memory: Literal["cgroup", "none"] = "cgroup"
    nodes: int = 3
    cpus_of_node: int = 4
    memory_of_node: int = 4000
    slurmd_timeout: int = 5
    own_host_names: bool = False
    more_conf: str = ""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Names and ports that no other cluster of this machine has: nodes name cgroups, which the machine shares."""

    tag: str
    slurmctld_port: int
    slurmdbd_port: int
    mariadb_port: int
    slurmd_ports: tuple[int, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(f"n-{self.tag}-{number}" for number in range(1, len(self.slurmd_ports) + 1))


def free_place(nodes: int) -> Place:
    with ExitStack() as held:
        ports = [_free_port(held) for _ in range(3 + nodes)]
    tag = "".join(random.SystemRandom().choices(string.ascii_lowercase, k=4))
    return Place(
        tag=tag,
        slurmctld_port=ports[0],
        slurmdbd_port=ports[1],
        mariadb_port=ports[2],
        slurmd_ports=tuple(ports[3:]),
    )


def _free_port(held: ExitStack) -> int:
    """Held until all have been chosen, so none is chosen twice."""
    for port in random.SystemRandom().sample(_PORTS, 200):
        taken = held.enter_context(socket.socket())
        try:
            taken.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise OSError(f"no free port found in {_PORTS}")


def write_down(root: Path, shape: Shape, place: Place) -> None:
    """Complete or not at all: it stands there before the first daemon does."""
    new = root / f"{_FILE}.new"
    new.write_text(json.dumps({"shape": asdict(shape), "place": asdict(place)}, indent=1))
    new.rename(root / _FILE)


def read_back(root: Path) -> tuple[Shape, Place] | None:
    """None where nothing was written down, and so nothing started."""
    try:
        known = json.loads((root / _FILE).read_text())
    except FileNotFoundError:
        return None
    place = {**known["place"], "slurmd_ports": tuple(known["place"]["slurmd_ports"])}
    return Shape(**known["shape"]), Place(**place)
