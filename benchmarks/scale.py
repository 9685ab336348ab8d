"""Scores of a benchmark on one, two and three workers of a Dask cluster: how fast, and the same.

    python benchmarks/scale.py                 # some minutes
    python benchmarks/scale.py --epochs 20     # shorter steps

The same study of a network on simulated subjects is timed on one worker and on two, which have read
nothing before but have loaded all libraries. Then one of three workers is killed in the middle.
Every run must have the scores, to the last bit, of an undisturbed run in one process. Workers are
processes on this machine, so that times say something where it has a core for each, and is idle.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import dask
import distributed
import numpy as np
import pandas as pd

from eegsep.datasets import SimulatedMotorImagery
from eegsep.studies.benchmark import benchmark
from eegsep.studies.cluster import start_workers

N_SUBJECTS = 6


def study(folder, epochs, scheduler=None, progress=None):
    """Score a network; return scores, and the seconds of the fits."""
    dataset = SimulatedMotorImagery(n_subjects=N_SUBJECTS, n_sessions=1)
    began = []

    def follow(stage, done, total, label):
        if stage == "fit" and not began:
            began.append(time.monotonic())
        if progress is not None:
            progress(stage, done, total, label)

    result = benchmark(
        dataset,
        output=folder,
        pipelines="EEGNet-lawhern2018",  # which trains on however few trials
        max_epochs=epochs,
        scheduler=scheduler,
        progress=follow,
    )
    return result, time.monotonic() - began[0]


def start(n_workers):
    """Start workers that have loaded what they need."""
    cluster = start_workers(n_workers)
    with distributed.Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(n_workers)
        client.run(_load)
    return cluster


def _load():
    from eegsep.estimator.first_use import prepare

    prepare()


def kill_one(cluster, moment):
    """Return a callback that kills a worker when so many steps are done, and whom it killed."""
    killed = []

    def follow(stage, done, total, label):
        if stage == "fit" and done == moment and not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    return follow, killed


def main(arguments=None):
    """Measure, check, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=100, help="of every fit of a network")
    parser.add_argument("--repetitions", type=int, default=3, help="of each time")
    options = parser.parse_args(arguments)
    dask.config.set({"distributed.scheduler.allowed-failures": 10})
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        expected, seconds = study(folder / "here", options.epochs)
        print(f"one process: {seconds:.1f} s", flush=True)

        def check(result):
            columns = [name for name in expected.scores if name != "time"]
            pd.testing.assert_frame_equal(
                result.scores[columns], expected.scores[columns], check_exact=True
            )
            assert result.key == expected.key
            assert not result.run["failed"]

        times = {1: [], 2: []}
        with start(1) as one, start(2) as two:
            for k in range(options.repetitions):
                for n, cluster in ((1, one), (2, two)):
                    where = folder / f"{n}-{k}"
                    result, seconds = study(where, options.epochs, cluster.scheduler_address)
                    check(result)
                    times[n].append(seconds)
                    print(f"{n} worker{'s' * (n > 1)}: {seconds:.1f} s", flush=True)
        ratios = np.divide(times[1], times[2])
        print(f"two workers are {np.median(ratios):.2f} times as fast as one", flush=True)

        with start(3) as three:
            follow, killed = kill_one(three, N_SUBJECTS // 2)
            result, _ = study(folder / "3", options.epochs, three.scheduler_address, follow)
        check(result)
        assert len(killed) == 1
        print("one of three workers was killed: complete, and the same scores")
    return 0


if __name__ == "__main__":
    sys.exit(main())
