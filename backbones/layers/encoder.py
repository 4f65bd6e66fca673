"""A Transformer encoder layer whose norm is chosen (Vaswani et al. 2017, arXiv 1706.03762)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Norm = Literal["layer", "batch"]


class BatchNorm(nn.Module):
    """Normalise each feature over all tokens of all rows."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(d_model)

    def forward(self, h_RND: Tensor) -> Tensor:
        normed: Tensor = self.norm(h_RND.transpose(1, 2))
        return normed.transpose(1, 2)


def new_norm(norm: Norm, d_model: int) -> nn.Module:
    return nn.LayerNorm(d_model) if norm == "layer" else BatchNorm(d_model)


class Attention(nn.Module):
    """Multi-head self-attention over N tokens, without the N x N matrix being kept."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, h_RND: Tensor) -> Tensor:
        q, k, v = self.qkv(h_RND).reshape(*h_RND.shape[:2], 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        mixed_RHND = functional.scaled_dot_product_attention(q, k, v)
        mixed: Tensor = self.out(mixed_RHND.transpose(1, 2).flatten(2))
        return mixed


class EncoderLayer(nn.Module):
    """Attention, then a feed-forward net, each with a residual: normed after the sum, or before (`pre_norm`)."""

    def __init__(self, *, d_model: int, n_heads: int, d_ff: int, dropout: float, norm: Norm, pre_norm: bool) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.attention = nn.Sequential(Attention(d_model, n_heads), nn.Dropout(dropout))
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, d_ff), nn.GELU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model), nn.Dropout(dropout)
        )
        self.norm_attention = new_norm(norm, d_model)
        self.norm_feed_forward = new_norm(norm, d_model)

    def forward(self, h_RND: Tensor) -> Tensor:
        h_RND = self._residual(h_RND, self.attention, self.norm_attention)
        return self._residual(h_RND, self.feed_forward, self.norm_feed_forward)

    def _residual(self, h_RND: Tensor, part: nn.Module, norm: nn.Module) -> Tensor:
        out: Tensor = h_RND + part(norm(h_RND)) if self.pre_norm else norm(h_RND + part(h_RND))
        return out
