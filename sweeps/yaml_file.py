"""YAML 1.2 (core schema) into plain data that remembers where everything stood. PyYAML is imported only when used.

PyYAML parses the text into events; what they mean is decided here, because PyYAML follows YAML 1.1, where `no` is
false and `1e-3` is text, and because nothing may be guessed: duplicate keys, tags and second documents are refused.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from db.errors import Refused
from db.legible import legible
from db.strict import nearest
from sweeps.yaml_loader import MAX_WRITTEN
from sweeps.yaml_scalar import plain_value, whole_text

MAX_BYTES = 2**20
MAX_DEPTH = 32
_SHORTER = "`grid`, `seeds` and `sample` say much in little, or split it"
_ENDS_EARLY = re.compile(r"expected ',' or .*got '(\{|<scalar>)'")
MAX_VALUES = 100_000


@dataclass(frozen=True, order=True)
class Place:
    """Where something was given: a file's line and column, from 1; line 0 stands for the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Node:
    """A value and what lies in it: by key or index, the place of the key or item and its node.

    `size` counts all values in it, `height` how deep they are nested; both count what `*` repeats.
    """

    value: Any
    children: Mapping[str | int, tuple[Place, Node]] = field(default_factory=dict)
    size: int = 1
    height: int = 0


@dataclass(frozen=True)
class Located:
    """Plain data, and the place of each part of it."""

    top: Place
    root: Node

    @property
    def data(self) -> Any:
        return self.root.value

    def place(self, path: tuple[str | int, ...]) -> Place:
        """Of the key or item at `path`; of its nearest ancestor where it does not exist."""
        place, node = self.top, self.root
        for key in path:
            if key not in node.children:
                break
            place, node = node.children[key]
        return place


def read_yaml(path: Path) -> Located:
    """Read one YAML document.

    Raises:
        Refused: it cannot be read, or is not one plain document; the message names the line and column.
    """
    return parse_yaml(_read_text(path), str(path))


def parse_yaml(text: str, file: str) -> Located:
    """As `read_yaml`, of a text that came from `file`."""
    import yaml

    composer = _Composer(file, yaml.parse(text, Loader=yaml.SafeLoader))
    try:
        return composer.document()
    except yaml.reader.ReaderError as error:
        character = f"the character U+{ord(text[error.position]):04X} cannot stand in a YAML file"
        _refuse(_place_in(text, error.position, file), character)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        _refuse(place, _explain(error.problem or "it cannot be parsed", error.context))
    except (ValueError, OverflowError) as error:  # of PyYAML: `\UFFFFFFFF`, a version of thousands of digits
        _refuse(composer.reached, f"not valid YAML after this: {error}")


class _Composer:
    """Events into nodes. Anchors map to None while their node is still open."""

    def __init__(self, file: str, events: Iterator[Any]) -> None:
        self.file = file
        self.reached = Place(file)
        self.events = self.noting(events)
        self.anchors: dict[str, Node | None] = {}

    def noting(self, events: Iterator[Any]) -> Iterator[Any]:
        import yaml

        written = 0
        for event in events:
            self.reached = self.place(event)
            written += isinstance(event, yaml.NodeEvent)
            if written > MAX_WRITTEN:
                _refuse(self.reached, f"more than {MAX_WRITTEN:,} keys and values stand before this; {_SHORTER}")
            yield event

    def document(self) -> Located:
        import yaml

        next(self.events)
        start = next(self.events)
        if isinstance(start, yaml.StreamEndEvent):
            _refuse(Place(self.file), "holds nothing")
        first = next(self.events)
        top, root = self.place(first), self.node(first, 0)
        next(self.events)
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            _refuse(self.place(after), "a second document begins here; give each its own file")
        return Located(top, root)

    def node(self, event: Any, depth: int) -> Node:
        import yaml

        if isinstance(event, yaml.AliasEvent):
            return self.bounded(event, self.alias(event), depth)
        if event.tag is not None:
            _refuse(self.place(event), f"the tag `{event.tag}` is not read here; values are plain YAML")
        if event.anchor:
            self.anchors[event.anchor] = None
        node = self.scalar(event) if isinstance(event, yaml.ScalarEvent) else self.collection(event, depth)
        if event.anchor:
            self.anchors[event.anchor] = node
        return self.bounded(event, node, depth)

    def bounded(self, event: Any, node: Node, depth: int) -> Node:
        if node.size > MAX_VALUES:
            _refuse(self.place(event), f"holds more than {MAX_VALUES} values, repetitions by `*` counted")
        if depth + node.height > MAX_DEPTH:
            _refuse(self.place(event), f"nested more than {MAX_DEPTH} deep, repetitions by `*` counted")
        return node

    def collection(self, start: Any, depth: int) -> Node:
        import yaml

        if depth >= MAX_DEPTH:
            _refuse(self.place(start), f"nested more than {MAX_DEPTH} deep")
        return self.mapping(depth) if isinstance(start, yaml.MappingStartEvent) else self.sequence(depth)

    def alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            _refuse(self.place(event), f"`*{event.anchor}` repeats nothing: no `&{event.anchor}` comes before it")
        node = self.anchors[event.anchor]
        if node is None:
            _refuse(self.place(event), f"`*{event.anchor}` repeats the value that it is part of")
        return node

    def mapping(self, depth: int) -> Node:
        import yaml

        children: dict[str | int, tuple[Place, Node]] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key, place = self.key(event), self.place(event)
            if key in children:
                _refuse(place, f"the key `{key}` is given twice, first in line {children[key][0].line}")
            children[key] = (place, self.node(next(self.events), depth + 1))
        return Node({key: node.value for key, (_, node) in children.items()}, children, *_extent(children))

    def key(self, event: Any) -> str:
        import yaml

        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
            _refuse(self.place(event), "a key must be plain text")
        if event.style is None and event.value == "<<":
            _refuse(self.place(event), "merge keys are not read here; use `profiles` or sections under `backbones`")
        key = self.scalar(event).value
        if not isinstance(key, str):
            _refuse(self.place(event), f"a key must be text, `{event.value}` is not: put it in quotes")
        return key

    def sequence(self, depth: int) -> Node:
        import yaml

        children: dict[str | int, tuple[Place, Node]] = {}
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            children[len(children)] = (self.place(event), self.node(event, depth + 1))
        return Node([node.value for _, node in children.values()], children, *_extent(children))

    def scalar(self, event: Any) -> Node:
        try:
            return Node(plain_value(event.value) if event.style is None else whole_text(event.value))
        except ValueError as error:
            _refuse(self.place(event), str(error))

    def place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)


def _read_text(path: Path) -> str:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            _refuse(Place(str(path)), f"is a folder; give the sweep file in it{_files_near(path, '')}")
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            _refuse(Place(str(path)), f"must be a regular file of at most {MAX_BYTES} bytes")
        data = path.read_bytes()
    except FileNotFoundError:
        _refuse(Place(str(path)), f"there is no such file{_files_near(path.parent, path.name)}")
    except OSError as error:
        _refuse(Place(str(path)), f"cannot be read: {error.strerror}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "ignore")
        _refuse(_place_in(before, len(before), str(path)), "is not UTF-8; save the file as UTF-8")


def _files_near(folder: Path, name: str) -> str:
    if not folder.is_dir():
        return f", nor the folder {folder}"
    return nearest(name, [entry for entry in os.listdir(folder) if entry.endswith((".yaml", ".yml"))])  # noqa: PTH208 - names are all that is needed


def _place_in(text: str, position: int, file: str) -> Place:
    before = text[:position]
    return Place(file, before.count("\n") + 1, position - before.rfind("\n"))


def _explain(problem: str, context: str | None) -> str:
    if "'\\t'" in problem:
        return "a tab stands here; YAML is indented and separated with spaces only"
    advice = '; text with braces goes in quotes, as in "{out}/x"' if _ENDS_EARLY.search(problem) else ""
    return f"not valid YAML: {problem}{f' ({context})' if context else ''}{advice}"


def _extent(children: Mapping[str | int, tuple[Place, Node]]) -> tuple[int, int]:
    nodes = [node for _, node in children.values()]
    return 1 + sum(node.size for node in nodes), 1 + max((node.height for node in nodes), default=0)


def _refuse(place: Place, message: str) -> NoReturn:
    raise Refused(f"{place}: {legible(message)}")
