"""Tables of costs: a network layer by layer, a worked example, the reduction, the family.

Arithmetic stands beside the clock, and a sentence says how they compare.
"""

from __future__ import annotations

import pandas as pd
import torch

from eegsep.network.convolutions import FAMILY, DepthwiseSeparableConv2d, StandardConv2d, pair

from .counting import count, count_layers, run_layers
from .formulas import reduction
from .timing import forward_of, time_in_turns

# MobileNet's channels and the height of its images there (Howard et al. 2017, table 1).
MOBILENET_SIZES = ((64, 112), (128, 56), (256, 28))
# A member of the family each, where a number has to be chosen.
FAMILY_OPTIONS = {
    "grouped": {"groups": 4},
    "low_rank": {"rank": 1},
    "inception": {"n_towers": 4},
    "shuffle": {"groups": 4},
}


def network_table(net, batch_size=16, machine=None, repetitions=11):
    """Cost of a network layer by layer.

    Parameters
    ----------
    net : EEGNet
    batch_size : int
        Trials at once, for bytes and times.
    machine : Machine | None
        What to judge the intensity by; None leaves bounds and times out.
    repetitions : int
        Turns of timing.

    Returns
    -------
    costs : pandas.DataFrame
        That of :func:`count_layers` with ``share`` (of the multiply-adds) and, with a machine,
        ``bound``, ``seconds`` (of the layer's forward pass for the batch), ``time_share``, and
        ``peak_share`` (of the matrix product's FLOP/s).

    Examples
    --------
    >>> from eegsep import EEGNet
    >>> from eegsep.network.cost import network_table
    >>> table = network_table(EEGNet(n_chans=22, n_times=512, n_outputs=4))
    >>> int(table["parameters"].sum()), float(table["share"].sum().round(6))
    (2484, 1.0)
    """
    size = (net.n_chans, net.n_times)
    table = count_layers(net, size, batch_size)
    table["share"] = table["multiply_adds"] / table["multiply_adds"].sum()
    if machine is None:
        return table
    table["bound"] = table["intensity"].map(machine.bound)
    training = net.training
    calls = run_layers(net.eval(), size, batch_size)
    actions = {call.name: forward_of(call.module, torch.randn_like(call.input)) for call in calls}
    table["seconds"] = table["layer"].map(time_in_turns(actions, repetitions))
    net.train(training)
    table["time_share"] = table["seconds"] / table["seconds"].sum()
    flop = 2 * batch_size * table["multiply_adds"]
    table["peak_share"] = flop / table["seconds"] / machine.flops
    return table


def worked_example(out_channels=8, in_channels=3, input_size=(5, 5), kernel_size=3):
    """Follow every shape through a standard and a depthwise separable convolution.

    Parameters
    ----------
    out_channels, in_channels : int
        N, and channels of the input.
    input_size : tuple of int
        Height and width of the input, which is not padded.
    kernel_size : int | tuple of int

    Returns
    -------
    steps : pandas.DataFrame
        ``convolution`` and ``step``, ``input, kernel, output`` (shapes), ``parameters`` and
        ``multiply_adds``.

    Examples
    --------
    >>> from eegsep.network.cost import worked_example
    >>> worked_example(out_channels=8)[["step", "parameters", "multiply_adds"]]
            step  parameters  multiply_adds
    0   standard         216           1944
    1  depthwise          27            243
    2  pointwise          24            216
    """
    sizes = in_channels, out_channels, kernel_size
    layers = {
        "standard": StandardConv2d(*sizes),
        "depthwise separable": DepthwiseSeparableConv2d(*sizes),
    }
    parts = []
    for name, layer in layers.items():
        part = count_layers(layer, (in_channels, *pair(input_size)))
        part.insert(0, "convolution", name)
        parts.append(part.rename(columns={"layer": "step"}).replace({"step": {"": "standard"}}))
    return pd.concat(parts, ignore_index=True).drop(columns=["bytes", "intensity"])


def reduction_table(sizes=MOBILENET_SIZES, kernel_size=3, *, timed=True, repetitions=7):
    """Reduce a standard convolution to a depthwise separable one: arithmetic beside the clock.

    Parameters
    ----------
    sizes : sequence of tuple of int
        Channels N (in and out) and the height and width of the image.
    kernel_size : int
        Odd: the images are padded to keep their size.
    timed : bool
        Measure forward passes on one image.
    repetitions : int
        Turns of timing.

    Returns
    -------
    table : pandas.DataFrame
        ``channels, size``; ``multiply_adds`` and ``parameters`` of each, prefixed ``standard_`` and
        ``separable_``; ``depthwise_term`` 1/N, ``pointwise_term`` 1/(kh · kw), their sum ``factor``
        and ``reduction``, its inverse; ``pointwise_share``; where timed ``standard_seconds``,
        ``separable_seconds`` and ``speedup``.

    Examples
    --------
    >>> from eegsep.network.cost import reduction_table
    >>> reduction_table([(64, 16)], timed=False)["reduction"].round(2).item()
    7.89
    """
    rows, actions = [], {}
    for n, size in sizes:
        x = torch.randn(1, n, size, size)
        row = {"channels": n, "size": size}
        for name, kind in {
            "standard": StandardConv2d,
            "separable": DepthwiseSeparableConv2d,
        }.items():
            layer = kind(n, n, kernel_size, padding="same").eval()
            cost = count(layer, (n, size, size))
            row[f"{name}_parameters"], row[f"{name}_multiply_adds"] = cost
            actions[n, size, name] = forward_of(layer, x)
        terms = reduction(n, kernel_size)
        row |= {
            "depthwise_term": terms.depthwise,
            "pointwise_term": terms.pointwise,
            "factor": terms.total,
            "reduction": row["standard_multiply_adds"] / row["separable_multiply_adds"],
            "pointwise_share": terms.pointwise_share,
        }
        rows.append(row)
    table = pd.DataFrame(rows)
    if timed:
        seconds = time_in_turns(actions, repetitions)
        for name in ("standard", "separable"):
            table[f"{name}_seconds"] = [seconds[n, size, name] for n, size in sizes]
        table["speedup"] = table["standard_seconds"] / table["separable_seconds"]
    return table


def family_table(channels=64, size=28, kernel_size=3, *, timed=True, repetitions=7):
    """Costs of the whole family in one place, beside each other.

    Parameters
    ----------
    channels : int
        In and out, a multiple of 16 for the groups and towers of ``FAMILY_OPTIONS``.
    size, kernel_size : int
        Height and width of the image, which is padded to keep them, and of the kernel.
    timed : bool
        Measure forward passes on one image.
    repetitions : int
        Turns of timing.

    Returns
    -------
    table : pandas.DataFrame
        ``convolution, option, parameters, multiply_adds, reduction`` (of the standard's
        multiply-adds) and, where timed, ``seconds`` and ``speedup``.

    Examples
    --------
    >>> from eegsep.network.cost import family_table
    >>> table = family_table(channels=16, size=8, timed=False).set_index("convolution")
    >>> table.loc[["standard", "depthwise_separable"], "multiply_adds"].to_dict()
    {'standard': 147456, 'depthwise_separable': 25600}
    """
    rows, actions = [], {}
    x = torch.randn(1, channels, size, size)
    for kind, make in FAMILY.items():
        options = FAMILY_OPTIONS.get(kind, {})
        kernel = 1 if kind == "pointwise" else kernel_size
        layer = make(channels, channels, kernel, padding="same", **options).eval()
        option = ", ".join(f"{name}={value}" for name, value in options.items())
        cost = count(layer, x.shape[1:])
        rows.append({"convolution": kind, "option": option, **cost._asdict()})
        actions[kind] = forward_of(layer, x)
    table = pd.DataFrame(rows)
    table["reduction"] = table["multiply_adds"].iloc[0] / table["multiply_adds"]
    if timed:
        table["seconds"] = table["convolution"].map(time_in_turns(actions, repetitions))
        table["speedup"] = table["seconds"].iloc[0] / table["seconds"]
    return table


def say_speed(table):
    """Say in a sentence how the gain in time compares with that in multiply-adds.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``reduction`` and ``speedup``.

    Returns
    -------
    sentence : str

    Examples
    --------
    >>> from eegsep.network.cost import reduction_table, say_speed
    >>> table = reduction_table([(64, 16), (128, 8)], timed=False).assign(speedup=[2.0, 3.0])
    >>> isinstance(say_speed(table), str)
    True
    """

    def join(values):
        return ", ".join(f"{value:.1f}" for value in values)

    kept = table["speedup"] / table["reduction"]
    text = (
        f"With {join(table['reduction'])} times fewer multiply-adds, the separable layer was "
        f"{join(table['speedup'])} times as fast here"
    )
    if (kept < 0.9).all():
        return (
            f"{text}: only {kept.min():.0%} to {kept.max():.0%} of what the arithmetic promises. "
            "Fewer multiply-adds is not proportionally faster."
        )
    if (kept > 1.1).all():
        return f"{text}: more than the arithmetic promises, which does not say how fast code is."
    return f"{text}: {kept.min():.0%} to {kept.max():.0%} of what the arithmetic promises."
