"""The strongest periods of each series (TimesNet, arXiv 2210.02186, equations 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backbones.interface import shapes_only


@dataclass(frozen=True, kw_only=True)
class Fold:
    """The rows of a batch that share a strong period: `row_r` counts them out, `weight_r` is that of the period."""

    period: int
    row_r: Tensor
    weight_r: Tensor


def strongest_periods(h_RTD: Tensor, top_k: int) -> list[Fold]:
    """Return the periods of at most `top_k` frequencies of each row; the weights of a row sum to 1.

    A row's frequencies are ranked by their amplitude averaged over its features; a frequency f has the period T // f.
    Frequencies of a row that share a period count once, with the sum of their weights, which gives the same result as
    evaluating it twice. Each row has periods of its own, as in the paper: the authors' code takes those of a batch's
    mean amplitude, by which a window's output would depend on the others beside it. The periods decide shapes, so they
    are brought to the host: once for each call.

    Amplitudes are sums over T tokens, not means, as in the authors' code: over a long series the softmax of a clear
    tone is close to one period alone.
    """
    length = h_RTD.shape[1]
    if length < 2:
        rows = torch.arange(len(h_RTD), device=h_RTD.device)
        return [Fold(period=length, row_r=rows, weight_r=h_RTD.new_ones(len(h_RTD)))]
    full = torch.promote_types(h_RTD.dtype, torch.float32)
    amplitude_RF = torch.fft.rfft(h_RTD.to(full), dim=1).abs().mean(-1)[:, 1:]  # without the mean
    chosen_RK = amplitude_RF.detach().topk(min(top_k, length // 2)).indices
    weight_RK = amplitude_RF.gather(1, chosen_RK).softmax(-1)
    if shapes_only(chosen_RK):
        worst_K = np.resize(preflight_periods(length, chosen_RK.shape[1]), chosen_RK.shape[1])
        return list(_folds(np.broadcast_to(worst_K, tuple(chosen_RK.shape)), weight_RK))
    return list(_folds(length // (chosen_RK.cpu().numpy() + 1), weight_RK))


def preflight_periods(length: int, count: int) -> list[int]:
    """The `count` periods that cost most: those that a series has to be padded for the most, in every row."""
    distinct = dict.fromkeys(length // frequency for frequency in range(1, length // 2 + 1))
    return sorted(distinct, key=lambda period: -length % period, reverse=True)[:count]


def _folds(period_RK: npt.NDArray[np.int64], weight_RK: Tensor) -> Iterator[Fold]:
    for period in np.unique(period_RK):
        mask_RK = period_RK == period
        rows = np.flatnonzero(mask_RK.any(1))
        row_r, mask_rK = (torch.from_numpy(it).to(weight_RK.device) for it in (rows, mask_RK[rows]))
        weight_r = (weight_RK.index_select(0, row_r) * mask_rK).sum(1)
        yield Fold(period=int(period), row_r=row_r, weight_r=weight_r)
