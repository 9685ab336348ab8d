"""From other subjects to one: which trials are trained on, and what is done with them."""

import numpy as np
import pandas as pd
import pytest
from pyriemann.geometry.covariance import covariances
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from eegsep import EEGNetClassifier
from eegsep._utils.errors import RequestError
from eegsep.preprocessing import GroupAlignment
from eegsep.studies.benchmark import benchmark
from eegsep.studies.transfer import TransferSplitter, WithTargetTrials, first_of_each_class
from tests.conftest import make_trials
from tests.studies.test_benchmark import small

fits = []


class Notes(ClassifierMixin, BaseEstimator):
    """Notes what it is fitted to, and predicts the class that comes first."""

    def fit(self, X, y):
        fits.append((np.asarray(X).copy(), np.asarray(y).copy()))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile(np.linspace(1, 0, len(self.classes_)), (len(X), 1))


def test_the_first_trials_of_each_class_are_taken():
    y = np.array(list("aabababbcc"))
    assert first_of_each_class(y, 6).tolist() == [0, 1, 2, 4, 8, 9]
    assert first_of_each_class(y, 7).tolist() == [0, 1, 2, 3, 4, 8, 9]


def test_a_subject_is_left_out_but_for_trials_of_the_first_session():
    metadata = pd.DataFrame(
        {"subject": np.repeat([1, 2], 8), "session": np.tile(np.repeat(["0", "1"], 4), 2)}
    )
    splits = list(TransferSplitter(2).split(np.tile(["a", "a", "b", "b"], 4), metadata))
    train, calibration, test = splits[1]
    assert train.tolist() == list(range(8))
    assert calibration.tolist() == [8, 10]
    assert test.tolist() == [9, 11, 12, 13, 14, 15]


def test_other_pipelines_are_fitted_to_both_at_once(tmp_path):
    fits.clear()
    result = benchmark(
        small(n_sessions=1),
        output=tmp_path,
        pipelines={"notes": Notes()},
        evaluation="Transfer",
        target_trials=4,
    )
    assert [len(y) for _, y in fits] == [12 + 4, 12 + 4]
    assert all(np.bincount(y).tolist() == [8, 8] for _, y in fits)
    assert set(result.scores["transfer"]) == {"pooled"}
    assert (result.scores["samples_test"] == 12 - 4).all()
    assert result.run["fits"] == 2


def network(**changes):
    settings = {"init": "glorot", "max_epochs": 1, "sfreq": 128, "random_state": 0}
    return EEGNetClassifier(**(settings | changes))


def test_a_network_is_trained_on_the_others_and_then_on_the_target():
    X, y = make_trials()
    X_target, y_target = make_trials(8, seed=1)
    clf = WithTargetTrials(Pipeline([("net", network())]))
    clf.fit(X, y, X_target_labeled=X_target, y_target_labeled=y_target)
    of_others = network().fit(X, y)
    by_hand = network(init=of_others).fit(X_target, y_target)
    np.testing.assert_array_equal(clf.predict_proba(X), by_hand.predict_proba(X))


class Remembers(EEGNetClassifier):
    """Keeps the weights of all that are fitted."""

    def fit(self, X, y, *args, **kwargs):
        super().fit(X, y, *args, **kwargs)
        fits.append(np.concatenate([p.detach().numpy().ravel() for p in self.module_.parameters()]))
        return self


@pytest.mark.parametrize("kind", ["network", "other"])
def test_labels_and_trials_that_are_tested_change_no_fit(kind, monkeypatch, tmp_path):
    from eegsep.studies import scoring

    read, learned = scoring.Stacked.read, []
    pipeline = Remembers(**network().get_params()) if kind == "network" else Notes()

    def changed(stacked, session=None, **kwargs):
        X, y, metadata = read(stacked, session, **kwargs)
        X, y = np.array(X), np.array(y)
        for *_, test in TransferSplitter(4).split(y, metadata):
            if metadata["subject"].iloc[test[0]] == 1:
                y[test] = y[test][::-1]
                X[test] *= 3
        return X, y, metadata

    for k, reading in enumerate((read, changed)):
        monkeypatch.setattr(scoring.Stacked, "read", reading)
        fits.clear()
        benchmark(
            small(n_sessions=1),
            output=tmp_path / str(k),
            pipelines={"it": pipeline},
            evaluation="Transfer",
            target_trials=4,
        )
        # subject 1 is the first to be left out
        learned.append(fits[:2] if kind == "network" else [*fits[0]])
    for one, other in zip(*learned, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_subject_of_too_few_trials_is_named(tmp_path):
    with pytest.raises(RequestError, match="has 6 trials of left_hand: 12 target trials need 6"):
        benchmark(
            small(n_sessions=1),
            output=tmp_path,
            pipelines={"bayes": GaussianNB()},
            evaluation="Transfer",
            target_trials=12,
        )


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"evaluation": "Transfer", "target_trials": 1}, "two trials of the target or more"),
        ({"evaluation": "Transfer", "target_trials": 4.5}, "two trials of the target or more"),
        ({"evaluation": "CrossSubject", "target_trials": 4}, "target trials are for Transfer"),
        ({"evaluation": "Transfer", "subjects": [1]}, "Transfer needs two subjects"),
        ({"evaluation": "Transfer", "groups": "run"}, "groups are for WithinSession"),
        ({"cs_mode": "train_trialwise"}, "modes of the target are for CrossSubject"),
        ({"evaluation": "CrossSubject", "cs_mode": "train_trialwize"}, "Did you mean"),
        ({"evaluation": "Tranfser"}, "Did you mean Transfer"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(request_, text, tmp_path):
    with pytest.raises(RequestError, match=text):
        benchmark(small(), output=tmp_path / "o", pipelines="TS+LR", **request_)
    assert not (tmp_path / "o").exists()


class Adapts(Notes):
    """Asks for trials of the target without labels."""

    __metadata_request__fit = {"X_target_unlabeled": True}  # noqa: RUF012

    def fit(self, X, y, X_target_unlabeled=None):
        fits.append(len(X_target_unlabeled))
        self.classes_ = np.unique(y)
        return self


def test_a_mode_gives_trials_without_labels_to_those_who_ask(tmp_path):
    fits.clear()
    result = benchmark(
        small(n_sessions=1),
        output=tmp_path,
        pipelines={"adapts": Adapts(), "notes": Notes()},
        evaluation="CrossSubject",
        cs_mode="train_and_target_unlabeled_50p",
    )
    assert [each for each in fits if isinstance(each, int)] == [6, 6]
    assert list(result.run["warnings"]) == [
        "UserWarning: no step of notes asks for X_target_unlabeled: it learns from others alone"
    ]
    assert (result.scores["samples_test"] == 6).all()


def test_datasets_of_other_channels_are_transferred_within_each(tmp_path):
    fits.clear()
    few = ("C3", "Cz", "C4")
    result = benchmark(
        [small(n_sessions=1), small(n_sessions=1, channels=few)],
        output=tmp_path,
        pipelines={"notes": Notes()},
        evaluation="Transfer",
        target_trials=4,
    )
    assert [X.shape[:2] for X, _ in fits] == [(16, 6)] * 2 + [(16, 3)] * 2
    assert result.scores.groupby("dataset", sort=False)["channels"].first().tolist() == [6, 3]


@pytest.mark.parametrize("last", [Notes(), network()])
def test_alignment_knows_whose_trials_are_whose(last):
    X, y = make_trials(24)
    subjects = np.repeat([1, 2, 5], 8)
    X = X * subjects[:, None, None]
    X_target, y_target = 9 * X[:8], y[:8]
    clf = WithTargetTrials(Pipeline([("align", GroupAlignment()), ("last", last)]))
    with config_context(enable_metadata_routing=True):
        asked = get_routing_for_object(clf).consumes("fit", ["subjects", "X_target_labeled"])
        clf.fit(X, y, X_target_labeled=X_target, y_target_labeled=y_target, subjects=subjects)
    assert asked == {"subjects", "X_target_labeled"}
    align = clf.fitted_[0]
    others, target = [covariances(each, "lwf").mean(axis=0) for each in (X[8:16], X_target)]
    assert align.groups_.tolist() == ([1, 2, 5, 6] if isinstance(last, Notes) else [1, 2, 5])
    np.testing.assert_allclose(align.references_[1], others)
    # trials that are tested are whitened as those of the same subject that were trained on
    np.testing.assert_allclose(align.target_reference_, target)


def test_subjects_reach_an_alignment_in_an_evaluation(tmp_path, monkeypatch):
    seen, fit = [], GroupAlignment.fit

    def noting(self, X, y=None, *, groups=None, X_target_unlabeled=None):
        seen.append((np.unique(groups).tolist(), len(X_target_unlabeled)))
        return fit(self, X, groups=groups, X_target_unlabeled=X_target_unlabeled)

    monkeypatch.setattr(GroupAlignment, "fit", noting)
    result = benchmark(
        small(n_sessions=1, n_subjects=3),
        output=tmp_path,
        pipelines={"aligned": Pipeline([("align", GroupAlignment()), ("notes", Notes())])},
        evaluation="Transfer",
        target_trials=4,
    )
    assert not result.run["failed"]
    assert seen == [([2, 3, 4], 4), ([1, 3, 4], 4), ([1, 2, 3], 4)]
