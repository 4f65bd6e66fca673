"""The 2-D block of TimesNet: square convolutions of several sizes, averaged."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Inception(nn.Module):
    """The mean of convolutions with kernels 1x1, 3x3, ... (2 num_kernels - 1)^2 (Inception_Block_V1 of the authors).

    A mean of convolutions is one convolution with the mean of the kernels, each padded to the largest: it is evaluated
    so, with 121 multiplications a weight in place of 286 for six kernels, and a sixth of the memory. The parameters
    stay those of the separate convolutions.
    """

    def __init__(self, d_in: int, d_out: int, num_kernels: int) -> None:
        super().__init__()
        self.kernels = nn.ParameterList(
            nn.init.kaiming_normal_(torch.empty(d_out, d_in, size, size), mode="fan_out", nonlinearity="relu")
            for size in range(1, 2 * num_kernels, 2)
        )
        self.bias = nn.Parameter(torch.zeros(num_kernels, d_out))

    def forward(self, h_RDXY: Tensor) -> Tensor:
        return self.convolve(h_RDXY, self.merged())

    def merged(self) -> Tensor:
        """The one kernel that stands for all, to be made once for many pictures."""
        largest = self.kernels[-1].shape[-1]
        padded = [functional.pad(kernel, [(largest - kernel.shape[-1]) // 2] * 4) for kernel in self.kernels]
        return torch.stack(padded).mean(0)

    def convolve(self, h_RDXY: Tensor, merged: Tensor) -> Tensor:
        """Taps that could only meet the zero padding of a picture of that size are left out."""
        size, (height, width) = merged.shape[-1], h_RDXY.shape[2:]
        y, x = max(0, size // 2 - height + 1), max(0, size // 2 - width + 1)
        kernel = merged[:, :, y : size - y, x : size - x]
        padding = (kernel.shape[2] // 2, kernel.shape[3] // 2)
        return functional.conv2d(h_RDXY, kernel, self.bias.mean(0), padding=padding)
