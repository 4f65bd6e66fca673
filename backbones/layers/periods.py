"""The strongest periods of a batch of series (TimesNet, arXiv 2210.02186, equations 1 and 2)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._subclasses import FakeTensor


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
    return _merged([length // (index + 1) for index in _on_host(chosen_K)], weight_RK)


def _on_host(chosen_K: Tensor) -> list[int]:
    if (
        isinstance(chosen_K, FakeTensor) or chosen_K.is_meta
    ):  # memory is being predicted: no values exist, the lowest cost the most
        return list(range(len(chosen_K)))
    found: list[int] = chosen_K.tolist()
    return found


def _merged(periods: list[int], weight_RK: Tensor) -> tuple[list[int], Tensor]:
    distinct = list(dict.fromkeys(periods))
    if len(distinct) == len(periods):
        return distinct, weight_RK
    columns = [[k for k, period in enumerate(periods) if period == wanted] for wanted in distinct]
    return distinct, torch.stack([weight_RK[:, column].sum(-1) for column in columns], dim=-1)
