"""Texts of a sweep file with `{name}` in them, filled in one pass: no value is ever read as a template. Pure.

`{name}` stands for a value, `{{name}}` for the text `{name}`; every other brace stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from db.strict import Fault, Invalid, Path, describe, nearest

_NAME = r"[A-Za-z_]\w*(?:\.\w+)*"
_FORMAT = r"(?:[<>=^+-]?[0-9]*,?(?:\.[0-9]+)?[bcdeEfFgGnosxX%]|\.[0-9]+)"
_PLACEHOLDER = re.compile(rf"\{{\{{({_NAME})\}}\}}|(\$?)\{{({_NAME})\}}", re.ASCII)
_NEARLY = re.compile(rf"(?<![{{$])\{{\s*({_NAME})\s*(?:![rsa])?(?::{_FORMAT})?\}}", re.ASCII)
"""Also what Python would fill in: `{lr:.1e}`, `{ lr}`, `{lr!r}`."""
_SIGNS_OF_PROGRAMS = re.compile(r"[\s'\"`;|&<>()\[\]{}$\\!]")
_WHOLE = re.compile(rf"\{{({_NAME})\}}", re.ASCII)
_VALUE = re.compile(rf"(?:[^\s=:'\"]+:?=|-[A-Za-z])?\{{({_NAME})\}}", re.ASCII)


def placeholders(value: Any) -> frozenset[str]:
    """The names that stand in any text of nested data, keys included."""
    return frozenset(match[3] for text in _texts(value) for match in _PLACEHOLDER.finditer(text) if match[3])


def values_of_their_own(value: Any) -> frozenset[str]:
    """The placeholders that are a value by themselves: the whole of a text, or what follows `NAME=`, `key:=`, `-b`."""
    return frozenset(match[1] for text in _texts(value) if (match := _VALUE.fullmatch(text)))


def reads_like_a_program(text: str) -> bool:
    """Whether signs that separate or quote words stand beside a placeholder."""
    rest = _PLACEHOLDER.sub(lambda match: match[0] if match[1] else "", text)
    return bool(placeholders(text)) and bool(_SIGNS_OF_PROGRAMS.search(rest))


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """Nested data with every text filled. A text that is exactly one placeholder becomes its value, type and all.

    Raises:
        Invalid: with one fault for each placeholder that cannot be filled.
    """
    faults: list[Fault] = []
    filled = _fill(value, values, (), faults)
    if faults:
        raise Invalid(faults)
    return filled


def fill_text(text: str, values: Mapping[str, Any], quote: Callable[[str], str] = str) -> str:
    """A text that stays text; `quote` is applied to every value in it, such as `re.escape` in a regular expression.

    Raises:
        Invalid: with one fault for each placeholder that cannot be filled.
    """
    problems = [problem for match in _PLACEHOLDER.finditer(text) if (problem := _problem(match, values))]
    if problems:
        raise Invalid(Fault((), problem) for problem in dict.fromkeys(problems))

    def value_of(match: re.Match[str]) -> str:
        return f"{{{match[1]}}}" if match[1] else quote(spelled(values[match[3]]))

    return _PLACEHOLDER.sub(value_of, text)


def fill_argv(parts: Sequence[str], values: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments of a command. A part that is exactly one placeholder of a list becomes as many parts.

    Raises:
        Invalid: with one fault for each placeholder that cannot be filled and each text that no program can be given.
    """
    faults: list[Fault] = []
    filled: list[str] = []
    for index, part in enumerate(parts):
        try:
            made = _arguments(part, values)
        except Invalid as invalid:
            faults += [Fault((index, *fault.path), fault.message) for fault in invalid.faults]
            continue
        if any("\0" in each for each in made):
            faults.append(Fault((index,), "an argument must not hold the character NUL"))
        filled += made
    if faults:
        raise Invalid(faults)
    return tuple(filled)


def spelled(value: Any) -> str:
    """A scalar as it stands in a text: numbers as short as they can be, `true` and `false` as in YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def unknown_in(text: str, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each name in the text that stands for nothing, and the sentence about it."""
    for match in _PLACEHOLDER.finditer(text):
        if match[3] and (match[2] or match[3] not in known):
            yield match[3], _unknown(match[3], known, of_shell=bool(match[2]))
    for match in _NEARLY.finditer(text):
        if match[1] in known and not _WHOLE.fullmatch(match[0]):
            yield (
                match[1],
                f"`{match[0]}` is not replaced; write `{{{match[1]}}}`: without spaces, and without a format",
            )


def _unknown(name: str, known: Collection[str], *, of_shell: bool) -> str:
    if not of_shell:
        return (
            f"`{{{name}}}` stands for nothing{nearest(name, known)}; write `{{{{{name}}}}}` for a literal `{{{name}}}`"
        )
    literal = f"`${{{{{name}}}}}` for a literal `${{{name}}}`"
    if name in known:
        return f"`${{{name}}}` is not replaced: write `{{{name}}}` for its value, or {literal}"
    return f"`${{{name}}}` is not replaced, a shell's variables are not known here: write {literal}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _fill(value: Any, values: Mapping[str, Any], path: Path, faults: list[Fault]) -> Any:
    if isinstance(value, str):
        return _filled_text(value, values, path, faults)
    if isinstance(value, Mapping):
        return _filled_mapping(value, values, path, faults)
    if isinstance(value, (list, tuple)):
        return [_fill(item, values, (*path, index), faults) for index, item in enumerate(value)]
    return value


def _filled_text(text: str, values: Mapping[str, Any], path: Path, faults: list[Fault]) -> Any:
    whole = _WHOLE.fullmatch(text)
    if whole and whole[1] in values:
        return values[whole[1]]
    try:
        return fill_text(text, values)
    except Invalid as invalid:
        faults += [Fault(path, fault.message) for fault in invalid.faults]
        return text


def _filled_mapping(value: Mapping[Any, Any], values: Mapping[str, Any], path: Path, faults: list[Fault]) -> Any:
    filled: dict[Any, Any] = {}
    for key, item in value.items():
        at = (*path, key)
        try:
            name = fill_text(key, values) if isinstance(key, str) else key
        except Invalid as invalid:
            faults += [Fault(at, fault.message) for fault in invalid.faults]
            continue
        if name in filled:
            faults.append(Fault(at, f"becomes `{name}`, which stands there already"))
        filled[name] = _fill(item, values, at, faults)
    return filled


def _arguments(part: str, values: Mapping[str, Any]) -> list[str]:
    whole = _WHOLE.fullmatch(part)
    listed = values.get(whole[1]) if whole else None
    if not whole or not isinstance(listed, (list, tuple)):
        return [fill_text(part, values)]
    for item in listed:
        if item is None or isinstance(item, (list, tuple, Mapping)):
            raise Invalid([Fault((), f"`{part}` holds {describe(item)}, which cannot be an argument")])
    return [spelled(item) for item in listed]


def _problem(match: re.Match[str], values: Mapping[str, Any]) -> str | None:
    """Why what was matched cannot be filled inside a text, or None."""
    name = match[3]
    if not name:
        return None
    if match[2] or name not in values:
        return _unknown(name, values, of_shell=bool(match[2]))
    value = values[name]
    if value is None:
        return (
            f"`{{{name}}}` is nothing, which cannot stand in a text; for no argument at all give it an empty list, `[]`"
        )
    if isinstance(value, (list, tuple)):
        return (
            f"`{{{name}}}` is {describe(value)}, which cannot stand inside a text; make it an argument of its own, "
            'which becomes as many as it holds, or give it as a text, `"[1, 2]"` say'
        )
    return f"`{{{name}}}` is {describe(value)}, which cannot stand in a text" if isinstance(value, Mapping) else None
