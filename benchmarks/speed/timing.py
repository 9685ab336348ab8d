"""Times: of a matrix product, a training step, an epoch, one window and a cross-validation.

Each function prepares contenders for :func:`interleave`: callables by ``(name, Shape)`` that
measure once.
"""

import time
from contextlib import nullcontext
from functools import partial

import torch
from braindecode.models import EEGNet as BraindecodeEEGNet
from sklearn.model_selection import cross_val_score
from torch.nn import functional as F

from eegsep.network import spatial_first, threads
from eegsep.training import loop

from .contenders import (
    CONTENDERS,
    DROP_PROB,
    LR,
    NETWORKS,
    ONE_THREAD,
    make_estimator,
    make_network,
    noise,
)
from .plan import N_FOLDS

_MORE_EPOCHS = 10
_UNITS = {
    "matrix product": "FLOP/s",
    "peak memory": "bytes",
    "growth: peak memory": "bytes",
    "memory map: peak memory": "bytes",
    "memory map: private peak memory": "bytes",
}


def time_calls(action, n_calls, n_warm=1):
    """Return the seconds of each of ``n_calls`` calls that follow ``n_warm`` untimed ones."""
    for _ in range(n_warm):
        action()
    seconds = []
    for _ in range(n_calls):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return seconds


def interleave(contenders, repetitions, tell):
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
        With ``measurement, unit``, the sizes, ``contender, repetition, value``.
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


def matrix_products(_, plan):
    """Contenders: numbers of threads in a square matrix product, FLOP/s."""
    size, most = plan.matmul_size, torch.get_num_threads()
    a, b = torch.randn(2, size, size)

    def measure(n_threads):
        torch.set_num_threads(n_threads)
        try:
            seconds = time_calls(lambda: a @ b, plan.steps)
        finally:
            torch.set_num_threads(most)
        return {"matrix product": [2 * size**3 / s for s in seconds]}

    return {(count_threads(n), None): partial(measure, n) for n in (1, most)}


def count_threads(n):
    """Write a number of threads."""
    return f"{n} thread{'' if n == 1 else 's'}"


def steps(shape, plan):
    """Contenders: one step of the optimiser on one batch that lies ready."""
    n_trials = max(shape.n_trials, plan.batch_size)
    X, y = map(torch.from_numpy, noise(shape._replace(n_trials=n_trials), plan.seed))
    return {
        ("eegsep", shape): _own_step(X, y, shape, plan, in_default_order=True),
        ("published", shape): _own_step(X, y, shape, plan, in_default_order=False),
        ("braindecode", shape): _braindecode_step(X, y, shape, plan),
        (ONE_THREAD, shape): _braindecode_step(X, y, shape, plan, lambda: threads.one_thread),
    }


def _own_step(X, y, shape, plan, *, in_default_order):
    net = make_network(shape, plan.seed).train()
    if not in_default_order:
        net.algorithm = "published"
    optimizer = loop.KerasAdam(net.parameters(), LR)
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
            values = {"training step": time_calls(step, plan.steps)}
            if spatially_first:
                values["lag statistics"] = time_calls(take_statistics, 1)
        return values

    return measure


def _braindecode_step(X, y, shape, plan, threads=nullcontext):
    net = BraindecodeEEGNet(
        n_chans=shape.n_chans,
        n_times=shape.n_times,
        n_outputs=2,
        kernel_length=shape.kernel_length,
        drop_prob=DROP_PROB,
    ).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR)
    x, y = X[: plan.batch_size], y[: plan.batch_size]

    def step():
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()

    def measure():
        with threads():
            return {"training step": time_calls(step, plan.steps)}

    return measure


def epochs(shape, plan):
    """Contenders: an epoch through the estimators, and what a fit takes besides its epochs."""
    X, y = noise(shape, plan.seed)

    def fit(name, n_epochs):
        make_estimator(name, shape.kernel_length, n_epochs, plan).fit(X, y)

    def measure(name):
        # two fits that differ in length only: what they share cancels
        few, many = plan.epochs
        if name == "eegsep":
            # fits about as long as the others', or the clock would see mostly chance
            many = few + _MORE_EPOCHS * (many - few)
        short, long = (time_calls(partial(fit, name, n), 1, n_warm=0)[0] for n in (few, many))
        epoch = (long - short) / (many - few)
        return {"training epoch": [epoch], "start of a fit": [short - few * epoch]}

    for name in NETWORKS:
        fit(name, 1)
    return {(name, shape): partial(measure, name) for name in NETWORKS}


def latencies(shape, plan):
    """Contenders: ``predict_proba`` of one window."""
    X, y = noise(shape, plan.seed)

    def measure(fitted):
        return {"latency": time_calls(partial(fitted.predict_proba, X[:1]), plan.calls, n_warm=3)}

    return {
        (name, shape): partial(
            measure, make_estimator(name, shape.kernel_length, 1, plan).fit(X, y)
        )
        for name in CONTENDERS
    }


def cross_validations(shape, plan):
    """Contenders: a whole cross-validation in processes."""
    X, y = noise(shape, plan.seed)

    def run(name, n_epochs):
        estimator = make_estimator(name, shape.kernel_length, n_epochs, plan)
        cross_val_score(estimator, X, y, cv=N_FOLDS, n_jobs=plan.n_jobs, error_score="raise")

    def measure(name):
        seconds = time_calls(partial(run, name, plan.cv_epochs), 1, n_warm=0)
        return {"cross-validation": seconds}

    names = [name for name in CONTENDERS if name != "published"]
    for name in names:
        run(name, 1)  # starts the processes, which then import what they need
    return {(name, shape): partial(measure, name) for name in names}
