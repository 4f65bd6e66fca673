"""Is what a command names there to be started? Asked of the file system. And what of `argv` a shell would read."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence

from db.strict import nearest

_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "fish", "csh", "tcsh"))
_ASKS_FOR_A_PROGRAM = re.compile(r"-[A-Za-z]{0,3}[ceS]|--command|--eval")
"""Options after which many a program takes a text that it reads as a program: `flock -c`, `perl -ne`, `env -S`."""
_HOLDS_A_PROGRAM = re.compile(r"(--command|--eval)=")
_PYTHON = re.compile(r"(python|pypy)[0-9.]*")
_NO_SCRIPT = re.compile(r"-|-[A-Za-z]*[mc].*")
"""An option after which no script follows: `-m MODULE`, `-c TEXT`, and `-` for standard input."""
_SHELL_OPTIONS_WITH_NAMES = ("--rcfile", "--init-file")


def shell_texts(argv: Sequence[str]) -> Iterator[int]:
    """Where in `argv` a text stands that a shell reads as a program: what `-c` is about, wherever the shell stands."""
    for start, part in enumerate(argv):
        if os.path.basename(part) in _SHELLS:  # noqa: PTH119 - arguments are text
            index, asked = _after_options(argv, start + 1)
            if asked and index < len(argv):
                yield index


def program_texts(argv: Sequence[str]) -> Iterator[int]:
    """Where in `argv` a text may stand that is read as a program: directly after an option that asks for one."""
    for index, part in enumerate(argv):
        if _HOLDS_A_PROGRAM.match(part) or (index and _ASKS_FOR_A_PROGRAM.fullmatch(argv[index - 1])):
            yield index


def program_problem(program: str, cwd: str, path: str) -> str | None:
    """Why the first part of a command, started in `cwd` with this PATH, cannot be started; None where it can."""
    if "/" in program:
        return _problem_of_file(os.path.join(cwd, program))  # noqa: PTH118 - arguments are text
    folders = os.pathsep.join(os.path.join(cwd, folder) for folder in path.split(os.pathsep))  # noqa: PTH118
    if shutil.which(program, path=folders):
        return None
    if _PYTHON.fullmatch(program):
        return f"there is no `{program}` on PATH; `{{python}}` stands for the interpreter that runs runner"
    here = os.path.isfile(os.path.join(cwd, program))  # noqa: PTH113, PTH118
    return f"there is no `{program}` on PATH" + (f"; for the file in {cwd} write `./{program}`" if here else "")


def script_problem(argv: Sequence[str], cwd: str) -> tuple[int, str] | None:
    """Which part names a script for the interpreter before it that does not exist, and the sentence about it."""
    index = _script_index(argv)
    if index is None or not argv[index].endswith((".py", ".sh")):
        return None
    path = os.path.join(cwd, argv[index])  # noqa: PTH118 - arguments are text
    return None if os.path.isfile(path) else (index, f"there is no file {path}{_near(path)}")  # noqa: PTH113


def _script_index(argv: Sequence[str]) -> int | None:
    """Of the first part that is no option of the interpreter; None where it gets its program otherwise."""
    name = os.path.basename(argv[0])  # noqa: PTH119 - arguments are text
    if name in _SHELLS:
        index, asked = _after_options(argv, 1)
        return index if not asked and index < len(argv) else None
    if not _PYTHON.fullmatch(name):
        return None
    index = 1
    while index < len(argv) and argv[index].startswith("-"):
        if _NO_SCRIPT.fullmatch(argv[index]):
            return None
        index += 2 if argv[index] in ("-X", "-W") else 1
    return index if index < len(argv) else None


def _after_options(argv: Sequence[str], index: int) -> tuple[int, bool]:
    """Where a shell's options end, and whether `-c` is among them."""
    asked = False
    while index < len(argv) and argv[index][:1] in ("-", "+") and len(argv[index]) > 1:
        option = argv[index]
        index += 1
        if option == "--":
            break
        if option.startswith("--"):
            index += option in _SHELL_OPTIONS_WITH_NAMES
        else:
            asked |= option.startswith("-") and "c" in option
            index += "o" in option.lower()  # `-o pipefail`, `-euo pipefail`, `-O extglob`
    return index, asked


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
