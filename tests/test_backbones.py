"""What every backbone keeps, for each file found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backbones import registry
from backbones.interface import Backbone
from db.errors import AttemptError
from db.strict import Invalid, to_record

NAMES = registry.names()
VARIANTS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    *((name, {}) for name in NAMES),
    ("dlinear", {"patch": 24, "stride": 7}),
    ("fno", {"patch": 1, "stride": 1, "modes": 3}),
    ("patchtst", {"norm": "batch"}),
    ("patchtst", {"pre_norm": True, "instance_norm": True}),
    ("timesnet", {"patch": 1, "stride": 1, "num_kernels": 6, "top_k": 5, "d_model": 15}),
)
every_name = pytest.mark.parametrize("name", NAMES)
every_variant = pytest.mark.parametrize(
    ("name", "settings"), VARIANTS, ids=lambda value: ",".join(value) if isinstance(value, Mapping) else str(value)
)


def build(name: str, window: int = 256, settings: Mapping[str, Any] | None = None) -> Backbone:
    torch.manual_seed(0)
    kind: Any = registry.load(name)
    backbone: Backbone = kind(to_record(kind.Config, settings or {}), window=window)
    return backbone


def windows(batch: int = 4, window: int = 256, channels: int = 2) -> Tensor:
    return torch.randn(batch, window, channels, generator=torch.Generator().manual_seed(1))


def projection(h_BCND: Tensor) -> Tensor:
    """A number that depends on every output (a mean of squares behind a LayerNorm would be constant)."""
    return (h_BCND * torch.randn(h_BCND.shape, generator=torch.Generator().manual_seed(2))).mean()


def parameters(backbone: nn.Module) -> int:
    return sum(parameter.numel() for parameter in backbone.parameters())


# The contract


@every_variant
@pytest.mark.parametrize(("batch", "window", "channels"), [(1, 256, 1), (3, 256, 8), (2, 333, 3), (1, 1024, 2)])
def test_tokens_have_the_shape_promised(
    name: str, settings: Mapping[str, Any], batch: int, window: int, channels: int
) -> None:
    backbone = build(name, window, settings)
    h_BCND = backbone(windows(batch, window, channels))
    assert h_BCND.dim() == 4
    assert h_BCND.shape[:2] == (batch, channels)
    assert h_BCND.shape[2] >= 1
    assert h_BCND.shape[3] == backbone.width
    assert h_BCND.isfinite().all()


@every_name
def test_the_shortest_window_is_one_patch_and_a_shorter_one_is_refused(name: str) -> None:
    patch = getattr(registry.load(name).Config(), "patch", 1)
    assert build(name, patch)(windows(2, patch)).isfinite().all()
    with pytest.raises((AttemptError, Invalid), match=str(patch)):
        build(name, patch - 1)


@every_variant
def test_gradients_reach_every_parameter(name: str, settings: Mapping[str, Any]) -> None:
    backbone = build(name, settings=settings)
    torch.autograd.backward(projection(backbone(windows())))
    missed = [key for key, value in backbone.named_parameters() if value.grad is None or not value.grad.any()]
    assert missed == []


@every_variant
def test_evaluation_is_deterministic(name: str, settings: Mapping[str, Any]) -> None:
    backbone = build(name, settings=settings).eval()
    x_BLC = windows()
    assert torch.equal(backbone(x_BLC), backbone(x_BLC))


@every_variant
def test_the_state_is_all_there_is(name: str, settings: Mapping[str, Any]) -> None:
    backbone, other = build(name, settings=settings), build(name, settings=settings)
    torch.autograd.backward(projection(backbone(windows())))
    with torch.no_grad():
        for parameter in backbone.parameters():
            assert parameter.grad is not None
            parameter.sub_(parameter.grad)
    assert not torch.equal(backbone.eval()(windows()), other.eval()(windows()))
    other.load_state_dict(backbone.state_dict())
    assert torch.equal(backbone(windows()), other(windows()))


@every_variant
def test_channels_are_treated_alike(name: str, settings: Mapping[str, Any]) -> None:
    backbone = build(name, settings=settings).eval()
    x_BLC, order = windows(channels=4), [2, 0, 3, 1]
    torch.testing.assert_close(backbone(x_BLC[..., order]), backbone(x_BLC)[:, order], atol=1e-4, rtol=1e-4)


@every_variant
def test_a_window_depends_on_its_batch_only_where_that_is_declared(name: str, settings: Mapping[str, Any]) -> None:
    backbone = build(name, settings=settings).train()
    wave_L = torch.sin(torch.arange(256) * (2 * torch.pi / 64))
    alone_BLC, beside_BLC = windows(), windows()
    beside_BLC[1:] = 10 * wave_L[:, None]
    outputs = []
    for x_BLC in (alone_BLC, beside_BLC):
        torch.manual_seed(3)  # the same dropout
        outputs.append(backbone(x_BLC)[0])
    difference = (outputs[0] - outputs[1]).abs().max().item()
    assert (difference > 1e-3) if backbone.couples_samples else (difference < 1e-5)


@every_name
def test_tokens_are_in_order_of_time(name: str) -> None:
    backbone = build(name, 1024).eval()
    x_BLC = windows(window=1024)
    early_BLC, late_BLC = x_BLC.clone(), x_BLC.clone()
    early_BLC[:, :256] += 0.1 * windows(window=256)
    late_BLC[:, -256:] += 0.1 * windows(window=256)
    before_BCND = backbone(x_BLC)
    half = before_BCND.shape[2] // 2
    for changed_BLC, moves_more in ((early_BLC, slice(None, half)), (late_BLC, slice(half, None))):
        moved_N = (backbone(changed_BLC) - before_BCND).square().mean((0, 1, 3))
        assert moved_N[moves_more].sum() > 0.5 * moved_N.sum()


@every_name
def test_parameters_do_not_grow_with_length_times_length(name: str) -> None:
    at_1024, at_4096 = (parameters(build(name, window)) for window in (1024, 4096))
    assert at_4096 - at_1024 < (4096**2 - 1024**2) / 256
    assert at_4096 < 5_000_000


@every_name
def test_bfloat16_autocast(name: str) -> None:
    backbone = build(name).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = projection(backbone(windows()).float())
    torch.autograd.backward(loss)
    assert all(value.grad is not None and value.grad.isfinite().all() for value in backbone.parameters())
    backbone.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        low = backbone(windows()).float()
    exact = backbone(windows())
    assert (low - exact).norm() < 0.1 * exact.norm()


@every_name
def test_memory_can_be_predicted_without_values(name: str) -> None:
    with torch.device("meta"):
        backbone = build(name, 4096)
        h_BCND = backbone(torch.empty(128, 4096, 2))
    torch.autograd.backward(h_BCND.sum())
    assert h_BCND.shape[3] == backbone.width


@every_name
def test_two_tones_are_told_apart(name: str) -> None:
    backbone = build(name)
    head = nn.Linear(backbone.width, 1)
    optimizer = torch.optim.AdamW([*backbone.parameters(), *head.parameters()], lr=3e-3)
    draw = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(60):
        label_B = torch.arange(16).remainder(2)
        phase_B1 = torch.rand(16, 1, generator=draw) * 2 * torch.pi
        tone_BL = torch.sin(torch.arange(256) * (0.1 + 0.2 * label_B[:, None]) + phase_B1)
        x_BL1 = (tone_BL + 0.3 * torch.randn(16, 256, generator=draw)).unsqueeze(-1)
        # Features are squared so that linear backbones, which see only the phase, can tell power apart.
        logit_B = head(backbone(x_BL1).square().mean((1, 2))).squeeze(-1)
        loss = nn.functional.binary_cross_entropy_with_logits(logit_B, label_B.float())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) / 5 < 0.35


# Settings


@every_name
def test_config_is_frozen_keyword_only_and_complete_without_settings(name: str) -> None:
    config_kind: Any = registry.load(name).Config
    config = config_kind()
    field = dataclasses.fields(config)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, field, getattr(config, field))
    with pytest.raises(TypeError):
        config_kind(getattr(config, field))


@every_name
def test_an_unknown_key_is_refused_with_the_nearest(name: str) -> None:
    config_kind = registry.load(name).Config
    field = dataclasses.fields(config_kind)[0].name
    with pytest.raises(Invalid, match=rf"unknown key `{field}s` \(did you mean `{field}`\?\)"):
        to_record(config_kind, {f"{field}s": 1})


@every_name
def test_every_value_that_cannot_be_is_refused_under_its_key(name: str) -> None:
    config_kind = registry.load(name).Config
    for field in dataclasses.fields(config_kind):
        for bad in (-1, "a word nobody would choose", None, [1]):
            with pytest.raises(Invalid) as refused:
                to_record(config_kind, {field.name: bad})
            assert refused.value.faults[0].path[0] == field.name, f"{field.name}: {bad}"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("dlinear", {"kernel": 24}, "kernel: must be odd"),
        ("dlinear", {"patch": 16, "stride": 17}, r"stride: must be at most patch \(16\)"),
        ("fno", {"modes": 0}, "modes: must be above 0"),
        ("fno", {"dropout": 1.0}, "dropout: must be at least 0 and below 1"),
        ("patchtst", {"n_heads": 5}, r"n_heads: must divide d_model \(64\)"),
        ("patchtst", {"norm": "bach"}, r"norm: .*did you mean `batch`"),
        ("timesnet", {"dmodel": 32}, r"unknown key `dmodel` \(did you mean `d_model`\?\)"),
        ("timesnet", {"top_k": 2.5}, "top_k: expected an integer"),
    ],
)
def test_refusals_say_what_to_do(name: str, settings: Mapping[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        to_record(registry.load(name).Config, settings)
