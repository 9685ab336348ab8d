"""Layers that EEGNet has of its own: convolution along time, and dropout with its own randomness.

As in Keras and TensorFlow where torch does otherwise.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .convolutions import same_padding


class SameConv2d(nn.Conv2d):
    """Convolution along time whose output has as many samples as its input.

    With an even kernel the extra zero is on the right, as in TensorFlow. Weights are left
    uninitialised: :meth:`eegsep.EEGNet.reset_parameters` fills them.
    """

    def forward(self, x):
        """Convolve ``x``, shape (B, in_channels, H, T), to (B, out_channels, H, T)."""
        return F.conv2d(
            F.pad(x, same_padding(self.kernel_size[1])), self.weight, self.bias, groups=self.groups
        )


class Dropout(nn.Module):
    """Dropout that can draw from a generator of its own, so that a fit has its own randomness.

    Parameters
    ----------
    drop_prob : float
        Probability of zeroing an element, in [0, 1).

    Attributes
    ----------
    generator : torch.Generator | None
        Set from outside; None for torch's global one, as in ``torch.nn.Dropout``.
    """

    def __init__(self, drop_prob):
        super().__init__()
        self.drop_prob = drop_prob
        self.generator = None

    def forward(self, x):
        """Zero elements of ``x`` at random and scale up the rest, in training mode only."""
        if self.generator is None:
            return F.dropout(x, self.drop_prob, self.training)
        return self.drop(x)

    def drop(self, x):
        """Do so by :meth:`draw`, which torch's tools do not see through."""
        if not self.training or self.drop_prob == 0:
            return x
        drawn = self.draw(x.numel(), x.device)
        if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
            dtype = np.float32 if x.dtype == torch.float32 else np.float64
            mask = torch.from_numpy(np.multiply(drawn.numpy() < self.threshold, dtype(self.scale)))
        else:
            mask = (drawn < self.threshold).to(x.dtype).mul_(self.scale)
        return x * mask.view(x.shape)

    def draw(self, n, device):
        """Draw ``n`` random integers of 16 bits: bernoulli_ would spend 64 on each element.

        An element is kept where its number is below :attr:`threshold`. On a CPU the generator
        seeds numpy's fastest.
        """
        if device.type == "cpu":
            seed = torch.randint(2**63 - 1, (), generator=self.generator).item()
            words = np.random.SFC64(seed).random_raw((n + 3) // 4)
            return torch.from_numpy(words.view(np.int16)[:n])
        words = torch.empty((n + 3) // 4, dtype=torch.int64, device=device)
        words.random_(-(2**63), None, generator=self.generator)
        return words.view(torch.int16)[:n]

    @property
    def _n_kept(self):
        """How many of the 2**16 numbers that can be drawn keep an element."""
        return max(1, round((1 - self.drop_prob) * 2**16))

    @property
    def threshold(self):
        """Least number that :meth:`draw` can give for an element that is zeroed."""
        return self._n_kept - 2**15

    @property
    def scale(self):
        """What the elements that are kept are multiplied by."""
        return 2**16 / self._n_kept

    def extra_repr(self):
        """Text that the module's repr shows."""
        return f"drop_prob={self.drop_prob}"
