"""Cross-validations of permuted labels: same folds, same scores, resumed."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from eegsep import EEGNetClassifier
from eegsep._utils.errors import RequestError
from eegsep._utils.kept import keeping
from eegsep.studies.benchmark import benchmark
from eegsep.studies.permutations import permute
from tests.studies.test_benchmark import small


class Powers(ClassifierMixin, BaseEstimator):
    """Nearest mean of log-powers: quick, and no wiser than that."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        powers = np.log(X.var(axis=2))
        self.means_ = np.array([powers[y == k].mean(axis=0) for k in self.classes_])
        return self

    def predict_proba(self, X):
        far = np.square(np.log(X.var(axis=2))[:, None] - self.means_).sum(axis=2)
        odds = np.exp(-far / far.mean())
        return odds / odds.sum(axis=1, keepdims=True)


class Starts:
    """Progress of a study: what was done at the start of each stage of permutations."""

    def __init__(self):
        self.seen = []

    def __call__(self, stage, done, total, label):
        if stage == "permute" and not label:
            self.seen.append((done, total))


@pytest.mark.parametrize(
    ("evaluation", "groups"),
    [("WithinSession", None), ("WithinSession", "run"), ("CrossSession", None)],
)
def test_labels_as_they_are_score_as_without_permutations(
    tmp_path, monkeypatch, evaluation, groups
):
    monkeypatch.setattr("eegsep.studies.permutations.permute", lambda labels, *_: labels)
    dataset = small(n_subjects=1, n_sessions=2, n_runs=2)
    result = benchmark(
        dataset,
        output=tmp_path,
        pipelines={"powers": Powers()},
        evaluation=evaluation,
        groups=groups,
        permutations=1,
    )
    table = result.permutations
    np.testing.assert_allclose(table["null_low"], table["score"], rtol=0, atol=1e-12)
    assert set(table["p_permutation"]) == {1.0}
    assert list(table["level"]) == ["session", "session", "subject", "mean"]


def test_labels_change_places_within_their_session_and_fold(tmp_path, monkeypatch):
    seen = []

    def watch(labels, sets, seed):
        permuted = permute(labels, sets, seed)
        seen.append((labels, sets, permuted))
        return permuted

    monkeypatch.setattr("eegsep.studies.permutations.permute", watch)
    pipelines = {"powers": Powers()}
    dataset = small(n_subjects=2, n_trials_per_class=10)
    benchmark(dataset, output=tmp_path, pipelines=pipelines, permutations=2)
    assert len(seen) == 4
    for labels, sets, permuted in seen:
        assert len(np.unique(sets)) == 2 * 5
        assert (labels != permuted).any()
        for each in np.unique(sets):
            own = sets == each
            np.testing.assert_array_equal(np.sort(labels[own]), np.sort(permuted[own]))
    # no two of them alike, of two subjects with the same labels neither
    assert len({permuted.tobytes() for *_, permuted in seen}) == 4


def test_more_permutations_go_on_where_fewer_ended(tmp_path):
    arguments = {"output": tmp_path, "pipelines": {"powers": Powers()}}
    dataset, starts = small(n_subjects=1), Starts()
    benchmark(dataset, permutations=10, progress=starts, **arguments)
    more = benchmark(dataset, permutations=20, progress=starts, **arguments)
    assert starts.seen == [(0, 1), (1, 2)]
    again = benchmark(dataset, permutations=20, progress=starts, **arguments)
    assert len(starts.seen) == 2
    anew = benchmark(
        dataset, permutations=20, output=tmp_path / "other", pipelines={"powers": Powers()}
    )
    for other in (again, anew):
        np.testing.assert_array_equal(
            more.permutations[["score", "p_permutation", "null_low", "null_high"]],
            other.permutations[["score", "p_permutation", "null_low", "null_high"]],
        )


def test_p_values_are_saved_and_are_in_the_summary(tmp_path):
    result = benchmark(small(), output=tmp_path, pipelines={"powers": Powers()}, permutations=9)
    assert set(result.save(tmp_path)) == {"scores", "summary", "permutations", "columns", "run"}
    mean = result.permutations[result.permutations["level"] == "mean"]
    assert result.summary["p_permutation"].item() == mean["p_permutation"].item()
    assert result.summary["p_permutation"].item() * 10 % 1 == pytest.approx(0)


@pytest.mark.parametrize("n", [-1, 2.5])
def test_a_number_of_permutations_that_cannot_be_is_refused(n, tmp_path):
    with pytest.raises(RequestError, match="permutations must be 0 or more"):
        benchmark(small(), output=tmp_path, pipelines=["TS+LR"], permutations=n)


@pytest.mark.parametrize("init", ["induced", "evoked", "auto"])
def test_what_is_kept_between_fits_changes_none_of_them(init):
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(24, 4, 128)), np.arange(24) % 2
    X[labels == 1, 0] *= 1.5
    new = rng.normal(size=(6, 4, 128))

    def probabilities(y):
        clf = EEGNetClassifier(init=init, max_epochs=1, random_state=0)
        return clf.fit(X, y).predict_proba(new)

    orders = [labels, permute(labels, np.zeros(24, int), [1]), labels]
    apart = [probabilities(y) for y in orders]
    with keeping():
        together = [probabilities(y) for y in orders]
    np.testing.assert_array_equal(together, apart)
    assert np.abs(apart[0] - apart[1]).max() > 1e-3
