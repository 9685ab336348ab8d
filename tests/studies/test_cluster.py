"""A benchmark on a Dask cluster: the scores of one process, whatever workers die or lack."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from eegsep._utils.errors import RequestError
from eegsep.datasets import SimulatedMotorImagery
from eegsep.datasets.selection import Selection
from eegsep.studies import digests
from eegsep.studies.benchmark import benchmark
from eegsep.studies.cluster import start_workers
from eegsep.studies.pipelines import load_pipelines
from eegsep.studies.store import read

distributed = pytest.importorskip("distributed", reason="distributed is not installed")


def small(**changes):
    """Return a simulated dataset of few subjects, trials and electrodes."""
    settings = {"n_subjects": 2, "n_sessions": 1, "n_runs": 1, "n_trials_per_class": 6}
    return SimulatedMotorImagery(**(settings | {"channels": ("C3", "Cz", "C4")} | changes))


class Tells(ClassifierMixin, BaseEstimator):
    """Tells classes apart by the variance of a channel; what it does meanwhile is ``how``."""

    def __init__(self, how="", folder=None):
        self.how = how
        self.folder = folder

    def fit(self, X, y):
        if self.how == "fails":
            raise RuntimeError("a fault in the fit")
        if self.how == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "waits":
            time.sleep(0.1)
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X.var(axis=2)[:, 0]


@pytest.fixture(scope="module")
def client():
    """Return a client of two workers in this process, whose libraries are loaded already."""
    settings = {"processes": False, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(n_workers=2, **settings) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_scores_failures_and_warnings_are_those_of_one_process(client, tmp_path):
    networks = load_pipelines("EEGNet")["EEGNet"]["pipeline"]
    pipelines = {"EEGNet": networks, "fails": Tells("fails"), "tells": Tells()}
    pipelines["TS+LR"] = load_pipelines("TS+LR")["TS+LR"]["pipeline"]
    request = {"pipelines": pipelines, "max_epochs": 2}
    here = benchmark(small(), output=tmp_path / "here", **request)
    there = benchmark(small(), output=tmp_path / "there", scheduler=client, **request)
    columns = [name for name in here.scores if name != "time"]
    pd.testing.assert_frame_equal(here.scores[columns], there.scores[columns], check_exact=True)
    assert there.key == here.key
    assert [each["pipeline"] for each in there.run["failed"]] == ["fails", "fails"]
    assert there.run["failed"] == here.run["failed"]
    assert there.run["warnings"] == here.run["warnings"]
    assert there.run["scheduler"] == client.scheduler.address
    again = benchmark(small(), output=tmp_path / "there", **request)  # without a cluster
    assert (again.run["evaluated"], again.run["found_on_disk"]) == (2, 6)


def test_each_subject_is_read_once_and_stays_on_the_workers(client, tmp_path, monkeypatch):
    threads, loads = [], Selection.trials

    def noting(self, subject):
        threads.append(threading.current_thread())
        return loads(self, subject)

    monkeypatch.setattr(Selection, "trials", noting)  # workers are threads of this process
    request = {"pipelines": {"tells": Tells(), "again": Tells("", 1)}, "scheduler": client}
    result = benchmark(small(n_trials_per_class=7), output=tmp_path, **request)
    assert len(result.scores) == 4
    assert len(threads) == 2
    assert threading.current_thread() not in threads


def test_joblibs_choice_of_dask_is_taken(client, tmp_path):
    with joblib.parallel_config("dask", client=client):
        result = benchmark(small(), output=tmp_path, pipelines={"tells": Tells()}, n_jobs=2)
    assert result.run["scheduler"] == client.scheduler.address


def test_permutations_are_refused_on_a_cluster_whoever_chose_it(client, tmp_path):
    request = {"output": tmp_path, "pipelines": "CSP+LDA", "permutations": 2}
    with pytest.raises(RequestError, match="computed on this machine"):
        benchmark(small(), scheduler=client, **request)
    with (
        joblib.parallel_config("dask", client=client),
        pytest.raises(RequestError, match="computed on this machine"),
    ):
        benchmark(small(), **request)


def test_a_worker_with_other_versions_is_refused_in_a_line(client, tmp_path, monkeypatch):
    calls = []

    def other():
        calls.append(1)
        return {"torch": "1.0" if len(calls) == 1 else "2.0"}

    monkeypatch.setattr(digests, "environment", other)
    with pytest.raises(RequestError, match=r"other versions .*torch 2.0, here 1.0") as error:
        benchmark(small(), output=tmp_path, pipelines={"tells": Tells()}, scheduler=client)
    assert "\n" not in str(error.value)


def test_a_worker_of_several_threads_is_refused_in_a_line(tmp_path):
    settings = {"processes": False, "threads_per_worker": 2, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=1, **settings) as cluster:
        address = cluster.scheduler_address
        with pytest.raises(RequestError, match="--nthreads 1"):
            benchmark(small(), output=tmp_path, pipelines={"tells": Tells()}, scheduler=address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "local:0", "gopher://a:1"])
def test_a_wrong_address_is_one_clear_error(address, tmp_path, monkeypatch):
    monkeypatch.setattr("eegsep.studies.cluster._ANSWER", 0.5)
    with pytest.raises(RequestError, match=r"local") as error:
        benchmark(small(), output=tmp_path, pipelines={"tells": Tells()}, scheduler=address)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_scheduler_that_is_lost_is_one_clear_error_and_what_is_done_is_kept(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("eegsep.studies.cluster._ANSWER", 0.5)
    settings = {"processes": False, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=1, protocol="tcp", **settings) as cluster:

        def lose(stage, done, *_):
            if (stage, done) == ("fit", 1):
                cluster.close()

        request = {"output": tmp_path, "pipelines": {f"{k}": Tells("waits", k) for k in range(4)}}
        with pytest.raises(RequestError, match=r"scheduler at tcp.* is gone.*are kept"):
            benchmark(small(), progress=lose, scheduler=cluster.scheduler_address, **request)
    assert len(read(tmp_path)) >= 1


@pytest.fixture(scope="module")
def processes():
    """Return a client of two workers in processes of their own, which are replaced."""
    with start_workers(2) as cluster, distributed.Client(cluster) as client:
        yield client


def test_a_worker_that_is_killed_changes_nothing(processes, tmp_path):
    killed = []

    def kill(stage, done, *_):
        if (stage, done) == ("fit", 2):
            killed.append(next(iter(processes.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    pipelines = {f"{k}": Tells("waits", k) for k in range(4)}
    there = {"output": tmp_path / "there", "scheduler": processes, "progress": kill}
    result = benchmark(small(), pipelines=pipelines, **there)
    expected = benchmark(small(), output=tmp_path / "here", pipelines=pipelines)
    assert len(killed) == 1
    assert result.run["failed"] == []
    assert result.key == expected.key
    assert result.scores["score"].tolist() == expected.scores["score"].tolist()


def test_a_stopped_run_keeps_what_is_done_and_leaves_nothing_to_the_workers(processes, tmp_path):
    def stop(stage, done, *_):
        if (stage, done) == ("fit", 1):
            raise KeyboardInterrupt

    request = {"output": tmp_path, "pipelines": {f"{k}": Tells("waits", k) for k in range(6)}}
    with pytest.raises(KeyboardInterrupt):
        benchmark(small(), progress=stop, scheduler=processes, **request)
    assert len(read(tmp_path)) == 1
    end = time.monotonic() + 20
    while processes.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
        assert time.monotonic() < end, "the scheduler still has tasks"
        time.sleep(0.05)
    result = benchmark(small(), scheduler=processes, **request)
    assert (result.run["found_on_disk"], result.run["evaluated"]) == (1, 11)


def test_what_always_ends_its_worker_is_named_and_the_rest_is_scored(processes, tmp_path):
    def give_up(dask_scheduler):
        dask_scheduler.allowed_failures = 0

    processes.run_on_scheduler(give_up)
    pipelines = {"deadly": Tells("kills"), "tells": Tells()}
    request = {"subjects": [1], "pipelines": pipelines, "scheduler": processes}
    result = benchmark(small(), output=tmp_path, **request)
    (failure,) = result.run["failed"]
    assert (failure["pipeline"], failure["subject"]) == ("deadly", 1)
    assert "worker died 1 time " in failure["reason"]
    assert result.scores["pipeline"].tolist() == ["tells"]
