"""Spoiling inputs: bytes, texts and trees, each by a source of chance that can be set back to repeat it."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Path = tuple[Any, ...]
NAMES: Sequence[str] = (
    *("", " ", ".", "..", "../../etc/passwd", "/etc/passwd", "a/b", "a\nb", "a\r\nb", "a\tb", "-rf", "--help", "-"),
    *("'", '"', "\\", "$(id)", "`id`", "; true", "a b", "&&", "|", ">", "*", "**/*", "[", "?", "#", "%", "@", "!"),
    *("{out}", "{lr}", "{", "}", "{{", "}}", "{}", "{config}", "{batch}", "{no such}", "{a.b}", "é", "日本", "\u202e"),
    *("\x1b[31mred", "\x7f", "\x85", "\u2028", "\ufeff", "\ud800", "\udcff", "\0", "~", "~nobody_here/x", "$HOME"),
    *("1e999", "-1e999", "nan", "inf", "0x10", "1_000", "2024-01-31", "2024-13-45", "12:30:45", "yes", "null", "<<"),
    *("=", "(?P<", "a.b.c", ".a", "a.", "config.", "config.a", "x" * 300, "y" * 5000, "é" * 200, "\U0001f600"),
    *("4GiB", "1h30min", "1e400min", "9" * 400 + "GiB", "9" * 5000),
)
NUMBERS: Sequence[int | float] = (
    *(0, 1, -1, 2, 3, 7, 100, 4096, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 10**400),
    *(0.0, -0.0, 0.5, -1.5, 1e-320, 1e308, 1.7976931348623157e308, math.inf, -math.inf, math.nan),
)
TOKENS: Sequence[bytes] = (
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\r\n", b"\n", b"\t", b" ", b"\x85", b"\xe2\x80\xa8"),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b": ",
        b",",
        b"- ",
        b"? ",
        b"#",
        b"&a ",
        b"*a",
        b"!!python/name:os.system ",
        b"!t ",
    ),
    *(
        b"!!int ''",
        b"!!float ''",
        b"!!timestamp x",
        b"!!bool x",
        b"!!binary x",
        b"!!set ",
        b"<<: ",
        b"<<: *a",
        b"| ",
        b">-",
    ),
    *(b"---\n", b"...\n", b"%YAML 9.9\n", b"%TAG ! x\n", b"'", b'"', b"\\", b'"\\UFFFFFFFF"', b'"\\ud800"', b'"\\0"'),
    *(
        b"NaN",
        b"Infinity",
        b"1e999",
        b"9" * 5000,
        b"0x" + b"f" * 5000,
        b"null",
        b"true",
        b"~",
        b".nan",
        b"=",
        b"\x1b[2J",
    ),
    *(b"[" * 200, b"{a: " * 100, b"\xed\xa0\x80", b"\xc3", b"2024-13-45", b"1:99999"),
)


def value(chance: random.Random, words: Sequence[str], depth: int = 2) -> Any:
    """Anything that JSON and YAML can hold, and some that they cannot."""
    pick = chance.random()
    if pick < 0.3:
        return chance.choice(NAMES)
    if pick < 0.55:
        return chance.choice(NUMBERS)
    if pick < 0.65:
        return chance.choice((None, True, False, [], {}))
    if pick < 0.8 or depth == 0:
        return chance.choice(words)
    if pick < 0.9:
        return [value(chance, words, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(words): value(chance, words, depth - 1) for _ in range(chance.randrange(4))}


def tree(chance: random.Random, data: Any, words: Sequence[str]) -> Any:
    """The data with one to four changes, each at a place of its own."""
    data = copy.deepcopy(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = list(_places(data))
        if places:
            chance.choice(_CHANGES)(chance, data, chance.choice(places), words)
    return data


def _places(data: Any, above: Path = ()) -> Iterator[Path]:
    for key, inner in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*above, key)
        yield from _places(inner, (*above, key))


def _at(data: Any, path: Path) -> Any:
    for key in path:
        data = data[key]
    return data


def _replace(chance: random.Random, data: Any, path: Path, words: Sequence[str]) -> None:
    _at(data, path[:-1])[path[-1]] = value(chance, words)


def _remove(_: random.Random, data: Any, path: Path, __: Sequence[str]) -> None:
    del _at(data, path[:-1])[path[-1]]


def _wrap(chance: random.Random, data: Any, path: Path, words: Sequence[str]) -> None:
    holder, key = _at(data, path[:-1]), path[-1]
    holder[key] = chance.choice(([holder[key]], [holder[key]] * 2, {chance.choice(words): holder[key]}))


def _rename(chance: random.Random, data: Any, path: Path, words: Sequence[str]) -> None:
    holder, key = _at(data, path[:-1]), path[-1]
    if isinstance(holder, dict):
        holder[chance.choice((*NAMES, *words))] = holder.pop(key)


def _add(chance: random.Random, data: Any, path: Path, words: Sequence[str]) -> None:
    holder = _at(data, path[:-1])
    new = value(chance, words)
    if isinstance(holder, dict):
        holder[chance.choice(words)] = new
    else:
        holder.insert(path[-1], new)


def _swap(chance: random.Random, data: Any, path: Path, _: Sequence[str]) -> None:
    """Some other part of the whole in its place, copied."""
    other = copy.deepcopy(_at(data, chance.choice(list(_places(data)))))
    _at(data, path[:-1])[path[-1]] = other


def _nest(chance: random.Random, data: Any, path: Path, _: Sequence[str]) -> None:
    holder, key = _at(data, path[:-1]), path[-1]
    for _level in range(chance.choice((5, 31, 40, 150))):
        holder[key] = [holder[key]]


_CHANGES: Sequence[Callable[[random.Random, Any, Path, Sequence[str]], None]] = (
    *(_replace,) * 6,
    *(_remove, _remove, _wrap, _rename, _rename, _add, _add, _swap, _swap, _nest),
)


def octets(chance: random.Random, data: bytes) -> bytes:
    """Bytes changed, cut, doubled, or interleaved with what means something to a parser."""
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at, end = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
        end = min(end, at + chance.choice((1, 1, 4, 30, 300)))
        insert = chance.choice((chance.choice(TOKENS), bytes([chance.randrange(256)]), data[at:end] * 2, b""))
        data = data[:at] if chance.random() < 0.05 else data[:at] + insert + data[end:]
    return data


def lines(chance: random.Random, data: bytes) -> bytes:
    """Lines left out, repeated, moved and indented otherwise."""
    found = data.split(b"\n")
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(found))
        line = found.pop(at)
        for changed in chance.choice(
            ((), (line, line), (b" " + line,), (line[1:],), (line, chance.choice(found or [b""])))
        ):
            found.insert(at, changed)
        found = found or [b""]
    return b"\n".join(found)


def encoded(chance: random.Random, data: bytes) -> bytes:
    """Now and then as another editor would save it."""
    if chance.random() < 0.9:
        return data
    text = data.decode(errors="replace")
    as_utf_16 = text.encode("utf-16", "surrogatepass")
    return chance.choice((text.replace("\n", "\r\n").encode(errors="replace"), b"\xef\xbb\xbf" + data, as_utf_16))


def as_json(data: Any, *, finite_words: bool = False) -> bytes:
    """As Python writes it, `NaN` and all; with `finite_words` as YAML spells them."""
    try:
        text = json.dumps(data, indent=1)
    except RecursionError:
        return b"[" * 10_000
    if finite_words:
        text = text.replace("-Infinity", "-.inf").replace("Infinity", ".inf").replace("NaN", ".nan")
    return text.encode()
