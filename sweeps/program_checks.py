"""Placeholders that would become part of a program's text, whatever they stand for: told before anything is started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from sweeps.command import ATTEMPT_PLACEHOLDERS, CommandSettings, known_values
from sweeps.filling import told
from sweeps.problem import Problem
from sweeps.program_texts import joined_words, language_texts, program_texts, shell_texts
from sweeps.programs import script_index
from sweeps.template import fill_argv, placeholders, reads_like_a_program, spelled

_UNMADE = {**dict.fromkeys(ATTEMPT_PLACEHOLDERS, ""), "python": "python"}
_READ_OTHERWISE = {
    "make": (re.compile(r"[$`'\"\\;&|<>()#\n]"), 'give it in `env` as NAME, and write `"$$NAME"` in the Makefile'),
}
_BY_ANY_SHELL = (
    re.compile(r"[^\w@%+=:,./-]|^$"),
    "start a script there that reads it from a file, from `{config}` say, or use letters, digits and `@%+=:,./_-` only",
)
"""What is no letter, digit or harmless sign, or nothing at all, which would be no word; and what to do about it."""


def program_problems(settings: CommandSettings) -> Iterator[Problem]:
    """Each placeholder that must not stand where it stands in `argv`."""
    texts = _texts(settings)
    for index, instead in texts.items():
        for name in sorted(placeholders(settings.argv[index])):
            literal = f"for the text `{{{name}}}` write `{{{{{name}}}}}`"
            yield Problem(("command", "argv", index), f"`{{{name}}}` would become part of {instead(name)}; {literal}")
    for index, joiner in _joined(settings).items():
        for name in sorted(placeholders(settings.argv[index])) if index not in texts else ():
            problem = _problem_of_value(name, known_values(settings, {}).get(name), joiner)
            if problem:
                yield Problem(("command", "argv", index), problem)


def program_parts(settings: CommandSettings) -> frozenset[int]:
    """Of which parts of `argv` all is told, whatever stands in them."""
    return frozenset(_texts(settings))


def parts_of(settings: CommandSettings, attempt: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Each argument and the part of `argv` that it comes from, which stays as it is where it cannot be filled."""
    known = known_values(settings, attempt)
    for index, part in enumerate(settings.argv):
        made = told([], (), partial(fill_argv, [part], known))
        yield from ((index, text) for text in ([part] if made is None else made))


def _texts(settings: CommandSettings) -> dict[int, partial[str]]:
    """The parts that are read as programs, each with the sentence about a placeholder in it.

    What the options behind a script mean is up to whoever wrote it.
    """
    parts = list(parts_of(settings, _UNMADE))
    argv = [text for _, text in parts]
    script = script_index(argv)
    found = {parts[index][0]: partial(_of_text) for index in program_texts(argv[:script])}
    found = {index: say for index, say in found.items() if reads_like_a_program(settings.argv[index])}
    for index, instead in language_texts(argv[:script]):
        part = parts[index][0]
        if settings.argv[part] not in {f"{{{name}}}" for name in placeholders(settings.argv[part])}:
            found[part] = partial(_of_language, instead)
    return {**found, **{parts[index][0]: partial(_of_shell) for index in shell_texts(argv)}}


def _joined(settings: CommandSettings) -> dict[int, str]:
    parts = list(parts_of(settings, _UNMADE))
    return {parts[index][0]: joiner for index, joiner in joined_words([text for _, text in parts])}


def _of_shell(name: str) -> str:
    return (
        "a shell's program, whatever it holds; pass it as an argument:"
        f' `[bash, -c, \'python train.py "$1"\', train, "{{{name}}}"]`; for the shell\'s own variable write `${name}`'
    )


def _of_text(name: str) -> str:
    del name
    return "a text that is read as a program, whatever it holds; make it an argument of its own, or give it in `env`"


def _of_language(instead: str, name: str) -> str:
    return (
        f'a text that is read as a program, whatever it holds; write `{instead}` there, and `"{{{name}}}"` as an '
        "argument of its own behind the text"
    )


def _problem_of_value(name: str, value: Any, joiner: str) -> str | None:
    """Numbers and plain words are the same to every shell; so is what is only known once there is an attempt."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    unsafe, advice = _READ_OTHERWISE.get(joiner, _BY_ANY_SHELL)
    odd = next((text for text in map(spelled, listed) if unsafe.search(text)), None)
    if odd is None:
        return None
    return f"`{{{name}}}` is {odd!r}, and {joiner} makes a text of it that a shell reads as something else; {advice}"
