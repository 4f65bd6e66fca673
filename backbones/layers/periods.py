"""The strongest periods of a batch of series (TimesNet, arXiv 2210.02186, equations 1 and 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from backbones.interface import shapes_only


def strongest_periods(h_RTD: Tensor, top_k: int) -> tuple[list[int], Tensor]:
    """Return at most `top_k` distinct periods of the batch, and their weights `w_RK`, which sum to 1 in each row.

    Frequencies are ranked by their amplitude averaged over rows and features; a frequency f has the period T // f.
    Several frequencies may share a period: it is listed once, with the sum of their weights, which gives the same
    result as evaluating it twice. The periods decide shapes, so they are brought to the host: once for each call.

    Amplitudes are sums over T tokens, not means, as in the authors' code: over a long series the softmax of a clear
    tone is close to one period alone.
    """
    length = h_RTD.shape[1]
    if length < 2:
        return [length], h_RTD.new_ones(h_RTD.shape[0], 1)
    amplitude_RF = torch.fft.rfft(h_RTD.float(), dim=1).abs().mean(-1)[:, 1:]  # without the mean
    chosen_K = amplitude_RF.detach().mean(0).topk(min(top_k, length // 2)).indices
    weight_RK = amplitude_RF.index_select(1, chosen_K).softmax(-1)
    if shapes_only(chosen_K):
        return preflight_periods(length, len(chosen_K)), weight_RK
    return _merged([length // (index + 1) for index in chosen_K.tolist()], weight_RK)


def preflight_periods(length: int, count: int) -> list[int]:
    """The `count` periods that cost most: those that a series has to be padded for the most."""
    distinct = dict.fromkeys(length // frequency for frequency in range(1, length // 2 + 1))
    return sorted(distinct, key=lambda period: -length % period, reverse=True)[:count]


def _merged(periods: list[int], weight_RK: Tensor) -> tuple[list[int], Tensor]:
    distinct = list(dict.fromkeys(periods))
    if len(distinct) == len(periods):
        return distinct, weight_RK
    columns = [[k for k, period in enumerate(periods) if period == wanted] for wanted in distinct]
    return distinct, torch.stack([weight_RK[:, column].sum(-1) for column in columns], dim=-1)
