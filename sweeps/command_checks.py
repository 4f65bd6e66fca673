"""What is wrong with a command before it is ever started, each fault with its path in the sweep file.

Looks at the file system (see `sweeps.programs`); what it reads is only the settings.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from db.strict import Invalid, Path
from sweeps.command import (
    ATTEMPT_PLACEHOLDERS,
    AttemptValues,
    CommandSettings,
    Rendered,
    known_values,
    render,
)
from sweeps.config_keys import changed_kinds
from sweeps.filling import told
from sweeps.problem import Problem
from sweeps.programs import program_problem, program_texts, script_problem, shell_texts
from sweeps.success_checks import STAND_IN_FOR_OUT, success_problems
from sweeps.template import fill, fill_argv, placeholders, reads_like_a_program, unknown_in

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,59}")
_OURS = "RUNNER_ATTEMPT"
"""So begin the variables by which an attempt is known."""
_NO_BATCH = "the sweep file names no batch; add `batch: N`, the effective one, to `settings`"
_MISSING: Mapping[str, str] = {
    **dict.fromkeys(("batch", "accum", "effective_batch"), _NO_BATCH),
    "seed": "the sweep file names no seed; add `seeds: N`, or `seed: N` to `settings`",
    "steps": "the sweep file names no steps; add `steps: N` to `settings`",
    "config": "there is no config file to copy; add `config: {base: FILE}` to `command`",
}


def check_command(settings: CommandSettings, refused: Collection[str] = ()) -> list[Problem]:
    """All that is wrong with one run; what can only be asked of a command without faults is not asked of others.

    Settings that were `refused` are told already, and are not missed here.
    """
    parts = list(_parts(settings, dict.fromkeys(ATTEMPT_PLACEHOLDERS, "")))
    shells, programs = _shell_parts(parts), _program_parts(settings, parts)
    unfilled = list(_of_placeholders(settings, shells | programs))
    problems = [*_of_names(settings), *_of_shells(settings, shells, programs), *_of_uses(settings)]
    problems += [problem for problem, name in unfilled if name not in refused]
    if problems or unfilled:
        return problems
    sample = AttemptValues(
        out=STAND_IN_FOR_OUT,
        config="/{config}",
        batch=settings.effective_batch,
        accum=1,
        python=sys.executable,
        run="{run}",
        attempt=1,
    )
    try:
        rendered = render(settings, sample)
    except Invalid as invalid:
        return [Problem(fault.path, fault.message) for fault in invalid.faults]
    known = asdict(sample)
    return [*_of_kinds(settings, known), *success_problems(settings), *_of_programs(settings, known, rendered)]


def _of_names(settings: CommandSettings) -> Iterator[Problem]:
    if not _NAME.fullmatch(settings.name):
        rule = "begins with a letter, digit or _, and holds at most 60 of these, `.` and `-`"
        yield Problem(("command", "name"), f"a command's name {rule}; this one is `{settings.name}`")
    if not settings.argv:
        yield Problem(("command", "argv"), "names no program; give a list such as `[python, train.py]`")
    for name in settings.env:
        if not name or "=" in name:
            yield Problem(("command", "env", name), "is no name of a variable; it holds `=`, or nothing")
        elif name.startswith(_OURS):
            yield Problem(("command", "env", name), f"names that begin with {_OURS} are set by runner itself")


def _of_shells(settings: CommandSettings, shells: set[int], programs: set[int]) -> Iterator[Problem]:
    for index in shells:
        for name in sorted(placeholders(settings.argv[index])):
            yield Problem(
                ("command", "argv", index),
                f"`{{{name}}}` would become part of a shell's program, whatever it holds; pass it as an argument:"
                f' `[bash, -c, \'python train.py "$1"\', train, "{{{name}}}"]`;'
                f" for the shell's own variable write `${name}`, for the text `{{{name}}}` write `{{{{{name}}}}}`",
            )
    for index in programs - shells:
        for name in sorted(placeholders(settings.argv[index])):
            yield Problem(
                ("command", "argv", index),
                f"`{{{name}}}` would become part of a text that is read as a program, whatever it holds; make it an"
                f" argument of its own, or give it in `env`; for the text `{{{name}}}` write `{{{{{name}}}}}`",
            )


def _shell_parts(parts: Sequence[tuple[int, str]]) -> set[int]:
    return {parts[index][0] for index in shell_texts([text for _, text in parts])}


def _program_parts(settings: CommandSettings, parts: Sequence[tuple[int, str]]) -> set[int]:
    """Parts that stand where many programs take a program's text, and look like one."""
    found = {parts[index][0] for index in program_texts([text for _, text in parts])}
    return {index for index in found if reads_like_a_program(settings.argv[index])}


def _parts(settings: CommandSettings, attempt: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Each argument and the part of `argv` that it comes from, which stays as it is where it cannot be filled."""
    known = known_values(settings, attempt)
    for index, part in enumerate(settings.argv):
        made = told([], (), partial(fill_argv, [part], known))
        yield from ((index, text) for text in ([part] if made is None else made))


def _of_placeholders(settings: CommandSettings, texts: set[int]) -> Iterator[tuple[Problem, str]]:
    """Each placeholder that stands for nothing, with its name."""
    known = known_values(settings, dict.fromkeys(ATTEMPT_PLACEHOLDERS))
    told_already: set[Path] = {("command", "argv", index) for index in texts}
    for path, text in _texts(settings):
        for name, sentence in unknown_in(text, known) if path not in told_already else ():
            hint = None if name in known else _MISSING.get(name) or _of_config_key(name)
            yield Problem(path, hint or sentence), name


def _of_config_key(name: str) -> str | None:
    if not name.startswith("config."):
        return None
    key = name.removeprefix("config.")
    return f'what `{name}` holds has no name of its own; make it a setting and give `{key}: "{{NAME}}"` to `config.set`'


def _of_uses(settings: CommandSettings) -> Iterator[Problem]:
    written = settings.config.written if settings.config else ""
    used = settings.handed_over | placeholders([settings.success, written])
    if settings.success.get("report") is True:
        used |= {"batch", "steps"}
    for name in settings.settings:
        if name not in used:
            yield Problem(("settings", name), f"nothing uses it; write `{{{name}}}` where its value belongs")
    if settings.batch is not None and not used & {"batch", "effective_batch"}:
        yield Problem(("settings", "batch"), "nothing uses it; hand it over as `{batch}`, and `{accum}` with it")
    if settings.steps is not None and "steps" not in used:
        yield Problem(("settings", "steps"), "nothing uses it; hand it over as `{steps}`, or declare `report: true`")
    if settings.seed is not None and "seed" not in used:
        yield Problem(
            ("settings", "seed"), "nothing uses it, so every seed would be the same run; hand it over as `{seed}`"
        )
    if settings.config and "config" not in placeholders([settings.argv, settings.env]):
        yield Problem(("command", "config"), "nothing uses the copy; hand its path over as `{config}`")


def _of_kinds(settings: CommandSettings, sample: Mapping[str, Any]) -> Iterator[Problem]:
    config = settings.config
    if config:
        known = known_values(settings, sample)
        values = {key: fill(template, known) for key, template in config.set.items()} | dict(config.held)
        for fault in changed_kinds(config.content, values, config.new):
            yield Problem(("command", "config", "set", *fault.path), fault.message)


def _of_programs(settings: CommandSettings, sample: Mapping[str, Any], rendered: Rendered) -> Iterator[Problem]:
    if not os.path.isdir(settings.cwd):  # noqa: PTH112 - a text, as all of a command
        yield Problem(("command", "cwd"), f"there is no folder {settings.cwd}")
        return
    parts = [(at, text) for at, text in _parts(settings, sample)]
    if not parts:
        yield Problem(("command", "argv"), "names no program once its lists are filled in")
        return
    path = rendered.env.get("PATH", os.environ.get("PATH", os.defpath))
    problem = program_problem(parts[0][1], settings.cwd, path)
    if problem and not _is_made_later(settings.argv[parts[0][0]]):
        yield Problem(("command", "argv", parts[0][0]), problem)
    missing = script_problem([text for _, text in parts], settings.cwd)
    if missing and not _is_made_later(settings.argv[parts[missing[0]][0]]):
        yield Problem(("command", "argv", parts[missing[0]][0]), missing[1])


def _is_made_later(part: str) -> bool:
    """Whether it names something that is only there, or only known, once an attempt is."""
    return bool(placeholders(part) & set(ATTEMPT_PLACEHOLDERS) - {"python"})


def _texts(settings: CommandSettings) -> Iterator[tuple[Path, str]]:
    """Every text in which a placeholder may stand, keys of mappings among them."""
    yield from _texts_in(list(settings.argv), ("command", "argv"))
    yield from _texts_in(settings.env, ("command", "env"))
    yield from _texts_in(settings.config.set if settings.config else {}, ("command", "config", "set"))
    yield from _texts_in(settings.success, ("success",))


def _texts_in(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    items = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    )
    for key, item in items:
        yield from _texts_in(item, (*path, key))
