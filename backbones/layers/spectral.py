"""Convolution along time as multiplication of its lowest frequencies (FNO, arXiv 2010.08895, equation 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SpectralConv(nn.Module):
    """Multiply each of the `modes` lowest frequencies by its own complex D x D matrix; the others become zero.

    The matrices are kept as real and imaginary part, so that optimizers and checkpoints see real numbers. Transforms
    are computed in float32 at least, for there is no half-precision transform of every length; autocast leaves complex
    numbers as they are.
    """

    def __init__(self, d_model: int, modes: int) -> None:
        super().__init__()
        self.modes = modes
        self.weight = nn.Parameter(torch.empty(modes, d_model, d_model, 2).uniform_(0, 1 / d_model**2))

    def forward(self, h_RND: Tensor) -> Tensor:
        full = torch.promote_types(h_RND.dtype, torch.float32)
        spectrum_RFD = torch.fft.rfft(h_RND.to(full), dim=1)
        kept_FRD = spectrum_RFD[:, : self.modes].transpose(0, 1)
        mixed_RFD = torch.bmm(kept_FRD, torch.view_as_complex(self.weight)).transpose(0, 1)
        out: Tensor = torch.fft.irfft(mixed_RFD, n=h_RND.shape[1], dim=1).to(h_RND.dtype)
        return out
