"""What counts as a sign of failure in a log, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.last_line import last_line
from runner.log_signs import Signs, read_signs, signs_in

BEGIN = "Traceback (most recent call last):\n  File x\n"
PATCHTST = """\
Epoch 0
Traceback (most recent call last):
  File "main_LQ.py", line 9, in <module>
    run()
  File "B_08_PatchTST.py", line 61, in __init__
    for _ in range(cfg.e_layers)
                   ^^^^^^^^^^^^
AttributeError: 'ConfigWrapper' object has no attribute 'e_layers'
done
"""
TORCHRUN = """\
[rank1]: Traceback (most recent call last):
[rank0]: Epoch 3
[rank1]:   File "train.py", line 3, in <module>
INFO: something else
[rank1]:     loss.backward()
[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 968.00 MiB.
E1 failed (exitcode: 1) local_rank: 1
Traceback (most recent call last):
  File "/bin/torchrun", line 8, in <module>
    sys.exit(main())
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
"""
CHAINED = """\
Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
configs.Missing: no `x` in the config
"""
RICH = """\
╭───────────── Traceback (most recent call last) ─────────────╮
│ /x/train.py:3 in <module>                                   │
╰─────────────────────────────────────────────────────────────╯
ValueError: no data
"""


GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "train.py", line 9, in <module>
  |     raise ExceptionGroup("tasks", errors)
  | ExceptionGroup: tasks (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "train.py", line 4, in <module>
    |     loss.backward()
    | torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 968.00 MiB.
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "train.py", line 5, in <module>
    | KeyError: 'x'
    +------------------------------------
"""
UNRELATED = GROUP.replace("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 968.00 MiB.", "ValueError: x")


def signs(text: str) -> Signs:
    return signs_in(text.encode().split(b"\n"))


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (PATCHTST, "AttributeError: 'ConfigWrapper' object has no attribute 'e_layers'"),
        (TORCHRUN, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 968.00 MiB."),
        (CHAINED, "configs.Missing: no `x` in the config"),
        (RICH, "ValueError: no data"),
        (GROUP, "KeyError: 'x'"),
        ("Traceback (most recent call last):\n  File x\n100%|###| 3/3\nKeyboardInterrupt\n", "KeyboardInterrupt"),
        ("Traceback (most recent call last):\n  File x\n", "Traceback (most recent call last)"),
        (f"{BEGIN}    raise my_failure(1)\nmy_failure: x\n", "my_failure: x"),
        (
            f"{BEGIN}socket.gaierror: [Errno -2] Name or service not known\n",
            "socket.gaierror: [Errno -2] Name or service not known",
        ),
        (f"{BEGIN}my_failure\nnext\n", "my_failure"),
        (f"{BEGIN}loss: 0.5\nval_loss: 3\nKeyError: 'x'\n", "KeyError: 'x'"),
        (f"{BEGIN}100%|#| 3/3\nbye: now\nKeyError: 'x'\n", "KeyError: 'x'"),
        (TORCHRUN.partition("E1 ")[2], "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:"),
    ],
)
def test_a_traceback_is_known_by_its_last_line(text: str, last: str) -> None:
    assert signs(text).traceback == last


PREFIXES = [
    "0: ",
    "(pid=123) ",
    "(train pid=12, ip=10.0.0.1) ",
    "worker_1  | ",
    "[rank1]: ",
    "[1,0]<stderr>:",
    "INFO:root:",
]


@pytest.mark.parametrize(
    "prefix", [*PREFIXES, "12:00:0{} ", "2026-01-01 12:00:0{},123 INFO ", "[2026-01-01T12:00:0{}.5Z] "]
)
@pytest.mark.parametrize("begin", [BEGIN, f"  + Exception Group {BEGIN}"])
def test_a_prefix_of_every_line_hides_no_traceback(prefix: str, begin: str) -> None:
    lines = f"{begin}    x = 1\nMemoryError: big\n".splitlines()
    found = signs("\n".join(prefix.format(number) + line for number, line in enumerate(lines)))
    assert found.traceback == "MemoryError: big"
    assert (found.host_oom or "").endswith("MemoryError: big")


@pytest.mark.parametrize(
    "words", ["2026-01-01 12:00:00 ERROR ", "[2026-01-01 12:00:00][x][ERROR] - ", "Uncaught: ", "0: "]
)
def test_a_prefix_may_stand_before_the_first_line_alone(words: str) -> None:
    assert signs(f"{words}{BEGIN}    x = 1\nKeyError: 'x'\n").traceback == "KeyError: 'x'"


def test_tracebacks_of_two_ranks_are_told_apart() -> None:
    text = "0: Traceback (most recent call last):\n1: Epoch: x\n0:   File x\n1: Found: y\n0: KeyError: 'x'\n"
    assert signs(text).traceback == "KeyError: 'x'"


def test_memory_is_seen_whatever_is_said_after_it() -> None:
    assert (
        signs(TORCHRUN).cuda_oom == "[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 968.00 MiB."
    )


@pytest.mark.parametrize(
    ("sign", "line"),
    [
        ("cuda_oom", "RuntimeError: CUDA out of memory. Tried to allocate 12.00 GiB"),
        ("cuda_oom", "RuntimeError: CUDA error: out of memory"),
        ("cuda_oom", "torch.cuda.OutOfMemoryError: HIP out of memory"),
        ("cuda_oom", "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate"),
        ("cuda_oom", "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED"),
        ("host_oom", "MemoryError"),
        ("host_oom", "[rank0]: MemoryError: bad"),
        ("host_oom", "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 7.28 TiB"),
        ("host_oom", "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory"),
        ("host_oom", "OSError: [Errno 12] Cannot allocate memory"),
        ("host_oom", "terminate called after throwing an instance of 'std::bad_alloc'"),
        ("disk_full", "OSError: [Errno 28] No space left on device"),
        ("disk_full", "could not save: [Errno 28] No space left on device"),
        ("cuda_oom", "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Failed to allocate request for 8.0GiB"),
        ("cuda_oom", "tensorflow.python.framework.errors_impl.ResourceExhaustedError: {{function_node ...}}"),
        ("cuda_oom", "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        ("cuda_oom", "node:12:34 [0] misc.cc:65 NCCL WARN Cuda failure 2 'out of memory'"),
        ("cuda_oom", "cupy.cuda.memory.OutOfMemoryError: Out of memory allocating 8,000,000,000 bytes"),
        ("cuda_oom", "RuntimeError: NPU out of memory. Tried to allocate 2.00 GiB (NPU 0; 60 GiB total capacity)"),
        ("cuda_oom", "2026-01-01 10:00:00 ERROR train.py:3 CUDA out of memory. Tried to allocate 2.00 GiB"),
        ("host_oom", "RuntimeError: DataLoader worker (pid 123) is killed by signal: Killed. "),
        ("host_oom", "bash: fork: Cannot allocate memory"),
        ("disk_full", "cp: error writing 'b': No space left on device"),
        ("nan", "Loss is nan, stopping training"),
        ("nan", "Epoch 3 loss: nan"),
        ("nan", "{'loss': nan, 'epoch': 1.0}"),
        ("nan", "100%|####| 10/10 [00:01, train_loss=nan]"),
        ("nan", "tensor(nan, device='cuda:0')"),
        ("nan", "loss tensor(nan)"),
        ("nan", "val RMSE = NaN"),
        ("nan", "Epoch 9: 100%|##| 5/5 [00:01<00:00, v_num=0, train_loss_step=nan.0, train_loss_epoch=nan.0]"),
        ("nan", "loss: -nan"),
        ("nan", "| loss | nan |"),
        ("nan", "loss: [nan, nan]"),
        ("nan", "Loss/train nan"),
        ("nan", "mIoU: nan"),
        ("nan", "'val_loss': 'nan'"),
        ("cuda_oom", "_catboost.CatBoostError: catboost/cuda/cuda_lib: CUDA error 2: out of memory"),
    ],
)
def test_a_line_shows_its_sign(sign: str, line: str) -> None:
    found = signs(f"before\n\x1b[31m{line}\x1b[0m\nafter")
    assert {name for name, each in vars(found).items() if each} == {sign}
    assert vars(found)[sign] == line.strip()


@pytest.mark.parametrize(
    "line",
    [
        "completed successfully",
        "XGBClassifier(missing=nan, n_jobs=4)",
        "SimpleImputer(missing_values=nan)",
        "best loss: inf",
        "tenant: nanny, loss: nano",
        "peak memory 3 GiB, no traceback",
        "INFO: MemoryErrors are handled",
        "alloc 3 MB",
        "hint: if you get 'CUDA out of memory', lower --batch",
        "in case of CUDA out of memory, lower --batch",
        "see https://x.org/torch.OutOfMemoryError",
        "WARNING: CUDA out of memory. Tried to allocate 2.00 GiB; the batch is skipped",
        "WARNING: no checkpoint was kept: [Errno 28] No space left on device",
        "train.py:3: UserWarning: Cannot allocate memory",
        "1/3 loss=nan\r2/3 loss=0.5\r3/3 loss=0.4",
        "| loss | nan |\n| loss | 0.3 |",
        "loss: [nan, nan]\nloss: [0.3, 0.2]",
        "error: nan values were dropped from 3 columns",
        "python train.py --skip-loss=nan",
        "loss: NaN check enabled",
        "val_loss: nan (not computed)",
        "best_loss=nan",
        "loss nan? False",
        "if loss is nan: stop",
        "score: nan handling = drop",
    ],
)
def test_what_is_no_sign(line: str) -> None:
    assert signs(line) == Signs()


OOM = f"{BEGIN}torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1 GiB.\n"
KEY = f"{BEGIN}KeyError: 'acc'\n"
DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
PEER = f"{BEGIN}torch.distributed.DistBackendError: NCCL error in: x.cpp:3\n"


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        (OOM + "batch halved, going on\n" + KEY, False),
        ("CUDA out of memory. Tried to allocate 1 GiB.\n" + KEY, False),
        ("[rank0]: OSError: [Errno 28] No space left on device\n" + KEY, False),
        (KEY + OOM, True),
        (OOM + DURING + KEY, True),
        (OOM + PEER, True),
        (TORCHRUN + KEY.replace("\n", "\n[rank0]: ").join(["[rank0]: ", ""]), True),
        (OOM, True),
    ],
)
def test_what_went_wrong_after_it_takes_its_place(text: str, *, shows: bool) -> None:
    found = signs(text)
    assert bool(found.cuda_oom or found.disk_full) is shows


def test_logs_are_read_whole_and_in_order(tmp_path: Path) -> None:
    early, late = tmp_path / "stderr.log", tmp_path / "stdout.log"
    early.write_bytes(b"CUDA out of memory\n" + b"x" * 3_000_000 + b"\r99%\rloss: nan")
    late.write_bytes(b"CUDA error: out of memory\n\xff\xfe\n" + PATCHTST.encode())
    found = read_signs([early, tmp_path / "missing.log", late])
    assert found.cuda_oom == "CUDA out of memory"
    assert found.nan == "loss: nan"
    assert found.traceback == "AttributeError: 'ConfigWrapper' object has no attribute 'e_layers'"


def test_an_exception_on_stderr_takes_the_place_of_what_was_printed(tmp_path: Path) -> None:
    stderr, stdout = tmp_path / "stderr.log", tmp_path / "stdout.log"
    stderr.write_text(KEY)
    stdout.write_text("CUDA out of memory. Tried to allocate 1 GiB.\n")
    assert read_signs([stderr, stdout]) == Signs(traceback="KeyError: 'acc'")


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"", ""),
        (b"\n \n", ""),
        (b"a\nTraining finished\n\n", "Training finished"),
        (b"Training finished\r\n", "Training finished"),
        (b" 50%|##  |\r100%|####|", "100%|####|"),
        (b"100%\rTraining finished\r   \r\n", "Training finished"),
        (b"\x1b[32mTraining\x1b[0m finished\x1b]0;title\x07\n\x1b[2K\r", "Training finished"),
        (b"gr\xf6\xdfe", "gr\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}e"),
    ],
)
def test_the_last_line_is_the_one_that_a_terminal_shows(output: bytes, line: str) -> None:
    assert last_line(output) == line


def test_members_of_a_group_are_one_failure() -> None:
    assert (signs(GROUP).cuda_oom or "").endswith("CUDA out of memory. Tried to allocate 968.00 MiB.")
    assert signs("  + Exception Group Traceback (most recent call last):\n    | MemoryError: big\n").host_oom
    handled = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 968.00 MiB.\n"
    assert signs(handled).cuda_oom
    assert signs(handled + UNRELATED).cuda_oom is None
