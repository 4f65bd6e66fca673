"""YAML of other people's programs, as these read it: by the rules of YAML 1.1. PyYAML is imported only when used."""

from __future__ import annotations

from typing import Any

MOST_MERGED = 10_000
"""Keys that `<<` brings into one mapping: a few lines that merge each other would make billions."""


DEEPEST = 200
"""Of nested values: PyYAML takes a second for the first thousand brackets that nobody closes."""


class Unquoted(str):
    """A text that stood there without quotes, so that a reader of YAML 1.2 may take it for a number."""

    __slots__ = ()


def load_yaml(text: str | bytes) -> Any:
    """One document, read by PyYAML's safe loader, which counts what is merged before it merges, and how deep it is.

    Raises:
        yaml.YAMLError: it is none, or cannot be read.
        RecursionError: it is nested too deep.
        ValueError, LookupError, ArithmeticError, AttributeError: a text does not fit its tag (`!!int ''`), to PyYAML.
    """
    return _loader()(text).get_single_data()


def _loader() -> type[Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            if self.depth == DEEPEST:
                raise RecursionError(f"nested more than {DEEPEST} deep")
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            for key, value in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    self.bound(value.value if isinstance(value, yaml.SequenceNode) else [value], key)
            super().flatten_mapping(node)

        def bound(self, merged: list[yaml.Node], key: yaml.Node) -> None:
            for each in dict.fromkeys(merged):
                if isinstance(each, yaml.MappingNode):
                    self.flatten_mapping(each)
            if sum(len(each.value) for each in merged) > MOST_MERGED:
                problem = f"`<<` brings more than {MOST_MERGED} keys into one mapping"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)

    Loader.add_constructor("tag:yaml.org,2002:str", _construct_text)
    return Loader


def _construct_text(loader: Any, node: Any) -> str:
    value = str(loader.construct_scalar(node))
    return value if node.style else Unquoted(value)
