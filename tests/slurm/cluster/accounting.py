"""MariaDB and slurmdbd, which `sacct` asks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from slurm.cluster.daemons import Daemon

_ACCOUNTS = """create database slurm_acct_db;
create user 'slurm'@'127.0.0.1' identified by 'slurm';
create user 'slurm'@'localhost' identified by 'slurm';
grant all on slurm_acct_db.* to 'slurm'@'127.0.0.1';
grant all on slurm_acct_db.* to 'slurm'@'localhost';
"""
_QUICK = (  # what a power cut would lose is of no interest here
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=64M",
    "--innodb-lock-wait-timeout=900",
    "--performance-schema=OFF",
    "--skip-log-bin",
)


def _with_own_temporaries(root: Path, env: Mapping[str, str]) -> dict[str, str]:
    """A server that starts clears the temporary tables of every other out of a folder that they share."""
    return {**env, "TMPDIR": str(root / "mysql-tmp")}


def make_database(root: Path, env: Mapping[str, str]) -> None:
    folder = root / "mysql"
    for own in (folder, root / "mysql-tmp"):
        shutil.chown(own, "mysql", "mysql")
    argv = ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={folder}"]
    normal = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    with (root / "log" / "mariadb-install-db.out").open("wb") as log:
        env = _with_own_temporaries(root, env)
        subprocess.run([*argv, *normal], check=True, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def start_mariadb(daemon: Daemon, root: Path, port: int, env: Mapping[str, str]) -> None:
    argv = ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={root}/mysql", f"--socket={root}/mysql/socket"]
    daemon.start([*argv, "--bind-address=127.0.0.1", f"--port={port}", *_QUICK], env=_with_own_temporaries(root, env))


def mariadb_answers(root: Path, env: Mapping[str, str]) -> bool:
    return _as_root("mariadb-admin", root, env, "ping").returncode == 0


def open_accounts(root: Path, env: Mapping[str, str]) -> None:
    _as_root("mariadb", root, env, stdin=_ACCOUNTS).check_returncode()


def _as_root(
    program: str, root: Path, env: Mapping[str, str], *words: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    argv = [program, "--no-defaults", "--user=root", f"--socket={root}/mysql/socket", *words]
    return subprocess.run(argv, env=env, input=stdin, capture_output=True, text=True, check=False, timeout=60)
