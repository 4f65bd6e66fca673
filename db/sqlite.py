"""What the ledger needs of SQLite and of the file system that it lies on. Standard library only."""

from __future__ import annotations

from pathlib import Path

OLDEST_SQLITE = (3, 37)
"""STRICT tables: https://sqlite.org/stricttables.html"""
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "afs", "9p", "fuse.sshfs", "glusterfs"}
)


def is_network_file_system(folder: Path) -> bool:
    """Whether WAL must be refused: its shared memory does not work there (https://sqlite.org/wal.html)."""
    return file_system_of(folder) in NETWORK_FILE_SYSTEMS


def file_system_of(folder: Path) -> str:
    """The kind of the file system that a folder lies on, as the kernel calls it."""
    best, kind = "", ""
    resolved = f"{folder.resolve()}/"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        mount = left.split()[4].replace("\\040", " ")
        if resolved.startswith(f"{mount.rstrip('/')}/") and len(mount) >= len(best):
            best, kind = mount, right.split()[0]
    return kind
