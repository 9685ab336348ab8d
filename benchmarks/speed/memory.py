"""Peak memory of fits above their data, each in a process of its own.

Of each contender, of eegsep over the number of trials, and on a memory map.
"""

import math
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from eegsep._utils.memory import (
    give_back_freed_memory,
    highest_while,
    in_fresh_process,
    peak_memory,
)

from .contenders import CONTENDERS, classes, make_estimator, noise
from .plan import Shape


def _measure_fit_here(contender, shape, plan, n_epochs, file):
    """In a process of its own: fit one contender, and say what it took beside the data."""
    if file is None:
        X, y = noise(shape, plan.seed)
    else:
        X, y = np.load(file, mmap_mode="r"), classes(shape.n_trials)
    # libraries load and set themselves up here
    small = Shape(8, 128, 16, n_trials=20)
    make_estimator(contender, small.kernel_length, 1, plan).fit(*noise(small, plan.seed))
    estimator = make_estimator(contender, shape.kernel_length, n_epochs, plan)
    give_back_freed_memory()
    private, peaks = _private(), []
    start = time.perf_counter()
    fit = partial(estimator.fit, X, y)
    highest = highest_while(lambda: peaks.append(peak_memory(fit)), _private)
    seconds = time.perf_counter() - start
    return {
        "peak": peaks[0],
        "private": highest - private,
        "seconds": seconds,
    }


def _private():
    """Bytes resident but for pages of files, which the system can take back; NaN if unknown."""
    memory = psutil.Process().memory_info()
    return memory.rss - getattr(memory, "shared", math.nan)


def _measure_fit(contender, shape, plan, n_epochs=2, file=None):
    """Fit in a fresh process, so that nothing else counts; return what it says."""
    task = contender, shape, plan, n_epochs, file
    return in_fresh_process(f"{contender} on {shape}", _measure_fit_here, *task)


def memories(shape, plan):
    """Contenders: the peak memory of a fit."""

    def measure(name):
        return {"peak memory": [_measure_fit(name, shape, plan)["peak"]]}

    return {(name, shape): partial(measure, name) for name in CONTENDERS}


def growths(shape, plan):
    """Contenders: numbers of trials, all for eegsep."""
    X, y = noise(shape._replace(n_trials=max(plan.growth)), plan.seed)

    def measure(sized):
        n_trials = sized.n_trials
        # as many trials visited whatever their number, and an epoch that nothing is taken from
        n_epochs = 1 + max(2, round(2 * len(X) / n_trials))
        estimator = make_estimator("eegsep", shape.kernel_length, n_epochs, plan)
        estimator.fit(X[:n_trials], y[:n_trials])
        return {
            "growth: epoch": [record["dur"] for record in estimator.history_[1:]],
            "growth: peak memory": [_measure_fit("eegsep", sized, plan)["peak"]],
        }

    sizes = [shape._replace(n_trials=n) for n in plan.growth]
    return {("eegsep", sized): partial(measure, sized) for sized in sizes}


def memory_map(shape, plan):
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
                trials[start : start + n] = noise(shape._replace(n_trials=n), plan.seed + start)[0]
            trials.flush()
            del trials
            found = _measure_fit("eegsep", shape, plan, n_epochs=1, file=file)
        values = {
            "memory map: fit of one epoch": [found["seconds"]],
            "memory map: peak memory": [found["peak"]],
        }
        if not math.isnan(found["private"]):
            values["memory map: private peak memory"] = [found["private"]]
        return values

    return {("eegsep", shape): measure}
