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


READS_AS_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput"}
RUNS_TEXT |= {"subprocess.getstatusoutput", "asyncio.create_subprocess_shell", "yaml.load", "yaml.load_all"}
RUNS_TEXT |= {"yaml.unsafe_load", "yaml.full_load", "torch.hub.load", "pandas.read_pickle"}
UNLESS = {
    "torch.load": ("weights_only", True),
    "numpy.load": ("allow_pickle", False),
    "np.load": ("allow_pickle", False),
}


def gives_way_to_text(tree: ast.AST) -> set[str]:
    """What would run a text as a program, through a shell or as code: by the calls that there are, not by the words."""
    found = {f"import {name}" for name in tops(imports(tree, "")) & READS_AS_CODE}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        given = {each.arg: each.value for each in call.keywords if each.arg}
        shell = given.get("shell")
        if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
            found.add(f"{name}(shell=...)")
        word, safe = UNLESS.get(name, ("", None))
        value = given.get(word)
        is_safe = isinstance(value, ast.Constant) and value.value is safe
        if name in RUNS_TEXT or (word and not is_safe):
            found.add(name)
    return found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("subprocess.run(text, shell=True)", "subprocess.run(shell=...)"),
        ("Popen(text, shell=asked)", "Popen(shell=...)"),
        ("os.system(text)", "os.system"),
        ("from pickle import loads", "import pickle"),
        ("import joblib.parallel", "import joblib"),
        ("torch.load(path)", "torch.load"),
        ("torch.load(path, weights_only=False)", "torch.load"),
        ("np.load(path, allow_pickle=True)", "np.load"),
        ("yaml.load(text, Loader=yaml.Loader)", "yaml.load"),
        ("eval(text)", "eval"),
    ],
)
def test_what_runs_a_text_is_seen(code: str, found: str) -> None:
    assert gives_way_to_text(ast.parse(code)) == {found}


def test_what_runs_no_text_is_let_be() -> None:
    code = "subprocess.run(argv, shell=False); torch.load(path, weights_only=True); model.eval(); yaml.safe_load(text)"
    assert gives_way_to_text(ast.parse(code)) == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_shell_and_nothing_unpickled(module: str) -> None:
    assert gives_way_to_text(tree_of(module)) == set()
