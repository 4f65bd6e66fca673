"""YAML of other people's programs, as these read it: by the rules of YAML 1.1. PyYAML is imported only when used."""

from __future__ import annotations

import math
from typing import Any, NoReturn

MAX_WRITTEN = 20_000
"""Keys and values that stand in what somebody wrote for us: PyYAML reads so many in less than a second."""
MOST_MERGED = 10_000
"""Keys that `<<` brings into one mapping: a few lines that merge each other would make billions."""

TOO_MANY = "more than"
"""So begins what is said of a text in which more stands than may."""
DEEPEST = 200
"""Of nested values: PyYAML takes a second for the first thousand brackets that nobody closes."""


class Unquoted(str):
    """A text that stood there without quotes, so that a reader of YAML 1.2 may take it for a number."""

    __slots__ = ()


def load_yaml(text: str | bytes, most: float = math.inf) -> Any:
    """One document, read by PyYAML's safe loader, which counts what is merged before it merges, and how deep it is.

    Raises:
        yaml.YAMLError: it is none, cannot be read, or more than `most` keys and values stand in it.
        RecursionError: it is nested too deep.
        ValueError, LookupError, ArithmeticError, AttributeError: a text does not fit its tag (`!!int ''`), to PyYAML.
    """
    return _loader(most)(text).get_single_data()


def _loader(most: float) -> type[Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        depth = 0
        written = 0

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            if self.depth == DEEPEST:
                raise RecursionError(f"nested more than {DEEPEST} deep")
            self.written += 1
            if self.written > most:
                _refuse(f"{TOO_MANY} {most:,} keys and values stand before this", self.peek_event())  # type: ignore[no-untyped-call]
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            for key, value in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    _bound(self, value.value if isinstance(value, yaml.SequenceNode) else [value], key)
            super().flatten_mapping(node)

    Loader.add_constructor("tag:yaml.org,2002:str", _construct_text)
    return Loader


def _bound(loader: Any, merged: list[Any], key: Any) -> None:
    """Flatten what is to be merged, and count it, before it is."""
    for each in dict.fromkeys(merged):
        if each.id == "mapping":
            loader.flatten_mapping(each)
    if sum(len(each.value) for each in merged) > MOST_MERGED:
        _refuse(f"`<<` brings more than {MOST_MERGED} keys into one mapping", key)


def _refuse(problem: str, at: Any) -> NoReturn:
    import yaml

    raise yaml.MarkedYAMLError(None, None, problem, at.start_mark)


def _construct_text(loader: Any, node: Any) -> str:
    value = str(loader.construct_scalar(node))
    return value if node.style else Unquoted(value)
