"""The GPUs of this host, as its driver tells."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from db.errors import Refused
from runner.asking import Unanswered, ask

QUERY = ("nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits")
_WITHOUT_DEVICE = (6, 9, 12)
"""How nvidia-smi ends where there is no device, no driver, no library (nvidia-smi(1), RETURN VALUE)."""
PCI = Path("/sys/bus/pci/devices")
_NVIDIA, _DISPLAY = "0x10de", "0x03"


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU of this host. `memory` is its whole memory in bytes."""

    index: int
    uuid: str
    memory: int


@dataclass(frozen=True, kw_only=True)
class Gpus:
    """Those that were `found`. `unanswered` is why nobody can tell: then there may be some, and none was found."""

    found: tuple[Gpu, ...] = ()
    unanswered: str | None = None

    def __bool__(self) -> bool:
        """Whether this is a host with GPUs: one whose driver fails is none without."""
        return bool(self.found) or self.unanswered is not None

    @property
    def count(self) -> int | None:
        """How many there are; None where nobody can tell."""
        return len(self.found) if self.unanswered is None else None

    def usable(self) -> tuple[Gpu, ...]:
        """Those that were found.

        Raises:
            Refused: nobody can tell. A training meant for a GPU would crawl on the CPUs.
        """
        if self.unanswered is not None:
            raise Refused(
                f"whether this host has a GPU cannot be told: {self.unanswered}. Look at the driver, or leave the GPUs "
                "alone with `resources.gpus=none`"
            )
        return self.found


def find_gpus() -> Gpus:
    """The NVIDIA GPUs of this host that CUDA_VISIBLE_DEVICES lets us see, in its order. None without nvidia-smi."""
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is not None and wanted.strip() in ("", "-1"):
        return Gpus()
    try:
        answer = ask(QUERY, final=() if _has_device() else _WITHOUT_DEVICE)
    except Unanswered as fault:
        return Gpus(unanswered=str(fault))
    gpus = [gpu for line in (answer or b"").decode(errors="replace").splitlines() if (gpu := _parse_gpu(line))]
    return Gpus(found=visible(gpus, wanted))


def visible(gpus: Sequence[Gpu], wanted: str | None) -> tuple[Gpu, ...]:
    """As CUDA reads CUDA_VISIBLE_DEVICES: indices or starts of UUIDs; the first that does not exist ends the list."""
    if wanted is None:
        return tuple(gpus)
    chosen: list[Gpu] = []
    for word in (word.strip() for word in wanted.split(",")):
        fits = [
            gpu for gpu in gpus if word == str(gpu.index) or (word.startswith("GPU-") and gpu.uuid.startswith(word))
        ]
        if len(fits) != 1 or fits[0] in chosen:
            break
        chosen += fits
    return tuple(chosen)


def _has_device() -> bool:
    """Whether a display device of NVIDIA is on the bus, whatever its driver says."""
    try:
        return any(_is_gpu(device) for device in PCI.iterdir())
    except OSError:
        return False


def _is_gpu(device: Path) -> bool:
    vendor, kind = ((device / name).read_text() for name in ("vendor", "class"))
    return vendor.startswith(_NVIDIA) and kind.startswith(_DISPLAY)


def _parse_gpu(line: str) -> Gpu | None:
    """`0, GPU-8a..., 81559` (MiB). What cannot be read (`[N/A]`, a warning) is no GPU to us."""
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != 3 or not parts[0].isdecimal() or not parts[2].isdecimal() or "/" in parts[1]:
        return None
    return Gpu(index=int(parts[0]), uuid=parts[1], memory=int(parts[2]) * 2**20)
