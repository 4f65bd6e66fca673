"""`command` of a sweep file, a list of texts or keys and values. Where quotes are missing is told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from db.strict import Invalid, describe, to_record
from sweeps.command import ATTEMPT_PLACEHOLDERS, CommandSection
from sweeps.layers import At, Faults, dotted, value_at
from sweeps.yaml_file import Located

A_LIST_OF_WORDS = "expected a list, such as [python, train.py]; a line for a shell goes as [bash, -c, 'LINE']"
_OF_RUNS = ("effective_batch", "steps", "seed")


def read_command(located: Located, faults: Faults) -> CommandSection | None:
    """None where there is none, or none that can be read, which is told."""
    data = located.data.get("command")
    if data is None:
        return None
    if not isinstance(data, (list, Mapping)):
        faults.add(located.place(("command",)), f"command: {A_LIST_OF_WORDS}; found {describe(data)}")
        return None
    given = {"argv": data} if isinstance(data, list) else data
    try:
        section = to_record(CommandSection, given)
    except Invalid as invalid:
        for fault in invalid.faults:
            at = ("command", *(fault.path[1:] if isinstance(data, list) else fault.path))
            advice = _quotes(value_at(located.data, at)) if fault.message.startswith("expected text") else ""
            faults.add(located.place(at), f"{dotted(('command', *fault.path))}: {fault.message}{advice}")
        return None
    unquoted = list(_unquoted_in(located, section))
    for at, name in unquoted:
        message = f'`{{{name}}}` without quotes is keys and values; put it in quotes: "{{{name}}}"'
        faults.add(located.place(at), f"{dotted(at)}: {message}")
    return None if unquoted else section


def _quotes(value: Any) -> str:
    """What to do where a text was expected."""
    name = _bare_placeholder(value)
    return f'; put it in quotes: "{{{name}}}"' if name else "; put it in quotes"


def _bare_placeholder(value: Any) -> str | None:
    """The name in `{name}` without quotes, which is YAML for a key without a value."""
    alone = isinstance(value, Mapping) and len(value) == 1 and None in value.values()
    return next(iter(value)) if alone else None


def _unquoted_in(located: Located, section: CommandSection) -> Iterator[tuple[At, str]]:
    """Where any value may stand, `{out}` without quotes would be taken for one."""
    settings = [located.data.get(key) for key in ("settings", "grid", "zip")]
    names = {*ATTEMPT_PLACEHOLDERS, *_OF_RUNS, *(key for one in settings if isinstance(one, Mapping) for key in one)}
    keys: list[At] = [("command", "config", "set", key) for key in (section.config.set if section.config else ())]
    success = located.data.get("success")
    keys += [("success", key) for key in success] if isinstance(success, Mapping) else []
    for key in keys:
        yield from _unquoted(value_at(located.data, key), key, names)


def _unquoted(value: Any, at: At, names: Collection[str]) -> Iterator[tuple[At, str]]:
    name = _bare_placeholder(value)
    if name in names:
        yield at, str(name)
        return
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _unquoted(item, (*at, key), names)
