"""What convolutions and EEGNet cost by closed formulas of their sizes.

The reduction of a standard convolution to a depthwise separable one is among them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from eegsep.network.convolutions import FAMILY, pair, same_padding
from eegsep.network.structure import check_convolutions, matched_F1, parse_convolution


class Cost(NamedTuple):
    """Cost of a layer or a network for one image or trial.

    Attributes
    ----------
    parameters : int
        Trainable numbers.
    multiply_adds : int
        Products that are summed up.

    Examples
    --------
    >>> from eegsep.network.cost import formula
    >>> formula("depthwise", 3, 3, 3, (5, 5))
    Cost(parameters=27, multiply_adds=243)
    """

    parameters: int
    multiply_adds: int


def output_size(input_size, kernel_size, stride=1, padding=0, dilation=1):
    """Height and width after a convolution.

    Parameters
    ----------
    input_size : tuple of int
        Height and width.
    kernel_size, stride, padding, dilation
        As in :class:`eegsep.network.convolutions.StandardConv2d`.

    Returns
    -------
    output_size : tuple of int
        ``(n + zeros - dilation * (k - 1) - 1) // stride + 1`` along each axis.

    Raises
    ------
    ValueError
        If the kernel is larger than the padded input.

    Examples
    --------
    >>> from eegsep.network.cost import output_size
    >>> output_size((5, 5), 3), output_size((5, 5), 3, stride=2, padding=1)
    ((3, 3), (3, 3))
    """
    sizes = []
    for n, k, step, zeros, gap in zip(
        *map(pair, (input_size, kernel_size, stride, padding, dilation)), strict=True
    ):
        extent = gap * (k - 1) + 1
        both = sum(same_padding(extent)) if zeros == "same" else 2 * zeros
        if n + both < extent:
            raise ValueError(
                f"A kernel over {extent} places does not fit an input of {n} padded by {both}"
            )
        sizes.append((n + both - extent) // step + 1)
    return tuple(sizes)


def formula(
    kind,
    in_channels,
    out_channels,
    kernel_size,
    input_size,
    *,
    stride=1,
    padding=0,
    dilation=1,
    groups=2,
    multiplier=1,
    rank=1,
    n_towers=4,
    hidden_channels=None,
):
    """Cost of a convolution by closed formula.

    Parameters
    ----------
    kind : str
        A name in ``eegsep.network.convolutions.FAMILY``, whose classes' docstrings have the
        formulas.
    in_channels, out_channels : int
        Channels, I and O.
    kernel_size, stride, padding, dilation
        As in :class:`eegsep.network.convolutions.StandardConv2d`.
    input_size : tuple of int
        Height and width of the input.
    groups, multiplier, rank, n_towers, hidden_channels
        As in the layer that has them.

    Returns
    -------
    cost : Cost

    Raises
    ------
    ValueError
        If ``kind`` is unknown or the kernel does not fit the input.

    Examples
    --------
    >>> from eegsep.network.cost import formula
    >>> formula("standard", 3, 8, 3, (5, 5))
    Cost(parameters=216, multiply_adds=1944)
    >>> formula("depthwise_separable", 3, 8, 3, (5, 5))
    Cost(parameters=51, multiply_adds=459)
    """
    if kind not in FAMILY:
        raise ValueError(f"kind must be one of {', '.join(FAMILY)}, got {kind!r}")
    I, O = in_channels, out_channels  # noqa: E741 - the formulas' letters
    M = O if hidden_channels is None else hidden_channels
    kh, kw = pair(kernel_size)
    k = kh * kw
    height, width = output_size(input_size, kernel_size, stride, padding, dilation)
    after, before, between = height * width, math.prod(pair(input_size)), height * input_size[1]
    # for each step: weights, and the places where each is used
    steps = {
        "standard": [(I * O * k, after)],
        "grouped": [(I * O * k // groups, after)],
        "depthwise": [(O * k, after)],
        "pointwise": [(I * O, after)],
        "depthwise_separable": [(multiplier * I * k, after), (multiplier * I * O, after)],
        "spatially_separable": [(I * O * kh, between), (I * O * kw, after)],
        "low_rank": [(O * rank * I * kh, between), (O * rank * kw, after)],
        "inception": [(I * O, before), (O * O * k // n_towers, after)],
        "extreme_inception": [(I * O, before), (O * k, after)],
        "shuffle": [(I * M // groups, before), (M * k, after), (M * O // groups, after)],
    }[kind]
    return Cost(sum(w for w, _ in steps), sum(w * places for w, places in steps))


class Reduction(NamedTuple):
    """Cost of a depthwise separable convolution as a share of the standard one's.

    Attributes
    ----------
    depthwise : float
        1 / N, of the depthwise step.
    pointwise : float
        1 / (kh · kw), of the pointwise step.
    total : float
        Their sum.
    pointwise_share : float
        Of the separable layer's cost, what the pointwise step takes: N / (N + kh · kw).

    Examples
    --------
    >>> from eegsep.network.cost import reduction
    >>> share = reduction(64, 3)
    >>> round(share.depthwise + share.pointwise - share.total, 12)
    0.0
    """

    depthwise: float
    pointwise: float
    total: float
    pointwise_share: float


def reduction(out_channels, kernel_size):
    """Share of the standard cost that a depthwise separable convolution has.

    Parameters
    ----------
    out_channels : int
        N.
    kernel_size : int | tuple of int
        (kh, kw).

    Returns
    -------
    reduction : Reduction

    Examples
    --------
    >>> from eegsep.network.cost import reduction
    >>> round(1 / reduction(out_channels=256, kernel_size=3).total, 1)
    8.7
    """
    area = math.prod(pair(kernel_size))
    return Reduction(
        1 / out_channels,
        1 / area,
        1 / out_channels + 1 / area,
        out_channels / (out_channels + area),
    )


def eegnet_formula(
    n_chans=22,
    n_times=512,
    n_outputs=4,
    *,
    F1=8,
    D=2,
    F2=None,
    kernel_length=64,
    separable_kernel_length=16,
    pool1=4,
    pool2=8,
    spatial="depthwise",
    separable="separable",
):
    """Cost of :class:`eegsep.EEGNet`'s layers by closed formula.

    Parameters
    ----------
    n_chans, n_times, n_outputs, F1, D, F2
        As in :class:`eegsep.EEGNet`, and so are the rest.
    kernel_length, separable_kernel_length, pool1, pool2 : int
        Lengths, which shrink to the window as there.
    spatial, separable : str
        Names of convolutions.

    Returns
    -------
    costs : pandas.DataFrame
        ``layer`` (the module's name), ``parameters`` and ``multiply_adds`` a trial.

    Raises
    ------
    ValueError
        As :class:`eegsep.EEGNet`.

    Examples
    --------
    >>> from eegsep.network.cost import eegnet_formula
    >>> int(eegnet_formula(n_chans=22, n_times=512, n_outputs=4)["parameters"].sum())
    2484
    """
    lengths = {
        "kernel_length": kernel_length,
        "separable_kernel_length": separable_kernel_length,
        "pool1": pool1,
        "pool2": pool2,
    }
    if F1 == "matched":
        kinds = {"spatial": spatial, "separable": separable}
        F1 = matched_F1(n_chans, n_times, n_outputs, D=D, F2=F2, **kinds, **lengths)
    M = F1 * D
    F2 = M if F2 is None else F2
    check_convolutions(spatial, separable, F1, D, F2)
    C, T, K = n_chans, n_times, min(kernel_length, n_times)
    pool1 = min(pool1, T)
    n_pooled = T // pool1
    L = min(separable_kernel_length, n_pooled)
    n_features = F2 * (n_pooled // min(pool2, n_pooled))

    kind, number = parse_convolution("spatial", spatial)
    rows = []

    def add(layer, *cost):
        rows.append((layer, *cost))

    if kind == "joint":
        in_time = {"padding": (0, "same")}
        add("joint", *formula("standard", 1, M, (C, K), (C, T), **in_time))
    elif kind == "low_rank":
        in_time = {"padding": (0, "same"), "rank": number}
        add("low_rank", *formula("low_rank", 1, M, (C, K), (C, T), **in_time))
    else:
        groups = {"depthwise": F1, "grouped": number, "standard": 1}[kind]
        add("temporal", F1 * K, F1 * K * C * T)
        add("temporal_norm", 2 * F1, 0)
        add("spatial", F1 * M * C // groups, F1 * M * C // groups * T)
    add("spatial_norm", 2 * M, 0)
    kind, number = parse_convolution("separable", separable)
    if kind == "separable":
        add("separable_depthwise", M * L, M * L * n_pooled)
        add("pointwise", M * F2, M * F2 * n_pooled)
    elif kind == "standard":
        add("separable_standard", M * F2 * L, M * F2 * L * n_pooled)
    else:
        options = {
            "grouped": {"groups": number},
            "shuffle": {"groups": number},
            "inception": {"n_towers": number},
            "spatially_separable": {},
        }[kind]
        kind = "extreme_inception" if kind == "spatially_separable" else kind
        cost = formula(kind, M, F2, (1, L), (1, n_pooled), padding="same", **options)
        add("separable_conv", *cost)
    add("separable_norm", 2 * F2, 0)
    add("classifier", n_outputs * (n_features + 1), n_outputs * n_features)
    return pd.DataFrame(rows, columns=["layer", "parameters", "multiply_adds"])
