"""Where in a command's arguments a text stands that a shell or another language reads as its program. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence

SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "fish", "csh", "tcsh"))
PYTHON = re.compile(r"(python|pypy)[0-9.]*")
_SHELL_OPTIONS_WITH_NAMES = ("--rcfile", "--init-file")
_ASKS_FOR_A_PROGRAM = re.compile(r"-[A-Za-z]{0,3}[ceS]|--command|--eval|--wrap")
"""Options after which many a program takes a text that it reads as a program: `flock -c`, `perl -ne`, `env -S`."""
_HOLDS_A_PROGRAM = re.compile(r"(--command|--eval|--wrap)=")
_LANGUAGES: Mapping[re.Pattern[str], tuple[re.Pattern[str], str]] = {
    PYTHON: (re.compile(r"-[A-Za-z]*?c"), "sys.argv[1]"),
    re.compile(r"perl[0-9.]*"): (re.compile(r"-[a-zA-Z0-9]*?[eE]"), "$ARGV[0]"),
    re.compile(r"ruby[0-9.]*"): (re.compile(r"-[a-zA-Z]*?e"), "ARGV[0]"),
    re.compile(r"node|nodejs|bun"): (re.compile(r"-p?e|-p|--eval|--print"), "process.argv[1]"),
    re.compile(r"R|Rscript"): (re.compile(r"-e"), "commandArgs(TRUE)[1]"),
    re.compile(r"julia"): (re.compile(r"-[eE]|--eval|--print"), "ARGS[1]"),
    re.compile(r"php[0-9.]*"): (re.compile(r"-[rBRE]"), "$argv[1]"),
}
"""By the program's name: the option that its text follows, and how such a text reads the first argument after it."""
_SSH = re.compile(r"(auto)?ssh|rsh")
_SSH_OPTIONS_WITH_VALUES = re.compile(r"-[46AaCfGgKkMNnqsTtVvXxYy]*[BbcDEeFIiJLlmOopQRSWw]")


def shell_texts(argv: Sequence[str]) -> Iterator[int]:
    """Where in `argv` a text stands that a shell reads as a program: what `-c` is about, wherever the shell stands."""
    for start, part in enumerate(argv):
        if name_of(part) in SHELLS:
            index, asked = after_shell_options(argv, start + 1)
            if asked and index < len(argv):
                yield index


def program_texts(argv: Sequence[str]) -> Iterator[int]:
    """Where a text may stand that is read as a program: directly after an option that asks for one."""
    for index, part in enumerate(argv):
        if _HOLDS_A_PROGRAM.match(part) or (index and _ASKS_FOR_A_PROGRAM.fullmatch(argv[index - 1])):
            yield index


def language_texts(argv: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Where the program of another language stands for certain, and how it would read an argument instead.

    `tool --lang python -c FILE` starts no Python: behind an option stands a value.
    """
    for start, part in enumerate(argv):
        if not (start and argv[start - 1].startswith("-")):
            for language, (option, instead) in _LANGUAGES.items():
                if language.fullmatch(name_of(part)):
                    yield from ((index, instead) for index in _after_option(argv, start + 1, option))


def joined_words(argv: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Words that become a text for a shell without anybody asking for one, each with the name of who makes it."""
    for start, part in enumerate(argv[:1]):
        name = name_of(part)
        if _SSH.fullmatch(name):
            host = _after_options_of(argv, start + 1, _SSH_OPTIONS_WITH_VALUES)
            yield from ((index, name) for index in range(host + 1, len(argv)))
        elif name == "make":
            yield from ((index, name) for index in range(start + 1, len(argv)) if "=" in argv[index])


def name_of(program: str) -> str:
    return os.path.basename(program)  # noqa: PTH119 - arguments are text


def after_shell_options(argv: Sequence[str], index: int) -> tuple[int, bool]:
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


def _after_option(argv: Sequence[str], index: int, option: re.Pattern[str]) -> Iterator[int]:
    """Every text that follows such an option, as the next part or glued to it, before anything that is no option."""
    while index < len(argv) and argv[index].startswith("-"):
        asked = option.match(argv[index])
        if asked and asked.end() < len(argv[index]):
            yield index
        elif asked and index + 1 < len(argv):
            index += 1
            yield index
        index += 1


def _after_options_of(argv: Sequence[str], index: int, with_values: re.Pattern[str]) -> int:
    while index < len(argv) and argv[index].startswith("-"):
        index += 2 if with_values.fullmatch(argv[index]) else 1
    return index
