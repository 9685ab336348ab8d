r"""What convolutions and EEGNet cost: parameters, multiply-adds, bytes, and measured time.

Two independent ways, formulas of the sizes and counts on the module, and what the clock says.

A multiply-add is one product and one sum, two FLOP, in a convolution or a dense layer; the zeros of
padding count, normalisation, ELU and pooling do not (at inference the first is folded into a
convolution), as in the papers.

**The reduction.** A standard convolution from I to N channels with a kernel kh × kw, on S places of
output, takes I · N · kh · kw · S multiply-adds; a depthwise step I · kh · kw · S, a pointwise step
I · N · S. Hence (Howard et al. 2017, section 3.1)

.. math::  \frac{\text{depthwise separable}}{\text{standard}} = \frac{1}{N} + \frac{1}{kh \cdot kw},

the first term the depthwise step's, the second the pointwise step's, for weights and multiply-adds
alike. For a 3 × 3 kernel and many channels that is nearly 1/9; in an early layer, of small N, the
first term takes the gain away.

**Why fewer is not proportionally faster.** A layer that does few operations for each byte it moves
waits for memory. Its *arithmetic intensity*, FLOP over bytes read and written, is compared with the
machine's *balance*, FLOP/s of a matrix product over bytes/s of a copy: below, it is memory-bound
(Williams, Waterman & Patterson 2009, the roofline model). Depthwise steps mostly are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import NamedTuple

import pandas as pd
import psutil
import torch
from torch import nn

from eegsep._utils.tables import records, save_tables

from .convolutions import FAMILY, DepthwiseSeparableConv2d, StandardConv2d, pair, same_padding
from .eegnet import check_convolutions, matched_F1, parse_convolution
from .settings import settled

# MobileNet's channels and the height of its images there (Howard et al. 2017, table 1).
MOBILENET_SIZES = ((64, 112), (128, 56), (256, 28))
# A member of the family each, where a number has to be chosen.
FAMILY_OPTIONS = {
    "grouped": {"groups": 4},
    "low_rank": {"rank": 1},
    "inception": {"n_towers": 4},
    "shuffle": {"groups": 4},
}
_COUNTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_SHORTEST_TIMING = 2e-3


class Cost(NamedTuple):
    """Cost of a layer or a network for one image or trial.

    Attributes
    ----------
    parameters : int
        Trainable numbers.
    multiply_adds : int
        Products that are summed up.
    """

    parameters: int
    multiply_adds: int


# -- by formula ----------------------------------------------------------------------------------


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


# -- by counting ---------------------------------------------------------------------------------


class _Call(NamedTuple):
    """A layer that ran, and what it ran on."""

    name: str
    module: nn.Module
    input: torch.Tensor
    output: torch.Tensor


def _run(module, input_size, batch_size=1):
    """Run a module on zeros in inference mode; return the calls of its layers with parameters."""
    calls, handles = [], []
    for name, layer in module.named_modules():
        own = dict(layer.named_parameters(recurse=False))
        if not own:
            continue
        if not isinstance(layer, _COUNTED) and any(p.ndim > 1 for p in own.values()):
            raise TypeError(
                f"Multiply-adds of {name or 'the module'}, a {type(layer).__name__}, are not known "
                "here: only those of convolutions and linear layers are"
            )

        def keep(layer, inputs, output, name=name):
            calls.append(_Call(name, layer, inputs[0], output))

        handles.append(layer.register_forward_hook(keep))
    first = next(module.parameters())
    x = torch.zeros(batch_size, *input_size, dtype=first.dtype, device=first.device)
    modes = {layer: layer.training for layer in module.modules()}
    module.eval()
    try:
        with torch.inference_mode():
            module(x)
    finally:
        for layer, mode in modes.items():
            layer.training = mode
        for handle in handles:
            handle.remove()
    return calls


def _multiply_adds(call):
    """Multiply-adds of a call: for each number of output, the weights of an output channel."""
    if not isinstance(call.module, _COUNTED):
        return 0
    return call.output.numel() * call.module.weight[0].numel()


@settled()
def count_layers(module, input_size, batch_size=1):
    """Costs of a module's layers, counted while it runs.

    Parameters
    ----------
    module : torch.nn.Module
        Of convolutions, linear layers, and layers without weights of more than one axis. Its state
        does not change.
    input_size : tuple of int
        Shape of an input, without the batch.
    batch_size : int
        Inputs at once: they share the reading of the weights.

    Returns
    -------
    costs : pandas.DataFrame
        For each layer with parameters, in the order in which they run: ``layer`` (its name),
        ``input, kernel, output`` (shapes, without the batch), ``parameters``, ``multiply_adds`` (of
        one input), ``bytes`` (input and parameters read and output written once, of the batch) and
        ``intensity`` (FLOP a byte).

    Raises
    ------
    TypeError
        If a layer is of another kind.
    """
    rows, seen = [], set()
    for call in _run(module, input_size, batch_size):
        parameters = list(call.module.parameters(recurse=False))
        n_parameters = sum(p.numel() for p in parameters)
        n_moved = call.input.numel() + call.output.numel() + n_parameters
        n_bytes = n_moved * call.output.element_size()
        multiply_adds = _multiply_adds(call)
        rows.append(
            {
                "layer": call.name,
                "input": tuple(call.input.shape[1:]),
                "kernel": tuple(call.module.weight.shape) if multiply_adds else (),
                "output": tuple(call.output.shape[1:]),
                "parameters": 0 if call.module in seen else n_parameters,
                "multiply_adds": multiply_adds // batch_size,
                "bytes": n_bytes,
                "intensity": 2 * multiply_adds / n_bytes,
            }
        )
        seen.add(call.module)
    return pd.DataFrame(rows)


@settled()
def count(module, input_size):
    """Cost of a module for one input, counted while it runs.

    Parameters
    ----------
    module : torch.nn.Module
        As in :func:`count_layers`.
    input_size : tuple of int
        Shape of an input, without the batch.

    Returns
    -------
    cost : Cost

    Raises
    ------
    TypeError
        As in :func:`count_layers`.
    """
    parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
    return Cost(parameters, sum(map(_multiply_adds, _run(module, input_size))))


# -- by the clock --------------------------------------------------------------------------------


def time_in_turns(actions, repetitions=11):
    """Time actions in turn, so that what slows the machine slows them all.

    Parameters
    ----------
    actions : dict of callable
        By name.
    repetitions : int
        Turns, each beginning with another action. Short actions are called several times a turn.

    Returns
    -------
    seconds : dict of float
        Median time of one call.
    """

    def seconds(action, n_calls):
        start = time.perf_counter()
        for _ in range(n_calls):
            action()
        return (time.perf_counter() - start) / n_calls

    names, n_calls, times = list(actions), {}, {name: [] for name in actions}
    for name, action in actions.items():
        action()
        n_calls[name] = max(1, math.ceil(_SHORTEST_TIMING / max(seconds(action, 1), 1e-9)))
    for repetition in range(repetitions):
        turn = repetition % len(names)
        for name in names[turn:] + names[:turn]:
            times[name].append(seconds(actions[name], n_calls[name]))
    return {name: median(values) for name, values in times.items()}


@dataclass(frozen=True)
class Machine:
    """What this machine's processor does at best, as measured.

    Attributes
    ----------
    flops : float
        FLOP/s of a large matrix product in float32.
    bandwidth : float
        Bytes/s of a copy far larger than the caches, reading and writing.
    n_threads : int
        Threads of torch meanwhile.
    """

    flops: float
    bandwidth: float
    n_threads: int

    @property
    def balance(self):
        """FLOP a byte, below which a layer waits for memory."""
        return self.flops / self.bandwidth

    def bound(self, intensity):
        """Say what binds a layer of some arithmetic intensity: ``"memory"`` or ``"compute"``."""
        return "memory" if intensity < self.balance else "compute"


def measure_machine(size=1024, n_bytes=2**27, repetitions=7):
    """Measure the machine's balance on the CPU.

    Parameters
    ----------
    size : int
        Rows and columns of the matrices.
    n_bytes : int
        Length of the copied array.
    repetitions : int
        Turns of both.

    Returns
    -------
    machine : Machine
    """
    a, b, product = torch.randn(3, size, size)
    source = torch.ones(n_bytes // 4)
    target = torch.ones_like(source)
    seconds = time_in_turns(
        {"product": lambda: torch.mm(a, b, out=product), "copy": lambda: target.copy_(source)},
        repetitions,
    )
    return Machine(
        flops=2 * size**3 / seconds["product"],
        bandwidth=2 * 4 * source.numel() / seconds["copy"],
        n_threads=torch.get_num_threads(),
    )


@contextmanager
def _threads(n_threads):
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _forward(module, x) -> Callable:
    @torch.inference_mode()
    def run():
        module(x)

    return run


# -- tables --------------------------------------------------------------------------------------


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
    """
    size = (net.n_chans, net.n_times)
    table = count_layers(net, size, batch_size)
    table["share"] = table["multiply_adds"] / table["multiply_adds"].sum()
    if machine is None:
        return table
    table["bound"] = table["intensity"].map(machine.bound)
    training = net.training
    calls = _run(net.eval(), size, batch_size)
    actions = {call.name: _forward(call.module, torch.randn_like(call.input)) for call in calls}
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
            actions[n, size, name] = _forward(layer, x)
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
        actions[kind] = _forward(layer, x)
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


@dataclass(frozen=True)
class CostResult:
    """What a network, and separability, cost.

    Attributes
    ----------
    network : pandas.DataFrame
        Of :func:`network_table`.
    example : pandas.DataFrame
        Of :func:`worked_example`.
    sizes : pandas.DataFrame
        Of :func:`reduction_table`.
    family : pandas.DataFrame
        Of :func:`family_table`.
    machine : Machine | None
        None if nothing was timed.
    run : dict
        ``settings`` of the network, ``parameters`` and ``multiply_adds`` in all, ``batch_size``,
        and torch's version.
    """

    network: pd.DataFrame
    example: pd.DataFrame
    sizes: pd.DataFrame
    family: pd.DataFrame
    machine: Machine | None
    run: dict

    def frames(self):
        """Return the tables by name (a dict of pandas.DataFrame)."""
        return {name: getattr(self, name) for name in ("network", "example", "sizes", "family")}

    def as_dict(self):
        """Return everything in lists and dicts that JSON can hold."""
        machine = None
        if self.machine is not None:
            machine = {**asdict(self.machine), "balance": self.machine.balance}
        rows = {name: records(frame) for name, frame in self.frames().items()}
        return {"run": self.run, "machine": machine, **rows}

    def save(self, folder):
        """Write each table as CSV, and everything as ``cost.json``.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be.

        Returns
        -------
        files : dict of pathlib.Path
            By name: ``network, example, sizes, family, cost``.
        """
        return save_tables(folder, self.frames(), "cost", self.as_dict())


@settled()
def cost(net, *, batch_size=16, example_outputs=8, timed=True, repetitions=7, n_threads=1):
    """Cost of EEGNet layer by layer, of separability in a worked example, and of the family.

    Parameters
    ----------
    net : EEGNet
    batch_size : int
        Trials at once, for the network's bytes and times.
    example_outputs : int
        Output channels of the worked example.
    timed : bool
        Measure the machine and forward passes, on the CPU.
    repetitions : int
        Turns of timing.
    n_threads : int
        Of torch while timing. Layers this small mostly keep several waiting for each other.

    Returns
    -------
    result : CostResult

    Raises
    ------
    MemoryError
        If the first layer's maps of a batch are larger than the memory of this machine.
    """
    n_bytes = 4 * batch_size * net.F1 * net.n_chans * net.n_times
    if n_bytes > psutil.virtual_memory().total:
        raise MemoryError(f"the first layer's maps of a batch have {n_bytes / 1e9:.3g} GB")
    names = ("n_chans", "n_times", "n_outputs", "F1", "D", "F2", "kernel_length")
    kinds = {
        name: kind if number is None else f"{kind}:{number}"
        for name, kind, number in (
            ("spatial", net.spatial_kind, net.spatial_number),
            ("separable", net.separable_kind, net.separable_number),
        )
    }
    with _threads(n_threads):
        machine = measure_machine(repetitions=repetitions) if timed else None
        tables = {
            "network": network_table(net, batch_size, machine, repetitions),
            "example": worked_example(example_outputs),
            "sizes": reduction_table(timed=timed, repetitions=repetitions),
            "family": family_table(timed=timed, repetitions=repetitions),
        }
    return CostResult(
        **tables,
        machine=machine,
        run={
            "settings": {**{name: getattr(net, name) for name in names}, **kinds},
            **count(net, (net.n_chans, net.n_times))._asdict(),
            "batch_size": batch_size,
            "torch": torch.__version__,
        },
    )
