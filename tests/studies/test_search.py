"""Searches of a pipeline's grid inside training folds."""

import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from eegsep._utils.errors import RequestError
from eegsep.studies.benchmark import benchmark
from eegsep.studies.pipelines import load_pipelines
from eegsep.studies.search import OptunaSearchCV, Search
from tests.studies.test_benchmark import small

pytest.importorskip("optuna")

HEAD = """\
name: threshold
paradigms: [LeftRightImagery]
pipeline:
  - {name: Threshold, from: tests.studies.test_search}
"""
LIST = HEAD + "param_grid: {threshold__at: [0, 1, 2, 3]}\n"
RANGE = HEAD + "param_grid: {threshold__at: {low: 0.001, high: 10, log: true}}\n"

fits = []


class Threshold(ClassifierMixin, BaseEstimator):
    """Notes what it is fitted to, and tells classes apart by luck that depends on ``at``."""

    def __init__(self, at=0):
        self.at = at

    def fit(self, X, y):
        fits.append((self.at, {x.tobytes() for x in np.asarray(X)}))
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return np.random.default_rng(int(10 * self.at)).normal(size=len(X))

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    return X, (X[:, 0] + rng.normal(size=60) > 0).astype(int)


def optuna_search(values, n_trials=8):
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    return OptunaSearchCV(LogisticRegression(), {"C": values}, n_trials, "roc_auc", cv, 0)


def test_what_optuna_tries_scores_as_in_a_grid_and_the_best_is_kept(data):
    values = [1e-4, 1e-2, 1, 100]
    search = optuna_search(values).fit(*data)
    grid = GridSearchCV(LogisticRegression(), {"C": values}, scoring="roc_auc", cv=search.cv)
    grid.fit(*data)
    scores = dict(zip(values, grid.cv_results_["mean_test_score"], strict=True))
    tried = [each["C"] for each in search.cv_results_["params"]]
    assert len(set(tried)) == len(tried)  # none twice
    for C, score in zip(tried, search.cv_results_["mean_test_score"], strict=True):
        assert score == scores[C]
    assert search.best_score_ == max(scores[C] for C in tried)


def test_a_range_is_kept_to_and_the_seed_gives_it_again(data):
    one, other = (optuna_search({"low": 1e-3, "high": 10, "log": True}).fit(*data) for _ in "ab")
    tried = [each["C"] for each in one.cv_results_["params"]]
    assert len(tried) == 8
    assert all(1e-3 <= C <= 10 for C in tried)
    assert tried == [each["C"] for each in other.cv_results_["params"]]


@pytest.mark.parametrize("search", ["grid", "optuna"])
def test_trials_that_are_scored_choose_nothing(search, tmp_path):
    (tmp_path / "it.yml").write_text(LIST)
    fits.clear()
    run = benchmark(
        small(n_subjects=1, n_sessions=1),
        output=tmp_path / "o",
        pipelines=tmp_path / "it.yml",
        trust=True,
        search=search,
        search_trials=1 if search == "optuna" else None,
    ).run
    in_a_fold = 4 * 3 + 1 if search == "grid" else 3 + 1
    assert len(fits) == run["fits"] == 5 * in_a_fold
    for k in range(0, len(fits), in_a_fold):
        *tries, (_, trained_on) = fits[k : k + in_a_fold]
        assert all(trials < trained_on for _, trials in tries)


def test_scores_of_another_search_are_not_taken_for_those_of_this(tmp_path):
    (tmp_path / "it.yml").write_text(LIST)
    evaluated = [
        benchmark(
            small(n_subjects=1, n_sessions=1),
            output=tmp_path / "o",
            pipelines=tmp_path / "it.yml",
            trust=True,
            **options,
        ).run["evaluated"]
        for options in (
            {},
            {"search": "optuna", "search_trials": 2},
            {"search": "optuna", "search_trials": 1},
            {"search": "optuna", "search_trials": 2},
        )
    ]
    assert evaluated == [1, 1, 1, 0]


def test_a_range_needs_optuna(tmp_path):
    (tmp_path / "it.yml").write_text(RANGE)
    request = {"output": tmp_path / "o", "pipelines": tmp_path / "it.yml", "trust": True}
    with pytest.raises(RequestError, match=r"has a range for threshold__at.*search optuna"):
        benchmark(small(), **request)
    with pytest.raises(RequestError, match="grid or optuna, not 'tpe'"):
        benchmark(small(), search="tpe", **request)


def test_optuna_with_nothing_to_search_is_refused(tmp_path):
    with pytest.raises(RequestError, match=r"no pipeline has a param_grid.*write one"):
        benchmark(small(), output=tmp_path / "o", pipelines=["TS+LR"], search="optuna")


def test_without_optuna_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(RequestError, match=r"pip install 'eegsep\[optuna\]'"):
        Search("optuna")


@pytest.mark.parametrize(
    "values",
    [
        "{low: 1}",
        "{low: 2, high: 1}",
        "{low: 0, high: 1, log: true}",
        "{low: 0, high: 1, steps: 2}",
        "{low: 0, high: 1, step: 0}",
        "{low: a, high: b}",
    ],
)
def test_ranges_that_are_none_are_refused(values, tmp_path):
    file = tmp_path / "it.yml"
    file.write_text(HEAD + f"param_grid: {{threshold__at: {values}}}\n")
    with pytest.raises(RequestError, match="ranges of numbers"):
        load_pipelines(file, trust=True)


def test_fits_are_counted():
    assert Search().n_fits(None) == 1
    assert Search().n_fits({"a": [1, 2], "b": [1, 2, 3]}) == 6 * 3 + 1
    assert Search("optuna", 7).n_fits({"a": {"low": 0, "high": 1}}) == 7 * 3 + 1


def test_a_value_that_cannot_be_fitted_is_passed_over(data):
    search = optuna_search([-1.0, 0.1, 1.0])
    assert search.fit(*data).best_params_["C"] > 0
    with pytest.raises(ValueError, match="fits failed"):
        optuna_search([-1.0]).fit(*data)


def test_a_number_of_trials_without_optuna_is_refused():
    with pytest.raises(RequestError, match="say --search optuna"):
        Search("grid", 5)
    assert Search("optuna").n_trials == 20
