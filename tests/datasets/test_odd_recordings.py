"""One odd recording neither ends a study nor thins it: the others are scored, and it is named."""

import json
import warnings

import mne
import moabb.datasets
import numpy as np
import pytest
from moabb.paradigms import LeftRightImagery
from moabb.pipelines.classification import SSVEP_MsetCCA
from pyriemann.classification import MDM
from pyriemann.estimation import Covariances
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline
from typer.testing import CliRunner

from eegsep._utils.errors import RequestError
from eegsep.cli import app
from eegsep.datasets.recordings import read_subject, read_trials
from eegsep.presentation.origin import study_command
from eegsep.presentation.page import report
from eegsep.studies.ablation import ablate
from eegsep.studies.benchmark import benchmark
from eegsep.studies.inspect import inspect_dataset
from tests.datasets import odd
from tests.datasets.odd import Odd, for_one, keep_one_class, mark_bad, reverse_channels

EVALUATIONS = ["WithinSession", "CrossSession", "CrossSubject"]


def run(change, evaluation, tmp_path, **settings):
    settings = {"pipelines": {"MDM": make_pipeline(Covariances(), MDM())}} | settings
    return benchmark(Odd(change), evaluation=evaluation, output=tmp_path, **settings)


def scored(result):
    return sorted(zip(result.scores["subject"], result.scores["session"], strict=True))


EVERYTHING = [(subject, session) for subject in (1, 2, 3) for session in "01"]


@pytest.mark.parametrize("evaluation", EVALUATIONS)
@pytest.mark.parametrize("where", [(2, None), (2, 1), (1, 0)], ids=str)
def test_another_order_of_channels_changes_no_score(evaluation, where, tmp_path):
    change = for_one(reverse_channels, *where)
    same = run(None, evaluation, tmp_path / "same").scores
    other = run(change, evaluation, tmp_path / "other").scores
    np.testing.assert_allclose(other["score"], same["score"])
    assert same["score"].min() > 0.9


def test_another_order_in_one_run_is_put_right():
    def change(raw, subject, session, run):
        if (session, run) == (1, 1):
            reverse_channels(raw)
        return raw

    paradigm = LeftRightImagery(resample=128)
    same, _, _ = read_subject(Odd(n_runs=2), paradigm, 1)
    other, _, _ = read_subject(Odd(change, n_runs=2), paradigm, 1)
    np.testing.assert_array_equal(other, same)


def test_trials_are_those_of_moabb():
    dataset, paradigm = Odd(n_runs=2), LeftRightImagery(resample=128)
    X, y, metadata = paradigm.get_data(dataset, [2])
    found, labels, columns = read_subject(dataset, paradigm, 2)
    np.testing.assert_array_equal(found, X)
    np.testing.assert_array_equal(labels, y)
    assert columns.astype(str).equals(metadata.astype(str))


class TakesEpochs(SSVEP_MsetCCA):
    """One of those to which MOABB gives Epochs; it looks where the rhythm is."""

    def fit(self, X, y):
        assert X.ch_names == odd.NAMES
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        left, right = X.get_data(copy=True, picks=["C3", "C4"]).var(axis=2).T
        return right - left

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_pipelines_that_take_epochs_get_channels_by_name(evaluation, tmp_path):
    pipelines = {"epochs": TakesEpochs()}
    change = for_one(reverse_channels, session=1)
    same = run(None, evaluation, tmp_path / "same", pipelines=pipelines).scores
    other = run(change, evaluation, tmp_path / "other", pipelines=pipelines).scores
    np.testing.assert_allclose(other["score"], same["score"])
    assert same["score"].min() > 0.9


def make_nan(raw):
    raw._data[3, 3000:3010] = np.nan


def silence(raw):
    raw._data[-1] = 0


def make_flat(raw):
    raw._data[:-1] = 1e-3  # what filters leave of a constant is not zero


def mark_all_bad(raw):
    raw.info["bads"] = list(odd.NAMES)


def cut_short(raw):
    return raw.crop(tmax=raw.times[-1] * 0.2)


# what is wrong, with which recordings, what each protocol scores, what is said
SUBJECT_2 = [unit for unit in EVERYTHING if unit[0] != 2]
SESSION_1 = [unit for unit in EVERYTHING if unit != (2, "1")]
ODDITIES = {
    "one class": (keep_one_class, 1, (SESSION_1, SUBJECT_2, SESSION_1), "two classes are needed"),
    "not finite": (make_nan, 1, (SESSION_1, SUBJECT_2, SESSION_1), "not finite in FC3"),
    "no events": (silence, 1, (SESSION_1, SUBJECT_2, SESSION_1), "no trial of left_hand"),
    "damaged": (odd.damaged, None, (SUBJECT_2,) * 3, "bad header"),
    "unreadable": (odd.unreadable, None, (SUBJECT_2,) * 3, "no permission to read /recordings/2"),
    "bad": (mark_bad, 1, (SESSION_1, SUBJECT_2, SESSION_1), "lacks Pz (marked bad)"),
    "flat": (make_flat, 1, (SESSION_1, SUBJECT_2, SESSION_1), "every channel is flat"),
    "all bad": (mark_all_bad, 1, (SESSION_1, SUBJECT_2, SESSION_1), "that is not marked bad"),
    "few trials": (cut_short, 1, (SESSION_1, EVERYTHING, EVERYTHING), "5 folds need as many"),
}


@pytest.mark.parametrize("evaluation", EVALUATIONS)
@pytest.mark.parametrize("name", ODDITIES)
def test_the_others_are_scored_and_the_odd_one_is_named(name, evaluation, tmp_path):
    edit, session, units, text = ODDITIES[name]
    result = run(for_one(edit, session=session), evaluation, tmp_path)
    expected = units[EVALUATIONS.index(evaluation)]
    assert scored(result) == expected
    failed = result.run["failed"]
    assert {each["subject"] for each in failed} == ({2} if expected != EVERYTHING else set())
    if failed:
        assert text in failed[0]["reason"]
        assert failed[0]["session"] == (None if session is None else str(session))
        assert failed[0].keys() == {"dataset", "subject", "session", "pipeline", "reason"}
    json.dumps(failed)


def test_a_flat_channel_is_told(tmp_path):
    def disconnect(raw):
        raw._data[2] = 1e-3

    result = run(for_one(disconnect, session=1), "CrossSession", tmp_path)
    expected = "UserWarning: flat, without any signal: C4 (Odd, subject 2, session 1)"
    assert result.run["warnings"][expected] == 1


def test_a_subject_with_too_few_sessions_for_the_protocol_is_named(tmp_path):
    def change(raw, subject, session):
        return None if (subject, session) == (2, 1) else raw

    result = run(change, "CrossSession", tmp_path)
    assert scored(result) == SUBJECT_2
    assert "CrossSession needs two" in result.run["failed"][0]["reason"]


def test_another_sampling_rate_is_no_oddity_where_all_are_resampled(tmp_path):
    def change(raw, subject, session):
        return odd.make_raw(9 + session, sfreq=128.0) if subject == 2 else raw

    assert scored(run(change, "CrossSubject", tmp_path / "a")) == EVERYTHING
    result = run(change, "CrossSubject", tmp_path / "b", resample=None)
    assert scored(result) == SUBJECT_2
    assert "128 Hz, others at 160 Hz" in result.run["failed"][0]["reason"]


def test_common_channels_bring_a_subject_back(tmp_path):
    result = run(for_one(mark_bad), "CrossSubject", tmp_path, missing_channels="common")
    assert scored(result) == EVERYTHING
    assert not result.run["failed"]
    assert result.run["missing_channels"] == "common"


def test_interpolation_brings_a_subject_back(tmp_path):
    dataset = Odd(for_one(mark_bad), montage="standard_1005")
    trials = read_trials(dataset, LeftRightImagery(channels=["C3", "Pz"]), 2)
    assert not trials.recordings
    trials = read_trials(
        dataset, LeftRightImagery(channels=["C3", "Pz"]), 2, missing_channels="interpolate"
    )
    assert not trials.failures
    assert trials.epochs().ch_names == ["C3", "Pz"]


def test_scores_of_another_choice_of_channels_are_not_taken(tmp_path):
    run(for_one(mark_bad), "CrossSubject", tmp_path)
    result = run(for_one(mark_bad), "CrossSubject", tmp_path, missing_channels="common")
    assert scored(result) == EVERYTHING
    assert result.run["found_on_disk"] == 0


def test_an_unknown_choice_of_channels_is_refused(tmp_path):
    with pytest.raises(RequestError, match="error, common, interpolate, not 'drop'"):
        run(None, "WithinSession", tmp_path, missing_channels="drop")


def test_a_subject_scored_with_fewer_channels_is_told(tmp_path):
    result = run(for_one(mark_bad), "WithinSession", tmp_path)
    assert scored(result) == EVERYTHING
    (text,) = result.run["warnings"]
    assert "without Pz, which other subjects have (Odd, subject 2)" in text


def test_a_rerun_repeats_only_what_failed(tmp_path):
    run(for_one(odd.damaged), "WithinSession", tmp_path)
    again = run(None, "WithinSession", tmp_path)
    assert (again.run["evaluated"], again.run["found_on_disk"]) == (1, 2)
    assert scored(again) == EVERYTHING
    assert not again.run["failed"]


def test_what_fails_again_is_named_again(tmp_path):
    first = run(for_one(odd.damaged), "WithinSession", tmp_path)
    again = run(for_one(odd.damaged), "WithinSession", tmp_path)
    assert again.run["failed"] == first.run["failed"] != []


def test_where_nothing_can_be_scored_the_error_names_all(tmp_path):
    def change(raw, subject, session):
        return odd.damaged(raw)

    with pytest.raises(RequestError, match=r"Odd, subjects 1-3: cannot read .*bad header"):
        run(change, "WithinSession", tmp_path)


class Picky(ClassifierMixin, BaseEstimator):
    """Refuses loud recordings."""

    def fit(self, X, y):
        if np.abs(X).max() > 1e3:
            raise ValueError("too loud")
        warnings.warn("beware", UserWarning, stacklevel=2)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile(np.linspace(1, 0, len(self.classes_)), (len(X), 1))


def shout(raw):
    raw._data[:-1] *= 100


def test_a_pipeline_that_fails_on_one_session_is_scored_on_the_others(tmp_path):
    pipelines = {"picky": Picky(), "MDM": make_pipeline(Covariances(), MDM())}
    result = run(for_one(shout, session=1), "WithinSession", tmp_path, pipelines=pipelines)
    own = result.scores[result.scores["pipeline"] == "picky"]
    assert sorted(zip(own["subject"], own["session"], strict=True)) == SESSION_1
    (failure,) = result.run["failed"]
    assert failure == {
        "dataset": "Odd",
        "subject": 2,
        "session": "1",
        "pipeline": "picky",
        "reason": "ValueError: too loud",
    }
    # both are averaged over what they have, and compared on what both have
    means = result.summary.set_index("pipeline")
    assert means["n_subjects"].eq(3).all()
    assert means.loc["MDM", "difference"] == 0 or np.isfinite(means.loc["MDM", "p"])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_warnings_say_which_subjects_they_are_about(n_jobs, tmp_path):
    def change(raw, subject, session):
        if subject > 1:
            warnings.warn("a loose electrode", UserWarning, stacklevel=2)
        return raw

    result = run(change, "WithinSession", tmp_path, pipelines={"p": Picky()}, n_jobs=n_jobs)
    assert result.run["warnings"] == {
        "UserWarning: a loose electrode (Odd, subjects 2-3)": 4,
        "UserWarning: beware (Odd, subjects 1-3)": 30,
    }


def test_warnings_of_folds_in_other_processes_are_counted_too(tmp_path, capfd):
    dataset = Odd(n_subjects=1, n_sessions=1)  # fewer steps than processes: folds go side by side
    result = benchmark(dataset, output=tmp_path, pipelines={"p": Picky()}, n_jobs=2)
    assert result.run["warnings"] == {"UserWarning: beware (Odd, subject 1)": 5}
    assert "beware" not in capfd.readouterr().err


def test_an_ablation_leaves_out_what_is_odd(tmp_path, memory_is_known):
    settings = {"variants": ["joint"], "max_epochs": 1, "n_seeds": 1}
    result = ablate(Odd(for_one(keep_one_class, 1, 0)), output=tmp_path, **settings)
    assert len(result.scores) == 2 * 5
    assert len(result.separability) == 5
    (failure,) = result.run["failed"]
    assert (failure["subject"], failure["session"]) == (1, "0")


def test_an_ablation_begins_with_the_first_subject_that_can_be_read(tmp_path, memory_is_known):
    settings = {"variants": ["joint"], "max_epochs": 1, "n_seeds": 1}
    result = ablate(Odd(for_one(odd.damaged, 1)), output=tmp_path, **settings)
    assert set(result.scores["subject"]) == {2, 3}
    assert [each["subject"] for each in result.run["failed"]] == [1]


INSPECTION = {"max_epochs": 1, "n_seeds": 1, "cv": 2, "controls": False}


@pytest.mark.parametrize("edit", [mark_bad, odd.damaged, keep_one_class])
def test_the_other_subjects_are_inspected(edit, tmp_path):
    result = inspect_dataset(Odd(for_one(edit)), output=tmp_path, **INSPECTION)
    assert list(result.subjects) == [1, 3]
    assert [each["subject"] for each in result.run["failed"]] == [2]
    assert result.consensus is not None


def test_maps_of_subjects_are_of_the_same_channels(tmp_path):
    result = inspect_dataset(Odd(for_one(reverse_channels)), output=tmp_path, **INSPECTION)
    names = [each.components.info["ch_names"] for each in result.subjects.values()]
    assert names == [odd.NAMES] * 3
    assert result.consensus is not None


@pytest.fixture
def odd_by_name(monkeypatch):
    """Make the dataset known to the command line, with one session of a single class."""

    class Named(Odd):
        def __init__(self):
            super().__init__(for_one(keep_one_class, session=1))

    monkeypatch.setattr(moabb.datasets, "Odd", Named, raising=False)


def test_terminal_page_record_and_status_say_what_is_missing(odd_by_name, tmp_path):
    words = ["benchmark", "Odd", "--pipelines", "TS+LR", "--n-jobs", "1"]
    result = CliRunner().invoke(app, [*words, "--output", str(tmp_path)])
    assert result.exit_code == 3
    text = " ".join(result.output.split())
    assert "left out: Odd, subject 2, session 1: all trials are of the class left_hand" in text
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "What is missing" in page
    assert "all trials are of the class left_hand" in page
    (failure,) = json.loads((tmp_path / "run.json").read_text())["failed"]
    assert failure["subject"] == 2
    assert report(tmp_path, tmp_path / "again.html").exists()


def test_status_is_zero_where_nothing_is_missing(odd_by_name, tmp_path):
    words = ["benchmark", "Odd", "--pipelines", "TS+LR", "--n-jobs", "1", "--subjects", "1,3"]
    result = CliRunner().invoke(app, [*words, "--output", str(tmp_path), "--no-report"])
    assert result.exit_code == 0
    assert "left out" not in result.output


# -- folds by runs ---------------------------------------------------------------------------------


class NearestTrial(ClassifierMixin, BaseEstimator):
    """Label of the most similar training trial."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.trials_, self.labels_ = X.reshape(len(X), -1), y
        return self

    def predict_proba(self, X):
        distances = cdist(X.reshape(len(X), -1), self.trials_)
        nearest = self.labels_[distances.argmin(axis=1)]
        return (nearest[:, np.newaxis] == self.classes_).astype(float)


def repeat_within_a_run(raw, subject, session, run):
    """Make every two trials of a class copies of each other, of noise alone."""
    data = np.random.default_rng(100 * subject + run).normal(size=raw.get_data().shape)
    data[-1] = raw.get_data()[-1]
    onsets = np.flatnonzero(data[-1])
    for first in range(0, len(onsets) - 3, 4):
        for k in (0, 1):
            here, there = onsets[first + k], onsets[first + k + 2]
            data[:-1, there : there + 400] = data[:-1, here : here + 400]
    data[:-1] *= 1e-5
    return mne.io.RawArray(data, raw.info, verbose="error")


def test_trials_of_a_run_are_never_on_both_sides_of_folds_by_runs(tmp_path):
    """Trials that come twice in a run are recognised in random folds, and in no fold by runs."""
    dataset = Odd(repeat_within_a_run, n_subjects=2, n_sessions=1, n_runs=3)
    request = {"pipelines": {"nearest": NearestTrial()}, "fmin": 1, "fmax": 40}
    mean = {}
    for groups in (None, "run"):
        result = benchmark(dataset, output=tmp_path, groups=groups, **request)
        mean[groups] = result.scores["score"].mean()
    assert mean[None] > 0.8
    assert abs(mean["run"] - 0.5) < 0.2
    assert result.run["groups"] == "run"
    assert "--groups run" in study_command(result.run)


def test_sessions_of_one_run_have_no_folds_by_runs(tmp_path):
    with pytest.raises(RequestError, match="has one run: folds by runs need two"):
        benchmark(
            Odd(n_subjects=2),
            output=tmp_path,
            groups="run",
            pipelines={"nearest": NearestTrial()},
        )


@pytest.mark.parametrize(
    ("groups", "evaluation", "text"),
    [
        ("runs", "WithinSession", "groups are 'run' or none"),
        ("run", "CrossSession", "groups are for WithinSession"),
    ],
)
def test_groups_that_make_no_folds_are_refused(groups, evaluation, text, tmp_path):
    for study in (benchmark, ablate):
        with pytest.raises(RequestError, match=text):
            study(Odd(), output=tmp_path / "none", groups=groups, evaluation=evaluation)
    assert not (tmp_path / "none").exists()
