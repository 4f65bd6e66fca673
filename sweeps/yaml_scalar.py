"""What one YAML scalar means. Standard library only."""

from __future__ import annotations

import re

_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def plain_value(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means in the core schema of YAML 1.2.2 (section 10.3.2).

    Raises:
        ValueError: an integer of more than 64 bits.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > 40 or not -(2**63) <= (number := _integer(text)) < 2**63:
            raise ValueError(f"the integer {text[:40]} does not fit 64 bits")
        return number
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _NOT_FINITE.fullmatch(text) else whole_text(text)


def _integer(text: str) -> int:
    return int(text[2:], {"0o": 8, "0x": 16}[text[:2]]) if text[:2] in ("0o", "0x") else int(text)


def whole_text(text: str) -> str:
    r"""The text, with pairs such as `\ud83d\ude00` joined to the one character they mean.

    Raises:
        ValueError: it holds NUL or half of such a pair, which neither files nor databases take.
    """
    if "\0" in text:
        raise ValueError("text must not hold the character NUL")
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError("text holds half of a character, a lone surrogate") from None
