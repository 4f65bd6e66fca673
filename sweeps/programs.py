"""Is what a command names there to be started? Asked of the file system."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence

from db.strict import nearest
from sweeps.program_texts import PYTHON, SHELLS, after_shell_options, name_of

_NO_SCRIPT = re.compile(r"-|-[A-Za-z]*[mc].*")
"""An option after which no script follows: `-m MODULE`, `-c TEXT`, and `-` for standard input."""


def program_problem(program: str, cwd: str, path: str) -> str | None:
    """Why the first part of a command, started in `cwd` with this PATH, cannot be started; None where it can."""
    if "/" in program:
        return _problem_of_file(os.path.join(cwd, program))  # noqa: PTH118 - arguments are text
    folders = os.pathsep.join(os.path.join(cwd, folder) for folder in path.split(os.pathsep))  # noqa: PTH118
    if shutil.which(program, path=folders):
        return None
    if PYTHON.fullmatch(program):
        return f"there is no `{program}` on PATH; `{{python}}` stands for the interpreter that runs runner"
    here = os.path.isfile(os.path.join(cwd, program))  # noqa: PTH113, PTH118
    return f"there is no `{program}` on PATH" + (f"; for the file in {cwd} write `./{program}`" if here else "")


def script_problem(argv: Sequence[str], cwd: str) -> tuple[int, str] | None:
    """Which part names a script for the interpreter before it that does not exist, and the sentence about it."""
    index = script_index(argv)
    if index is None or not argv[index].endswith((".py", ".sh")):
        return None
    path = os.path.join(cwd, argv[index])  # noqa: PTH118 - arguments are text
    return None if os.path.isfile(path) else (index, f"there is no file {path}{_near(path)}")  # noqa: PTH113


def script_index(argv: Sequence[str]) -> int | None:
    """Of the first part that is no option of the interpreter; None where it gets its program otherwise."""
    name = name_of(argv[0]) if argv else ""
    if name in SHELLS:
        index, asked = after_shell_options(argv, 1)
        return index if not asked and index < len(argv) else None
    if not PYTHON.fullmatch(name):
        return None
    index = 1
    while index < len(argv) and argv[index].startswith("-"):
        if _NO_SCRIPT.fullmatch(argv[index]):
            return None
        index += 2 if argv[index] in ("-X", "-W") else 1
    return index if index < len(argv) else None


def _problem_of_file(path: str) -> str | None:
    if not os.path.isfile(path):  # noqa: PTH113 - arguments are text
        return f"there is no program {path}{_near(path)}"
    if os.access(path, os.X_OK):
        return None
    return f"{path} is not executable; start it by its interpreter, `[bash, {path}]` say, or `chmod +x` it"


def _near(path: str) -> str:
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):  # noqa: PTH112 - arguments are text
        return f", nor the folder {folder}"
    return nearest(name, os.listdir(folder))  # noqa: PTH208 - names are all that is needed
