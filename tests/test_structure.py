"""What the shape of the project promises: floors without cycles, two sides that never meet, few exceptions."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("runner", "backbones", "tasks", "sweeps", "db")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports(tree: ast.AST, module: str) -> set[str]:
    """Every module that is imported anywhere in the tree, ours by their full names."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports relatively"
            stem = node.module or ""
            found |= {name if (name := f"{stem}.{alias.name}") in MODULES else stem for alias in node.names}
    return found


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


@cache
def all_imports(module: str) -> frozenset[str]:
    return frozenset(imports(tree_of(module), module))


def reachable(start: str) -> set[str]:
    """All that `start` may ever import, inside functions too; a package's `__init__` comes with its modules."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += list(all_imports(name)) if name in MODULES else []
    return seen


def tops(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_no_module_imports_itself_through_others() -> None:
    def own(module: str) -> set[str]:
        top_level = ast.Module([node for node in tree_of(module).body if not isinstance(node, ast.If)], [])
        return imports(top_level, module) & set(MODULES) - {module}

    clean: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path, module])
        if module not in clean:
            for imported in own(module):
                walk(imported, (*path, module))
            clean.add(module)

    for module in MODULES:
        walk(module, ())


def test_the_scheduler_side_never_imports_torch() -> None:
    found = reachable("runner.cli")
    assert not tops(found) & {"torch", "numpy", "h5py", "safetensors"}
    assert not {name for name in found if name.startswith(("backbones.", "tasks."))}


@pytest.mark.parametrize("start", ["runner.worker", "runner.preflight"])
def test_the_worker_side_never_opens_the_ledger(start: str) -> None:
    found = reachable(start)
    assert not found & {"db.ledger", "db.board", "runner.scheduler"}
    assert not tops(found) & {"sqlalchemy", "sqlite3", "submitit", "rich"}


@pytest.mark.parametrize("start", ["runner.supervisor", "runner.attempt_dir", "db.board", "runner.show"])
def test_what_must_start_quickly_needs_the_standard_library_only(start: str) -> None:
    foreign = tops(reachable(start)) - set(sys.stdlib_module_names) - set(PACKAGES)
    assert not foreign


def test_data_flows_down_from_the_packages_that_know_less() -> None:
    for module in MODULES:
        package = module.split(".")[0]
        allowed = {
            "db": {"db"},
            "sweeps": {"db", "sweeps"},
            "backbones": {"db", "sweeps", "backbones"},
            "tasks": {"db", "sweeps", "tasks"},
            "runner": set(PACKAGES),
        }[package]
        assert tops(set(all_imports(module))) & set(PACKAGES) <= allowed, module


def broad_handlers() -> set[str]:
    found = set()
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            if not isinstance(node, ast.ExceptHandler):
                continue
            names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {""}
            reraised = any(isinstance(line, ast.Raise) and line.exc is None for line in node.body)
            if names & {"", "Exception", "BaseException"} and not reraised:
                found.add(module)
    return found


def test_only_the_outermost_of_each_process_catches_everything() -> None:
    assert broad_handlers() == {"runner.cli", "runner.worker", "runner.preflight"}


def test_only_the_command_line_prints() -> None:
    for module in MODULES:
        calls = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)]
        prints = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
        assert not prints or module == "runner.cli", f"{module}: {prints}"


def test_no_shell_no_pickle_no_unsafe_yaml() -> None:
    for module, path in MODULES.items():
        text = path.read_text()
        for word in ("shell=True", "os.system(", "import pickle", "yaml.load(", "torch.load(", "eval(", "exec("):
            assert word not in text.replace("model.eval(", "").replace(".eval()", ""), f"{module}: {word}"
