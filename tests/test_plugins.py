"""Files become backbones by their name: what is found, what is refused, and that nothing else is taken for ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from backbones import registry
from db.errors import Refused
from db.strict import to_record
from sweeps import plugins

ROOT = Path(__file__).resolve().parent.parent
NAMES = registry.names()

PLUGIN = """
from __future__ import annotations
from dataclasses import dataclass
from torch import Tensor
from backbones.interface import Backbone
from backbones.dlinear import DLinear  # imported classes do not count

class Last(Backbone):
    @dataclass(frozen=True, kw_only=True)
    class Config:
        count: int = 2

    def __init__(self, config: Config, *, window: int) -> None:
        super().__init__()
        self.width = 1
        self.count = config.count

    def forward(self, x_BLC: Tensor) -> Tensor:
        return x_BLC[:, -self.count:].transpose(1, 2).unsqueeze(-1)
"""


def plugin(folder: Path, text: str, name: str = "last") -> Path:
    (folder / "backbones").mkdir(exist_ok=True)
    (folder / "backbones" / f"{name}.py").write_text(text)
    return folder


def test_the_package_holds_the_four() -> None:
    assert {"dlinear", "fno", "patchtst", "timesnet"} <= set(NAMES)
    assert not {"interface", "registry", "__init__", "layers"} & set(NAMES)


def test_a_plugin_folder_adds_a_backbone(tmp_path: Path) -> None:
    folders = [plugin(tmp_path, PLUGIN)]
    assert registry.names(folders) == tuple(sorted([*NAMES, "last"]))
    kind: Any = registry.load("last", folders)
    assert registry.load("last", folders) is kind
    backbone = kind(to_record(kind.Config, {"count": 3}), window=8)
    assert backbone(torch.arange(8.0).reshape(1, 8, 1)).flatten().tolist() == [5, 6, 7]
    assert registry.names() == NAMES


def test_the_file_of_a_name_is_known_without_importing_it(tmp_path: Path) -> None:
    plugin(tmp_path, "raise RuntimeError('imported')")
    found = plugins.files(registry.SHELF, [tmp_path])
    assert found["last"] == tmp_path / "backbones" / "last.py"
    assert found["dlinear"] == ROOT / "backbones" / "dlinear.py"


def test_a_file_mended_after_a_refusal_is_read_again(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        registry.load("last", [plugin(tmp_path, "import no_such_package")])
    assert registry.load("last", [plugin(tmp_path, PLUGIN)]).__name__ == "Last"


def test_a_folder_named_twice_is_one_folder(tmp_path: Path) -> None:
    plugin(tmp_path, PLUGIN)
    assert registry.load("last", [tmp_path, tmp_path / "backbones" / ".."]).__name__ == "Last"
    assert registry.names([ROOT]) == NAMES


def test_an_unknown_name_is_refused_with_the_nearest_and_where_we_looked(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"no backbone `timesnett` \(did you mean `timesnet`\?\); looked in") as refused:
        registry.load("timesnett", [tmp_path])
    assert str(tmp_path / "backbones") in str(refused.value)
    for not_a_name in ("interface", "registry", "layers", "__init__", "../db/errors"):
        with pytest.raises(Refused, match="there is no backbone"):
            registry.load(not_a_name)


def test_a_missing_plugin_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"no folder {tmp_path / 'nowhere'}"):
        registry.names([tmp_path / "nowhere"])


def test_a_plugin_cannot_take_the_place_of_another(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="two files are the backbone `dlinear`"):
        registry.load("dlinear", [plugin(tmp_path, PLUGIN, "dlinear")])


def test_a_file_whose_name_cannot_be_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"my-net\.py: `my-net` cannot be the name of a backbone"):
        registry.names([plugin(tmp_path, PLUGIN, "my-net")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "defines 0 subclasses of Backbone; exactly one is needed"),
        (PLUGIN + "class Other(Last): pass\n", r"defines 2 subclasses of Backbone \(Last, Other\)"),
        ("from backbones.interface import Backbone\nclass A(Backbone): pass\n", "A does not define forward"),
        (PLUGIN.replace("frozen=True", "frozen=False"), "Last needs a `Config`"),
        (PLUGIN.replace("class Config", "class Settings").replace("Config,", "Settings,"), "Last needs a `Config`"),
        ("x = 1\ny = = 2\n", r"last\.py, line 2: invalid syntax"),
        ("import math\n\nmath.nonsense\n", r"last\.py, line 3: AttributeError: .*nonsense"),
        ("def set_up():\n    return nonsense\n\nset_up()\n", r"last\.py, line 2: NameError: .*nonsense"),
        ("import no_such_package\n", r"last\.py, line 1: ModuleNotFoundError: .*no_such_package"),
    ],
)
def test_a_file_that_holds_no_backbone_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        registry.load("last", [plugin(tmp_path, text)])
    assert str(tmp_path / "backbones" / "last.py") in str(refused.value)


def run_in(folder: Path, code: str) -> str:
    """What a process prints that runs there as our own do (`runner.entry`): the folder is not on its path."""
    code = f"import sys; sys.path[:] = [{str(ROOT)!r}, *filter(None, sys.path)]; {code}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_names_are_listed_without_torch(tmp_path: Path) -> None:
    code = "from backbones import registry; print(*registry.names(), 'torch' in sys.modules)"
    assert run_in(tmp_path, code) == f"{' '.join(NAMES)} False"


@pytest.mark.parametrize("put_first", ["", "sys.path.insert(0, '.');"], ids=["beside", "first on the path"])
def test_files_of_the_current_folder_do_not_take_the_place_of_ours(tmp_path: Path, put_first: str) -> None:
    plugin(tmp_path, "raise RuntimeError('the wrong file')", "dlinear")
    plugin(tmp_path, "raise RuntimeError('the wrong file')", "__init__")
    (tmp_path / "sweeps.py").write_text("raise RuntimeError('the wrong file')")
    if not put_first:
        (tmp_path / "json.py").write_text("raise RuntimeError('the wrong file')")
    code = f"from backbones import registry; {put_first} print(registry.load('dlinear').__module__)"
    assert run_in(tmp_path, code) == "backbones.dlinear"
