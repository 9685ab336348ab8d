"""One run: the kinds of measurement, taken one after the other, and what their result is."""

import io
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import mne
import pandas as pd
import torch

from eegsep._utils.errors import RequestError, look_up
from eegsep._utils.tables import origin

from . import memory, results, timing
from .plan import SHAPES, check_memory_map, parse_shape

_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "braindecode", "skorch", "mne", "pyriemann")


class _Kind(NamedTuple):
    """A kind of measurement: what prepares its contenders for a shape, how often, and where."""

    prepare: Callable
    repetitions: str | None = "repetitions"
    first_shape_only: bool = False


MEASUREMENTS = {
    "matmul": _Kind(timing.matrix_products, first_shape_only=True),
    "step": _Kind(timing.steps),
    "latency": _Kind(timing.latencies),
    "epoch": _Kind(timing.epochs),
    "memory": _Kind(memory.memories, "slow_repetitions"),
    "growth": _Kind(memory.growths, "slow_repetitions", first_shape_only=True),
    "cross-validation": _Kind(timing.cross_validations, "slow_repetitions", first_shape_only=True),
    "memory-map": _Kind(memory.memory_map, None, first_shape_only=True),
}


@dataclass(frozen=True)
class SpeedResult:
    """What was measured.

    Attributes
    ----------
    summary : pandas.DataFrame
        A row for each ``measurement``, ``statistic`` (``"median"`` or, for the latency, ``"p95"``)
        and shape, in ``unit``, with a column for each contender (NaN where it takes no part),
        ``ratio`` (braindecode's over eegsep's), ``ratio_low`` and ``ratio_high`` (that ratio in
        the repetitions where it was least and greatest), and ``ratio_published`` (the published
        order's over eegsep's).
    measurements : pandas.DataFrame
        A row for each value measured.
    arithmetic : pandas.DataFrame
        For each shape and order of evaluation: the operations of a training step, the ``step`` in
        seconds, the ``rate`` reached in FLOP/s, and its ``fraction`` of the rate of a matrix
        product on one thread.
    growth : pandas.DataFrame
        For each number ``n_trials``: seconds of an ``epoch``, ``peak_memory`` and ``data`` in
        bytes.
    run : dict
        Machine, versions, settings and date; ``matmul`` (FLOP/s by number of threads), ``slopes``
        (of growth, in log-log, and the bytes of memory for one more byte of data), ``memory_map``
        and ``notes``.
    """

    summary: pd.DataFrame
    measurements: pd.DataFrame
    arithmetic: pd.DataFrame
    growth: pd.DataFrame
    run: dict


def prepare(shapes, kinds, plan):
    """Read shapes (None: four common ones) and kinds (None: all); RequestError if one cannot be."""
    shapes = [parse_shape(shape) for shape in (SHAPES if shapes is None else shapes)]
    if len(set(shapes)) < len(shapes):
        raise RequestError("a shape was given twice.")
    names = {name: name for name in MEASUREMENTS}
    if kinds is None:
        wanted = names.keys() - {"memory-map"}
    else:
        wanted = {look_up("measurement", kind, names) for kind in kinds}
    if plan.memmap_trials:
        wanted |= {"memory-map"}
    if "memory-map" in wanted:
        check_memory_map(shapes[0], plan.memmap_trials)
    return shapes, [name for name in MEASUREMENTS if name in wanted]


def speed(shapes, kinds, plan, progress=lambda *_: None):
    """Measure.

    Parameters
    ----------
    shapes : list of Shape
        The first is also that of the cross-validation, the growth and the memory map.
    kinds : list of str
        Of ``MEASUREMENTS``.
    plan : Plan
    progress : callable
        Called as ``progress(kind, done, total, label)``: while contenders are prepared (``total``
        None), at the start (``done`` 0, no label), and after each contender's turn.

    Returns
    -------
    result : SpeedResult
    """
    started, load = time.time(), _load()
    torch.manual_seed(plan.seed)
    rows = [row for name in kinds for row in _measure(name, shapes, plan, progress)]
    measured = results.as_frame(rows)
    summary = results.summarise(measured)
    matmul = measured[measured["measurement"] == "matrix product"]
    matmul = matmul.groupby("contender")["value"].median().to_dict()
    growth, slopes = results.grow(measured)
    run = {
        **origin(started, _PACKAGES),
        "machine": _machine(),
        "shapes": [shape._asdict() for shape in shapes],
        "measurements": kinds,
        "settings": asdict(plan),
        "matmul": matmul,
        "slopes": slopes,
        "memory_map": results.describe_memory_map(measured),
        "load_before": load,
        "notes": results.notes(summary, plan, load),
    }
    arithmetic = results.arithmetic(summary, matmul, plan)
    return SpeedResult(summary, measured, arithmetic, growth, run)


def _measure(name, shapes, plan, progress):
    """Take one kind of measurement on the shapes it is for; return rows."""
    kind = MEASUREMENTS[name]
    if kind.first_shape_only:
        shapes = shapes[:1]
    repetitions = 1 if kind.repetitions is None else getattr(plan, kind.repetitions)
    progress(name, 0, None, "")
    prepared = [kind.prepare(shape, plan) for shape in shapes]
    done, total = 0, repetitions * sum(map(len, prepared))
    progress(name, done, total, "")

    def tell(label):
        nonlocal done
        done += 1
        progress(name, done, total, label)

    return [
        row for contenders in prepared for row in timing.interleave(contenders, repetitions, tell)
    ]


def _machine():
    """Say what MNE knows of this machine: platform, Python, processor and memory, by name."""
    text = io.StringIO()
    mne.sys_info(text, show_paths=False, check_version=False, unicode=False)
    lines = text.getvalue().partition("\n\n")[0].splitlines()
    machine = dict(line.split(maxsplit=1) for line in lines if " " in line)
    return {name: machine[name] for name in ("Platform", "CPU", "Memory") if name in machine}


def _load():
    """Mean number of processes that wanted a core in the last minute; None where unknown."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
