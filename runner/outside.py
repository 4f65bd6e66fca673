"""Declared files outside their attempt's folder: nothing may be there before, and one attempt at a time has them.

Else nobody could tell whose what is found there afterwards is: a command may touch a file of before, or append to it.
What an earlier attempt of the same run left there is moved into that attempt's folder. Standard library only.
"""

from __future__ import annotations

import os
from pathlib import Path

from db.errors import RunnerError
from db.records import Plan
from runner.attempt_dir import AttemptDir, BadRecord, attempt_numbers
from runner.spawn import CannotStart
from runner.watched import below, stamp_of


def make_way(plan: Plan, attempt: AttemptDir) -> None:
    """See to it that no declared file outside the attempt's folder exists, and that no other attempt may write it.

    Its hold on the files ends with this process.

    Raises:
        CannotStart: another attempt has one of them, one is there that no earlier attempt of the run left, or one
            cannot be moved.
    """
    paths = outside(plan, attempt)
    try:
        for path in paths:
            _hold(path)
        for path in filter(os.path.lexists, paths):
            owner = _left_by(path, plan, attempt)
            if owner is None:
                raise CannotStart(in_the_way(path), "file_in_the_way")
            _set_aside(path, owner)
    except (RunnerError, OSError, ValueError) as fault:
        raise CannotStart(f"a file that it is to write cannot be seen to: {fault}") from None


def outside(plan: Plan, attempt: AttemptDir) -> list[str]:
    """The declared files that are not below the attempt's folder."""
    files = plan.declared.files if plan.declared else ()
    return [file.path for file in files if below(file.path, attempt.path) == file.path]


def in_the_way(path: str) -> str:
    return (
        f"{path} is there already, so nobody could tell whether the command wrote it; move it away, "
        "have the command write to `{out}`, or put `{run}` into the name"
    )


def _hold(path: str) -> None:
    from runner.host_locks import take_name  # hardly any attempt needs it, and every supervisor would pay

    folder, name = os.path.split(path)
    if take_name(os.path.join(os.path.realpath(folder), name)) is None:  # noqa: PTH118 - a text, as all of a command
        raise CannotStart(f"another attempt is to write {path} now; have each write to `{{out}}`")


def _left_by(path: str, plan: Plan, attempt: AttemptDir) -> AttemptDir | None:
    """The latest earlier attempt of the run that can be told to have left what is there."""
    numbers = sorted(attempt_numbers(attempt.path.parent), reverse=True)
    earlier = (AttemptDir(attempt.path.parent / str(number)) for number in numbers if number < plan.number)
    return next((one for one in earlier if _left(one, path)), None)


def _left(earlier: AttemptDir, path: str) -> bool:
    """Whether it is as that attempt left it; where its end was not seen, whether it is younger than its claim."""
    now = stamp_of(path)
    if now is None:
        return False
    try:
        ended = {seen.path: seen.after for seen in earlier.read_exit().files}
    except FileNotFoundError:
        claim = stamp_of(earlier.claim)
        return claim is not None and now.changed >= claim.changed
    except (BadRecord, OSError):
        return False
    then = ended.get(path)
    return then is not None and (then.inode, then.size, then.modified) == (now.inode, now.size, now.modified)


def _set_aside(path: str, owner: AttemptDir) -> None:
    import shutil  # the same

    aside = Path(f"{owner.left}{path}")
    aside.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, aside)
