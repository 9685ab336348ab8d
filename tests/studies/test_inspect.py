"""The inspection: each fit made once, controls that tell, files that are read again, the page."""

import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import NamedTuple

import mne
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, LeaveOneGroupOut, StratifiedKFold
from sklearn.utils import check_random_state

from eegsep import EEGNetClassifier
from eegsep._utils.errors import RequestError
from eegsep.inspection import consensus, cross_components, make_folds
from eegsep.inspection.dipoles import COLUMNS, fit_dipoles
from eegsep.network import EEGNet
from eegsep.presentation.origin import study_command
from eegsep.presentation.page import report
from eegsep.statistics import chance_interval
from eegsep.studies.inspect import inspect, inspect_dataset
from eegsep.studies.inspected import leading_dipoles, load
from eegsep.studies.store import FILE
from eegsep.studies.verdicts import chance_of_shuffled, judge
from tests.conftest import make_epochs, make_trials
from tests.presentation.test_report import open_in_browser, read, run
from tests.studies.test_benchmark import small

SECTIONS = ["Data", "Scores", "Maps", "Training", "Cost", "Origin"]
# as many as a dipole needs
TWELVE = (*("FC5", "FC3", "FC1", "C5", "C3", "C1", "CP5", "CP3", "CP1"), "Cz", "C4", "Pz")
# of random weights, as whose number of components is known
NETWORK = EEGNetClassifier(F1=2, max_epochs=8, lr=0.01, init="glorot")
PIPELINE = """
name: tiny
paradigms: [LeftRightImagery]
pipeline:
  - name: EEGNetClassifier
    from: eegsep
    parameters: {F1: 2, max_epochs: 3, lr: 0.01, init: glorot}
"""


@pytest.fixture(scope="module")
def recording():
    """Return trials, and their inspection in five folds with two seeds."""
    epochs, y = make_epochs(32)
    epochs.info["subject_info"] = {"first_name": "Ada", "last_name": "Lovelace"}
    return epochs, y, inspect(NETWORK, epochs, y, cv=5, n_seeds=2, random_state=1)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    file = tmp_path_factory.mktemp("pipeline") / "tiny.yml"
    file.write_text(PIPELINE)
    return file


@pytest.fixture(scope="module")
def command(tmp_path_factory, pipeline):
    """Run `eegsep inspect` on two simulated subjects: the folder and what was printed."""
    folder = tmp_path_factory.mktemp("inspect")
    arguments = ["--subjects", "1-2", "--pipeline", pipeline, "--folds", 2, "--seeds", 1]
    result = run("inspect", *arguments, "--n-jobs", 1, "--output", folder)
    assert result.exit_code == 0, result.output
    return folder, result


@pytest.fixture(scope="module")
def page(command):
    return read(command[0] / "report.html")


# -- one recording -------------------------------------------------------------------------------


def test_scores_are_those_of_the_same_fits_by_hand(recording):
    epochs, y, found = recording
    seeds = check_random_state(1).randint(2**31 - 1, size=10)
    folds = list(StratifiedKFold(5).split(y, y)) * 2
    assert found.scores["fold"].tolist() == [0, 1, 2, 3, 4] * 2
    assert found.scores["seed"].tolist() == [0] * 5 + [1] * 5
    by_hand, said = [], []
    for (train, test), seed in zip(folds, seeds, strict=True):
        clf = NETWORK.set_params(random_state=int(seed)).fit(epochs[train], y[train])
        by_hand.append(
            roc_auc_score(y[test] == "right_hand", clf.predict_proba(epochs[test])[:, 1])
        )
        said.append((y[test], clf.predict(epochs[test])))
    assert found.scores["score"].tolist() == by_hand
    truth, predicted = map(np.concatenate, zip(*said, strict=True))
    table = pd.crosstab(truth, predicted).reindex(columns=found.components.classes, fill_value=0)
    np.testing.assert_array_equal(found.confusion, table)


def test_components_are_those_of_the_fits(recording):
    epochs, y, found = recording
    expected = cross_components(NETWORK, epochs, y, cv=5, n_seeds=2, random_state=1)
    for one, other in zip(found.fits["trained"], expected, strict=True):
        np.testing.assert_array_equal(one.patterns, other.patterns)
        np.testing.assert_array_equal(one.relevance, other.relevance)


def test_leading_clusters_have_a_dipole_where_electrodes_are_enough(recording, tmp_path):
    assert recording[2].clusters()["nearest"].isna().all()  # six electrodes
    epochs, y = make_epochs(32, TWELVE)
    network = clone(NETWORK).set_params(max_epochs=30)
    found = inspect(network, epochs, y, cv=4, n_seeds=2, controls=False, random_state=3)
    table = found.clusters()
    shared = np.flatnonzero(~table["single"])[:8]
    assert len(shared)
    assert table.index[table["nearest"].notna()].tolist() == shared.tolist()
    patterns = [found.consensus.clusters[k].pattern for k in shared]
    expected = fit_dipoles(patterns, epochs.info)
    np.testing.assert_array_equal(table.loc[shared, list(COLUMNS)], expected)
    found.save(tmp_path)
    pd.testing.assert_frame_equal(load(tmp_path).dipoles, found.dipoles)
    report(found, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "dipole under" in page
    assert f"{expected['x'][0]:.0f}, {expected['y'][0]:.0f}, {expected['z'][0]:.0f}" in page


def test_dipoles_under_electrodes_of_any_name_are_read_as_they_were(recording, tmp_path):
    names = ["7", "NA", ""]
    dipoles = pd.DataFrame({"nearest": names, "goodness_of_fit": 0.9}, columns=list(COLUMNS))
    dipoles = dipoles.fillna(
        {"no_place": "deep", "x": 1.5, "y": -2, "z": 3, "eccentricity": 0.5, "tangential": 0.1}
    )
    found = replace(recording[2], dipoles=dipoles.astype(COLUMNS))
    found.save(tmp_path)
    pd.testing.assert_frame_equal(load(tmp_path).dipoles, found.dipoles)


def test_an_electrode_without_a_place_costs_the_dipoles_and_nothing_else():
    epochs, y = make_epochs(32, TWELVE)
    epochs.info["chs"][3]["loc"][:3] = np.nan
    found = inspect(NETWORK, epochs, y, cv=2, n_seeds=1, controls=False)
    assert len(found.dipoles) == 0
    assert found.clusters()["nearest"].isna().all()


def test_dipoles_that_mne_cannot_fit_are_a_warning(recording, monkeypatch):
    def fail(*args):
        raise RuntimeError("no\nguess")

    monkeypatch.setattr("eegsep.studies.inspected.can_fit_dipoles", lambda info: True)
    monkeypatch.setattr("eegsep.studies.inspected.fit_dipoles", fail)
    with pytest.warns(UserWarning, match="no dipoles of the leading clusters: no guess"):
        assert len(leading_dipoles(recording[2].consensus)) == 0


def test_every_fit_is_made_once(monkeypatch):
    epochs, y = make_epochs(12)
    fits, steps, fit = [], [], EEGNetClassifier.fit

    def count(self, *arguments):
        fits.append(self.max_epochs)
        return fit(self, *arguments)

    monkeypatch.setattr(EEGNetClassifier, "fit", count)
    network = EEGNetClassifier(F1=1, max_epochs=2)
    inspect(network, epochs, y, cv=2, n_seeds=2, progress=lambda *step: steps.append(step[1:3]))
    # an epoch to see whether it can be done; all trials; folds and seeds of trained networks, of
    # untrained ones, which take one epoch, and of those of shuffled labels
    assert fits == [1] + [2] * (1 + 4) + [1] * 4 + [2] * 4
    assert steps == [(k, 13) for k in range(14)]


def test_what_trained_networks_learned_is_stable_beside_controls(recording):
    found = recording[2]
    assert found.stable
    assert found.summary()["trained"] == found.consensus.reliability
    assert {kind: len(fits) for kind, fits in found.fits.items()} == {
        "trained": 10,
        "untrained": 10,
        "shuffled": 10,
    }


@pytest.mark.parametrize(
    ("interval", "controls", "above_chance", "verdict"),
    [
        ((0.6, 1.0), (0.1, -0.3), True, "stable"),
        ((0.6, 1.0), (0.1, -0.3), False, "not stable: the score is within chance"),
        ((0.6, 1.0), (0.1, 0.7), True, "not stable: the reliability's interval"),
        ((0.6, 1.0), (0.7, 0.1), True, "not stable: the reliability's interval"),
        ((-0.1, 1.0), (-0.6, -0.6), True, "not stable: the reliability's interval"),
        ((np.nan, np.nan), (0.1, -0.3), True, "not enough fits to tell"),
        ((np.nan, np.nan), (0.1, -0.3), False, "not stable: the score is within chance"),
    ],
)
def test_stable_is_a_score_above_chance_and_a_reliability_above_nothing_and_both_controls(
    interval, controls, above_chance, verdict
):
    reliability = {"trained": 0.8, "untrained": controls[0], "shuffled": controls[1]}
    assert judge(reliability, interval, above_chance).startswith(verdict)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_stable_where_there_is_nothing_to_learn(seed):
    epochs, y = make_epochs(32)
    labels = y.copy()
    for members in (np.flatnonzero(y == label) for label in np.unique(y)):
        half = np.random.default_rng(seed).permutation(members)[::2]
        labels[members] = y[0]
        labels[half] = y[1]
    network = EEGNetClassifier(F1=2, max_epochs=4, lr=0.01)
    found = inspect(network, epochs, labels, cv=4, n_seeds=1, random_state=seed)
    assert found.stable is False
    assert found.summary()["p"] > 0.025


def test_without_controls_there_is_no_telling():
    assert judge({"trained": 0.8}, (0.6, 1.0), True) == "not known without controls"


def test_two_folds_are_not_enough_to_tell():
    epochs, y = make_epochs(32)
    found = inspect(NETWORK, epochs, y, cv=2, n_seeds=4, random_state=3)
    assert found.verdict == "not enough fits to tell"
    assert found.stable is None
    assert np.isnan(found.interval).all()


def test_interval_of_the_reliability_is_the_jackknifes_over_folds(recording):
    found = recording[2]
    fits, folds = found.fits["trained"], found.scores["fold"]
    kept = [[f for f, k in zip(fits, folds, strict=True) if k != fold] for fold in range(5)]
    without = np.array([consensus(each).reliability for each in kept])
    # pseudo-values, whose mean has Student's interval (Efron 1982, section 3.1)
    pseudo = 5 * found.reliability["trained"] - 4 * without
    expected = stats.ttest_1samp(pseudo, 0).confidence_interval(0.95)
    middle = found.reliability["trained"]
    reach = (expected.high - expected.low) / 2
    assert found.interval == pytest.approx((max(-1, middle - reach), min(1, middle + reach)))


class Told(NamedTuple):
    """What chance needs of a fit."""

    fold: int
    test: np.ndarray
    probabilities: np.ndarray
    components: SimpleNamespace


def told(y, n_folds, n_seeds, said, classes=("left_hand", "right_hand")):
    """Fits that say ``said(seed)``, shape (n_trials, n_classes), of their held-out trials."""
    folds = list(enumerate(StratifiedKFold(n_folds).split(y, y)))
    known = SimpleNamespace(classes=np.array(classes))
    return [
        Told(fold, test, said(seed)[test], known)
        for seed in range(n_seeds)
        for fold, (_, test) in folds
    ]


def test_chance_of_one_seed_is_that_of_mann_and_whitney():
    y = np.repeat(["left_hand", "right_hand"], 30)
    said = np.random.default_rng(0).uniform(size=(60, 2))
    chance = chance_of_shuffled(told(y, 5, 1, lambda seed: said), y, "roc_auc")
    expected = chance_interval("roc_auc", 60, n_folds=5)
    assert (chance["low"], chance["high"]) == pytest.approx(expected, abs=0.02)


def test_chance_of_accuracy_is_binomial_for_equal_classes():
    y = np.repeat(["a", "b", "c"], 40)
    said = np.random.default_rng(0).permuted(np.tile([1.0, 0, 0], (120, 1)), axis=1)
    fits = told(y, 4, 1, lambda seed: said, classes=("a", "b", "c"))
    chance = chance_of_shuffled(fits, y, "accuracy")
    expected = chance_interval("accuracy", 120, 3)
    assert (chance["low"], chance["high"]) == pytest.approx(expected, abs=0.02)


def test_perfect_predictions_are_above_chance_and_the_worst_below():
    y = np.repeat(["left_hand", "right_hand"], 20)
    right = np.column_stack([y == "left_hand", y == "right_hand"]).astype(float)
    assert chance_of_shuffled(told(y, 5, 2, lambda seed: right), y, "roc_auc")["p"] == 1 / 1001
    assert chance_of_shuffled(told(y, 5, 2, lambda seed: 1 - right), y, "roc_auc")["p"] == 1


def test_chance_is_wider_where_windows_belong_together():
    """Ten windows of a trial that all get the same prediction tell no more than one."""
    y = np.repeat(np.tile(["left_hand", "right_hand"], 10), 10)
    trial = np.repeat(np.arange(20), 10)
    said = np.repeat(np.random.default_rng(0).uniform(size=(20, 2)), 10, axis=0)
    fits = [Told(0, np.arange(200), said, SimpleNamespace(classes=np.unique(y)))]
    widths = []
    for groups in (None, trial):
        chance = chance_of_shuffled(fits, y, "roc_auc", groups)
        widths.append(chance["high"] - chance["low"])
    low, high = chance_interval("roc_auc", 20)
    assert widths[1] == pytest.approx(high - low, abs=0.05)
    assert widths[0] < widths[1] / 2


def test_chance_counts_a_trial_once_however_many_folds_test_it():
    y = np.repeat(["left_hand", "right_hand"], 20)
    said = np.random.default_rng(0).uniform(size=(40, 2))
    once = told(y, 5, 1, lambda seed: said)
    again = [fit._replace(fold=fit.fold + 5) for fit in once]
    one, two = (chance_of_shuffled(fits, y, "roc_auc") for fits in (once, once + again))
    assert two["high"] - two["low"] == pytest.approx(one["high"] - one["low"], abs=0.04)


def test_windows_of_a_trial_are_never_on_both_sides():
    """Noise in windows that overlap is learned by heart unless trials are kept whole."""
    trials = np.random.default_rng(0).normal(size=(12, 4, 128))
    windows = np.concatenate([trials[:, :, k : k + 64] for k in (0, 16, 32, 48, 64)])
    y, trial = np.tile(np.arange(12) % 2, 5), np.tile(np.arange(12), 5)
    network = EEGNetClassifier(F1=2, max_epochs=2, init="glorot")
    found = inspect(network, windows, y, groups=trial, cv=3, n_seeds=1, controls=False)
    assert found.run["folds"] == "3 stratified folds of 12 whole groups"
    assert found.run["n_groups"] == 12
    folds = make_folds(3, y, trial)
    assert found.scores["n_test"].tolist() == [len(test) for _, test in folds]
    assert not any(set(trial[train]) & set(trial[test]) for train, test in folds)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cv": LeaveOneGroupOut()}, "LeaveOneGroupOut needs groups: pass groups="),
        ({"cv": 9, "groups": np.arange(12) // 2}, "cannot make 9 folds of 6 whole groups"),
        ({"cv": 2, "groups": np.arange(5)}, "one for each of the 12 trials"),
        ({"cv": 2, "groups": [None] * 12}, "groups contains NaN"),
    ],
)
def test_groups_that_do_not_go_with_trials_or_folds_are_refused(options, text):
    with pytest.raises(RequestError, match=re.escape(text)):
        inspect(NETWORK, *make_trials(12), **options)


def test_three_classes_are_scored_by_accuracy_without_controls():
    X, _ = make_trials(30)
    y = np.arange(30) % 3
    found = inspect(NETWORK, X, y, cv=KFold(2), n_seeds=1, controls=False)
    assert found.run["metric"] == "accuracy"
    assert found.stable is None
    assert found.summary()["shuffled"] is None
    assert found.confusion.sum() == 30
    assert found.scores["n_test"].tolist() == [15, 15]
    assert found.scores["score"].mean() == pytest.approx(found.confusion.trace() / 30)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"n_seeds": 0}, "seeds must be 1 or more, not 0"),
        ({"min_similarity": 1}, "between 0 and 1, not 1"),
        ({"random_state": -1}, "the seed must be 0 or more"),
        ({"cv": 7}, "cannot make 7 folds: 2 at least, and no more than the 6 trials"),
        ({"cv": 1}, "cannot make 1 folds"),
        ({"cv": [(np.arange(8), np.arange(8, 12))]}, "with one fold: two at least"),
        ({"cv": KFold(12)}, "fold 1 has no test trial of class right_hand"),
        ({"y": np.repeat("left_hand", 12)}, "two classes or more"),
        ({"X": np.ones((12, 8))}, "X must be (n_trials, n_chans, n_times), not of shape (12, 8)"),
        ({"y": np.repeat("left_hand", 11)}, "12 trials but y has 11 labels"),
        ({"estimator": EEGNetClassifier(spatial="joint")}, "electrodes and time at once"),
        ({"estimator": EEGNetClassifier(F1=0)}, "'F1' parameter"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_what_cannot_be_inspected_is_refused_in_a_line(change, text):
    X, y = make_trials(12)
    options = {"estimator": NETWORK, "X": X, "y": y, "cv": 2} | change
    with pytest.raises(RequestError, match=re.escape(text)) as caught:
        inspect(**options)
    assert "\n" not in str(caught.value)


def test_other_classifiers_are_refused():
    with pytest.raises(TypeError, match="expected an EEGNetClassifier"):
        inspect(make_epochs, *make_trials(12), cv=2)


# -- a dataset -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset(pipeline):
    return inspect_dataset(small(), pipeline=pipeline, cv=2, n_seeds=2)


def test_a_subject_is_the_same_whoever_else_there_is(dataset, pipeline):
    alone = inspect_dataset(small(), subjects=[2], pipeline=pipeline, cv=2, n_seeds=2)
    assert alone.consensus is None
    pd.testing.assert_frame_equal(
        alone.subjects[2].scores.drop(columns="seconds"),
        dataset.subjects[2].scores.drop(columns="seconds"),
    )


def test_subjects_have_their_own_initial_weights(dataset):
    one, other = (each.fits["untrained"][0] for each in dataset.subjects.values())
    assert not np.isclose(np.abs(one.kernels), np.abs(other.kernels)).all(axis=1).any()


def test_sessions_of_a_subject_are_folded_apart(dataset):
    assert dataset.to_frame()["n_trials"].tolist() == [24, 24]
    run, scores = dataset.subjects[1].run, dataset.subjects[1].scores
    assert run["folds"] == "2 stratified folds of consecutive trials in each of 2 sessions"
    assert (run["n_folds"], run["evaluation"]) == (4, "WithinSession")
    # of 12 trials a session half are trained on
    assert set(scores["n_train"]) == set(scores["n_test"]) == {6}


def test_sessions_can_be_tested_by_fits_on_the_others(pipeline):
    found = inspect_dataset(
        small(), subjects=[1], pipeline=pipeline, evaluation="CrossSession", n_seeds=1
    )
    assert found.subjects[1].scores["n_test"].tolist() == [12, 12]
    assert found.run["evaluation"] == "CrossSession"
    assert "--evaluation CrossSession" in study_command(found.run)


@pytest.mark.parametrize(
    ("evaluation", "text"),
    [("CrossSubject", "unknown evaluation"), ("CrossSession", "CrossSession needs two sessions")],
)
def test_protocols_that_cannot_be_are_refused(evaluation, text, pipeline):
    dataset = small(n_sessions=1) if evaluation == "CrossSession" else small()
    with pytest.raises(RequestError, match=text):
        inspect_dataset(dataset, pipeline=pipeline, evaluation=evaluation)


def test_joint_consensus_is_of_all_subjects_fits(dataset):
    assert dataset.consensus.n_fits == 16
    owners = [{member // 8 for member in c.members[:, 0]} for c in dataset.consensus.clusters]
    assert dataset.clusters()["n_subjects"].tolist() == list(map(len, owners))
    assert max(map(len, owners)) == 2


def test_a_large_study_compares_fewer_fits_of_each_subject(monkeypatch, pipeline):
    monkeypatch.setattr("eegsep.studies.inspect._MOST_COMPONENTS", 16)
    found = inspect_dataset(small(), pipeline=pipeline, cv=2, n_seeds=2, controls=False)
    assert found.run["joint_fits"] == 2  # two subjects of four components
    assert found.consensus.n_fits == 4
    assert len(found.clusters()) == len(found.consensus.clusters)


# -- files ---------------------------------------------------------------------------------------


def test_recording_is_read_as_it_was_saved(recording, tmp_path):
    found = recording[2]
    files = found.save(tmp_path)
    again = load(tmp_path)
    assert all(file.exists() for file in files.values())
    assert again.run == found.run
    assert again.reliability == found.reliability
    pd.testing.assert_frame_equal(again.scores, found.scores)
    pd.testing.assert_frame_equal(again.history, found.history)
    np.testing.assert_array_equal(again.confusion, found.confusion)
    np.testing.assert_array_equal(again.components.relevance, found.components.relevance)
    assert again.consensus.info["ch_names"] == recording[0].ch_names


def test_fits_of_one_network_and_of_two_side_by_side_are_read_as_they_were_saved(
    recording, tmp_path
):
    found, names = recording[2], ("filters", "patterns", "kernels", "responses", "spectra")
    names = (*names, "peak_freqs", "bands", "relevance", "starts")
    first, *rest = found.fits["trained"]
    shorter = replace(first, **{name: getattr(first, name)[:2] for name in names})
    assert len(shorter.patterns) < len(first.patterns)
    found = replace(found, fits=found.fits | {"trained": [shorter, *rest]})
    found.save(tmp_path)
    again = load(tmp_path).fits["trained"]
    assert [fit.repetition for fit in again] == [0] * 5 + [1] * 5
    for one, other in zip([shorter, *rest], again, strict=True):
        np.testing.assert_array_equal(one.freqs, other.freqs)
        for name in names:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.fixture(scope="module")
def half_done(pipeline, tmp_path_factory):
    """Return the folder of an inspection stopped in its second subject, and the request."""
    folder = tmp_path_factory.mktemp("half_done")
    request = {"pipeline": pipeline, "cv": 2, "n_seeds": 1, "controls": False, "output": folder}

    def stop(stage, done, total, label):
        if label.startswith("subject 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inspect_dataset(small(), progress=stop, **request)
    assert [path.name for path in folder.iterdir()] == [FILE]
    return folder, request


@pytest.fixture
def stopped(half_done, tmp_path):
    """Return a copy of the folder of :func:`half_done`, and a request for it."""
    folder = shutil.copytree(half_done[0], tmp_path / "copy")
    return folder, {**half_done[1], "output": folder}


def test_stopped_inspection_goes_on_and_ends_as_one_that_was_not(stopped):
    request, steps = stopped[1], []
    found = inspect_dataset(small(), progress=lambda *step: steps.append(step), **request)
    assert [step[:3] for step in steps if step[0] == "read"] == [("read", k, 2) for k in range(3)]
    assert [step[1] for step in steps if step[0] == "fit"] == [5, 6, 7, 8, 9, 10]  # of ten fits
    assert (found.run["evaluated"], found.run["found_on_disk"]) == (1, 1)
    whole = inspect_dataset(small(), **{**request, "output": None})
    assert list(found.subjects) == list(whole.subjects) == [1, 2]
    pd.testing.assert_frame_equal(found.to_frame(), whole.to_frame())
    pd.testing.assert_frame_equal(found.clusters(), whole.clusters())
    assert inspect_dataset(small(), **request).run["evaluated"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 43},
        {"cv": 3},
        {"n_seeds": 2},
        {"max_epochs": 2},
        {"fmin": 9.0},
        {"eeg_reference": "average"},
        {"min_similarity": 0.7},
        {"overwrite": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_was_asked_for_otherwise_is_not_taken(stopped, change):
    found = inspect_dataset(small(), subjects=[1], **{**stopped[1], **change})
    assert (found.run["evaluated"], found.run["found_on_disk"]) == (1, 0)


def test_no_name_of_a_person_is_saved(recording, tmp_path):
    files = recording[2].save(tmp_path)
    known = mne.io.read_info(files["info"])["subject_info"] or {}
    assert "Lovelace" not in known.values()
    assert recording[0].info["subject_info"]["last_name"] == "Lovelace"


def test_dataset_is_read_as_it_was_saved(dataset, tmp_path):
    dataset.save(tmp_path)
    again = load(tmp_path)
    assert again.run == json.loads(json.dumps(dataset.run))
    assert again.reliability == dataset.reliability
    pd.testing.assert_frame_equal(again.clusters(), dataset.clusters())
    pd.testing.assert_frame_equal(again.to_frame(), dataset.to_frame())


@pytest.mark.parametrize("missing", ["run.json", "subject-2/scores.csv"])
def test_what_a_folder_lacks_is_named(dataset, tmp_path, missing):
    dataset.save(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(RequestError, match=rf"no {missing.split('/')[-1]} in"):
        load(tmp_path)


# -- statistics ----------------------------------------------------------------------------------


def test_chance_is_that_of_all_trials_in_their_folds(recording):
    # two seeds that agree in part, so within the interval of one
    low, high = (recording[2].run["chance"][end] for end in ("low", "high"))
    widest = chance_interval("roc_auc", 32, n_folds=5)
    assert widest[0] - 0.02 <= low < 0.5 < high <= widest[1] + 0.02


# -- the page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recordings_page(recording, tmp_path_factory):
    return read(report(recording[2], tmp_path_factory.mktemp("page") / "page.html"))


def test_recordings_page_has_all_sections_and_pictures(recordings_page):
    page = recordings_page
    assert [link[1:] for link in page.links if link[1:] in SECTIONS][: len(SECTIONS)] == SECTIONS
    pictures = [picture["alt"] for picture in page.pictures][1:]
    assert pictures == ["Reliability", "Consensus", "The fit on all trials", "Confusion", "Loss"]
    assert page.external == []


def test_recordings_page_has_scores_beside_chance(recording, recordings_page):
    low, high = (recording[2].run["chance"][end] for end in ("low", "high"))
    cells = recordings_page.row("recording")[1]
    by_seed = sorted(recording[2].scores.groupby("seed")["score"].mean())
    assert cells[2] == " to ".join(f"{100 * mean:.1f}" for mean in by_seed)
    assert cells[0] == f"{100 * recording[2].scores['score'].mean():.1f}"
    assert cells[3:] == [f"{100 * low:.1f} to {100 * high:.1f}", "32"]


def test_recordings_page_says_how_to_do_it_again(recordings_page):
    call = "inspect(estimator, X, y, cv=5, n_seeds=2, controls=True, min_similarity=0.8, "
    assert f"{call}random_state=1)" in "".join(recordings_page.text)


def test_folder_gives_the_same_page(recording, recordings_page, tmp_path):
    recording[2].save(tmp_path)
    assert read(report(tmp_path)).rows == recordings_page.rows


def test_trials_without_electrodes_have_a_page_without_maps(tmp_path):
    found = inspect(NETWORK, *make_trials(12), cv=2, n_seeds=1, controls=False)
    found.save(tmp_path)
    page = read(report(tmp_path))
    assert "No maps: maps need electrode positions" in "".join(page.text)
    assert [picture["alt"] for picture in page.pictures][1:] == ["Reliability", "Confusion", "Loss"]
    assert "not known without controls" in page.row("recording")[2]


def test_subjects_page_has_what_all_share_first(page):
    pictures = [picture["alt"] for picture in page.pictures][1:]
    consensus = [name for name in pictures if name.startswith("Consensus")]
    assert consensus == ["Consensus, all subjects", "Consensus, subject 1", "Consensus, subject 2"]


def test_subjects_page_says_of_each_whether_it_is_stable(command, page):
    found = load(command[0])
    for subject, each in found.subjects.items():
        row = next(row for row in page.row(f"{subject}") if row[-1].startswith(each.verdict))
        assert row[0] == f"{each.reliability['trained']:.2f}"
        assert row[1] == "{:.2f} to {:.2f}".format(*each.interval)
        assert each.verdict != "not stable" or row[-1].endswith("do not read the maps")


def test_subjects_page_has_no_verdict_on_all(page):
    row = next(row for row in page.row("all") if len(row) == 5 and row[0])
    assert (row[1], row[4]) == ("", "")


def test_page_has_the_cost_of_the_network(page):
    network = EEGNet(n_chans=22, n_times=385, n_outputs=2, F1=2)
    n_parameters = sum(part.numel() for part in network.parameters() if part.requires_grad)
    assert page.row("all")[-1][1] == f"{n_parameters:,}"


def test_every_anchor_of_the_page_has_its_place(page):
    anchors = {link[1:] for link in page.links if re.match("#.", link)}
    assert len(anchors) > len(SECTIONS)
    assert anchors <= page.ids


# -- the commands --------------------------------------------------------------------------------


def test_inspect_prints_a_row_a_subject_and_one_of_all(command):
    folder, result = command
    found = load(folder)
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line.strip()}
    for subject, each in found.subjects.items():
        row = rows[f"{subject}"]
        assert row[1] == f"{100 * each.scores['score'].mean():.1f}"
        trained, *controls = (f"{value:.2f}" for value in each.reliability.values())
        low, high = (f"{end:.2f}" for end in each.interval)
        untrained, shuffled = controls
        verdict = "yes" if each.stable else "no"
        assert row[5:9] == [f"{trained},", low, "to", high]
        assert row[9:] == [f"{untrained},", shuffled, verdict]
    trained, untrained, shuffled = (f"{value:.2f}" for value in found.reliability.values())
    assert rows["all"][2:] == [trained, f"{untrained},", shuffled]


def test_inspect_fits_a_terminal_of_80_columns(command):
    table = [line for line in command[1].stdout.splitlines() if "/" not in line]
    assert max(map(len, table)) <= 80
    assert "…" not in command[1].stdout


def test_inspect_writes_and_names_its_files(command):
    folder, result = command
    for name in ("subjects.csv", "clusters.csv", "run.json", "subject-1", "report.html"):
        assert (folder / name).exists()
        assert str(folder / name) in result.stdout


def test_report_makes_the_page_of_an_inspection_again(command, page, tmp_path):
    result = run("report", command[0], "--output", tmp_path / "page.html")
    assert result.stdout == f"{tmp_path / 'page.html'}\n"
    assert read(tmp_path / "page.html").rows == page.rows


def test_inspect_as_json_prints_nothing_else(command, monkeypatch, tmp_path):
    found = load(command[0])
    monkeypatch.setattr("eegsep.studies.inspect.inspect_dataset", lambda *_, **__: found)
    result = run("inspect", "--json", "--no-report", "--output", tmp_path)
    printed = json.loads(result.stdout)
    assert [row["subject"] for row in printed["subjects"]] == [1, 2]
    assert printed["reliability"] == found.reliability
    assert "report" not in printed["files"]


def test_command_of_an_inspection_asks_for_what_was_run(command, monkeypatch, tmp_path):
    written = json.loads((command[0] / "run.json").read_text())
    written |= {"pipeline": "EEGNet", "pipeline_file": None, "controls": False, "max_epochs": 7}
    asked = {}

    def stop(dataset, **settings):
        asked.update(settings, dataset=dataset)
        raise RequestError("enough")

    monkeypatch.setattr("eegsep.studies.inspect.inspect_dataset", stop)
    monkeypatch.chdir(tmp_path)
    run(*study_command(written).split()[1:])
    expected = {"dataset": "SimulatedMotorImagery", "subjects": [1, 2], "pipeline": "EEGNet"}
    expected |= {"paradigm": "LeftRightImagery", "cv": 2, "n_seeds": 1, "seed": 42}
    expected |= {"controls": False, "min_similarity": 0.8, "max_epochs": 7, "resample": 128}
    assert {name: asked[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["PhysioMI"], "unknown dataset 'PhysioMI'"),
        (["--subjects", "7"], "unknown subject: 7."),
        (["--pipeline", "CSP+LDA"], "CSP+LDA does not end in an EEGNetClassifier"),
        (["--pipeline", "EEGNet-standard"], "another spatial filter for each temporal one"),
        (["--min-similarity", "2"], "between 0 and 1, not 2"),
        (["--folds", "100"], "cannot make 100 folds"),
        (["--n-jobs", "0"], "jobs must be 1 or more"),
        (["--eeg-reference", "C3,"], "cannot read the reference 'C3,'"),
        (["--channels", ""], "cannot read the channels ''"),
        (["--eeg-reference", "averge"], "no channel 'averge': choose electrodes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_inspect_of_what_cannot_be_gives_one_line_and_exit_code_2(arguments, text, tmp_path):
    result = run("inspect", *arguments, "--output", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "asked"),
    [("Average", "average"), (" average ", "average"), ("TP9, TP10", ["TP9", "TP10"])],
)
def test_reference_is_read_as_average_or_names(text, asked, monkeypatch, tmp_path):
    def stop(dataset, **settings):
        raise RequestError(repr(settings["eeg_reference"]))

    monkeypatch.setattr("eegsep.studies.inspect.inspect_dataset", stop)
    result = run("inspect", "--eeg-reference", text, "--output", tmp_path)
    assert result.stderr == f"eegsep: {asked!r}\n"


def test_stopped_inspection_says_what_is_kept(monkeypatch, tmp_path):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("eegsep.studies.inspect.inspect_dataset", stop)
    result = run("inspect", "--output", tmp_path)
    assert result.exit_code == 130
    assert "Subjects that are done are kept: the same command goes on." in result.stderr


# -- a browser -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(command, tmp_path_factory):
    """Open the page in Chromium, and go to Training by its link."""
    script = """
        document.documentElement.style.scrollBehavior = "auto";
        document.querySelector('a[href="#Training"]').click();
        setTimeout(() => {
            const top = document.getElementById("Training").getBoundingClientRect().top;
            document.documentElement.dataset.top = top;
            document.documentElement.dataset.height = innerHeight;
        }, 3000);
    """
    file = command[0] / "report.html"
    return open_in_browser(file, tmp_path_factory.mktemp("profile"), script)


def test_browser_has_nothing_to_complain_about(browser):
    assert browser[1] == []


def test_browser_shows_sections_and_pictures(browser):
    document, _ = browser
    assert set(SECTIONS) <= document.ids
    # a logo, reliability, two pictures a subject and one of both, confusion, loss
    assert len(document.pictures) == 1 + 1 + 2 * 2 + 1 + 2


def test_browser_goes_where_a_link_leads(browser):
    attributes = browser[0].attributes
    assert 0 <= float(attributes["data-top"]) < float(attributes["data-height"])
