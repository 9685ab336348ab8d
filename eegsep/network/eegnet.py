"""EEGNet as a ``torch.nn.Module``: as published, and with other convolutions in its place.

Temporal filters, a spatial filter for each, then a separable convolution (Lawhern et al. 2018).
"""

from __future__ import annotations

from numbers import Integral, Real

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules import module as torch_module

from eegsep import _kernels

from . import spatial_first
from .convolutions import (
    ExtremeInceptionConv2d,
    GroupedConv2d,
    InceptionConv2d,
    LowRankConv2d,
    ShuffleConv2d,
)
from .layers import Dropout, SameConv2d
from .structure import check_convolutions, count_parameters, matched_F1, parse_convolution

# Keras's constants, which the published network was trained with.
BATCH_NORM_EPS = 1e-3
BATCH_NORM_MOMENTUM = 0.01

# A hundred thousand times the published network's: sizes are a mistake, and fill the memory.
_MOST_PARAMETERS = 2**28


def _check_count(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_max_norm(name, value):
    if value is not None and not (_is_number(value) and value > 0):
        raise ValueError(f"{name} must be positive, or None for no constraint, got {value!r}")


class EEGNet(nn.Module):
    r"""The EEGNet of Lawhern et al. (2018), exactly as published.

    Table 2 and section 2.2.1 of the paper [1]_, and its code [2]_, say the same:

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
    F1 : int | "matched"
        Number of temporal filters. ``"matched"`` takes the largest with which the network has no
        more trainable parameters than the published one, which has 8 (see :func:`matched_F1`).
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
    spatial : str
        The first block's convolution over electrodes, M = F1 · D maps:

        - ``"depthwise"``: each spatial filter sees one temporal filter, as published;
        - ``"grouped:g"``: each sees F1 / g of them, weight ``spatial`` (M, F1 / g, C, 1), where g
          divides F1;
        - ``"standard"``: each sees all of them, weight ``spatial`` (M, F1, C, 1);
        - ``"joint"``: a full kernel over electrodes and time for each map, weight ``joint``
          (M, 1, C, K), in place of ``temporal``, ``temporal_norm`` and ``spatial``;
        - ``"low_rank:r"``: as joint, each kernel a sum of r outer products of
          ``low_rank.column`` (M · r, 1, C, 1) and ``low_rank.row`` (M, r, 1, K).
    separable : str
        The second block's convolution along time, from M to F2 maps, of length L = 16:

        - ``"separable"``: depthwise, then pointwise, as published;
        - ``"grouped:g"``: weight ``separable_conv`` (F2, M / g, 1, L);
        - ``"standard"``: weight ``separable_standard`` (F2, M, 1, L);
        - ``"shuffle:g"``: :class:`eegsep.network.convolutions.ShuffleConv2d`, by way of F2 maps;
        - ``"inception"`` or ``"inception:n"``: :class:`eegsep.network.convolutions.InceptionConv2d`
          with n towers, 4 unless said, which divide F2;
        - ``"spatially_separable"``: kernels of rank one over the plane of maps and time, pointwise
          and then along time (:class:`eegsep.network.convolutions.ExtremeInceptionConv2d`).

        The last three are modules called ``separable_conv``, with nothing but the convolutions.
    spatial_max_norm, dense_max_norm : float | None
        Bounds on the norm of each spatial filter and of each row of the classifier; None for none.
        A filter's norm is that of all the weights which make an output map: of the C × K kernel
        where it is joint or of low rank.
    algorithm : {"auto", "spatial_first", "published"}
        Order in which the network is evaluated: electrodes before time, the published order, or
        whichever takes fewer operations. The mathematics is the same, see
        :mod:`eegsep.network.spatial_first`. While ``temporal``, ``temporal_norm`` or ``spatial``
        have hooks or are exchanged for other modules, the published order is taken.
    generator : torch.Generator | None
        Source of the initial weights; None for torch's global one.

    Attributes
    ----------
    algorithm : str
        The order in use, ``"spatial_first"`` or ``"published"``. It may be set.
    kernel_length, separable_kernel_length, pool1, pool2 : int
        The lengths in use, after shrinking to the window.
    F1, F2 : int
        The numbers of filters in use.
    spatial_kind, separable_kind : str
        The kinds of convolution, without the number after the colon.
    spatial_number, separable_number : int | None
        That number: groups, rank or towers; None for kinds without.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If a size is below 1, ``drop_prob`` is outside [0, 1), a bound is not positive,
        ``spatial`` or ``separable`` names no known convolution or one that does not fit the
        numbers of filters, no ``F1`` is small enough to be matched, or ``algorithm`` is unknown or
        cannot evaluate ``spatial``.

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
        algorithm="auto",
        generator=None,
    ):
        super().__init__()
        if not isinstance(generator, torch.Generator | None):
            raise TypeError(f"generator must be a torch.Generator or None, got {generator!r}")
        self.n_chans = _check_count("n_chans", n_chans)
        self.n_times = _check_count("n_times", n_times)
        self.n_outputs = _check_count("n_outputs", n_outputs)
        self.D = _check_count("D", D)
        kernel_length = _check_count("kernel_length", kernel_length)
        separable_kernel_length = _check_count("separable_kernel_length", separable_kernel_length)
        pool1, pool2 = _check_count("pool1", pool1), _check_count("pool2", pool2)
        if F2 is not None:
            F2 = _check_count("F2", F2)
        sizes = {
            "n_chans": self.n_chans,
            "n_times": self.n_times,
            "n_outputs": self.n_outputs,
            "D": self.D,
            "kernel_length": kernel_length,
            "separable_kernel_length": separable_kernel_length,
            "pool1": pool1,
            "pool2": pool2,
            "spatial": spatial,
            "separable": separable,
        }
        if isinstance(F1, str) and F1 == "matched":
            F1 = matched_F1(F2=F2, **sizes)
        self.F1 = _check_count("F1", F1)
        self.F2 = self.F1 * self.D if F2 is None else F2
        if not (_is_number(drop_prob) and 0 <= drop_prob < 1):
            raise ValueError(f"drop_prob must be in [0, 1), got {drop_prob!r}")
        check_convolutions(spatial, separable, self.F1, self.D, self.F2)
        _check_max_norm("spatial_max_norm", spatial_max_norm)
        _check_max_norm("dense_max_norm", dense_max_norm)
        self.spatial_kind, self.spatial_number = parse_convolution("spatial", spatial)
        if (self.spatial_kind, self.spatial_number) == ("grouped", self.F1):
            self.spatial_kind, self.spatial_number = parse_convolution("spatial", "depthwise")
        self.separable_kind, self.separable_number = parse_convolution("separable", separable)
        self.drop_prob = drop_prob
        self.spatial_max_norm = spatial_max_norm
        self.dense_max_norm = dense_max_norm

        self.kernel_length = min(kernel_length, self.n_times)
        self.pool1 = min(pool1, self.n_times)
        n_pooled = self.n_times // self.pool1
        self.separable_kernel_length = min(separable_kernel_length, n_pooled)
        self.pool2 = min(pool2, n_pooled)
        n_features = self.F2 * (n_pooled // self.pool2)
        n_parameters = count_parameters(F1=self.F1, F2=self.F2, **sizes)
        if n_parameters > _MOST_PARAMETERS:
            raise ValueError(
                f"a network with F1={self.F1}, D={self.D}, F2={self.F2} on {self.n_chans} channels "
                f"would have more than {_MOST_PARAMETERS:,} parameters: give smaller numbers"
            )

        def layer(kind, *sizes, **options):
            # without torch's own initial values, which would only spend global random numbers
            with torch.device("meta"):
                made = kind(*sizes, **options)
            return made.to_empty(device=torch.get_default_device())

        def conv(kind, n_in, n_out, size, groups=1):
            return layer(kind, n_in, n_out, size, groups=groups, bias=False)

        def norm(n_maps):
            return nn.BatchNorm2d(n_maps, eps=BATCH_NORM_EPS, momentum=BATCH_NORM_MOMENTUM)

        n_maps = self.F1 * self.D
        plane = (self.n_chans, self.kernel_length)
        if self.spatial_kind == "joint":
            self.joint = conv(SameConv2d, 1, n_maps, plane)
        elif self.spatial_kind == "low_rank":
            self.low_rank = layer(
                LowRankConv2d, 1, n_maps, plane, padding=(0, "same"), rank=self.spatial_number
            )
        else:
            groups = {"depthwise": self.F1, "grouped": self.spatial_number, "standard": 1}
            self.temporal = conv(SameConv2d, 1, self.F1, (1, self.kernel_length))
            self.temporal_norm = norm(self.F1)
            self.spatial = conv(
                nn.Conv2d, self.F1, n_maps, (self.n_chans, 1), groups=groups[self.spatial_kind]
            )
        self.spatial_norm = norm(n_maps)
        self.dropout1 = Dropout(drop_prob)
        size = (1, self.separable_kernel_length)
        if self.separable_kind == "separable":
            self.separable_depthwise = conv(SameConv2d, n_maps, n_maps, size, groups=n_maps)
            self.pointwise = conv(nn.Conv2d, n_maps, self.F2, (1, 1))
        elif self.separable_kind == "standard":
            self.separable_standard = conv(SameConv2d, n_maps, self.F2, size)
        else:
            kind, options = {
                "grouped": (GroupedConv2d, {"groups": self.separable_number}),
                "shuffle": (ShuffleConv2d, {"groups": self.separable_number}),
                "inception": (InceptionConv2d, {"n_towers": self.separable_number}),
                "spatially_separable": (ExtremeInceptionConv2d, {}),
            }[self.separable_kind]
            self.separable_conv = layer(kind, n_maps, self.F2, size, padding="same", **options)
        self.separable_norm = norm(self.F2)
        self.dropout2 = Dropout(drop_prob)
        self.classifier = layer(nn.Linear, n_features, self.n_outputs)
        self.algorithm = self._choose(algorithm, spatial)
        self.reset_parameters(generator)

    def _choose(self, algorithm, spatial):
        """Return the order to evaluate in, of the name that is given for it."""
        if algorithm not in ("auto", "spatial_first", "published"):
            raise ValueError(
                f'algorithm must be "auto", "spatial_first" or "published", got {algorithm!r}'
            )
        if algorithm == "auto":
            return "spatial_first" if spatial_first.is_cheaper(self) else "published"
        if algorithm == "spatial_first" and not spatial_first.supports(self):
            raise ValueError(
                f'the order "spatial_first" cannot evaluate spatial={spatial!r}: take "auto"'
            )
        return algorithm

    def reset_parameters(self, generator=None):
        """Draw new weights as Keras's ``glorot_uniform`` does, and reset the normalisations.

        Parameters
        ----------
        generator : torch.Generator | None
            Source of the weights; None for torch's global one.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                _glorot_uniform(module.weight, keras_fans(module), generator)
            elif isinstance(module, nn.Linear):
                _glorot_uniform(module.weight, module.weight.shape, generator)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
        self.project_()

    @torch.no_grad()
    def project_(self):
        """Project spatial filters and classifier rows onto their max-norm balls, in place.

        To be called after each step of the optimiser (a Keras ``max_norm`` constraint). Whatever
        the convolution, one norm is that of all the weights which make one output map. A kernel of
        low rank is scaled by its columns.

        Returns
        -------
        self : EEGNet
        """
        if self.spatial_max_norm is not None:
            if self.spatial_kind == "low_rank":
                norms = self.low_rank.kernel().flatten(1).norm(dim=1)
                scale = (self.spatial_max_norm / norms.clamp_min(1e-7)).clamp_max(1)
                weight = self.low_rank.column.weight
                weight.mul_(scale.repeat_interleave(len(weight) // len(scale)).view(-1, 1, 1, 1))
            else:
                conv = self.joint if self.spatial_kind == "joint" else self.spatial
                _bound_norms(conv.weight, self.spatial_max_norm)
        if self.dense_max_norm is not None:
            _bound_norms(self.classifier.weight, self.dense_max_norm)
        return self

    def forward(self, x, statistics=None):
        """Map windows to logits.

        Parameters
        ----------
        x : torch.Tensor, shape (B, n_chans, n_times)
            Windows of EEG, on a scale near 1. In volts (1e-5) the normalisations' ``eps`` would
            drown the signal: :class:`eegsep.EEGNetClassifier` scales its input by itself.
        statistics : tuple of torch.Tensor | None
            What :meth:`eegsep.network.spatial_first.LagStatistics.of_batch` gives for ``x``, to
            save taking it again at each visit of a trial; None to take it. Only for training in the
            order ``"spatial_first"``.

        Returns
        -------
        logits : torch.Tensor, shape (B, n_outputs)
        """
        if not isinstance(x, torch.Tensor):
            raise TypeError(
                f"EEGNet takes a tensor, not a {type(x).__name__}: torch.from_numpy(...)"
            )
        if not x.is_floating_point():
            raise TypeError(
                f"EEGNet takes real numbers of floating point, not {x.dtype}: x.float()"
            )
        if x.shape[1:] != (self.n_chans, self.n_times):
            raise ValueError(
                f"EEGNet was made for windows of shape (B, {self.n_chans}, {self.n_times}), "
                f"got {tuple(x.shape)}"
            )
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
        # no trials have no transforms
        spatial = self.algorithm == "spatial_first" and (traced or len(x) > 0)
        if spatial and self._is_plain() and _kernels.can_evaluate(self, x):
            return _kernels.evaluate(self, x, statistics)
        if spatial and self._is_plain("temporal", "temporal_norm", "spatial"):
            *filters, shift = spatial_first.normalised_filters(self, x, statistics)
            x = spatial_first.filter_bank(x, *filters)
            x = (x + shift.unsqueeze(1)).unsqueeze(2).to(self.spatial.weight.dtype)
        else:
            x = self.first_convolution(x)
        x = F.elu(self.spatial_norm(x))
        x = self.dropout1(F.avg_pool2d(x, (1, self.pool1)))
        x = F.elu(self.separable_norm(self.second_convolution(x)))
        x = self.dropout2(F.avg_pool2d(x, (1, self.pool2)))
        return self.classifier(x.flatten(1))

    def _is_plain(self, *names):
        """Whether layers, all if not named, are of the kinds they were made, without hooks."""
        if torch_module._has_any_global_hook():
            return False
        for name in names or self._modules:
            layer = self._modules[name]
            if type(layer) not in _KINDS or (
                # a Linear without a bias, a normalisation without a scale
                (layer._parameters.get("bias") is None) == isinstance(layer, _WITH_BIAS)
                or layer._forward_hooks
                or layer._forward_pre_hooks
                or layer._backward_hooks
                or layer._backward_pre_hooks
                or "forward" in vars(layer)
            ):
                return False
        return True

    def first_convolution(self, x):
        """Filter in time and over electrodes, (B, n_chans, n_times) to (B, F1 * D, 1, n_times)."""
        x = x.unsqueeze(1)
        if self.spatial_kind == "joint":
            return self.joint(x)
        if self.spatial_kind == "low_rank":
            return self.low_rank(x)
        return self.spatial(self.temporal_norm(self.temporal(x)))

    def second_convolution(self, x):
        """Filter pooled maps in time and mix them, (B, F1 * D, 1, S) to (B, F2, 1, S)."""
        if self.separable_kind == "separable":
            return self.pointwise(self.separable_depthwise(x))
        if self.separable_kind == "standard":
            return self.separable_standard(x)
        return self.separable_conv(x)


def _bound_norms(weight, bound):
    """Scale a weight's rows whose norms are above a bound, in place."""
    if not torch._C._are_functorch_transforms_active():
        weight.copy_(weight.renorm(2, 0, bound))
        return
    # the same of operations that vmap knows: it would call renorm for each network
    norms = weight.flatten(1).norm(dim=1)
    scale = torch.where(norms > bound, bound / (norms + 1e-7), 1).to(weight.dtype)
    weight.view(len(scale), -1).mul_(scale.unsqueeze(1))


@torch.no_grad()
def _glorot_uniform(weight, fans, generator):
    """Fill with uniform values, drawn where the generator is: the same on each device."""
    limit = (6 / sum(fans)) ** 0.5
    device = weight.device if generator is None else generator.device
    drawn = torch.empty_like(weight, device=device).uniform_(-limit, limit, generator=generator)
    weight.copy_(drawn)


# Layers of a network that can be evaluated spatial-first.
_KINDS = {
    nn.BatchNorm2d,
    nn.Conv2d,
    nn.Linear,
    Dropout,
    ExtremeInceptionConv2d,
    GroupedConv2d,
    InceptionConv2d,
    SameConv2d,
    ShuffleConv2d,
}

# Of these, what the network has has biases; of convolutions, none.
_WITH_BIAS = (nn.BatchNorm2d, nn.Linear)


def keras_fans(conv):
    """Fans that Keras counts for the kernel of a convolution.

    Keras keeps a depthwise kernel as (height, width, in, multiplier) and takes the last two axes
    for its fans, where torch's grouped weight (in * multiplier, 1, height, width) would give
    ``torch.nn.init`` other ones, and a limit 0.77 times as wide for EEGNet-8,2's spatial filters.
    The same formula goes on between: with g groups, in and out / g.

    Parameters
    ----------
    conv : torch.nn.Conv2d
        A convolution of any number of groups.

    Returns
    -------
    fan_in, fan_out : int
    """
    size = conv.kernel_size[0] * conv.kernel_size[1]
    return size * conv.in_channels, size * conv.out_channels // conv.groups
