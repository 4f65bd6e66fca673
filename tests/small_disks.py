"""Small disks of their own for the runs of a sweep, seen by its processes alone: for scenarios that strike them.

`around` of a scenario is `on_tmpfs` or `on_ext4`. The ledger lies beside them, on a disk that is well.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_EACH_RUN = (
    'told=$("$@" --dry-run --root elsewhere) || exit; '
    'for run in $(echo "$told" | grep -oE "[a-z_]+-[0-9a-f]{12}"); do mkdir -p "runs/$run" && '
)
_TMPFS = 'mount -t tmpfs -o size=1m tmpfs "runs/$run"'
_EXT4 = (
    'head -c 8M /dev/zero >"$run.image" && mkfs.ext4 -q "$run.image" && '
    'mount -o loop,errors=remount-ro "$run.image" "runs/$run"'
)
on_tmpfs = ("unshare", "--map-root-user", "--mount", "sh", "-c", f'{_EACH_RUN}{_TMPFS} || exit; done; exec "$@"', "-")
has_tmpfs = ("unshare", "--map-root-user", "--mount", "true")
on_ext4 = ("unshare", "--mount", "sh", "-c", f'{_EACH_RUN}{_EXT4} || exit; done; exec "$@"', "-")
has_ext4 = ("unshare", "--mount", "sh", "-c", "losetup -f && command -v mkfs.ext4 && ls /sys/fs/ext4")


def fill(folder: Path) -> None:
    """To the last block, for good."""
    assert folder.parent.is_mount(), "a disk of its own, and none of the host"
    filler = os.open(folder / "filler", os.O_CREAT | os.O_WRONLY)
    with suppress(OSError):
        while True:
            os.write(filler, bytes(512))


def break_ext4(folder: Path) -> None:
    """Tell the kernel of an error, after which the file system can only be read."""
    device = folder.stat().st_dev
    assert os.major(device) == 7, "a loop device, and no disk of the host"
    with suppress(OSError):
        Path(f"/sys/fs/ext4/loop{os.minor(device)}/trigger_fs_error").write_text("as a test")
