"""Two writers in one folder, killed at random: nothing is lost, twice, or another score.

    python benchmarks/kill.py                  # 50 kills, some minutes
    python benchmarks/kill.py --kills 4        # a look

A study of simulated subjects is run by two processes in the same folder. One or both get SIGKILL at
random moments, and start anew, until the study is done; then another folder, until there were
enough kills. An undisturbed run gives the scores that all must have.
"""

import argparse
import json
import multiprocessing
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from eegsep.datasets import SimulatedMotorImagery
from eegsep.studies.benchmark import benchmark
from eegsep.studies.pipelines import load_pipelines
from eegsep.studies.store import FILE, read

# Loaded once, by a process that all writers are forked from: they are killed at work, not while
# they import.
LOADED = ["eegsep.studies.benchmark", "pyriemann.tangentspace", "mne._numba", "__main__"]
WRITERS, SUBJECTS = 2, 3
# Mean time between kills, as a share of that of the undisturbed study.
PAUSE = 0.1


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


def study(folder, n_slow):
    """Run the study, and write its tables; a writer does this, unless it is killed."""
    channels = ("FC3", "C3", "CP3", "FC4", "C4", "CP4")
    dataset = SimulatedMotorImagery(
        n_subjects=SUBJECTS, n_sessions=1, n_runs=1, n_trials_per_class=12, channels=channels
    )
    pipelines = {f"slow {seed}": Slow(seed) for seed in range(n_slow)}
    pipelines["TS+LR"] = load_pipelines("TS+LR")["TS+LR"]["pipeline"]
    benchmark(dataset, output=folder, pipelines=pipelines).save(folder)


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


def disturb(folder, n_slow, chance, context, *, most, pause):
    """Run the study by writers that are killed; return how many kills there were."""

    def start():
        writer = context.Process(target=study, args=(folder, n_slow))
        writer.start()
        return writer

    writers, before, kills = [start() for _ in range(WRITERS)], {}, 0
    while any(writer.is_alive() for writer in writers):
        moment = time.monotonic() + chance.expovariate(1 / pause)
        while time.monotonic() < moment and any(writer.is_alive() for writer in writers):
            time.sleep(0.005)
        victims = writers if chance.random() < 0.25 else [chance.choice(writers)]
        for victim in victims:
            if kills < most and victim.is_alive():
                victim.kill()
                victim.join()
                kills += victim.exitcode == -9
        after = filed(folder)
        # what is filed stays as it is: not lost, not filed again
        assert before.items() <= after.items(), "something that was filed is lost or was changed"
        before = after
        writers = [start() if each.exitcode == -9 else each for each in writers]
    assert [writer.exitcode for writer in writers] == [0] * WRITERS, "a writer failed"
    return kills


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
    """Kill, check, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--slow", type=int, default=8, help="slow pipelines of the study")
    options = parser.parse_args(arguments)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    chance, kills = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        writer = context.Process(target=study, args=(folder / "undisturbed", options.slow))
        started = time.monotonic()
        writer.start()
        writer.join()
        pause = PAUSE * (time.monotonic() - started)
        expected = read_scores(folder / "undisturbed")
        studies = 0
        while kills < options.kills:
            own = folder / f"{studies}"
            most = options.kills - kills
            kills += disturb(own, options.slow, chance, context, most=most, pause=pause)
            check(own, options.slow, expected)
            studies += 1
            seconds = time.monotonic() - started
            print(f"{kills} kills, {studies} studies, {seconds:.0f} s: all as it is", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
