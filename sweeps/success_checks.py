"""What is wrong with a declaration of success before anything is started, each fault with its path in the file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from db.declared import Declared
from db.strict import Invalid, Path, to_record
from sweeps.command import ATTEMPT_PLACEHOLDERS, CommandSettings, command_run_id, described, known_values
from sweeps.filling import filled_success
from sweeps.problem import Problem

STAND_IN_FOR_OUT = "/{out}"
"""Stands for the attempt's folder while nothing is started; no such folder is ever looked at."""
_NO_NUMBER = "what is another in each attempt cannot be asked for as a number"


def success_problems(settings: CommandSettings) -> Iterator[Problem]:
    """Of a command whose texts can all be filled in."""
    try:
        declared = to_record(Declared, described(settings)["success"])
    except Invalid as invalid:
        yield from (Problem(("success", *fault.path), f"{fault.message}; {_NO_NUMBER}") for fault in invalid.faults)
        return
    if declared.last_line is not None:
        yield from _of_last_line(declared.last_line)
    for index, path in enumerate(_declared_paths(settings, "{run}")):
        at: Path = ("success", "files", index, "path")
        written = str(settings.success["files"][index]["path"])
        if path == STAND_IN_FOR_OUT or os.path.isdir(path):  # noqa: PTH112 - a text, as all of a command
            yield Problem(at, "is a folder; name the file in it that proves the success")
        elif written.startswith("{out}") and not _is_below_out(path):
            yield Problem(at, "leaves the attempt's folder again; name a file below `{out}/`")
        elif not _is_below_out(path) and any(sign in written for sign in "*?["):
            yield Problem(
                at, "outside `{out}` a file is named exactly: `*`, `?` and `[` could match another run's file"
            )


def _of_last_line(pattern: str) -> Iterator[Problem]:
    at: Path = ("success", "last_line")
    try:
        proves_nothing = re.search(pattern, "") is not None
    except re.error as error:
        yield Problem(at, f"is no regular expression: {error}")
        return
    if proves_nothing:
        yield Problem(at, "matches every line, so it proves nothing; name something that only a good end prints")


def shared_files(runs: Sequence[CommandSettings]) -> list[Problem]:
    """Declared files outside their attempts' folders that several different runs share."""
    owners: dict[str, dict[str, int]] = {}
    for settings in runs:
        run = command_run_id(settings)
        for index, path in outside_files(settings, run):
            owners.setdefault(path, {}).setdefault(run, index)
    return [
        Problem(
            ("success", "files", next(iter(indices.values())), "path"),
            f"{len(indices)} runs share {path}, so one could pass with the file of another;"
            " have each written to `{out}`, or put `{run}` into the name",
        )
        for path, indices in owners.items()
        if len(indices) > 1
    ]


def outside_files(settings: CommandSettings, run: str) -> list[tuple[int, str]]:
    """The declared files of a run that lie outside its attempts' folders, each with its place in `success.files`."""
    return [(index, path) for index, path in enumerate(_declared_paths(settings, run)) if not _is_below_out(path)]


def _declared_paths(settings: CommandSettings, run: str) -> list[str]:
    """In the order of `success.files`; what an attempt may change does not tell two paths apart."""
    same = {name: f"{{{name}}}" for name in ATTEMPT_PLACEHOLDERS}
    known = known_values(settings, {**same, "out": STAND_IN_FOR_OUT, "run": run})
    filled = filled_success({"files": settings.success.get("files", ())}, known, settings.cwd)
    return [str(file["path"]) for file in filled["files"]]


def _is_below_out(path: str) -> bool:
    return path.startswith(f"{STAND_IN_FOR_OUT}/")
