"""Commands of somebody else: rendered for each attempt, and judged by what their sweep file declares."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.declared import Declared
from db.strict import to_record
from runner.provenance import command_fingerprint
from runner.work import Assignment, Order
from sweeps.command import AttemptValues, CommandSettings, described, render
from sweeps.config_file import suffix_of, write_config

_PLAIN = re.compile(r"[\w@%+=:,./{}-]+", re.ASCII)
NAMES_BATCH = "names_batch"
"""In a plan's settings: whether the batch is the sweep file's, which `report.batch` hands on."""


@dataclass(frozen=True, kw_only=True)
class CommandWork:
    """A run of a command that passed every check."""

    asked: CommandSettings

    backbone = None
    resumes = False
    silence = None

    @property
    def command(self) -> str:
        return self.asked.name

    @property
    def settings(self) -> Mapping[str, Any]:
        return described(self.asked)

    @property
    def effective_batch(self) -> int:
        return self.asked.effective_batch

    @property
    def planned_steps(self) -> int | None:
        return self.asked.steps

    @property
    def must_ask(self) -> bool:
        return self.asked.must_ask

    @property
    def why_indivisible(self) -> str | None:
        return self.asked.why_indivisible

    @property
    def code_fingerprint(self) -> str:
        return command_fingerprint(self.asked.cwd, self.asked.argv)

    @property
    def facts(self) -> Mapping[str, object]:
        what = self.settings
        return {
            "batch": self.asked.batch or "-",
            "out of memory": self.why_indivisible or "half the batch, twice the accumulation",
            "proof": _proofs(to_record(Declared, what["success"])),
            "command": " ".join(map(_quoted, what["argv"])),
        }

    def order(self, assignment: Assignment) -> Order:
        folder, config = assignment.folder.path, self.asked.config
        name = f"config{suffix_of(config.base)}" if config else ""
        rendered = render(
            self.asked,
            AttemptValues(
                out=str(assignment.folder.out),
                config=str(folder / name),
                batch=assignment.batch.micro,
                accum=assignment.batch.accum,
                python=sys.executable,
                run=assignment.run_id,
                attempt=assignment.number,
            ),
        )
        texts = {} if rendered.config is None else {name: write_config(rendered.config, rendered.config_suffix)}
        return Order(
            argv=rendered.argv,
            cwd=self.asked.cwd,
            env=_with_runner_on_path(rendered.env),
            settings={"command": self.asked.name, NAMES_BATCH: self.asked.batch is not None},
            declared=rendered.declared,
            watched=rendered.watched,
            files=texts,
            folders=(assignment.folder.out.name,),
        )


def _proofs(declared: Declared) -> str:
    files = f"{len(declared.files)} file{'s' if len(declared.files) > 1 else ''}" if declared.files else ""
    line = "the last line" if declared.last_line is not None else ""
    said = ", ".join(filter(None, (files, line, "report" if declared.report else "")))
    if not said:
        return "nothing declared: unverified at best"
    return said if declared.tells_completeness or declared.report else f"{said}, whatever was done by then"


def _quoted(part: str) -> str:
    """For a shell, placeholders left as they are written."""
    return part if _PLAIN.fullmatch(part) else shlex.quote(part)


def _with_runner_on_path(env: Mapping[str, str]) -> Mapping[str, str]:
    """Shell scripts call `runner report`. Last on the path, so that nothing of theirs is hidden."""
    path = env.get("PATH", os.environ.get("PATH", os.defpath))
    if shutil.which("runner", path=path):
        return env
    return {**env, "PATH": os.pathsep.join((path, str(Path(sys.executable).parent)))}
