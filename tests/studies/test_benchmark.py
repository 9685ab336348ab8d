"""The benchmark study: MOABB's scores, resumed, seeded, side by side, and summed up."""

import json
import os
import pickle
import socket
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from moabb.analysis.meta_analysis import compute_dataset_statistics
from moabb.datasets import PhysionetMI
from moabb.evaluations import WithinSessionEvaluation
from moabb.paradigms import LeftRightImagery, MotorImagery
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier

from eegsep import EEGNetClassifier
from eegsep._utils.errors import RequestError
from eegsep.datasets import SimulatedMotorImagery
from eegsep.datasets.recordings import DataNotFoundError
from eegsep.statistics import summarise
from eegsep.studies.benchmark import benchmark, load_pipelines

QUICK = ["CSP+LDA", "TS+LR"]


def small(**changes):
    """Return a simulated dataset of few subjects, trials and electrodes."""
    settings = {
        "n_subjects": 2,
        "n_runs": 1,
        "n_trials_per_class": 6,
        "channels": ("FC3", "C3", "CP3", "FC4", "C4", "CP4"),
    }
    return SimulatedMotorImagery(**(settings | changes))


class Warns(ClassifierMixin, BaseEstimator):
    """Says something in every fit, and predicts the class that comes first."""

    def fit(self, X, y):
        warnings.warn("beware", UserWarning, stacklevel=2)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile(np.linspace(1, 0, len(self.classes_)), (len(X), 1))


class Fails(Warns):
    """Cannot be fitted."""

    def fit(self, X, y):
        raise RuntimeError("a fault in the fit")


@pytest.fixture
def fits(monkeypatch):
    """Count the fits of EEGNet that happen in this process."""
    counts = Counter()
    fit = EEGNetClassifier.fit

    def counting(self, X, y):
        counts[self.random_state] += 1
        return fit(self, X, y)

    monkeypatch.setattr(EEGNetClassifier, "fit", counting)
    return counts


def same_scores(first, second):
    columns = ["dataset", "pipeline", "seed", "subject", "session", "score"]
    pd.testing.assert_frame_equal(first.scores[columns], second.scores[columns])


# -- scores --------------------------------------------------------------------------------------


def test_scores_are_those_of_moabbs_own_evaluation(tmp_path):
    dataset, pipelines = small(), {n: c["pipeline"] for n, c in load_pipelines(QUICK).items()}
    ours = benchmark(dataset, output=tmp_path / "a", pipelines=QUICK, seed=7).scores
    theirs = WithinSessionEvaluation(
        paradigm=LeftRightImagery(resample=128),
        datasets=[dataset],
        random_state=7,
        hdf5_path=str(tmp_path / "b"),
    ).process(pipelines)
    columns = ["pipeline", "subject", "session"]
    theirs["subject"] = theirs["subject"].astype(int)
    merged = ours.merge(theirs, on=columns, validate="1:1")
    assert len(merged) == len(ours) == 8
    # MOABB's file rounds to single precision
    np.testing.assert_array_equal(merged["score_x"].astype(np.float32), merged["score_y"])


def test_moabbs_results_go_where_ours_go_and_ours_where_theirs(tmp_path):
    pipelines = {n: c["pipeline"] for n, c in load_pipelines(QUICK).items()}
    ours = benchmark(small(), output=tmp_path / "a", pipelines=QUICK, seed=7).scores
    theirs = WithinSessionEvaluation(
        paradigm=LeftRightImagery(resample=128),
        datasets=[small()],
        random_state=7,
        hdf5_path=str(tmp_path / "b"),
    ).process(pipelines)
    # their results do not say by what and how they were scored
    theirs = theirs.assign(metric="roc_auc", seed=7, evaluation="WithinSession")
    columns = ["pipeline", "mean", "sd", "difference", "p", "chance"]
    pd.testing.assert_frame_equal(
        summarise(theirs, "TS+LR")[columns].sort_values("pipeline", ignore_index=True),
        summarise(ours, "TS+LR")[columns].sort_values("pipeline", ignore_index=True),
        rtol=1e-6,
    )
    statistics = [compute_dataset_statistics(each) for each in (ours, theirs)]
    assert {("CSP+LDA", "TS+LR"), ("TS+LR", "CSP+LDA")} <= set(
        zip(statistics[0].pipe1, statistics[0].pipe2, strict=True)
    )
    for each in statistics:
        each.sort_values(["pipe1", "pipe2"], ignore_index=True, inplace=True)
    pd.testing.assert_frame_equal(*statistics, rtol=1e-5)


def test_a_row_for_each_pipeline_seed_subject_and_session(tmp_path):
    scores = benchmark(
        small(), output=tmp_path, pipelines=["CSP+LDA", "EEGNet"], n_seeds=2, max_epochs=1
    ).scores
    sizes = scores.groupby(["pipeline", "seed", "subject", "session"]).size()
    assert sizes.eq(1).all()
    assert scores.groupby(["pipeline", "seed"]).size().to_dict() == {
        ("CSP+LDA", 42): 4,
        ("EEGNet", 42): 4,
        ("EEGNet", 43): 4,
    }


def test_our_networks_come_first(tmp_path):
    scores = benchmark(small(), output=tmp_path, pipelines=["CSP+LDA", "EEGNet"], max_epochs=1)
    assert list(dict.fromkeys(scores.summary["pipeline"])) == ["EEGNet", "CSP+LDA"]


@pytest.mark.parametrize("evaluation", ["WithinSession", "CrossSession", "CrossSubject"])
def test_every_evaluation_runs(evaluation, tmp_path):
    scores = benchmark(small(), output=tmp_path, pipelines=QUICK, evaluation=evaluation).scores
    assert set(scores["evaluation"]) == {evaluation}
    assert scores.groupby("pipeline").size().to_dict() == {"CSP+LDA": 4, "TS+LR": 4}


def test_more_than_two_classes_are_scored_by_accuracy(tmp_path):
    dataset = small(n_classes=4, n_subjects=1)
    result = benchmark(dataset, output=tmp_path, pipelines=QUICK, paradigm="MotorImagery")
    assert set(result.scores["metric"]) == {"accuracy"}
    assert set(result.summary["chance"]) == {0.25}


def test_several_datasets_each_have_their_own_metric(tmp_path):
    datasets = [small(n_subjects=1), small(n_subjects=1, n_classes=3)]
    result = benchmark(datasets, output=tmp_path, pipelines="TS+LR", paradigm="MotorImagery")
    assert list(result.summary["metric"]) == ["roc_auc", "accuracy"]


def test_a_dataset_given_twice_counts_once(tmp_path):
    result = benchmark([small(), small()], output=tmp_path, pipelines="TS+LR")
    assert len(result.scores) == 4


def test_subjects_can_be_chosen(tmp_path):
    result = benchmark(small(), output=tmp_path, pipelines="TS+LR", subjects=[2])
    assert set(result.scores["subject"]) == {2}


def test_estimators_can_be_given_as_objects(tmp_path):
    result = benchmark(small(), output=tmp_path, pipelines={"dummy": DummyClassifier()})
    assert set(result.scores["score"]) == {0.5}


def test_paradigm_can_be_given_as_an_object(tmp_path):
    paradigm = MotorImagery(events=["left_hand", "right_hand"], n_classes=2, resample=128)
    result = benchmark(small(), output=tmp_path, pipelines="TS+LR", paradigm=paradigm)
    assert set(result.scores["paradigm"]) == {"MotorImagery"}


def test_window_and_band_reach_the_paradigm(tmp_path):
    run = benchmark(
        small(), output=tmp_path, pipelines="TS+LR", fmin=4, fmax=38, tmin=0.5, tmax=2.5
    ).run
    assert (run["bands_hz"], run["tmin_s"], run["tmax_s"]) == ([[4, 38]], 0.5, 2.5)


def test_chosen_channels_are_read_and_scored_apart(tmp_path):
    options = {"output": tmp_path, "pipelines": "TS+LR"}
    three = benchmark(small(), channels=["C3", "FC4", "C4"], **options)
    assert set(three.scores["channels"]) == {3}
    assert three.run["channels"] == ["C3", "FC4", "C4"]
    assert set(benchmark(small(), **options).scores["channels"]) == {6}


def test_reference_is_recorded_and_scored_apart(tmp_path):
    options = {"output": tmp_path, "pipelines": "TS+LR", "subjects": [1]}
    own, average, hands = (
        benchmark(small(), eeg_reference=reference, **options)
        for reference in (None, "average", ["C3", "C4"])
    )
    assert [r.run["evaluated"] for r in (own, average, hands)] == [1, 1, 1]
    assert own.run["eeg_reference"] is None
    assert average.run["eeg_reference"] == "average"
    assert hands.run["eeg_reference"] == ["C3", "C4"]
    again = benchmark(small(), eeg_reference="average", **options)
    assert again.run["evaluated"] == 0
    assert again.scores["score"].tolist() == average.scores["score"].tolist()


def test_reference_of_a_given_paradigm_can_be_changed(tmp_path):
    options = {"output": tmp_path, "pipelines": "TS+LR", "subjects": [1]}
    own = LeftRightImagery(resample=128.0)
    by_name = benchmark(small(), eeg_reference="average", **options)
    by_object = benchmark(small(), paradigm=own, eeg_reference="average", **options)
    # found on disk, where what was done to recordings tells results apart
    assert (by_name.run["evaluated"], by_object.run["evaluated"]) == (1, 0)
    assert by_object.run["eeg_reference"] == "average"


def test_result_with_a_reference_can_be_pickled(tmp_path):
    options = {"output": tmp_path, "pipelines": "TS+LR", "subjects": [1]}
    result = benchmark(small(), eeg_reference=iter(["C3", "C4"]), **options)
    assert result.run["eeg_reference"] == ["C3", "C4"]
    again = pickle.loads(pickle.dumps(result))
    pd.testing.assert_frame_equal(again.scores, result.scores)


def test_given_dataset_is_not_changed(tmp_path):
    dataset = small()
    before = dict(vars(dataset))
    benchmark(dataset, output=tmp_path, pipelines="TS+LR", subjects=[1])
    assert vars(dataset) == before


def test_given_pipelines_are_not_fitted(tmp_path):
    classifier = DummyClassifier()
    benchmark(small(), output=tmp_path, pipelines={"dummy": classifier})
    assert not hasattr(classifier, "classes_")


# -- seeds and processes -------------------------------------------------------------------------


def test_same_seed_gives_the_same_scores(tmp_path):
    run = {"pipelines": ["EEGNet", "CSP+LDA"], "max_epochs": 2, "subjects": [1]}
    first = benchmark(small(), output=tmp_path / "a", **run)
    same_scores(first, benchmark(small(), output=tmp_path / "b", **run))


def test_number_of_processes_does_not_change_the_scores(tmp_path):
    run = {"pipelines": ["EEGNet", "CSP+LDA"], "max_epochs": 2}
    one = benchmark(small(), output=tmp_path / "a", n_jobs=1, **run)
    same_scores(one, benchmark(small(), output=tmp_path / "b", n_jobs=2, **run))


def test_few_steps_go_to_several_processes_too(tmp_path):
    run = {"pipelines": ["TS+LR"], "evaluation": "CrossSubject"}
    one = benchmark(small(), output=tmp_path / "a", n_jobs=1, **run)
    same_scores(one, benchmark(small(), output=tmp_path / "b", n_jobs=2, **run))


def test_seeds_of_networks_leave_the_folds_alone(tmp_path):
    run = {"pipelines": ["EEGNet", "CSP+LDA"], "max_epochs": 1, "subjects": [1]}
    one = benchmark(small(), output=tmp_path / "a", **run).scores
    three = benchmark(small(), output=tmp_path / "b", n_seeds=3, **run).scores
    kept = three[three["seed"] == 42].reset_index(drop=True)
    pd.testing.assert_series_equal(one["score"], kept["score"])


def test_another_seed_gives_other_folds(tmp_path):
    run = {"output": tmp_path, "pipelines": QUICK}
    first, second = (benchmark(small(), seed=seed, **run).scores for seed in (1, 2))
    assert not first["score"].equals(second["score"])


# -- scores on disk ------------------------------------------------------------------------------


def test_what_is_on_disk_is_not_computed_again(tmp_path, fits):
    run = {"output": tmp_path, "pipelines": "EEGNet", "max_epochs": 1}
    first = benchmark(small(), **run)
    # subjects, sessions, folds, with the pipeline's seed: fits that only compile have another
    assert fits[42] == 2 * 2 * 5
    second = benchmark(small(), **run)
    assert fits[42] == 2 * 2 * 5
    assert (second.run["evaluated"], second.run["found_on_disk"]) == (0, 2)
    same_scores(first, second)


def test_a_stopped_run_goes_on_where_it_was(tmp_path, fits):
    run = {"output": tmp_path, "pipelines": "EEGNet", "max_epochs": 1}

    def stop(stage, done, total, label):
        if stage == "fit" and done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        benchmark(small(), progress=stop, **run)
    result = benchmark(small(), **run)
    assert (result.run["evaluated"], result.run["found_on_disk"]) == (1, 1)


def test_another_number_of_epochs_is_another_pipeline(tmp_path):
    run = {"output": tmp_path, "pipelines": "EEGNet", "subjects": [1]}
    benchmark(small(), max_epochs=1, **run)
    assert benchmark(small(), max_epochs=2, **run).run["evaluated"] == 1


def test_more_seeds_add_to_those_on_disk(tmp_path, fits):
    run = {"output": tmp_path, "pipelines": "EEGNet", "max_epochs": 1, "subjects": [1]}
    benchmark(small(), **run)
    benchmark(small(), n_seeds=2, **run)
    assert fits == {42: 10, 43: 10}


def test_overwrite_computes_anew(tmp_path, fits):
    run = {"output": tmp_path, "pipelines": "EEGNet", "max_epochs": 1, "subjects": [1]}
    first = benchmark(small(), **run)
    second = benchmark(small(), overwrite=True, **run)
    assert fits == {42: 20}
    same_scores(first, second)


def test_overwrite_forgets_all_that_is_in_the_folder(tmp_path):
    run = {"output": tmp_path, "pipelines": "TS+LR"}
    other = small(n_subjects=1)
    benchmark(other, **run)
    benchmark(small(), overwrite=True, **run)
    assert benchmark(other, **run).run["found_on_disk"] == 0


def test_cross_subject_scores_are_kept_apart_by_who_is_trained_on(tmp_path):
    dataset = small(n_subjects=3)
    run = {"pipelines": "TS+LR", "evaluation": "CrossSubject"}
    benchmark(dataset, output=tmp_path / "a", subjects=[1, 2], **run)
    after = benchmark(dataset, output=tmp_path / "a", **run)
    same_scores(after, benchmark(dataset, output=tmp_path / "b", **run))


def test_data_are_read_once_a_subject(tmp_path, monkeypatch):
    counts = Counter()
    read = SimulatedMotorImagery._get_single_subject_data

    def counting(self, subject):
        counts[subject] += 1
        return read(self, subject)

    monkeypatch.setattr(SimulatedMotorImagery, "_get_single_subject_data", counting)
    benchmark(small(), output=tmp_path, pipelines=QUICK)
    assert counts == {1: 1, 2: 1}


# -- progress, warnings, faults ------------------------------------------------------------------


def test_progress_tells_each_step(tmp_path):
    steps = []
    benchmark(
        small(), output=tmp_path, pipelines=QUICK, progress=lambda *step: steps.append(step[:3])
    )
    plan = [("plan", 0, 40)]  # 2 pipelines, 2 subjects, 2 sessions, 5 folds
    assert steps == [("read", k, 2) for k in range(3)] + plan + [("fit", k, 4) for k in range(5)]


def test_progress_begins_with_what_is_on_disk(tmp_path):
    steps = []
    benchmark(small(), output=tmp_path, pipelines="TS+LR")
    benchmark(
        small(), output=tmp_path, pipelines=QUICK, progress=lambda *step: steps.append(step[:3])
    )
    assert ("fit", 2, 4) in steps
    assert ("fit", 0, 4) not in steps


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_warnings_are_counted_and_not_shown(n_jobs, tmp_path, recwarn, capfd):
    result = benchmark(small(), output=tmp_path, pipelines={"warns": Warns()}, n_jobs=n_jobs)
    place = f"{small().code}, subjects 1-2"
    assert result.run["warnings"] == {f"UserWarning: beware ({place})": 2 * 2 * 5}
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_where_every_fit_fails_the_error_says_why(n_jobs, tmp_path):
    with pytest.raises(RequestError, match=r"subjects 1-2.* RuntimeError: a fault in the fit"):
        benchmark(small(), output=tmp_path, pipelines={"fails": Fails()}, n_jobs=n_jobs)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"datasets": "PhysioMI"}, "unknown dataset"),
        ({"pipelines": "EGNet"}, "unknown pipeline"),
        ({"paradigm": "LeftRight"}, "unknown paradigm"),
        ({"evaluation": "Within"}, "unknown evaluation"),
        ({"subjects": [9]}, "unknown subject"),
        ({"paradigm": "P300", "pipelines": {"x": DummyClassifier()}}, "does not go with"),
        ({"datasets": "PhysionetMI", "evaluation": "CrossSession"}, "one session a subject"),
        ({"evaluation": "CrossSubject", "subjects": [1]}, "two subjects or more"),
        ({"paradigm": "FilterBankMotorImagery", "fmin": 4, "pipelines": {}}, "has no fmin"),
        ({"tmin": 2, "tmax": 1}, "tmax must be greater than tmin"),
        ({"n_seeds": 0}, "1 or more"),
        ({"n_jobs": 0}, "1 or more"),
        ({"data_dir": "/no/such/folder"}, "not a folder"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_request_that_cannot_be_met_says_so_in_one_line(request_, text, tmp_path):
    with pytest.raises(RequestError, match=text) as error:
        benchmark(**{"datasets": small(), "output": tmp_path, "pipelines": "TS+LR"} | request_)
    assert "\n" not in str(error.value)


def test_output_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="cannot make the output folder"):
        benchmark(small(), output=tmp_path / "file" / "folder")


def test_missing_data_are_found_out_before_any_fit(tmp_path, fits, monkeypatch):
    def refuse(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (tmp_path / "data").mkdir()
    with pytest.raises(DataNotFoundError, match="subject 2"):
        benchmark(
            [small(), "PhysionetMI"],
            output=tmp_path,
            pipelines="EEGNet",
            subjects=[2],
            data_dir=tmp_path / "data",
        )
    assert not fits


def test_environment_is_left_as_it_was(tmp_path):
    before = dict(os.environ)
    benchmark(small(), output=tmp_path, pipelines="TS+LR", data_dir=tmp_path)
    assert dict(os.environ) == before


# -- what comes out ------------------------------------------------------------------------------


def test_saved_files_say_what_was_run(tmp_path):
    result = benchmark(small(), output=tmp_path, pipelines=["EEGNet", "TS+LR"], max_epochs=1)
    files = result.save(tmp_path)
    run = json.loads(files["run"].read_text())
    assert run["datasets"] == {small().code: [1, 2]}
    assert (run["evaluation"], run["paradigm"]) == ("WithinSession", "LeftRightImagery")
    assert run["pipelines"]["EEGNet"]["seeds"] == [42]
    assert {"eegsep", "moabb", "mne", "torch", "braindecode"} <= run["versions"].keys()
    assert len(pd.read_csv(files["scores"])) == len(result.scores)
    assert list(pd.read_csv(files["summary"])["pipeline"]) == ["EEGNet", "TS+LR"]


@pytest.fixture
def inspected(tmp_path):
    """A benchmark, and the inspection of the network that it ends with."""
    result = benchmark(small(), output=tmp_path, pipelines=["TS+LR", "EEGNet"], max_epochs=1)
    return result, result.inspect(n_seeds=1)


def test_inspected_is_the_subject_served_best(inspected):
    result, inspection = inspected
    means = result.scores[result.scores["pipeline"] == "EEGNet"].groupby("subject")["score"].mean()
    assert inspection.run["subject"] == means.idxmax()
    assert (inspection.run["pipeline"], inspection.run["dataset"]) == ("EEGNet", small().code)
    assert sum(inspection.run["n_trials"].values()) == 24
    assert inspection.components.info.ch_names == ["FC3", "C3", "CP3", "FC4", "C4", "CP4"]
    # maps come with what tells whether to believe them
    assert inspection.reliability.keys() == {"trained", "untrained", "shuffled"}


def test_inspection_needs_a_network(tmp_path):
    result = benchmark(small(), output=tmp_path, pipelines="TS+LR")
    with pytest.raises(RequestError, match="no pipeline is an EEGNetClassifier"):
        result.inspect()


def test_real_recordings_run_offline(data_dir, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    result = benchmark(
        PhysionetMI(),
        output=tmp_path,
        pipelines=["EEGNet", "CSP+LDA"],
        subjects=[1],
        data_dir=data_dir,
        max_epochs=1,
    )
    assert result.scores["score"].between(0, 1).all()
    assert set(result.scores["channels"]) == {64}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"fmin": 40.0, "fmax": 8.0}, "must be below fmax"),
        ({"fmax": 90.0, "resample": 128.0}, "half of the sampling rate"),
        ({"resample": -128.0}, "cannot resample"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"eeg_reference": "Cz"}, "'average' or a list of electrodes, not 'Cz'"),
        ({"eeg_reference": ["Q7"]}, "SimulatedMotorImagery.* has no channel 'Q7'"),
        ({"channels": ["C3", "Q7"]}, "SimulatedMotorImagery.*, subjects 1-4.* lacks Q7"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, text, tmp_path):
    with pytest.raises(RequestError, match=text):
        benchmark(output=tmp_path, **settings)
