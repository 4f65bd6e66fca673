"""The mathematics of the backbones, against the definitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.nn import functional

from backbones.dlinear import DLinear
from backbones.fno import FNO
from backbones.layers.decomposition import moving_average
from backbones.layers.encoder import Attention
from backbones.layers.inception import Inception
from backbones.layers.patches import Patches, from_rows, rows
from backbones.layers.periods import Fold, strongest_periods
from backbones.layers.spectral import SpectralConv
from backbones.patchtst import PatchTST, standardised
from backbones.timesnet import TimesBlock, TimesNet, sinusoids
from db.errors import ConfigError, ShapeError


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


# Rows and patches


def test_rows_are_the_channels_of_the_windows_in_turn() -> None:
    x_BLC = torch.randn(2, 5, 3)
    x_RL = rows(x_BLC)
    assert torch.equal(x_RL[1 * 3 + 2], x_BLC[1, :, 2])
    assert torch.equal(from_rows(x_RL.unsqueeze(-1), x_BLC)[1, 2, :, 0], x_BLC[1, :, 2])


@pytest.mark.parametrize("window", [16, 17, 23, 24, 100])
@pytest.mark.parametrize("stride", [1, 5, 8, 16])
def test_patches_hold_every_sample_and_repeat_the_last(window: int, stride: int) -> None:
    patches = Patches(window=window, patch=16, stride=stride)
    p_NP = patches(torch.arange(float(window))[None])[0]
    assert len(p_NP) == patches.count
    expected = np.minimum(np.arange(patches.count)[:, None] * stride + np.arange(16), window - 1)
    assert np.array_equal(p_NP.numpy(), expected)
    assert set(expected.flat) == set(range(window))
    assert patches.count == 1 or (patches.count - 2) * stride + 16 < window  # no patch is superfluous


def test_a_window_shorter_than_a_patch_is_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError, match=r"data\.window: 15 samples are fewer than one patch of 16"):
        Patches(window=15, patch=16, stride=8)


def test_another_length_than_built_for_is_refused() -> None:
    with pytest.raises(ShapeError, match="built for windows of 64 samples, not 65"):
        Patches(window=64, patch=16, stride=8)(torch.zeros(1, 65))


# DLinear


@pytest.mark.parametrize("kernel", [1, 3, 25, 99])
@pytest.mark.parametrize("length", [1, 40, 101])
def test_moving_average_is_that_of_the_paper(kernel: int, length: int) -> None:
    x_RL = torch.randn(3, length)
    padded = np.pad(x_RL.numpy(), ((0, 0), (kernel // 2, kernel // 2)), mode="edge")
    expected = np.stack([np.convolve(row, np.ones(kernel) / kernel, mode="valid") for row in padded])
    np.testing.assert_allclose(moving_average(x_RL, kernel).numpy(), expected, atol=1e-5)


def test_dlinear_is_linear() -> None:
    backbone = DLinear(DLinear.Config(), window=500)
    x_BLC, y_BLC = torch.randn(2, 500, 3), torch.randn(2, 500, 3)
    at_zero = backbone(torch.zeros(2, 500, 3))
    together = backbone(2 * x_BLC - 3 * y_BLC) - at_zero
    apart = 2 * (backbone(x_BLC) - at_zero) - 3 * (backbone(y_BLC) - at_zero)
    torch.testing.assert_close(together, apart, atol=1e-4, rtol=1e-4)


def test_dlinear_without_its_biases_is_zero_at_zero() -> None:
    backbone = DLinear(DLinear.Config(), window=500)
    for name, parameter in backbone.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
    assert not backbone(torch.zeros(2, 500, 3)).any()


def test_dlinear_holds_the_weights_its_docstring_says() -> None:
    patch, width, count = 32, 64, 2048 // 32
    backbone = DLinear(DLinear.Config(patch=patch, stride=32, d_model=width), window=2048)
    assert sum(p.numel() for p in backbone.parameters()) == 2 * (patch * width + width + count**2 + count)


# TimesNet


@pytest.mark.parametrize("num_kernels", [1, 3, 6])
@pytest.mark.parametrize(("height", "width"), [(1, 30), (30, 1), (2, 3), (7, 9), (16, 20)])
def test_one_merged_convolution_is_the_mean_of_all(num_kernels: int, height: int, width: int) -> None:
    inception = Inception(5, 4, num_kernels)
    torch.nn.init.normal_(inception.bias)
    h_RDXY = torch.randn(2, 5, height, width)
    each = [
        functional.conv2d(h_RDXY, kernel, bias, padding=kernel.shape[-1] // 2)
        for kernel, bias in zip(inception.kernels, inception.bias, strict=True)
    ]
    torch.testing.assert_close(inception(h_RDXY), torch.stack(each).mean(0), atol=1e-5, rtol=1e-4)


def test_inception_keeps_the_parameters_of_every_kernel() -> None:
    inception = Inception(5, 4, 6)
    assert [kernel.shape[-1] for kernel in inception.kernels] == [1, 3, 5, 7, 9, 11]
    assert sum(p.numel() for p in inception.parameters()) == 286 * 5 * 4 + 6 * 4


def waves(length: int, *periods: float) -> torch.Tensor:
    """A sum of waves, the first the strongest, as `h_RTD` with three rows and two features."""
    time = torch.arange(length)
    wave_T = sum((torch.sin(2 * torch.pi * time / period) / (k + 1) for k, period in enumerate(periods)), time * 0.0)
    return wave_T[None, :, None].expand(3, -1, 2) + 0.01 * torch.randn(3, length, 2)


def by_row(folds: Sequence[Fold]) -> list[dict[int, float]]:
    """Each row's periods with their weights, the heaviest first."""
    rows: dict[int, dict[int, float]] = {}
    for fold in folds:
        for row, weight in zip(fold.row_r.tolist(), fold.weight_r.tolist(), strict=True):
            rows.setdefault(row, {})[fold.period] = weight
    return [dict(sorted(rows[row].items(), key=lambda item: -item[1])) for row in sorted(rows)]


def test_planted_periods_are_found_strongest_first() -> None:
    found = by_row(strongest_periods(waves(96, 12, 24, 8), top_k=3))
    assert [list(row) for row in found] == [[12, 24, 8]] * 3
    assert [sum(row.values()) for row in found] == pytest.approx([1.0] * 3)


def test_each_row_has_its_own_periods() -> None:
    h_RTD = torch.cat([waves(96, 12, 24), waves(96, 8, 24)])
    together = by_row(strongest_periods(h_RTD, top_k=2))
    assert [list(row) for row in together] == [[12, 24]] * 3 + [[8, 24]] * 3
    assert together == [row for one in torch.split(h_RTD, 1) for row in by_row(strongest_periods(one, top_k=2))]


def test_the_mean_of_a_series_is_not_a_period() -> None:
    assert by_row(strongest_periods(waves(96, 12) + 100, top_k=1)) == [{12: 1.0}] * 3


def test_frequencies_of_one_period_share_it_and_their_weights() -> None:
    h_RTD = waves(64, 64 / 24, 64 / 29, 64 / 8)  # 64 // 24 == 64 // 29 == 2
    amplitude_RF = torch.fft.rfft(h_RTD, dim=1).abs().mean(-1)
    expected = amplitude_RF[:, [24, 29, 8]].softmax(-1)
    found = by_row(strongest_periods(h_RTD, top_k=3))
    assert [[row[2], row[8]] for row in found] == [pytest.approx([a + b, c], abs=1e-6) for a, b, c in expected.tolist()]


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8])
def test_short_series_have_as_many_periods_as_there_are(length: int) -> None:
    found = by_row(strongest_periods(torch.randn(2, length, 3), top_k=9))
    assert len(found) == 2
    for row in found:
        assert 1 <= len(row) <= max(1, length // 2)
        assert all(1 <= period <= length for period in row)
        assert sum(row.values()) == pytest.approx(1.0)


def test_a_block_of_one_period_is_the_folded_convolution() -> None:
    block = TimesBlock(d_model=2, d_ff=3, num_kernels=2, top_k=1)
    h_RTD = waves(90, 7.5)  # 90 // 12 == 7: thirteen rows of seven, one sample padded
    picture = functional.pad(h_RTD, (0, 0, 0, 1)).reshape(3, 13, 7, 2).permute(0, 3, 1, 2)
    folded = block.narrow(functional.gelu(block.widen(picture))).permute(0, 2, 3, 1).reshape(3, 91, 2)[:, :90]
    torch.testing.assert_close(block(h_RTD), h_RTD + folded)


def test_a_tone_in_the_samples_is_the_first_period_of_the_network() -> None:
    backbone = TimesNet(TimesNet.Config(patch=16, stride=16), window=2048)
    seen: list[torch.Tensor] = []
    backbone.layers[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    phase_B11 = torch.rand(8, 1, 1) * 2 * torch.pi
    backbone(torch.randn(8, 2048, 2) + torch.sin(torch.arange(2048)[:, None] * (2 * torch.pi / 256) + phase_B11))
    assert {next(iter(row)) for row in by_row(strongest_periods(seen[0], top_k=3))} == {256 // 16}


def test_timesnet_runs_where_no_values_exist() -> None:
    """As when memory is predicted."""
    with FakeTensorMode():
        backbone = TimesNet(TimesNet.Config(), window=4096)
        h_BCND = backbone(torch.randn(128, 4096, 2))
        h_BCND.sum().backward()
    assert h_BCND.shape == (128, 2, 256, backbone.width)


def test_sinusoids_are_those_of_the_paper() -> None:
    position_ND = sinusoids(50, 7)
    assert position_ND.shape == (50, 7)
    assert position_ND[13, 4].item() == pytest.approx(np.sin(13 / 10_000 ** (4 / 7)), abs=1e-5)
    assert position_ND[13, 5].item() == pytest.approx(np.cos(13 / 10_000 ** (4 / 7)), abs=1e-5)


# PatchTST


@pytest.mark.parametrize(("window", "count"), [(336, 42), (512, 64), (4096, 512)])
def test_patchtst_has_as_many_patches_as_the_paper(window: int, count: int) -> None:
    backbone = PatchTST(PatchTST.Config(patch=16, stride=8), window=window)
    assert backbone.patches.count == (window - 16) // 8 + 2 == count
    assert backbone(torch.randn(1, window, 1)).shape[2] == count


def test_attention_is_that_of_the_paper() -> None:
    attention = Attention(8, 2)
    h_RND = torch.randn(3, 5, 8)
    q, k, v = attention.qkv(h_RND).split(8, dim=-1)
    heads = []
    for head in (slice(0, 4), slice(4, 8)):
        score = q[..., head] @ k[..., head].transpose(1, 2) / 4**0.5
        heads.append(score.softmax(-1) @ v[..., head])
    torch.testing.assert_close(attention(h_RND), attention.out(torch.cat(heads, -1)))


def test_amplitude_reaches_the_tokens_unless_instance_norm_is_asked_for() -> None:
    x_BLC = torch.randn(2, 256, 1)
    for instance_norm, same in ((False, False), (True, True)):
        config = PatchTST.Config(instance_norm=instance_norm)
        backbone = PatchTST(config, window=256).eval()
        assert torch.allclose(backbone(x_BLC), backbone(5 * x_BLC + 2), atol=1e-3) == same


def test_standardised_rows_have_mean_0_and_variance_1() -> None:
    x_RL = standardised(3 + 7 * torch.randn(4, 500))
    torch.testing.assert_close(x_RL.mean(1), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(x_RL.var(1, correction=0), torch.ones(4), atol=1e-3, rtol=0)
    assert standardised(torch.ones(1, 9)).isfinite().all()


def test_batch_norm_is_declared_by_the_instance() -> None:
    assert PatchTST(PatchTST.Config(norm="batch"), window=64).couples_samples
    assert not PatchTST(PatchTST.Config(), window=64).couples_samples


# FNO


@pytest.mark.parametrize(("length", "modes"), [(16, 4), (16, 9), (15, 8), (15, 3), (1, 1)])
def test_spectral_convolution_is_the_explicit_transform(length: int, modes: int) -> None:
    conv = SpectralConv(3, modes)
    h_RND = torch.randn(2, length, 3)
    weight = conv.weight.detach().numpy().astype(np.float64)
    frequency, time = np.arange(modes), np.arange(length)
    wave_FN = np.exp(-2j * np.pi * np.outer(frequency, time) / length)
    spectrum = np.einsum("fn,rnd->rfd", wave_FN, h_RND.numpy())
    mixed = np.einsum("rfd,fde->rfe", spectrum, weight[..., 0] + 1j * weight[..., 1])
    twice = np.where((frequency == 0) | (2 * frequency == length), 1, 2)  # with its mirror image, where it has one
    expected = np.einsum("fn,rfe,f->rne", wave_FN.conj(), mixed, twice).real / length
    np.testing.assert_allclose(conv(h_RND).detach().numpy(), expected, atol=1e-5)


def test_spectral_convolution_passes_nothing_above_its_modes() -> None:
    conv = SpectralConv(2, 4)
    fast_RND = torch.cos(2 * torch.pi * 5 * torch.arange(32) / 32)[None, :, None].expand(1, -1, 2)
    slow_RND = torch.cos(2 * torch.pi * 3 * torch.arange(32) / 32)[None, :, None].expand(1, -1, 2)
    assert conv(fast_RND).abs().max() < 1e-5
    assert conv(slow_RND).abs().max() > 1e-2


def test_spectral_convolution_stays_in_float32_under_autocast() -> None:
    conv, h_RND = SpectralConv(4, 5), torch.randn(2, 12, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(conv(h_RND), conv(h_RND.clone()))
        low = conv(h_RND)
    assert torch.equal(low, conv(h_RND))


@pytest.mark.parametrize(("window", "modes"), [(32, 1), (64, 2), (96, 2), (2048, 16)])
def test_fno_has_no_more_modes_than_there_are(window: int, modes: int) -> None:
    backbone = FNO(FNO.Config(modes=16), window=window)
    assert {layer.spectral.modes for layer in backbone.layers} == {modes}  # type: ignore[union-attr]  # of a ModuleList
    assert backbone(torch.randn(1, window, 1)).isfinite().all()


def test_fno_knows_the_position() -> None:
    backbone = FNO(FNO.Config(), window=512).eval()
    h_ND = backbone(torch.ones(1, 512, 1))[0, 0]
    assert (h_ND[0] - h_ND[-1]).abs().max() > 1e-3
