"""Two writers in one folder, ended at random: nothing is lost, twice, or another score.

    python benchmarks/kill.py                  # 50 ends, some minutes
    python benchmarks/kill.py --kills 4        # a look
    python benchmarks/kill.py --workers 3      # on a Dask cluster, whose workers are killed too

A study of simulated subjects is run by two processes in the same folder. One or both get SIGKILL or
SIGINT, or may write no more, as on a full disk, at random moments, and start anew, until the study
is done; then another folder, until there were enough ends. An undisturbed run gives the scores that
all must have. In the end a study that is done is asked for once more.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from sklearn.base import BaseEstimator, ClassifierMixin

from eegsep._utils.errors import RequestError
from eegsep.datasets import SimulatedMotorImagery
from eegsep.studies.benchmark import benchmark
from eegsep.studies.cluster import start_workers
from eegsep.studies.pipelines import load_pipelines
from eegsep.studies.store import FILE, read

# Loaded once, by a process that all writers are forked from: they are killed at work, not while
# they import.
LOADED = ["eegsep.studies.benchmark", "pyriemann.tangentspace", "mne._numba", "__main__"]
WRITERS, SUBJECTS = 2, 3
# Mean time between ends, as a share of that of the undisturbed study.
PAUSE = 0.1
# What ends a writer, and its exit code then. A file may grow to so many bytes on the full disk.
ENDS = {"SIGKILL": -signal.SIGKILL, "SIGINT": 130, "full disk": 28}
FULL = 4096


class Slow(ClassifierMixin, BaseEstimator):
    """Weighs the variances of channels at random; a unit of five folds takes a second."""

    def __init__(self, seed=0):
        self.seed = seed

    def fit(self, X, y):
        """Wait."""
        time.sleep(0.2)
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        """Return a number for each trial."""
        return X.var(axis=2) @ np.random.default_rng(self.seed).normal(size=X.shape[1])


def write(folder, n_slow, scheduler=None):
    """Run the study; how it was ended is the exit code."""
    try:
        study(folder, n_slow, scheduler)
    except KeyboardInterrupt:
        sys.exit(ENDS["SIGINT"])
    except RequestError:
        limit, _ = psutil.Process().rlimit(psutil.RLIMIT_FSIZE)
        if limit != FULL:
            raise
        sys.exit(ENDS["full disk"])


def study(folder, n_slow, scheduler=None):
    """Run the study, and write its tables."""
    channels = ("FC3", "C3", "CP3", "FC4", "C4", "CP4")
    dataset = SimulatedMotorImagery(
        n_subjects=SUBJECTS, n_sessions=1, n_runs=1, n_trials_per_class=12, channels=channels
    )
    pipelines = {f"slow {seed}": Slow(seed) for seed in range(n_slow)}
    pipelines["TS+LR"] = load_pipelines("TS+LR")["TS+LR"]["pipeline"]
    request = {"output": folder, "pipelines": pipelines, "scheduler": scheduler}
    benchmark(dataset, **request).save(folder)


def filed(folder):
    """Return what the store has: (number of the row, value) by key."""
    file = folder / FILE
    if not file.exists() or not file.stat().st_size:
        return {}
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", 60, uri=True)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if "computed" not in tables:
            return {}
        rows = database.execute("SELECT key, rowid, value FROM computed").fetchall()
    return {key: (number, value) for key, number, value in rows}


def end(writer, how):
    """End a process; return whether that, and nothing else, was its end."""
    if how == "SIGKILL":
        writer.kill()
    with suppress(psutil.Error, ProcessLookupError):  # it has just ended
        if how == "SIGINT":
            os.kill(writer.pid, signal.SIGINT)
        elif how == "full disk":
            psutil.Process(writer.pid).rlimit(psutil.RLIMIT_FSIZE, (FULL, FULL))
    writer.join()
    return writer.exitcode == ENDS[how]


def disturb(folder, n_slow, chance, context, cluster, *, most, pause):
    """Run the study by writers that are ended; return what ended them, and how often."""
    scheduler = None if cluster is None else cluster.scheduler_address

    def start():
        writer = context.Process(target=write, args=(folder, n_slow, scheduler))
        writer.start()
        return writer

    writers, before, ends = [start() for _ in range(WRITERS)], {}, Counter()
    while any(writer.is_alive() for writer in writers):
        moment = time.monotonic() + chance.expovariate(1 / pause)
        while time.monotonic() < moment and any(writer.is_alive() for writer in writers):
            time.sleep(0.005)
        if cluster is not None and ends.total() < most and chance.random() < 0.5:
            worker = chance.choice(list(cluster.workers.values()))
            if worker.pid is not None:  # else it is just being started
                os.kill(worker.pid, signal.SIGKILL)
                ends["SIGKILL of a worker"] += 1
        victims = writers if chance.random() < 0.25 else [chance.choice(writers)]
        for victim in victims:
            how = chance.choice(list(ENDS))
            if ends.total() < most and victim.is_alive() and end(victim, how):
                ends[how] += 1
        after = filed(folder)
        # what is filed stays as it is: not lost, not filed again
        assert before.items() <= after.items(), "something that was filed is lost or was changed"
        before = after
        writers = [start() if each.exitcode in ENDS.values() else each for each in writers]
    assert [writer.exitcode for writer in writers] == [0] * WRITERS, "a writer failed"
    return ends


def check(folder, n_slow, expected):
    """Check that each unit was filed once, and gave the score of the undisturbed run."""
    values = filed(folder)
    n_units = SUBJECTS * (n_slow + 1)
    assert len(values) == n_units, f"{len(values)} values are filed for {n_units} units"
    # a value in the place of another would have a new number
    numbers = sorted(number for number, _ in values.values())
    assert numbers == list(range(1, n_units + 1)), "a value was filed in the place of another"
    assert not any(json.loads(value)["failed"] for _, value in values.values())
    rows = read(folder)
    assert not rows.duplicated(["pipeline", "seed", "subject", "session"]).any()
    scores = read_scores(folder)
    assert len(scores) == len(rows)
    pd.testing.assert_frame_equal(scores, expected, check_exact=True)


def read_scores(folder):
    """Read a study's scores, without the times of its fits."""
    return pd.read_csv(folder / "scores.csv", dtype=str).drop(columns="time")


def main(arguments=None):
    """End, check, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--slow", type=int, default=8, help="slow pipelines of the study")
    parser.add_argument("--workers", type=int, default=0, help="of a Dask cluster; 0 for none")
    options = parser.parse_args(arguments)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    chance, ends = random.Random(options.seed), Counter()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(start_cluster(options.workers)) if options.workers else None
        writer = context.Process(target=study, args=(folder / "undisturbed", options.slow))
        started = time.monotonic()
        writer.start()
        writer.join()
        pause = PAUSE * (time.monotonic() - started)
        expected = read_scores(folder / "undisturbed")
        studies = 0
        while ends.total() < options.kills:
            own = folder / f"{studies}"
            most = options.kills - ends.total()
            ends += disturb(own, options.slow, chance, context, cluster, most=most, pause=pause)
            check(own, options.slow, expected)
            studies += 1
            seconds = time.monotonic() - started
            said = ", ".join(f"{n} {how}" for how, n in sorted(ends.items()))
            print(
                f"{ends.total()} kills ({said}), {studies} studies, {seconds:.0f} s: all as it is",
                flush=True,
            )
        writer = context.Process(target=write, args=(own, options.slow))
        started = time.monotonic()
        writer.start()
        writer.join()
        assert writer.exitcode == 0
        print(f"a study that is done takes {time.monotonic() - started:.1f} s")
    return 0


def start_cluster(n_workers):
    """Start workers that are replaced, and whose tasks are done again however often they die."""
    import dask

    dask.config.set({"distributed.scheduler.allowed-failures": 1000})
    return start_workers(n_workers)


if __name__ == "__main__":
    sys.exit(main())
