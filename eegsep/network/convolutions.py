r"""The family of separable convolutions: layers that stand in for a standard convolution.

All take and return images (B, channels, H, W), and have no bias: each is a standard convolution
whose kernel is bound to a form, and what the form is, is what the layer assumes of its data.

Every layer is called as ``Layer(in_channels, out_channels, kernel_size, ...)``, its output has the
shape of ``StandardConv2d``'s with the same ``kernel_size``, ``stride``, ``padding`` and
``dilation``. In the formulas I and O are channels in and out, kh × kw is the kernel, and

.. math::  y_o(t) = \sum_i \sum_s W_{ois}\, x_i(t + s), \quad s \in kh \times kw,

is the standard convolution, of I · O · kh · kw weights. *Separable* has two meanings, often
confused: **depthwise** separable splits space from channels, :math:`W_{ois} = p_{oi} d_{is}`;
**spatially** separable splits the two axes of the kernel, :math:`W_{oi,yx} = c_{oiy} r_{oix}`, and
says nothing of channels.

References
----------
Chollet, F. (2017). Xception: deep learning with depthwise separable convolutions. CVPR.

Howard, A. G., et al. (2017). MobileNets: efficient convolutional neural networks for mobile
vision applications. arXiv:1704.04861.

Zhang, X., Zhou, X., Lin, M., & Sun, J. (2018). ShuffleNet: an extremely efficient
convolutional neural network for mobile devices. CVPR.

Szegedy, C., et al. (2015). Going deeper with convolutions. CVPR.

Lawhern, V. J., et al. (2018). EEGNet: a compact convolutional neural network for EEG-based
brain-computer interfaces. Journal of Neural Engineering, 15(5), 056013.

Mamalet, F., & Garcia, C. (2012). Simplifying ConvNets for fast learning. ICANN.

Rigamonti, R., Sironi, A., Lepetit, V., & Fua, P. (2013). Learning separable filters. CVPR.
"""

from __future__ import annotations

from numbers import Integral

from torch import nn
from torch.nn import functional as F


def same_padding(length):
    """Zeros (left, right) of the window that keep its length under a kernel of ``length``."""
    return (length - 1) // 2, length // 2


def channel_shuffle(x, groups):
    """Deal the channels of each group out to all groups, as cards (Zhang et al. 2018, Fig. 1).

    Parameters
    ----------
    x : torch.Tensor, shape (B, channels, H, W)
        Channels in ``groups`` groups of equal size, one after the other.
    groups : int

    Returns
    -------
    shuffled : torch.Tensor, shape (B, channels, H, W)
        First the first channel of each group, then the second of each, and so on.
    """
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def pair(value):
    """Return a value for each of two axes: one number stands for both."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def _check_positive(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")


def _check_divides(name, number, **channels):
    """Refuse a number of groups or towers that does not divide all of some channels."""
    _check_positive(name, number)
    for what, count in channels.items():
        if count % number:
            raise ValueError(f"{name}={number} must divide {what}={count}")


class _Axes:
    """Kernel, stride, padding and dilation by axis, to be dealt out to a layer's steps."""

    def __init__(self, kernel_size, stride, padding, dilation):
        self.kernel = pair(kernel_size)
        self.rest = {
            "stride": pair(stride),
            "padding": pair(padding),
            "dilation": pair(dilation),
        }

    def only(self, axis):
        """Return what a step along one axis (0 the column's, 1 the row's) is made with."""
        neutral = {"stride": 1, "padding": 0, "dilation": 1}

        def take(values, other):
            return (values[0], other) if axis == 0 else (other, values[1])

        rest = {name: take(values, neutral[name]) for name, values in self.rest.items()}
        return {"kernel_size": take(self.kernel, 1), **rest}


class StandardConv2d(nn.Conv2d):
    r"""Standard convolution: space and channels together.

    :math:`y_o = \sum_i W_{oi} * x_i` with I · O · kh · kw weights. Assumes nothing.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels, I and O.
    kernel_size : int | tuple of int
        (kh, kw), or one number for both.
    stride, dilation : int | tuple of int
        As in :class:`torch.nn.Conv2d`.
    padding : int | "same" | tuple
        Zeros at both ends of an axis, or ``"same"`` for an output as long as the input, with the
        odd zero at the end; by axis in a tuple.
    groups : int
        Of channels that do not see each other.

    Raises
    ------
    ValueError
        If a size is not a positive integer, ``groups`` does not divide the channels, or
        ``padding="same"`` is asked for with a stride.

    Examples
    --------
    >>> from eegsep.network.convolutions import StandardConv2d
    >>> layer = StandardConv2d(8, 16, 3)
    >>> sum(weight.numel() for weight in layer.parameters())
    1152
    """

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, *, groups=1
    ):
        _check_positive("in_channels", in_channels)
        _check_positive("out_channels", out_channels)
        _check_divides("groups", groups, in_channels=in_channels, out_channels=out_channels)
        kernel, stride, dilation = pair(kernel_size), pair(stride), pair(dilation)
        for name, both in {"kernel_size": kernel, "stride": stride, "dilation": dilation}.items():
            for value in both:
                _check_positive(name, value)
        sides = []
        for axis, zeros in enumerate(pair(padding)):
            if zeros == "same":
                if stride[axis] != 1:
                    raise ValueError(f'padding="same" needs a stride of 1, got {stride[axis]}')
                zeros = same_padding((kernel[axis] - 1) * dilation[axis] + 1)
            sides.append(pair(zeros))
        (top, bottom), (left, right) = sides
        even = top == bottom and left == right
        super().__init__(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=(top, left) if even else 0,
            dilation=dilation,
            groups=groups,
            bias=False,
        )
        # torch pads both ends alike, what it cannot do is padded beforehand
        self._zeros = None if even else (left, right, top, bottom)

    def forward(self, x):
        """Convolve ``x``, shape (B, in_channels, H, W)."""
        return super().forward(x if self._zeros is None else F.pad(x, self._zeros))


class GroupedConv2d(StandardConv2d):
    r"""Grouped convolution: groups of channels that do not see each other.

    :math:`y_o = \sum_{i \in G(o)} W_{oi} * x_i` with I · O · kh · kw / g weights: the standard cost
    divided by the number of groups. From standard (g = 1) to depthwise (g = I). Assumes that
    channels of different groups have nothing to say to each other.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation
        As in :class:`StandardConv2d`.
    groups : int
        Number of groups, g, which divides both numbers of channels.

    Examples
    --------
    >>> from eegsep.network.convolutions import GroupedConv2d
    >>> layer = GroupedConv2d(8, 16, 3, groups=4)
    >>> sum(weight.numel() for weight in layer.parameters())
    288
    """


class DepthwiseConv2d(GroupedConv2d):
    r"""Depthwise convolution: each channel has kernels of its own, and meets no other.

    :math:`y_{im} = W_{im} * x_i` for the multiplier's m = 1 … O / I, with O · kh · kw weights.
    EEGNet's spatial filters are such a layer, with multiplier D (Lawhern 2018). Assumes that
    channels are mixed elsewhere, or not at all.

    Parameters
    ----------
    in_channels, kernel_size, stride, padding, dilation
        As in :class:`StandardConv2d`.
    out_channels : int
        A multiple of ``in_channels``; the ratio is the depth multiplier.

    Examples
    --------
    >>> from eegsep.network.convolutions import DepthwiseConv2d
    >>> layer = DepthwiseConv2d(8, 16, 3)
    >>> sum(weight.numel() for weight in layer.parameters())
    144
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1):
        _check_positive("in_channels", in_channels)
        _check_positive("out_channels", out_channels)
        if out_channels % in_channels:
            raise ValueError(
                f"out_channels={out_channels} must be a multiple of in_channels={in_channels} in a "
                "depthwise convolution"
            )
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups=in_channels
        )


class PointwiseConv2d(StandardConv2d):
    r"""Pointwise convolution: channels are mixed at each place by itself.

    :math:`y_o = \sum_i p_{oi} x_i`, with I · O weights. Assumes that no context in space is needed.

    Parameters
    ----------
    in_channels, out_channels, stride, padding, dilation
        As in :class:`StandardConv2d`.
    kernel_size : int | tuple of int
        1, or (1, 1): the layer has no other.

    Examples
    --------
    >>> from eegsep.network.convolutions import PointwiseConv2d
    >>> layer = PointwiseConv2d(8, 16)
    >>> sum(weight.numel() for weight in layer.parameters())
    128
    """

    def __init__(self, in_channels, out_channels, kernel_size=1, stride=1, padding=0, dilation=1):
        if pair(kernel_size) != (1, 1):
            raise ValueError(f"A pointwise convolution has kernel_size 1, got {kernel_size!r}")
        super().__init__(in_channels, out_channels, 1, stride, padding, dilation)


class DepthwiseSeparableConv2d(nn.Module):
    r"""Depthwise separable convolution: space first, channel by channel, then channels.

    :math:`y_o = \sum_i p_{oi}\, (d_i * x_i)`: a standard convolution with :math:`W_{ois} = p_{oi}
    d_{is}`, with I · kh · kw + I · O weights, 1/O + 1/(kh · kw) of the standard's (Howard 2017).
    Assumes that correlations in space and between channels can be learned apart (Chollet 2017);
    MobileNet is built of it, and EEGNet's second block is one (Lawhern 2018).

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation
        As in :class:`StandardConv2d`.
    multiplier : int
        Depthwise kernels for each channel, m: then :math:`W_{ois} = \sum_m p_{oim} d_{ims}`.
    activation : torch.nn.Module | None
        What comes between the two steps, with f(0) = 0; None for nothing.

    Examples
    --------
    >>> from eegsep.network.convolutions import DepthwiseSeparableConv2d
    >>> layer = DepthwiseSeparableConv2d(8, 16, 3)
    >>> sum(weight.numel() for weight in layer.parameters())
    200
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        *,
        multiplier=1,
        activation=None,
    ):
        super().__init__()
        _check_positive("multiplier", multiplier)
        hidden = multiplier * in_channels
        self.depthwise = DepthwiseConv2d(
            in_channels, hidden, kernel_size, stride, padding, dilation
        )
        self.activation = nn.Identity() if activation is None else activation
        self.pointwise = PointwiseConv2d(hidden, out_channels)

    def forward(self, x):
        """Convolve ``x``, shape (B, in_channels, H, W)."""
        return self.pointwise(self.activation(self.depthwise(x)))


class SpatiallySeparableConv2d(nn.Module):
    r"""Spatially separable convolution: a column, then a row, for each pair of channels.

    :math:`y_o = \sum_i r_{oi} * (c_{oi} * x_i)`, columns of kh × 1 and rows of 1 × kw: a standard
    convolution whose every kernel is of rank one over the plane, :math:`W_{oi,yx} = c_{oiy}
    r_{oix}`, with I · O · (kh + kw) weights, 1/kh + 1/kw of the standard's. Another meaning of the
    word: it assumes that the two *axes of the kernel* can be learned apart (as in a Gaussian or a
    Sobel filter, and few others) and nothing of channels, where depthwise separability assumes the
    reverse. It keeps I · O maps in between.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation
        As in :class:`StandardConv2d`.

    Examples
    --------
    >>> from eegsep.network.convolutions import SpatiallySeparableConv2d
    >>> layer = SpatiallySeparableConv2d(8, 16, 3)
    >>> sum(weight.numel() for weight in layer.parameters())
    768
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1):
        super().__init__()
        axes = _Axes(kernel_size, stride, padding, dilation)
        self.in_channels = in_channels
        pairs = in_channels * out_channels
        self.column = DepthwiseConv2d(in_channels, pairs, **axes.only(0))
        self.row = GroupedConv2d(pairs, out_channels, **axes.only(1), groups=out_channels)

    def forward(self, x):
        """Convolve ``x``, shape (B, in_channels, H, W)."""
        # columns come by channel in, rows go by channel out
        return self.row(channel_shuffle(self.column(x), self.in_channels))


class LowRankConv2d(nn.Module):
    r"""Low-rank convolution: each output map's kernel is a sum of r outer products.

    :math:`y_o = \sum_{k=1}^r r_{ok} * (\sum_i c_{oki} * x_i)`: a standard convolution with
    :math:`W_{oi,yx} = \sum_k c_{okiy}\, r_{okx}`, O · r columns over (I, kh) and O · r rows over
    kw, with O · r · (I · kh + kw) weights. With r = 1 it is Mamalet & Garcia's pair of a vertical
    and a horizontal filter; at r = min(I · kh, kw) it can be any standard convolution.
    Assumes, as Rigamonti et al. found of learned filters, that few separable ones make up a
    kernel. EEGNet's first block is of rank one in this sense but for the normalisation inside it,
    electrodes being the column and time the row.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation
        As in :class:`StandardConv2d`.
    rank : int
        Outer products in a kernel, r, up to min(I · kh, kw).

    Examples
    --------
    >>> from eegsep.network.convolutions import LowRankConv2d
    >>> layer = LowRankConv2d(8, 16, 3, rank=1)
    >>> sum(weight.numel() for weight in layer.parameters())
    432
    """

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, *, rank=1
    ):
        super().__init__()
        axes = _Axes(kernel_size, stride, padding, dilation)
        _check_positive("rank", rank)
        full = min(in_channels * axes.kernel[0], axes.kernel[1])
        if rank > full:
            raise ValueError(f"rank={rank} is above the full rank of these kernels, {full}")
        self.column = StandardConv2d(in_channels, out_channels * rank, **axes.only(0))
        self.row = GroupedConv2d(
            out_channels * rank, out_channels, **axes.only(1), groups=out_channels
        )

    def forward(self, x):
        """Convolve ``x``, shape (B, in_channels, H, W)."""
        return self.row(self.column(x))

    def kernel(self):
        """Return the standard convolution's kernel, shape (out_channels, in_channels, kh, kw)."""
        row = self.row.weight[:, :, 0]  # (O, r, kw)
        column = self.column.weight[..., 0].unflatten(0, row.shape[:2])  # (O, r, I, kh)
        return (column.flatten(2).mT @ row).unflatten(1, column.shape[2:])


class InceptionConv2d(nn.Module):
    r"""Inception-style convolution: channels first, then space within towers apart.

    :math:`y_o = \sum_{j \in T(o)} W_{oj} * (\sum_i p_{ji} x_i)`: each of n towers has a 1 × 1
    convolution of its own to O / n channels, then a kh × kw convolution on these. That is one
    pointwise convolution and a spatial one on segments of its output (Chollet's Fig. 3, after
    Szegedy et al., whose towers differ in kernel): I · O + O² · kh · kw / n weights. Assumes
    that space needs only a few mixtures of channels at a time.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation
        As in :class:`StandardConv2d`.
    n_towers : int
        Independent towers, n, which divides ``out_channels``.
    activation : torch.nn.Module | None
        What comes between the two steps, with f(0) = 0; None for nothing.

    Examples
    --------
    >>> from eegsep.network.convolutions import InceptionConv2d
    >>> layer = InceptionConv2d(8, 16, 3, n_towers=4)
    >>> sum(weight.numel() for weight in layer.parameters())
    704
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        *,
        n_towers=4,
        activation=None,
    ):
        super().__init__()
        _check_divides("n_towers", n_towers, out_channels=out_channels)
        self.pointwise = PointwiseConv2d(in_channels, out_channels)
        self.activation = nn.Identity() if activation is None else activation
        self.towers = GroupedConv2d(
            out_channels, out_channels, kernel_size, stride, padding, dilation, groups=n_towers
        )

    def forward(self, x):
        """Convolve ``x``, shape (B, in_channels, H, W)."""
        return self.towers(self.activation(self.pointwise(x)))


class ExtremeInceptionConv2d(InceptionConv2d):
    r"""Extreme Inception: channels first, then space, one tower for each output channel.

    :math:`y_o = d_o * (\sum_i p_{oi} x_i)`: a standard convolution with :math:`W_{ois} = p_{oi}
    d_{os}`, with I · O + O · kh · kw weights. The limit of :class:`InceptionConv2d`, and a
    depthwise separable convolution in the other order (Chollet's Fig. 4; Xception stacks so
    many that the order hardly matters, and did best with no nonlinearity between).

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation
        As in :class:`StandardConv2d`.
    activation : torch.nn.Module | None
        What comes between the two steps, with f(0) = 0; None for nothing.

    Examples
    --------
    >>> from eegsep.network.convolutions import ExtremeInceptionConv2d
    >>> layer = ExtremeInceptionConv2d(8, 16, 3)
    >>> sum(weight.numel() for weight in layer.parameters())
    272
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        *,
        activation=None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            n_towers=out_channels,
            activation=activation,
        )


class ShuffleConv2d(nn.Module):
    r"""ShuffleNet's convolution: grouped pointwise steps, with the channels shuffled between.

    Grouped pointwise I → M, channel shuffle, depthwise kh × kw on M maps, grouped pointwise M → O:
    the unit of Zhang et al. (Fig. 2b) without its shortcut and normalisations, with
    (I · M + M · O) / g + M · kh · kw weights. Pointwise steps are where a separable layer spends
    most, so these are grouped; without the shuffle, groups would never meet. Assumes that thin
    mixing suffices. Every output sees every input if M ≥ g².

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation
        As in :class:`StandardConv2d`.
    groups : int
        Groups of the pointwise steps, g, which divides I, M and O.
    hidden_channels : int | None
        Maps in between, M; None for ``out_channels`` (ShuffleNet has a quarter).

    Examples
    --------
    >>> from eegsep.network.convolutions import ShuffleConv2d
    >>> layer = ShuffleConv2d(8, 16, 3, groups=4)
    >>> sum(weight.numel() for weight in layer.parameters())
    240
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        *,
        groups=2,
        hidden_channels=None,
    ):
        super().__init__()
        hidden = out_channels if hidden_channels is None else hidden_channels
        channels = {"in_channels": in_channels, "out_channels": out_channels}
        _check_divides("groups", groups, **channels, hidden_channels=hidden)
        self.groups = groups
        self.pointwise_in = GroupedConv2d(in_channels, hidden, 1, groups=groups)
        self.depthwise = DepthwiseConv2d(hidden, hidden, kernel_size, stride, padding, dilation)
        self.pointwise_out = GroupedConv2d(hidden, out_channels, 1, groups=groups)

    def forward(self, x):
        """Convolve ``x``, shape (B, in_channels, H, W)."""
        x = channel_shuffle(self.pointwise_in(x), self.groups)
        return self.pointwise_out(self.depthwise(x))


# By name, from the whole kernel to what is left of it.
FAMILY = {
    "standard": StandardConv2d,
    "grouped": GroupedConv2d,
    "depthwise": DepthwiseConv2d,
    "pointwise": PointwiseConv2d,
    "depthwise_separable": DepthwiseSeparableConv2d,
    "spatially_separable": SpatiallySeparableConv2d,
    "low_rank": LowRankConv2d,
    "inception": InceptionConv2d,
    "extreme_inception": ExtremeInceptionConv2d,
    "shuffle": ShuffleConv2d,
}
