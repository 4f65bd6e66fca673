"""Backbones: a window of (batch, samples, 1) in, features of (batch, width) out."""

from __future__ import annotations

import torch
from src.config_utils import ConfigWrapper
from torch import Tensor, nn
from torch.nn import functional


class DLinear(nn.Module):
    """One linear layer, over the logarithm of the window's spectrum."""

    def __init__(self, cfg: ConfigWrapper, window_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(window_size // 2 + 1, cfg.d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.fft.rfft(x.squeeze(-1), norm="ortho").abs().log1p())


class TimesNet(nn.Module):
    """Features of the whole window: each layer keeps d_model x window_size numbers of every sample."""

    def __init__(self, cfg: ConfigWrapper, window_size: int) -> None:
        super().__init__()
        del window_size
        self.embed = nn.Conv1d(1, cfg.d_model, 32)
        self.gains = nn.Parameter(torch.randn(cfg.e_layers, cfg.d_model, 1))

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x.transpose(1, 2))
        for gain in self.gains:
            h = functional.leaky_relu(h * gain, 0.5)
        return h.abs().mean(-1)


class PatchTST(nn.Module):
    """An encoder over patches; cfg must provide d_model and e_layers."""

    PATCH = 64

    def __init__(self, cfg: ConfigWrapper, window_size: int) -> None:
        super().__init__()
        del window_size
        self.embed = nn.Linear(self.PATCH, cfg.d_model)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(cfg.d_model, 2, 2 * cfg.d_model, dropout=0.0, batch_first=True)
            for _ in range(cfg.e_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x.reshape(len(x), -1, self.PATCH))
        for layer in self.layers:
            h = layer(h)
        return h.mean(1)


class FNO(nn.Module):
    """The lowest modes of the spectrum, as many as the configuration says."""

    def __init__(self, cfg: ConfigWrapper, window_size: int) -> None:
        super().__init__()
        self.modes = cfg.get("modes", window_size // 2 + 1)
        self.linear = nn.Linear(2 * self.modes, cfg.d_model)

    def forward(self, x: Tensor) -> Tensor:
        modes = torch.fft.rfft(x.squeeze(-1), norm="ortho")[:, : self.modes]
        return functional.gelu(self.linear(torch.view_as_real(modes).flatten(1)))


MODELS = {"DLinear": DLinear, "TimesNet": TimesNet, "PatchTST": PatchTST, "FNO": FNO}


def build_model(cfg: ConfigWrapper, window_size: int) -> nn.Module:
    return MODELS[cfg.name](cfg, window_size)
