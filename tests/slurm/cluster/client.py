"""Slurm's own commands, as a user of the cluster gives them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from slurm.cluster import usable
from slurm.cluster.daemons import until


class Client:
    """`env` is all that a process needs to be a client of this cluster."""

    def __init__(self, conf: Path, nodes: tuple[str, ...]) -> None:
        self.nodes = nodes
        self.conf = conf
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))},
            "PATH": usable.PATH,
            "SLURM_CONF": str(conf),
            "SLURM_BITSTR_LEN": "0",  # lists of array indexes are cut at 64 characters otherwise
        }

    def run(
        self, *argv: str, cwd: Path | None = None, stdin: str = "", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """A command of this cluster, whatever it exits with."""
        return subprocess.run(
            argv, env=self.env, cwd=cwd, input=stdin, capture_output=True, text=True, check=False, timeout=timeout
        )

    def ask(self, *argv: str, cwd: Path | None = None, stdin: str = "") -> str:
        """What it prints, without the last newline; a command that fails is a failed test."""
        done = self.run(*argv, cwd=cwd, stdin=stdin)
        assert done.returncode == 0, f"{' '.join(argv)} exited with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout.rstrip("\n")

    def submit(self, script: str, *options: str, cwd: Path) -> str:
        """The id of a job that runs this text of bash in `cwd`, where its log goes as well."""
        return self.ask("sbatch", "--parsable", *options, cwd=cwd, stdin=f"#!/bin/bash\n{script}\n")

    def job(self, job_id: str) -> dict[str, str]:
        """What `scontrol` says of it: words with a `=`, as they are."""
        told = self.ask("scontrol", "-o", "show", "job", job_id).splitlines()[0]
        return dict(word.split("=", 1) for word in told.split() if "=" in word)

    def state(self, job_id: str) -> str:
        return self.job(job_id)["JobState"]

    def wait_for_state(self, job_id: str, *states: str, within: float = 60) -> dict[str, str]:
        assert until(lambda: self.state(job_id) in states, within), f"job {job_id} is {self.state(job_id)}"
        return self.job(job_id)

    def wait_idle(self, within: float = 60) -> None:
        """Until every node is idle and answers."""
        assert until(self.all_idle, within), self.run("sinfo", "-N", "-l").stdout

    def cancel_all(self) -> None:
        """All jobs gone."""
        self.ask("scancel", "--state=PENDING", f"--user={os.geteuid()}", "--quiet")
        self.ask("scancel", f"--user={os.geteuid()}", "--quiet")
        assert until(lambda: not self.ask("squeue", "-h", "-o", "%i"), 60), self.ask("squeue")

    def all_idle(self) -> bool:
        told = self.run("sinfo", "-h", "-N", "-p", "main", "-o", "%N %T").stdout.splitlines()
        return sorted(told) == [f"{node} idle" for node in self.nodes]

    def answering(self) -> int:
        return len(self.run("sinfo", "-h", "-N", "-p", "main", "-r", "-o", "%N").stdout.splitlines())
