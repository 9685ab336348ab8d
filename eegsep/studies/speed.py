"""How fast and how lean this package is beside braindecode's EEGNet and classical pipelines.

Everything is measured in one run, contenders in turn: what slows the machine slows them all.
"""

from __future__ import annotations

import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from eegsep._utils.errors import RequestError, look_up
from eegsep._utils.memory import give_back_freed_memory, in_fresh_process, peak_memory
from eegsep._utils.tables import make_folder, records, save_tables, versions
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.network import spatial_first, threads
from eegsep.network.eegnet import EEGNet
from eegsep.training import loop

from .protocol import check_run

NETWORKS = ("eegsep", "published", "braindecode")
CONTENDERS = (*NETWORKS, "CSP+LDA", "TS+LR")
# Takes part in the step only: where it is faster than on all threads, these wait for each other.
ONE_THREAD = "braindecode, 1 thread"
_DROP_PROB = 0.5
_LR = 1e-3
_N_FOLDS = 5
_MORE_EPOCHS = 10
# braindecode's EEGNet has nothing left to classify where its two poolings leave no sample.
_SHORTEST_WINDOW = 32
_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "braindecode", "skorch", "mne", "pyriemann")
_UNITS = {
    "matrix product": "FLOP/s",
    "peak memory": "bytes",
    "growth: peak memory": "bytes",
    "memory map: peak memory": "bytes",
    "memory map: private peak memory": "bytes",
}
SIZES = ["n_chans", "n_times", "kernel_length", "n_trials"]


class Shape(NamedTuple):
    """Sizes of a set of trials and of the network's temporal filters.

    Attributes
    ----------
    n_chans, n_times : int
        Electrodes and time samples.
    kernel_length : int
        Samples in a temporal filter.
    n_trials : int
        Trials that an epoch visits.
    """

    n_chans: int
    n_times: int
    kernel_length: int
    n_trials: int = 288

    def __str__(self):
        return f"{self.n_chans}x{self.n_times}x{self.kernel_length}x{self.n_trials}"


SHAPES = (
    Shape(64, 480, 80, 90),
    Shape(22, 1001, 125),
    Shape(22, 512, 64),
    Shape(3, 1125, 125),
)


@dataclass(frozen=True)
class _Plan:
    """How often and how long to measure; :func:`speed` describes the parts."""

    repetitions: int = 7
    slow_repetitions: int = 3
    steps: int = 10
    calls: int = 50
    epochs: tuple = (1, 7)
    batch_size: int = 64
    cv_epochs: int = 300
    n_jobs: int = 2
    growth: tuple = (90, 900, 9000)
    memmap_trials: int = 0
    matmul_size: int = 2048
    seed: int = 0


_QUICK = {
    "repetitions": 3,
    "slow_repetitions": 1,
    "steps": 5,
    "calls": 20,
    "epochs": (1, 3),
    "cv_epochs": 10,
    "growth": (90, 300, 900),
    "matmul_size": 1024,
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
        Everything measured: ``measurement, unit, n_chans, n_times, kernel_length, n_trials,
        contender, repetition, value``.
    arithmetic : pandas.DataFrame
        For each shape and ``contender`` (``"eegsep"``, ``"published"``): the ``order`` of
        evaluation, the operations of a training step ``products, transforms, elementwise`` (see
        :func:`step_operations`) and their ``total``, the ``step`` in seconds, the ``rate`` reached
        in FLOP/s, and ``fraction``, of the rate of a matrix product on one thread.
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

    def frames(self):
        """Return the tables by name (a dict of pandas.DataFrame)."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "run"}

    def as_dict(self):
        """Return everything in lists and dicts that JSON can hold."""
        return {"run": self.run, **{name: records(frame) for name, frame in self.frames().items()}}

    def save(self, folder):
        """Write each table as CSV, and everything as ``speed.json``.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be.

        Returns
        -------
        files : dict of pathlib.Path
            By name: ``summary, measurements, arithmetic, growth, speed``.
        """
        return save_tables(folder, self.frames(), "speed", self.as_dict())


# -- contenders ----------------------------------------------------------------------------------


def _noise(shape, seed):
    """Return trials (float32) of which class 1 has a stronger first channel, and their classes."""
    rng = np.random.default_rng(seed)
    size = shape.n_trials, shape.n_chans, shape.n_times
    X, y = rng.standard_normal(size, dtype=np.float32), _classes(shape.n_trials)
    X[y == 1, 0] *= 2
    return X, y


def _classes(n_trials):
    return np.arange(n_trials) % 2


def _estimator(name, kernel_length, max_epochs, plan):
    """Make a contender; networks of one architecture, everything on the CPU."""
    if name in ("eegsep", "published"):
        return EEGNetClassifier(
            init="glorot",
            kernel_length=kernel_length,
            drop_prob=_DROP_PROB,
            algorithm="auto" if name == "eegsep" else "published",
            max_epochs=max_epochs,
            batch_size=plan.batch_size,
            lr=_LR,
            random_state=plan.seed,
            device="cpu",
        )
    if name == "braindecode":
        from braindecode import EEGClassifier

        return EEGClassifier(
            "EEGNet",
            module__kernel_length=kernel_length,
            module__drop_prob=_DROP_PROB,
            optimizer=torch.optim.Adam,
            lr=_LR,
            max_epochs=max_epochs,
            batch_size=plan.batch_size,
            train_split=None,
            iterator_train__drop_last=False,
            device="cpu",
            verbose=0,
        )
    from sklearn.pipeline import make_pipeline

    if name == "CSP+LDA":
        from mne.decoding import CSP
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        return make_pipeline(CSP(n_components=6), LinearDiscriminantAnalysis())
    from pyriemann.estimation import Covariances
    from pyriemann.tangentspace import TangentSpace
    from sklearn.linear_model import LogisticRegression

    return make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression())


# -- timing --------------------------------------------------------------------------------------


def _time_calls(action, n_calls, n_warm=1):
    """Return the seconds of each of ``n_calls`` calls that follow ``n_warm`` untimed ones."""
    for _ in range(n_warm):
        action()
    seconds = []
    for _ in range(n_calls):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return seconds


def _interleave(contenders, repetitions, tell):
    """Measure contenders in turn, again and again, each time beginning with another.

    Parameters
    ----------
    contenders : dict of callable
        By ``(name, Shape or None)``; each measures once and returns lists of values by
        measurement.
    repetitions : int
    tell : callable
        Called with a label after each.

    Returns
    -------
    rows : list of dict
        As in :attr:`SpeedResult.measurements`.
    """
    rows, keys = [], list(contenders)
    for repetition in range(repetitions):
        turn = repetition % len(keys)
        for name, shape in keys[turn:] + keys[:turn]:
            measured = contenders[name, shape]()
            for measurement, values in measured.items():
                rows += [
                    {
                        "measurement": measurement,
                        "unit": _UNITS.get(measurement, "s"),
                        **({} if shape is None else shape._asdict()),
                        "contender": name,
                        "repetition": repetition,
                        "value": value,
                    }
                    for value in values
                ]
            tell(name if shape is None else f"{name}, {shape}")
    return rows


def _matrix_products(_, plan):
    """Contenders: numbers of threads in a square matrix product, FLOP/s."""
    size, most = plan.matmul_size, torch.get_num_threads()
    a, b = torch.randn(2, size, size)

    def measure(n_threads):
        torch.set_num_threads(n_threads)
        try:
            seconds = _time_calls(lambda: a @ b, plan.steps)
        finally:
            torch.set_num_threads(most)
        return {"matrix product": [2 * size**3 / s for s in seconds]}

    return {(_threads(n), None): partial(measure, n) for n in (1, most)}


def _threads(n):
    return f"{n} thread{'' if n == 1 else 's'}"


def _steps(shape, plan):
    """Contenders: one step of the optimiser on one batch that lies ready."""
    n_trials = max(shape.n_trials, plan.batch_size)
    X, y = map(torch.from_numpy, _noise(shape._replace(n_trials=n_trials), plan.seed))
    return {
        ("eegsep", shape): _own_step(X, y, shape, plan, in_default_order=True),
        ("published", shape): _own_step(X, y, shape, plan, in_default_order=False),
        ("braindecode", shape): _braindecode_step(X, y, shape, plan),
        (ONE_THREAD, shape): _braindecode_step(X, y, shape, plan, lambda: threads.one_thread),
    }


def _own_step(X, y, shape, plan, *, in_default_order):
    net = _network(shape, plan.seed).train()
    if not in_default_order:
        net.algorithm = "published"
    optimizer = loop.KerasAdam(net.parameters(), _LR)
    generator = torch.Generator().manual_seed(plan.seed)
    batch = torch.arange(plan.batch_size)
    x, y, weight = X[batch], y[batch], torch.ones(len(batch))
    spatially_first = net.algorithm == "spatial_first"

    def take_statistics():
        statistics = spatial_first.LagStatistics(net.kernel_length, shape.n_trials)
        for part in X[: shape.n_trials].split(plan.batch_size):
            statistics.add(part)
        return statistics

    if spatially_first:
        known = spatial_first.LagStatistics(net.kernel_length, len(x)).add(x)

    def step():
        statistics = known.of_batch(batch) if spatially_first else None
        loop.train_step(net, optimizer, x, y, weight, statistics)

    def measure():
        with threads.one_thread, loop.drawing_from(net, generator):
            values = {"training step": _time_calls(step, plan.steps)}
            if spatially_first:
                values["lag statistics"] = _time_calls(take_statistics, 1)
        return values

    return measure


def _network(shape, seed):
    return EEGNet(
        shape.n_chans,
        shape.n_times,
        2,
        kernel_length=shape.kernel_length,
        drop_prob=_DROP_PROB,
        generator=torch.Generator().manual_seed(seed),
    )


def _braindecode_step(X, y, shape, plan, threads=nullcontext):
    from braindecode.models import EEGNet as BraindecodeEEGNet

    net = BraindecodeEEGNet(
        n_chans=shape.n_chans,
        n_times=shape.n_times,
        n_outputs=2,
        kernel_length=shape.kernel_length,
        drop_prob=_DROP_PROB,
    ).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=_LR)
    x, y = X[: plan.batch_size], y[: plan.batch_size]

    def step():
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()

    def measure():
        with threads():
            return {"training step": _time_calls(step, plan.steps)}

    return measure


def _epochs(shape, plan):
    """Contenders: an epoch through the estimators, and what a fit takes besides its epochs."""
    X, y = _noise(shape, plan.seed)

    def fit(name, n_epochs):
        _estimator(name, shape.kernel_length, n_epochs, plan).fit(X, y)

    def measure(name):
        # two fits that differ in length only: what they share cancels
        few, many = plan.epochs
        if name == "eegsep":
            # fits about as long as the others', or the clock would see mostly chance
            many = few + _MORE_EPOCHS * (many - few)
        short, long = (_time_calls(partial(fit, name, n), 1, n_warm=0)[0] for n in (few, many))
        epoch = (long - short) / (many - few)
        return {"training epoch": [epoch], "start of a fit": [short - few * epoch]}

    for name in NETWORKS:
        fit(name, 1)
    return {(name, shape): partial(measure, name) for name in NETWORKS}


def _latencies(shape, plan):
    """Contenders: ``predict_proba`` of one window."""
    X, y = _noise(shape, plan.seed)

    def measure(fitted):
        return {"latency": _time_calls(partial(fitted.predict_proba, X[:1]), plan.calls, n_warm=3)}

    return {
        (name, shape): partial(measure, _estimator(name, shape.kernel_length, 1, plan).fit(X, y))
        for name in CONTENDERS
    }


def _cross_validations(shape, plan):
    """Contenders: a whole cross-validation in processes."""
    from sklearn.model_selection import cross_val_score

    X, y = _noise(shape, plan.seed)

    def run(name, n_epochs):
        estimator = _estimator(name, shape.kernel_length, n_epochs, plan)
        cross_val_score(estimator, X, y, cv=_N_FOLDS, n_jobs=plan.n_jobs, error_score="raise")

    def measure(name):
        seconds = _time_calls(partial(run, name, plan.cv_epochs), 1, n_warm=0)
        return {"cross-validation": seconds}

    names = [name for name in CONTENDERS if name != "published"]
    for name in names:
        run(name, 1)  # starts the processes, which then import what they need
    return {(name, shape): partial(measure, name) for name in names}


# -- memory --------------------------------------------------------------------------------------


def _measure_fit_here(contender, shape, plan, n_epochs, file):
    """In a process of its own: fit one contender, and say what it took beside the data."""
    if file is None:
        X, y = _noise(shape, plan.seed)
    else:
        X, y = np.load(file, mmap_mode="r"), _classes(shape.n_trials)
    # libraries load and set themselves up here
    small = Shape(8, 128, 16, n_trials=20)
    _estimator(contender, small.kernel_length, 1, plan).fit(*_noise(small, plan.seed))
    estimator = _estimator(contender, shape.kernel_length, n_epochs, plan)
    give_back_freed_memory()
    start = time.perf_counter()
    peak, private = peak_memory(lambda: estimator.fit(X, y))
    return {"peak": peak, "private": private, "seconds": time.perf_counter() - start}


def _measure_fit(contender, shape, plan, n_epochs=2, file=None):
    """Fit in a fresh process, so that nothing else counts; return what it says."""
    task = contender, shape, plan, n_epochs, file
    return in_fresh_process(f"{contender} on {shape}", _measure_fit_here, *task)


def _memories(shape, plan):
    """Contenders: the peak memory of a fit."""

    def measure(name):
        return {"peak memory": [_measure_fit(name, shape, plan)["peak"]]}

    return {(name, shape): partial(measure, name) for name in CONTENDERS}


def _growths(shape, plan):
    """Contenders: numbers of trials, all for eegsep."""
    X, y = _noise(shape._replace(n_trials=max(plan.growth)), plan.seed)

    def measure(sized):
        n_trials = sized.n_trials
        # as many trials visited whatever their number, and an epoch that nothing is taken from
        n_epochs = 1 + max(2, round(2 * len(X) / n_trials))
        estimator = _estimator("eegsep", shape.kernel_length, n_epochs, plan)
        estimator.fit(X[:n_trials], y[:n_trials])
        return {
            "growth: epoch": [record["dur"] for record in estimator.history_[1:]],
            "growth: peak memory": [_measure_fit("eegsep", sized, plan)["peak"]],
        }

    sizes = [shape._replace(n_trials=n) for n in plan.growth]
    return {("eegsep", sized): partial(measure, sized) for sized in sizes}


def _memory_map(shape, plan):
    """Contender: eegsep alone, one epoch on trials that stay on disk."""
    shape = shape._replace(n_trials=plan.memmap_trials)

    def measure():
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "trials.npy")
            trials = np.lib.format.open_memmap(
                file, "w+", np.float32, (shape.n_trials, shape.n_chans, shape.n_times)
            )
            step = 256
            for start in range(0, len(trials), step):
                n = min(step, len(trials) - start)
                trials[start : start + n] = _noise(shape._replace(n_trials=n), plan.seed + start)[0]
            trials.flush()
            del trials
            found = _measure_fit("eegsep", shape, plan, n_epochs=1, file=file)
        values = {
            "memory map: fit of one epoch": [found["seconds"]],
            "memory map: peak memory": [found["peak"]],
        }
        if found["private"] is not None:
            values["memory map: private peak memory"] = [found["private"]]
        return values

    return {("eegsep", shape): measure}


# -- arithmetic ----------------------------------------------------------------------------------


def step_operations(net, batch_size, *, spatially_first):
    r"""Count the floating-point operations of one training step.

    The count is of the algorithm, not of an implementation. A multiply-add is two operations. A
    convolution or matrix product counts once forward, once for the gradient of its weights, and
    once for that of its input, which the first one in the network does without. Spatial-first, a
    real Fourier transform of n values counts :math:`2.5 n \log_2 n`, a product of two complex
    numbers six and with its sum eight. A value that is normalised takes 6 operations forward (mean,
    centring, square, sum, scale, shift) and 7 backward (two sums, a product, and two differences, a
    product and a scale); ELU and pooling together 3 and 1 more. Dropout, the optimiser and the
    gathering of a batch are not counted.

    Parameters
    ----------
    net : eegsep.EEGNet
    batch_size : int
        Windows in the batch.
    spatially_first : bool
        Order of evaluation.

    Returns
    -------
    operations : dict of float
        ``products`` (of matrices, and convolutions), ``transforms`` (with the products of
        spectra), ``elementwise`` (normalisation, ELU, pooling).
    """
    n_maps, n_groups = net.spatial.weight.shape[:2]
    length, n_pooled = net.kernel_length, net.n_times // net.pool1
    n_inputs = net.n_chans * net.n_times  # in a window
    spatial = 2 * n_maps * n_groups * n_inputs
    products = 3 * 2 * net.classifier.weight.numel()
    elementwise = 17 * (n_maps * net.n_times + net.F2 * n_pooled)
    transforms = 0.0
    if net.separable_kind == "standard":
        products += 3 * 2 * net.separable_standard.weight.numel() * n_pooled
    else:
        products += 3 * 2 * net.pointwise.weight.numel() * n_pooled
    once = 0.0  # for the batch rather than for each window

    if spatially_first:
        products += 2 * spatial
        once = 2 * 2 * net.F1 * length**2
        transforms += _transform_operations(n_maps, n_groups, net.n_times, length)
    else:
        products += 2 * 2 * net.F1 * n_inputs * length + 3 * spatial
        elementwise += 13 * net.F1 * n_inputs
    if net.separable_kind == "separable":
        if spatially_first:
            transforms += _transform_operations(n_maps, 1, n_pooled, net.separable_kernel_length)
        else:
            products += 3 * 2 * net.separable_depthwise.weight.numel() * n_pooled
    return {
        "products": float(batch_size * products + once),
        "transforms": float(batch_size * transforms),
        "elementwise": float(batch_size * elementwise),
    }


def _transform_operations(n_maps, n_groups, n_times, length):
    """Operations of the convolutions along time of a block, for a window."""
    n_fft = spatial_first.fft_length(n_times + length // 2)
    n_bins = n_fft // 2 + 1
    n_signals = n_maps * n_groups
    # forward: the signals there, the maps back; backward: the errors there, the signals' back
    n_transforms = 2 * (n_signals + n_maps)
    # with the kernels, with the kernels' gradient, with the signals' gradient
    n_operations = 6 * n_signals + 2 * (n_signals - n_maps) + 8 * n_signals + 6 * n_signals
    return n_transforms * 2.5 * n_fft * math.log2(n_fft) + n_operations * n_bins


# -- the run -------------------------------------------------------------------------------------


class _Kind(NamedTuple):
    """A kind of measurement: what prepares its contenders for a shape, how often, and where."""

    prepare: Callable
    repetitions: str | None = "repetitions"
    first_shape_only: bool = False


MEASUREMENTS = {
    "matmul": _Kind(_matrix_products, first_shape_only=True),
    "step": _Kind(_steps),
    "latency": _Kind(_latencies),
    "epoch": _Kind(_epochs),
    "memory": _Kind(_memories, "slow_repetitions"),
    "growth": _Kind(_growths, "slow_repetitions", first_shape_only=True),
    "cross-validation": _Kind(_cross_validations, "slow_repetitions", first_shape_only=True),
    "memory-map": _Kind(_memory_map, None, first_shape_only=True),
}


def speed(
    shapes=None,
    *,
    measurements=None,
    quick=False,
    repetitions=None,
    slow_repetitions=None,
    steps=None,
    calls=None,
    epochs=None,
    batch_size=64,
    cv_epochs=None,
    n_jobs=2,
    growth=None,
    memmap_trials=0,
    matmul_size=None,
    seed=0,
    output=None,
    progress=None,
):
    """Measure time and memory of eegsep, its published order, braindecode and classical pipelines.

    All on this machine's CPU, on noise, in one run: in each repetition every contender has its
    turn. braindecode's EEGNet has the same architecture, batch, learning rate and epochs in its own
    ``EEGClassifier``, with Adam, no validation split and no dropped batch, on all of torch's
    threads. eegsep computes on one thread by design, so that a fit gives the same bits in however
    many processes.

    Parameters
    ----------
    shapes : sequence of Shape | sequence of str | None
        Sizes, as tuples ``(n_chans, n_times, kernel_length)`` or ``(..., n_trials)`` or as text
        ``"64x480x80x90"``; None for four common ones. The first is also that of the
        cross-validation, the growth and the memory map.
    measurements : sequence of str | None
        Of ``"matmul", "step", "latency", "epoch", "memory", "growth", "cross-validation",
        "memory-map"``; None for all, the last where ``memmap_trials`` asks for it.
    quick : bool
        Fewer and shorter: for a look, not for a table. What is given otherwise holds.
    repetitions, slow_repetitions : int | None
        How often to measure; the second where once takes long: memory, growth, cross-validation.
    steps, calls : int | None
        Training steps (and matrix products), and windows predicted, in a repetition.
    epochs : tuple of int | None
        Lengths of the two fits whose difference tells what an epoch takes.
    batch_size : int
        Trials in a mini-batch.
    cv_epochs : int | None
        Epochs of each fit in the cross-validation of five folds.
    n_jobs : int
        Processes of the cross-validation.
    growth : sequence of int | None
        Numbers of trials, two or more.
    memmap_trials : int
        Trials in a memory map in the temporary folder to fit for one epoch; 0 leaves that out.
    matmul_size : int | None
        Rows of the square matrices whose product tells the machine's peak.
    seed : int
        Seed of the noise and of eegsep's fits.
    output : path-like | None
        Folder that results are to be saved in, tried before anything is measured.
    progress : callable | None
        Called as ``progress(stage, done, total, label)``, with a measurement's name as ``stage``:
        while contenders are prepared (``total`` None), at the start (``done`` 0, no label), and
        after each contender's turn.

    Returns
    -------
    result : SpeedResult

    Raises
    ------
    RequestError
        Before anything is measured: if a shape, setting or measurement cannot be, or memory or
        disk would not suffice.
    RuntimeError
        If a process in which memory is measured fails.
    """
    given = {
        "repetitions": repetitions,
        "slow_repetitions": slow_repetitions,
        "steps": steps,
        "calls": calls,
        "epochs": None if epochs is None else tuple(epochs),
        "batch_size": batch_size,
        "cv_epochs": cv_epochs,
        "n_jobs": n_jobs,
        "growth": None if growth is None else tuple(growth),
        "memmap_trials": memmap_trials,
        "matmul_size": matmul_size,
        "seed": seed,
    }
    given = {name: value for name, value in given.items() if value is not None}
    plan = _Plan(**{**(_QUICK if quick else {}), **given})
    shapes = [_as_shape(shape) for shape in (SHAPES if shapes is None else shapes)]
    kinds = _chosen_kinds(measurements, plan)
    _check(shapes, kinds, plan)
    if output is not None:
        make_folder(output)

    progress = progress or (lambda *_: None)
    started, load = time.time(), _load()
    rows = []
    with _hushed(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name in kinds:
            rows += _measure(name, shapes, plan, progress)
    measured = _as_frame(rows)
    summary = _summarise(measured)
    matmul = measured[measured["measurement"] == "matrix product"]
    matmul = matmul.groupby("contender")["value"].median().to_dict()
    growth, slopes = _grow(measured)
    run = {
        "machine": machine(),
        "shapes": [shape._asdict() for shape in shapes],
        "measurements": kinds,
        "settings": asdict(plan),
        "matmul": matmul,
        "slopes": slopes,
        "memory_map": _describe_memory_map(measured),
        "load_before": load,
        "started": datetime.fromtimestamp(started).astimezone().isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 1),
        "notes": _notes(summary, plan, load),
    }
    return SpeedResult(summary, measured, _arithmetic(summary, matmul, plan), growth, run)


def _as_shape(shape):
    try:
        given = re.split("[x×,]", shape) if isinstance(shape, str) else shape
        shape = Shape(*map(int, given))
    except (TypeError, ValueError):
        raise RequestError(
            f"cannot read the shape {shape!r}: write channels, samples, kernel length and perhaps "
            "trials as in 64x480x80x90."
        ) from None
    if shape.n_chans < 2 or shape.n_times < _SHORTEST_WINDOW:
        raise RequestError(
            f"shape {shape}: the contenders need 2 channels and {_SHORTEST_WINDOW} samples or more."
        )
    if not 1 <= shape.kernel_length <= shape.n_times:
        raise RequestError(f"shape {shape}: the kernel length must be from 1 to the samples.")
    if shape.n_trials < 4 * _N_FOLDS:
        raise RequestError(f"shape {shape}: {4 * _N_FOLDS} trials or more are needed.")
    return shape


def _chosen_kinds(measurements, plan):
    if measurements is None:
        return [name for name in MEASUREMENTS if name != "memory-map" or plan.memmap_trials]
    names = {name: name for name in MEASUREMENTS}
    wanted = {look_up("measurement", name, names) for name in measurements}
    if "memory-map" in wanted and not plan.memmap_trials:
        raise RequestError("say how many trials the memory map is to hold, such as 20000.")
    if plan.memmap_trials:
        wanted.add("memory-map")
    return [name for name in MEASUREMENTS if name in wanted]


def _check(shapes, kinds, plan):
    if not shapes or not kinds:
        raise RequestError("nothing to measure: give a shape and a measurement.")
    if len(set(shapes)) < len(shapes):
        raise RequestError("a shape was given twice.")
    counts = ("repetitions", "slow_repetitions", "steps", "calls", "batch_size", "cv_epochs")
    for name in (*counts, "matmul_size"):
        if getattr(plan, name) < 1:
            raise RequestError(f"{name.replace('_', ' ')} must be 1 or more.")
    check_run(0, 1, plan.n_jobs)
    if len(plan.epochs) != 2 or not 1 <= plan.epochs[0] < plan.epochs[1]:
        raise RequestError(f"epochs must be two rising numbers from 1 on, got {plan.epochs}.")
    if len(set(plan.growth)) < 2 or min(plan.growth) < 4 * _N_FOLDS:
        raise RequestError(
            f"growth needs two numbers of trials or more, each {4 * _N_FOLDS} or more."
        )
    if plan.memmap_trials and plan.memmap_trials < 4 * _N_FOLDS:
        raise RequestError(f"the memory map needs {4 * _N_FOLDS} trials or more.")
    import psutil

    trial = 4 * shapes[0].n_chans * shapes[0].n_times
    # the data and the estimator's own, here and in the process in which memory is measured
    needed, there = 4 * trial * max(plan.growth), psutil.virtual_memory().total
    if "growth" in kinds and needed > there:
        raise RequestError(
            f"growth to {max(plan.growth)} trials needs about {needed / 1e9:.1f} GB of memory, "
            f"there are {there / 1e9:.1f}: ask for fewer trials."
        )
    needed, there = trial * plan.memmap_trials, shutil.disk_usage(tempfile.gettempdir()).free
    if "memory-map" in kinds and needed > there:
        raise RequestError(
            f"a memory map of {plan.memmap_trials} trials needs {needed / 1e9:.1f} GB of disk, "
            f"{tempfile.gettempdir()} has {there / 1e9:.1f} left: ask for fewer trials, or set "
            "TMPDIR."
        )


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

    rows = []
    for contenders in prepared:
        rows += _interleave(contenders, repetitions, tell)
    return rows


@contextmanager
def _hushed():
    """Keep MNE's chatter and other libraries' deprecations off the screen, in processes too."""
    import mne
    from joblib.externals.loky import get_reusable_executor

    settings = {"MNE_LOGGING_LEVEL": "ERROR", "PYTHONWARNINGS": "ignore::FutureWarning"}
    before = {name: os.environ.get(name) for name in settings}
    get_reusable_executor().shutdown(wait=True)  # processes keep the environment of their start
    os.environ.update(settings)
    try:
        with mne.use_log_level("ERROR"), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        get_reusable_executor().shutdown(wait=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


# -- results -------------------------------------------------------------------------------------


def _as_frame(rows):
    columns = ["measurement", "unit", *SIZES, "contender", "repetition", "value"]
    # a matrix product has no shape, which must not make floats of the others' sizes
    types = {**dict.fromkeys(SIZES, "Int64"), "value": float}
    return pd.DataFrame(rows, columns=columns).astype(types)


def _summarise(measured):
    """Reduce to a row for each measurement, statistic and shape, see :class:`SpeedResult`."""
    kept = measured[measured["n_chans"].notna()]
    kept = kept[~kept["measurement"].str.startswith(("growth", "memory map"))]
    latencies = kept[kept["measurement"] == "latency"]
    parts = [_beside(kept, "median", 0.5), _beside(latencies, "p95", 0.95)]
    return pd.concat(parts, ignore_index=True)


def _beside(measured, statistic, quantile):
    """Put the contenders' quantiles beside each other, with ratios."""
    keys = ["measurement", "unit", *SIZES]
    table = _quantiles(measured, keys, quantile)
    ratio = table["braindecode"] / table["eegsep"]
    by_repetition = _quantiles(measured, [*keys, "repetition"], quantile)
    ratios = (by_repetition["braindecode"] / by_repetition["eegsep"]).groupby(keys, sort=False)
    table = table.assign(
        ratio=ratio,
        ratio_low=ratios.min(),
        ratio_high=ratios.max(),
        ratio_published=table["published"] / table["eegsep"],
    ).reset_index()
    table.insert(1, "statistic", statistic)
    return table


def _quantiles(measured, keys, quantile):
    """Quantile by contender (columns) for each of the keys, in order of appearance (rows)."""
    values = measured.groupby([*keys, "contender"], sort=False)["value"].quantile(quantile)
    rows = values.index.droplevel("contender").unique()
    table = values.unstack("contender").reindex(index=rows, columns=[*CONTENDERS, ONE_THREAD])
    return table.rename_axis(columns=None)


def _arithmetic(summary, matmul, plan):
    """Operations of the steps that were timed, and what of the machine's peak they reach."""
    columns = ["contender", "order", "products", "transforms", "elementwise", "total", "step"]
    rows = []
    for row in summary[summary["measurement"] == "training step"].to_dict("records"):
        shape = Shape(**{name: row[name] for name in SIZES})
        net = _network(shape, plan.seed)
        for contender in ("eegsep", "published"):
            first = contender == "eegsep" and spatial_first.is_cheaper(net)
            operations = step_operations(net, plan.batch_size, spatially_first=first)
            total = sum(operations.values())
            rows.append(
                {
                    **shape._asdict(),
                    "contender": contender,
                    "order": "spatial_first" if first else "published",
                    **operations,
                    "total": total,
                    "step": row[contender],
                    "rate": total / row[contender],
                    "fraction": total / row[contender] / matmul.get(_threads(1), math.nan),
                }
            )
    return pd.DataFrame(rows, columns=[*SIZES, *columns, "rate", "fraction"])


def _grow(measured):
    """Medians over the number of trials, and how steeply they rise."""
    medians = {
        name: measured[measured["measurement"] == f"growth: {label}"]
        .groupby("n_trials")["value"]
        .median()
        for name, label in (("epoch", "epoch"), ("peak_memory", "peak memory"))
    }
    growth = pd.DataFrame(medians).reset_index()
    sizes = measured.loc[measured["measurement"] == "growth: epoch", ["n_chans", "n_times"]].max()
    growth["data"] = 4 * growth["n_trials"] * sizes["n_chans"] * sizes["n_times"]
    if growth.empty:
        return growth, {}
    n_trials, epoch, memory, data = growth[["n_trials", *medians, "data"]].to_numpy(float).T
    slopes = {
        "epoch_log_log": _slope(np.log(n_trials), np.log(epoch)),
        "peak_memory_log_log": _slope(np.log(n_trials), np.log(memory)),
        "peak_memory_per_byte_of_data": _slope(data, memory),
    }
    return growth, slopes


def _slope(x, y):
    return float(np.polyfit(x, y, 1)[0])


def _describe_memory_map(measured):
    """Sizes and time of the fit on a memory map; None where there was none."""
    rows = measured[measured["measurement"].str.startswith("memory map")]
    if rows.empty:
        return None
    n_trials, n_chans, n_times = map(int, rows.iloc[0][["n_trials", "n_chans", "n_times"]])
    data = 4 * n_trials * n_chans * n_times
    values = rows.set_index(rows["measurement"].str.removeprefix("memory map: "))["value"]
    found = {"n_trials": n_trials, "data": data, "seconds": values["fit of one epoch"]}
    for name in ("peak memory", "private peak memory"):
        if name in values:
            key = name.replace(" ", "_")
            found[key] = int(values[name])
            found[f"{key}_over_data"] = values[name] / data
    return found


def machine():
    """Describe this machine and what runs on it.

    Returns
    -------
    card : dict
        ``cpu, cores, logical_cores, memory`` (bytes), ``os, torch_threads, versions``.
    """
    import psutil

    return {
        "cpu": _cpu_model(),
        "cores": joblib.cpu_count(only_physical_cores=True),
        "logical_cores": joblib.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "os": platform.platform(),
        "torch_threads": torch.get_num_threads(),
        "versions": versions(_PACKAGES),
    }


def _cpu_model():
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    file = Path("/proc/cpuinfo")
    if file.exists():
        found = re.search(r"^model name\s*: (.+)$", file.read_text(), flags=re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def _load():
    """Mean number of processes that wanted a core in the last minute; None where unknown."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _notes(summary, plan, load):
    """Say what a reader of the numbers has to know."""
    n_threads, n_cores = torch.get_num_threads(), joblib.cpu_count()
    notes = [
        f"All had {_threads(n_threads)}, in the cross-validation what joblib gives each of "
        f"{joblib.effective_n_jobs(plan.n_jobs)} processes; eegsep uses more than one where that "
        "cannot change a bit of the result.",
        "Memory is that above the data, which lie in float32 before the fit; each fit had a "
        "process of its own.",
    ]
    if load is not None and load > n_cores / 4:
        notes.append(
            f"Other processes were running (load {load:.1f} on {n_cores} cores). Whoever computes "
            "on several threads suffers most from that, so the ratios flatter eegsep: measure "
            "again on a quiet machine."
        )
    steps = summary[summary["measurement"] == "training step"]
    slowed = steps[steps[ONE_THREAD] < steps["braindecode"]]
    if n_threads > 1 and len(slowed):
        ratio = (slowed[ONE_THREAD] / slowed["eegsep"]).map(say_figure)
        notes.append(
            f"braindecode's step was faster on one thread than on {n_threads} in {len(slowed)} of "
            f"{len(steps)} shapes; against that, eegsep's ratio is {', '.join(ratio)}."
        )
    return notes


def say_figure(value):
    """Write a number with about three figures; nothing for NaN."""
    if math.isnan(value):
        return ""
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:,.{decimals}f}"
