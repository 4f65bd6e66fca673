"""`runner repeat`: an attempt once more, by hand, in a folder of its own. Nothing of it is recorded or judged."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from db.errors import Refused
from db.records import Plan
from runner.attempt_dir import AttemptDir, BadRecord, read_bounded, write_record
from runner.processes import MARK, MARK_FOLDER

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """A copy of an attempt's plan that is carried out elsewhere, with the environment that is added for it."""

    folder: AttemptDir
    plan: Plan

    @property
    def env(self) -> Mapping[str, str]:
        return {**self.plan.env, MARK: self.plan.attempt_id, MARK_FOLDER: str(self.folder.path)}

    @property
    def line(self) -> str:
        return shell_line(self.plan, self.env)

    def carry_out(self) -> int:
        """Run it with our own input and output; its exit code, as a shell gives it."""
        try:
            done = subprocess.run(self.plan.argv, cwd=self.plan.cwd, env={**os.environ, **self.env}, check=False)
        except OSError as error:
            raise Refused(f"{self.plan.argv[0]} cannot be started in {self.plan.cwd}: {error.strerror}") from None
        return done.returncode if done.returncode >= 0 else 128 - done.returncode


def shell_line(plan: Plan, env: Mapping[str, str]) -> str:
    """The plan's command, as it is typed into a shell."""
    settings = ["env", *(f"{name}={value}" for name, value in env.items())] if env else []
    return f"cd {shlex.quote(plan.cwd)} && {shlex.join([*settings, *plan.argv])}"


def prepare_repetition(attempt: AttemptDir) -> Repetition:
    """Lay out the attempt's folder anew below a temporary one: plan, config file, an empty `out`.

    Raises:
        Refused: the attempt's plan is not there any more, or cannot be believed.
    """
    try:
        plan = attempt.read_plan()
    except (OSError, BadRecord) as error:
        raise Refused(f"the plan of {attempt.path} cannot be read: {error}") from None
    place = Path(tempfile.mkdtemp(prefix="runner-repeat-"), *attempt.path.parts[-2:])
    place.mkdir(parents=True)
    folder = AttemptDir(place)
    folder.out.mkdir()
    _copy_config(attempt, folder)
    if plan.resume_from is not None:
        earlier = str(plan.resume_from.attempt)
        (place.parent / earlier).symlink_to(attempt.path.parent / earlier)
    moved = _moved(plan, str(attempt.path), str(place))
    write_record(folder.plan, moved)
    return Repetition(folder=folder, plan=moved)


def _moved(plan: Plan, old: str, new: str) -> Plan:
    """The same plan for another folder, and with another nonce: whoever ends survivors must not find it."""
    return replace(
        plan,
        attempt_id=os.urandom(16).hex(),
        argv=tuple(part.replace(old, new) for part in plan.argv),
        env={name: value.replace(old, new) for name, value in plan.env.items()},
    )


def _copy_config(old: AttemptDir, new: AttemptDir) -> None:
    for path in old.path.glob("config.*"):
        text = read_bounded(path).decode()
        (new.path / path.name).write_text(text.replace(str(old.path), str(new.path)), encoding="utf-8")


def repeat(attempt: AttemptDir, say: Say, *, show_only: bool) -> int:
    """Carry the attempt out once more, or only say how. Returns the command's exit code."""
    repetition = prepare_repetition(attempt)
    if show_only:
        say(repetition.line)
        return 0
    say(f"runner: repeats {attempt.path} in {repetition.folder.path}; without its limits, and nothing is recorded")
    return repetition.carry_out()
