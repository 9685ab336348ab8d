"""p-values by permutation: against counts, enumeration and averages by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eegsep.statistics import permutation_p, permutation_table
from eegsep.studies.permutations import permute


@pytest.mark.parametrize(
    ("score", "p"), [(0.95, 1 / 5), (0.8, 3 / 5), (0.8 + 1e-12, 3 / 5), (0.1, 1.0)]
)
def test_the_labels_as_they_are_count_as_one_more_permutation(score, p):
    assert permutation_p(score, [0.5, 0.8, 0.9, 0.2]) == pytest.approx(p)


def test_random_permutations_come_to_the_p_of_all_of_them():
    values, labels = np.array([0.3, 1.9, 2.2, -0.4, 0.1, 1.1, 0.9, 2.0]), np.array([0, 1] * 4)

    def statistic(labels):
        return values[labels == 1].mean() - values[labels == 0].mean()

    exact = np.mean(
        [
            statistic(np.isin(np.arange(8), ones)) >= statistic(labels) - 1e-9
            for ones in combinations(range(8), 4)
        ]
    )
    permuted = [statistic(permute(labels, np.zeros(8, int), [k])) for k in range(4000)]
    assert permutation_p(statistic(labels), permuted) == pytest.approx(exact, abs=0.03)


def test_p_is_uniform_where_labels_say_nothing():
    # the mean over folds of what a classifier of nearest means scores
    rng, ps = np.random.default_rng(0), []
    labels, folds = np.arange(20) % 2, np.arange(20) // 4

    def score(X, y):
        total = 0.0
        for fold in range(5):
            train, test = folds != fold, folds == fold
            means = [X[train & (y == k)].mean(axis=0) for k in (0, 1)]
            middle, axis = (means[0] + means[1]) / 2, means[1] - means[0]
            total += ((X[test] - middle) @ axis * (2 * y[test] - 1)).mean()
        return total / 5

    for trial in range(100):
        X = rng.normal(size=(20, 3))
        permuted = [score(X, permute(labels, folds, [trial, k])) for k in range(24)]
        ps.append(permutation_p(score(X, labels), permuted))
    # 25 values that are equally likely, spread over what is between them
    spread = np.array(ps) - rng.uniform(size=100) / 25
    assert stats.kstest(spread, "uniform").pvalue > 0.01


def test_each_order_of_labels_is_as_likely():
    labels = np.array(list("aabb"))
    found = ["".join(permute(labels, np.zeros(4, int), [k])) for k in range(1200)]
    _, counts = np.unique(found, return_counts=True)
    assert len(counts) == 6
    assert stats.chisquare(counts).pvalue > 0.001


def test_averages_are_tested_against_averages_of_the_same_permutation():
    rng, n = np.random.default_rng(1), 19
    units = [(s, t, k) for s in (1, 2) for t in ("0", "1") for k in (42, 43)]
    scores = pd.DataFrame(units, columns=["subject", "session", "seed"])
    scores = scores.assign(dataset="d", pipeline="p", score=rng.uniform(0.4, 0.8, 8))
    permuted = scores.loc[scores.index.repeat(n)].reset_index(drop=True)
    permuted["permutation"] = np.tile(np.arange(1, n + 1), 8)
    null = rng.uniform(0.3, 0.7, (2, 2, 2, n))
    permuted["score"] = null.ravel()
    table = permutation_table(scores, permuted)
    observed = scores["score"].to_numpy().reshape(2, 2, 2)
    for level, axes in (("session", (2,)), ("subject", (1, 2)), ("mean", (0, 1, 2))):
        part = table[table["level"] == level]
        flat = null.mean(axis=axes).reshape(-1, n)
        means = observed.mean(axis=axes).reshape(-1)
        expected = [(1 + (row >= m).sum()) / (1 + n) for row, m in zip(flat, means, strict=True)]
        np.testing.assert_allclose(part["score"], means)
        np.testing.assert_allclose(part["p_permutation"], expected)
        np.testing.assert_allclose(part["null_low"], np.quantile(flat, 0.025, axis=1))
    assert table.loc[table["level"] == "mean", "subject"].isna().all()


def test_what_lacks_a_permutation_has_no_p():
    scores = pd.DataFrame({"dataset": "d", "pipeline": ["a", "b"], "seed": 42, "subject": 1})
    scores = scores.assign(session="0", score=0.7)
    permuted = pd.concat([scores.assign(permutation=1), scores[:1].assign(permutation=2)])
    assert set(permutation_table(scores, permuted)["pipeline"]) == {"a"}


@pytest.mark.parametrize("lacks", ["subject", "seed", "everything"])
def test_a_mean_of_more_than_was_permuted_has_no_p(lacks):
    units = [(subject, "0", seed) for subject in (1, 2) for seed in (1, 2)]
    scores = pd.DataFrame(units, columns=["subject", "session", "seed"])
    scores = scores.assign(dataset="d", pipeline="a", score=0.7)
    permuted = pd.concat([scores.assign(permutation=k, score=0.5) for k in (1, 2, 3)])
    if lacks == "everything":
        permuted = pd.DataFrame()
    else:
        permuted = permuted[(permuted["subject"] != 2) | (lacks == "seed")]
        permuted = permuted[(permuted["seed"] != 2) | (lacks == "subject")]
    table = permutation_table(scores, permuted)
    assert table["level"].tolist() == (["session", "subject"] if lacks == "subject" else [])
