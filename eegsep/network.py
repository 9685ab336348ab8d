"""EEGNet, the published network, as a ``torch.nn.Module``.

Temporal filters, a spatial filter for each, then a separable convolution (Lawhern et al. 2018).
"""

from __future__ import annotations

from numbers import Integral

import torch
from torch import nn
from torch.nn import functional as F

# Keras's constants, which the published network was trained with.
BATCH_NORM_EPS = 1e-3
BATCH_NORM_MOMENTUM = 0.01

SPATIAL_KINDS = ("depthwise", "standard")
SEPARABLE_KINDS = ("separable", "standard")


def same_padding(length):
    """Zeros (left, right) of the window that keep its length under a kernel of ``length``."""
    return (length - 1) // 2, length // 2


class SameConv2d(nn.Conv2d):
    """Convolution along time whose output has as many samples as its input.

    With an even kernel the extra zero is on the right, as in TensorFlow. Weights are left
    uninitialised: :meth:`EEGNet.reset_parameters` fills them.
    """

    def forward(self, x):
        """Convolve ``x``, shape (B, in_channels, H, T), to (B, out_channels, H, T)."""
        return F.conv2d(
            F.pad(x, same_padding(self.kernel_size[1])), self.weight, groups=self.groups
        )


class Dropout(nn.Module):
    """Dropout that can draw from a generator of its own, so that a fit has its own randomness.

    Parameters
    ----------
    drop_prob : float
        Probability of zeroing an element, in [0, 1).
    """

    def __init__(self, drop_prob):
        super().__init__()
        self.drop_prob = drop_prob
        self.generator = None

    def forward(self, x):
        """Zero elements of ``x`` at random and scale up the rest, in training mode only."""
        if not self.training or self.drop_prob == 0:
            return x
        # 16 random bits an element: bernoulli_ would spend a number of 64 on each
        threshold = max(1, round((1 - self.drop_prob) * 2**16))
        words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device)
        words.random_(-(2**63), None, generator=self.generator)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)
        mask = (bits < threshold - 2**15).to(x.dtype)
        return x * mask.mul_(2**16 / threshold)

    def extra_repr(self):
        """Text that the module's repr shows."""
        return f"drop_prob={self.drop_prob}"


def _check_count(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def _check_max_norm(name, value):
    if value is not None and not value > 0:
        raise ValueError(f"{name} must be positive, or None for no constraint, got {value!r}")


class EEGNet(nn.Module):
    r"""The EEGNet of Lawhern et al. (2018), exactly as published [1]_ [2]_.

    ========================  ==========================  =======================
    layer                     weight                      output
    ========================  ==========================  =======================
    ``temporal``              (F1, 1, 1, K)               (B, F1, C, T)
    ``temporal_norm``         batch normalisation         (B, F1, C, T)
    ``spatial``               (F1 * D, 1, C, 1)           (B, F1 * D, 1, T)
    ``spatial_norm``, ELU     batch normalisation         (B, F1 * D, 1, T)
    average pool, dropout                                 (B, F1 * D, 1, T // 4)
    ``separable_depthwise``   (F1 * D, 1, 1, 16)          (B, F1 * D, 1, T // 4)
    ``pointwise``             (F2, F1 * D, 1, 1)          (B, F2, 1, T // 4)
    ``separable_norm``, ELU   batch normalisation         (B, F2, 1, T // 4)
    average pool, dropout                                 (B, F2, 1, T // 4 // 8)
    ``classifier``            (N, F2 * (T // 4 // 8))     (B, N) logits
    ========================  ==========================  =======================

    Convolutions have no bias and ``same`` padding in time. The norms of the spatial filters and of
    the classifier's rows are bounded by projection: call :meth:`project_` after each step of the
    optimiser, as Keras's constraints do. Weights start as Keras's ``glorot_uniform``. Windows
    shorter than a kernel or a pool shrink it to the samples there are, down to ``n_times = 1``.

    Parameters
    ----------
    n_chans : int
        Number of electrodes, C.
    n_times : int
        Number of time samples in a window, T.
    n_outputs : int
        Number of classes, N.
    F1 : int
        Number of temporal filters.
    D : int
        Number of spatial filters for each temporal filter.
    F2 : int | None
        Number of pointwise filters; None for ``F1 * D``.
    kernel_length : int
        Samples in a temporal filter, K: half of the sampling rate in the paper.
    separable_kernel_length : int
        Samples, after the first pooling, in the separable convolution.
    pool1, pool2 : int
        Lengths of the two average poolings.
    drop_prob : float
        Dropout probability: 0.5 within a subject, 0.25 across subjects in the paper.
    spatial : {"depthwise", "standard"}
        The convolution over electrodes. ``"standard"`` lets each spatial filter see all temporal
        filters, weight (F1 * D, F1, C, 1): the ablation of the depthwise one.
    separable : {"separable", "standard"}
        The second block's convolution. ``"standard"`` has one weight (F2, F1 * D, 1, 16), named
        ``separable_standard``, in place of the depthwise and pointwise pair.
    spatial_max_norm, dense_max_norm : float | None
        Bounds on the norm of each spatial filter and of each row of the classifier; None for none.
    generator : torch.Generator | None
        Source of the initial weights; None for torch's global one.

    Attributes
    ----------
    kernel_length, separable_kernel_length, pool1, pool2 : int
        The lengths in use, after shrinking to the window.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If a size is below 1, ``drop_prob`` is outside [0, 1), a bound is not positive, or
        ``spatial`` or ``separable`` names no known convolution.

    References
    ----------
    .. [1] Lawhern, V. J., Solon, A. J., Waytowich, N. R., Gordon, S. M., Hung, C. P., & Lance,
       B. J. (2018). EEGNet: a compact convolutional neural network for EEG-based brain-computer
       interfaces. Journal of Neural Engineering, 15(5), 056013. Table 2 and section 2.2.1.
    .. [2] ``EEGNet`` in https://github.com/vlawhern/arl-eegmodels, ``EEGModels.py``.

    Examples
    --------
    >>> import torch
    >>> from eegsep import EEGNet
    >>> net = EEGNet(n_chans=22, n_times=512, n_outputs=4)
    >>> net(torch.zeros(2, 22, 512)).shape
    torch.Size([2, 4])
    >>> sum(p.numel() for p in net.parameters())
    2484
    """

    def __init__(
        self,
        n_chans,
        n_times,
        n_outputs,
        *,
        F1=8,
        D=2,
        F2=None,
        kernel_length=64,
        separable_kernel_length=16,
        pool1=4,
        pool2=8,
        drop_prob=0.5,
        spatial="depthwise",
        separable="separable",
        spatial_max_norm=1.0,
        dense_max_norm=0.25,
        generator=None,
    ):
        super().__init__()
        self.n_chans = _check_count("n_chans", n_chans)
        self.n_times = _check_count("n_times", n_times)
        self.n_outputs = _check_count("n_outputs", n_outputs)
        self.F1 = _check_count("F1", F1)
        self.D = _check_count("D", D)
        self.F2 = self.F1 * self.D if F2 is None else _check_count("F2", F2)
        if not 0 <= drop_prob < 1:
            raise ValueError(f"drop_prob must be in [0, 1), got {drop_prob!r}")
        if spatial not in SPATIAL_KINDS:
            raise ValueError(f"spatial must be one of {SPATIAL_KINDS}, got {spatial!r}")
        if separable not in SEPARABLE_KINDS:
            raise ValueError(f"separable must be one of {SEPARABLE_KINDS}, got {separable!r}")
        _check_max_norm("spatial_max_norm", spatial_max_norm)
        _check_max_norm("dense_max_norm", dense_max_norm)
        self.spatial_kind = spatial
        self.separable_kind = separable
        self.drop_prob = drop_prob
        self.spatial_max_norm = spatial_max_norm
        self.dense_max_norm = dense_max_norm

        self.kernel_length = min(_check_count("kernel_length", kernel_length), self.n_times)
        self.pool1 = min(_check_count("pool1", pool1), self.n_times)
        n_pooled = self.n_times // self.pool1
        self.separable_kernel_length = min(
            _check_count("separable_kernel_length", separable_kernel_length), n_pooled
        )
        self.pool2 = min(_check_count("pool2", pool2), n_pooled)
        n_features = self.F2 * (n_pooled // self.pool2)

        def conv(kind, n_in, n_out, size, groups=1):
            # skip_init: torch's own initial values would only spend global random numbers
            return nn.utils.skip_init(kind, n_in, n_out, size, groups=groups, bias=False)

        def norm(n_maps):
            return nn.BatchNorm2d(n_maps, eps=BATCH_NORM_EPS, momentum=BATCH_NORM_MOMENTUM)

        n_maps = self.F1 * self.D
        self.temporal = conv(SameConv2d, 1, self.F1, (1, self.kernel_length))
        self.temporal_norm = norm(self.F1)
        self.spatial = conv(
            nn.Conv2d,
            self.F1,
            n_maps,
            (self.n_chans, 1),
            groups=self.F1 if spatial == "depthwise" else 1,
        )
        self.spatial_norm = norm(n_maps)
        self.dropout1 = Dropout(drop_prob)
        size = (1, self.separable_kernel_length)
        if separable == "separable":
            self.separable_depthwise = conv(SameConv2d, n_maps, n_maps, size, groups=n_maps)
            self.pointwise = conv(nn.Conv2d, n_maps, self.F2, (1, 1))
        else:
            self.separable_standard = conv(SameConv2d, n_maps, self.F2, size)
        self.separable_norm = norm(self.F2)
        self.dropout2 = Dropout(drop_prob)
        self.classifier = nn.utils.skip_init(nn.Linear, n_features, self.n_outputs)
        self.reset_parameters(generator)

    def reset_parameters(self, generator=None):
        """Draw new weights as Keras's ``glorot_uniform`` does, and reset the normalisations.

        Parameters
        ----------
        generator : torch.Generator | None
            Source of the weights; None for torch's global one.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_in, fan_out = keras_fans(module)
                limit = (6 / (fan_in + fan_out)) ** 0.5
                nn.init.uniform_(module.weight, -limit, limit, generator=generator)
            elif isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        self.project_()

    @torch.no_grad()
    def project_(self):
        """Project spatial filters and classifier rows onto their max-norm balls, in place.

        To be called after each step of the optimiser (a Keras ``max_norm`` constraint). For the
        depthwise and the standard convolution alike, one norm is that of all the weights which
        make one output map.

        Returns
        -------
        self : EEGNet
        """
        if self.spatial_max_norm is not None:
            self.spatial.weight.copy_(self.spatial.weight.renorm(2, 0, self.spatial_max_norm))
        if self.dense_max_norm is not None:
            self.classifier.weight.copy_(self.classifier.weight.renorm(2, 0, self.dense_max_norm))
        return self

    def forward(self, x):
        """Map windows to logits.

        Parameters
        ----------
        x : torch.Tensor, shape (B, n_chans, n_times)
            Windows of EEG, on a scale near 1. In volts (1e-5) the normalisations' ``eps`` would
            drown the signal: :class:`eegsep.EEGNetClassifier` scales its input by itself.

        Returns
        -------
        logits : torch.Tensor, shape (B, n_outputs)
        """
        if x.shape[1:] != (self.n_chans, self.n_times):
            raise ValueError(
                f"EEGNet was made for windows of shape (B, {self.n_chans}, {self.n_times}), "
                f"got {tuple(x.shape)}"
            )
        x = self.temporal_norm(self.temporal(x.unsqueeze(1)))
        x = F.elu(self.spatial_norm(self.spatial(x)))
        x = self.dropout1(F.avg_pool2d(x, (1, self.pool1)))
        if self.separable_kind == "separable":
            x = self.pointwise(self.separable_depthwise(x))
        else:
            x = self.separable_standard(x)
        x = F.elu(self.separable_norm(x))
        x = self.dropout2(F.avg_pool2d(x, (1, self.pool2)))
        return self.classifier(x.flatten(1))


def keras_fans(conv):
    """Fans that Keras counts for the kernel of a convolution.

    Keras keeps a depthwise kernel as (height, width, in, multiplier) and takes the last two axes
    for its fans, where torch's grouped weight (in * multiplier, 1, height, width) would give
    ``torch.nn.init`` other ones, and a limit 0.77 times as wide for EEGNet-8,2's spatial filters.

    Parameters
    ----------
    conv : torch.nn.Conv2d
        A standard or depthwise convolution.

    Returns
    -------
    fan_in, fan_out : int
    """
    size = conv.kernel_size[0] * conv.kernel_size[1]
    return size * conv.in_channels, size * conv.out_channels // conv.groups
