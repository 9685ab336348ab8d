"""Ranks of pipelines: against Demšar's tables and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eegsep.statistics import critical_difference, rank

# Table 5 (a) of Demšar (2006): q at 0.05 for two to ten classifiers.
DEMSAR = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]


def scores_of(table, datasets=False):
    """Scores of a table with a row a subject (or dataset) and a column a pipeline."""
    return pd.DataFrame(
        [
            {"dataset": f"d{i}" if datasets else "d", "subject": 1 if datasets else i}
            | {"pipeline": name, "score": value}
            for i, row in enumerate(np.asarray(table))
            for name, value in zip("abcdefgh", row, strict=False)
        ]
    )


@pytest.mark.parametrize(("k", "q"), list(enumerate(DEMSAR, 2)))
def test_critical_difference_is_that_of_the_table(k, q):
    expected = q * np.sqrt(k * (k + 1) / (6 * 14))
    assert critical_difference(k, 14) == pytest.approx(expected, abs=6e-4 * expected)


@pytest.mark.parametrize("datasets", [False, True])
def test_ranks_and_their_test_are_friedmans(datasets):
    values = np.random.default_rng(0).uniform(size=(12, 4)) + [0, 0.1, 0.5, 0]
    ranking = rank(scores_of(values, datasets))
    expected = stats.friedmanchisquare(*values.T)
    assert (ranking.statistic, ranking.p) == pytest.approx((expected[0], expected[1]))
    means = stats.rankdata(-values, axis=1).mean(axis=0)
    np.testing.assert_allclose(ranking.ranks[list("abcd")], means)
    assert ranking.ranks.index[0] == "c"
    assert ranking.n_blocks == 12


def test_a_group_differs_by_less_than_the_critical_difference():
    # a always first, b always second, then c and d in turn
    values = [[4, 3, 2, 1], [4, 3, 1, 2]] * 15
    ranking = rank(scores_of(values))
    assert ranking.ranks.to_dict() == {"a": 1, "b": 2, "c": 3.5, "d": 3.5}
    assert 0.8 < ranking.difference < 1
    assert ranking.groups == [["c", "d"]]
    fewer = rank(scores_of(values[:12]))
    assert 1 < fewer.difference < 1.5
    assert fewer.groups == [["a", "b"], ["c", "d"]]


def test_few_subjects_or_pipelines_have_no_ranks():
    values = np.random.default_rng(0).uniform(size=(10, 3))
    assert rank(scores_of(values)) is not None
    assert rank(scores_of(values[:9])) is None
    assert rank(scores_of(values[:, :2])) is None


def test_pipelines_that_are_alike_have_the_same_rank():
    ranking = rank(scores_of(np.ones((10, 3))))
    assert ranking.p == 1
    assert ranking.groups == [["a", "b", "c"]]
