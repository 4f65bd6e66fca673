"""Backbones and tasks are files: found by name, imported one at a time. Standard library only.

A name is a file's name. `files` never imports what it finds, so the scheduler's side lists valid names without torch;
`load` imports one module by its path, never through `sys.path`, so a folder that happens to hold a `backbones/` of its
own cannot take the place of ours.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from db.errors import Refused
from db.strict import nearest

_NOT_PLUGINS = ("interface", "registry")
_PACKAGES = Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shelf:
    """A package whose files are its entries: `Shelf(word="backbone", package="backbones", interface="Backbone")`.

    `interface` is the class in `<package>/interface.py` that every file has exactly one subclass of. A plugin folder
    holds its entries in a folder called like the package.
    """

    word: str
    package: str
    interface: str

    @property
    def folder(self) -> Path:
        return _PACKAGES / self.package


def files(shelf: Shelf, plugins: Sequence[Path] = ()) -> dict[str, Path]:
    """The file of every name on the shelf and in the plugin folders, sorted by name. Imports nothing.

    Raises:
        Refused: a plugin folder does not exist, two files have one name, or a file's name cannot be one.
    """
    found: dict[str, Path] = {}
    for path in _candidates(shelf, plugins):
        name = path.stem
        if not name.isidentifier():
            raise Refused(f"{path}: `{name}` cannot be the name of a {shelf.word}; use letters, digits and _")
        if found.setdefault(name, path) != path:
            raise Refused(f"two files are the {shelf.word} `{name}`: {found[name]} and {path}; rename one of them")
    return dict(sorted(found.items()))


def load(shelf: Shelf, name: str, plugins: Sequence[Path] = ()) -> type[Any]:
    """Import the file called `name` and return its one subclass of the shelf's interface.

    Raises:
        Refused: there is no such file, it cannot be imported, or does not hold one complete class with a `Config`.
    """
    known = files(shelf, plugins)
    if name not in known:
        where = ", ".join(str(folder) for folder in _folders(shelf, plugins))
        raise Refused(f"there is no {shelf.word} `{name}`{nearest(name, known)}; looked in {where}")
    path = known[name]
    module = _import(shelf, path)
    interface: type[Any] = getattr(importlib.import_module(f"{shelf.package}.interface"), shelf.interface)
    return _complete(_only_subclass(module, interface, path), path)


def _candidates(shelf: Shelf, plugins: Sequence[Path]) -> Iterator[Path]:
    for folder in _folders(shelf, plugins):
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith((".", "_")) and path.stem not in _NOT_PLUGINS and path.is_file():
                yield path


def _folders(shelf: Shelf, plugins: Sequence[Path]) -> Iterable[Path]:
    for plugin in plugins:
        if not plugin.is_dir():
            raise Refused(f"plugins: there is no folder {plugin.absolute()}")
    # A folder named twice, or our own named as a plugin, is one folder.
    return dict.fromkeys([shelf.folder, *(plugin.resolve() / shelf.package for plugin in plugins)])


def _import(shelf: Shelf, path: Path) -> ModuleType:
    ours = path.parent == shelf.folder
    module_name = f"{shelf.package}.{path.stem}" if ours else f"plugin {path.parent}.{path.stem}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    try:
        # A submodule of a package already imported is searched for in that package's folder alone.
        return importlib.import_module(module_name) if ours else _import_file(module_name, path)
    except SyntaxError as error:
        raise Refused(f"{error.filename}, line {error.lineno}: {error.msg}") from error
    except (ImportError, NameError, AttributeError, TypeError, ValueError, OSError) as error:
        raise Refused(f"{path}, line {_line(error, path)}: {type(error).__name__}: {error}") from error


def _import_file(module_name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise Refused(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    with contextlib.ExitStack() as undo:
        sys.modules[module_name] = module  # where dataclasses look their annotations up
        undo.callback(sys.modules.pop, module_name)
        spec.loader.exec_module(module)
        undo.pop_all()
    return module


def _line(error: Exception, path: Path) -> int:
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == str(path)), 0)


def _only_subclass(module: ModuleType, interface: type[Any], path: Path) -> type[Any]:
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, interface) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = f" ({', '.join(kind.__name__ for kind in found)})" if found else ""
        raise Refused(f"{path}: defines {len(found)} subclasses of {interface.__name__}{names}; exactly one is needed")
    return found[0]


def _complete(kind: type[Any], path: Path) -> type[Any]:
    if inspect.isabstract(kind):
        raise Refused(f"{path}: {kind.__name__} does not define {', '.join(sorted(kind.__abstractmethods__))}")
    config = getattr(kind, "Config", None)
    parameters = getattr(config, "__dataclass_params__", None)
    if not (isinstance(config, type) and parameters and parameters.frozen):
        raise Refused(f"{path}: {kind.__name__} needs a `Config`, a dataclass(frozen=True, kw_only=True)")
    return kind
