"""One plain YAML document of somebody else's, as its programs read it: YAML 1.1. PyYAML is imported when used."""

from __future__ import annotations

from typing import Any

MOST_MERGED = 10_000
"""Keys that `<<` brings into one mapping: a few lines that merge each other would make billions."""


class NotPlain(ValueError):  # noqa: N818 - evidence, not an accident: it is collected and judged
    """It is not one plain YAML document; the message says why."""


def read_result_yaml(data: bytes) -> Any:
    """The document's value.

    Raises:
        NotPlain: it is none, or cannot be read.
    """
    import yaml

    try:
        return _loader(data).get_single_data()
    except yaml.YAMLError as error:
        raise NotPlain(" ".join(str(error).split())[:300]) from None
    except RecursionError:
        raise NotPlain("it is nested too deep") from None
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        # What PyYAML runs into where a tag does not fit its text: `!!timestamp soon`, `!!int ''`.
        raise NotPlain(f"{type(error).__name__}: {error}"[:300]) from None


def _loader(data: bytes) -> Any:
    """A SafeLoader that counts what is merged before it merges."""
    import yaml

    class Loader(yaml.SafeLoader):
        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            for key, value in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    self.bound(value.value if isinstance(value, yaml.SequenceNode) else [value])
            super().flatten_mapping(node)

        def bound(self, merged: list[yaml.Node]) -> None:
            for each in dict.fromkeys(merged):
                if isinstance(each, yaml.MappingNode):
                    self.flatten_mapping(each)
            if sum(len(each.value) for each in merged) > MOST_MERGED:
                raise NotPlain(f"`<<` brings more than {MOST_MERGED} keys into one mapping")

    return Loader(data)
