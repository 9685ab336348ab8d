"""Statistics of scores against scipy, MOABB, closed forms and simulated chance."""

import importlib

import numpy as np
import pandas as pd
import pytest
from moabb.analysis.chance_level import adjusted_chance_level
from scipy import stats

import eegsep.studies.report
from eegsep.statistics import chance_interval, fold_interval, holm, mean_interval, summarise
from tests.conftest import some_scores

# -- chance --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_trials", "n_classes"), [(40, 2), (288, 4), ([48, 48], 2)])
def test_chance_of_accuracy_is_moabbs(n_trials, n_classes):
    high = chance_interval("accuracy", n_trials, n_classes)[1]
    assert high == adjusted_chance_level(n_classes, np.sum(n_trials), alpha=0.025)


def test_chance_of_accuracy_holds_what_coins_score():
    scores = np.random.default_rng(0).binomial(60, 0.5, 20_000) / 60
    low, high = chance_interval("accuracy", 60)
    assert 0.95 <= np.mean((low <= scores) & (scores <= high)) <= 0.975


def test_chance_of_auc_is_that_of_mann_and_whitneys_test():
    # a rank sum at the interval's end has the p-value that belongs to it
    n, low = 60, chance_interval("roc_auc", 60)[0]
    sd = np.sqrt((n + 1) / (12 * (n / 2) ** 2))
    assert 2 * stats.norm.cdf((low - 0.5) / sd) == pytest.approx(0.05)
    x, y = np.arange(30), np.arange(30) + 20.5
    test = stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=False)
    auc = test.statistic / 900
    assert 2 * stats.norm.cdf((auc - 0.5) / sd) == pytest.approx(test.pvalue)


@pytest.mark.parametrize(("sizes", "n_folds"), [([40], 1), ([40], 5), ([40, 60], 5), ([20, 40], 1)])
def test_chance_of_auc_is_that_of_noise(sizes, n_folds):
    rng = np.random.default_rng(0)
    halves = [size // n_folds // 2 for size in sizes for _ in range(n_folds)]
    aucs = []
    for n in halves:
        x, y = rng.normal(size=(2, 4000, n))
        aucs.append(stats.mannwhitneyu(x, y, axis=1, method="asymptotic").statistic / n**2)
    low, high = chance_interval("roc_auc", sizes, n_folds=n_folds)
    width = 2 * stats.norm.ppf(0.975) * np.mean(aucs, axis=0).std()
    assert high - low == pytest.approx(width, rel=0.05)
    assert high + low == pytest.approx(1)


def test_chance_narrows_with_trials():
    widths = [np.ptp(chance_interval(m, n)) for m in ("roc_auc", "accuracy") for n in (20, 200)]
    assert widths[0] > widths[1]
    assert widths[2] > widths[3]


def test_chance_of_another_metric_is_not_known():
    assert np.isnan(chance_interval("f1", 40)).all()


@pytest.mark.parametrize("n_trials", [0, [], [40, 0]])
def test_chance_without_trials_is_refused(n_trials):
    with pytest.raises(ValueError, match="one trial or more"):
        chance_interval("accuracy", n_trials)


def test_interval_of_the_mean_is_students():
    values = [0.5, 0.7, 0.65, 0.9]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(mean_interval(values), expected)


def test_one_subject_gives_no_interval():
    assert np.isnan(mean_interval([0.7])).all()


def test_interval_over_folds_is_students_but_for_what_folds_share():
    scores = pd.DataFrame({"fold": [0, 1, 2, 3], "score": [0.6, 0.65, 0.7, 0.6], "seed": 0})
    low, high = fold_interval(scores.assign(n_test=0, n_train=30))
    plain = stats.ttest_1samp(scores["score"], 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((plain.low, plain.high))
    wider = fold_interval(scores.assign(n_test=10, n_train=30))
    # 1 / k + n_test / n_train over 1 / k
    assert np.ptp(wider) == pytest.approx(np.sqrt(1 + 4 / 3) * (high - low))


@pytest.mark.parametrize("scores", [[0.7], [1.0, 1.0, 1.0]])
def test_no_interval_where_folds_do_not_tell_how_they_scatter(scores):
    table = pd.DataFrame({"fold": range(len(scores)), "score": scores})
    assert np.isnan(fold_interval(table.assign(n_train=8, n_test=2))).all()


# -- pairs ---------------------------------------------------------------------------------------


def test_summary_has_mean_and_deviation_over_subjects():
    summary = summarise(some_scores({"EEGNet": [0.6, 0.8]})).iloc[0]
    assert summary["mean"] == pytest.approx(0.7)
    assert summary["sd"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert summary["n_subjects"] == 2


def test_summary_averages_seeds_before_subjects():
    first, second = some_scores({"EEGNet": [0.6, 0.8]}), some_scores({"EEGNet": [0.8, 0.6]}, seed=1)
    summary = summarise(pd.concat([first, second])).iloc[0]
    assert (summary["sd"], summary["n_seeds"]) == (pytest.approx(0), 2)


def test_summary_has_differences_to_eegnet():
    summary = summarise(some_scores({"other": [0.7, 0.9, 0.5], "EEGNet": [0.6, 0.9, 0.6]}))
    other = summary.set_index("pipeline").loc["other"]
    assert other["difference"] == pytest.approx(0)
    assert other["difference_sd"] == pytest.approx(0.1)


def test_summary_compares_with_the_first_where_eegnet_is_not_there():
    summary = summarise(some_scores({"a": [0.5, 0.6], "b": [0.7, 0.8]}))
    assert list(summary["reference"]) == ["a", "a"]
    assert list(summary["difference"]) == pytest.approx([0, 0.2])


def test_p_value_is_that_of_all_sign_permutations():
    better = {"EEGNet": [0.5] * 6, "better": [0.51, 0.52, 0.53, 0.54, 0.55, 0.56]}
    summary = summarise(some_scores(better)).set_index("pipeline")
    assert summary.loc["better", "p"] == pytest.approx(2 / 2**6)


def test_p_value_does_not_depend_on_the_sign():
    a, b = np.random.default_rng(0).uniform(0.5, 1, size=(2, 8))
    first = summarise(some_scores({"EEGNet": a, "x": b}))["p"].iloc[1]
    assert first == summarise(some_scores({"EEGNet": b, "x": a}))["p"].iloc[1]


def test_one_subject_gives_no_deviation_and_no_p_value():
    summary = summarise(some_scores({"EEGNet": [0.5], "x": [0.7]}))
    assert summary[["sd", "difference_sd", "p"]].isna().all(axis=None)


def test_holm_of_a_worked_example():
    # m = 4: 4 × 0.005, 3 × 0.01, 2 × 0.03, then 1 × 0.04 raised to what came before
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_holm_never_exceeds_one():
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])


def test_holm_does_not_count_what_was_not_tested():
    np.testing.assert_allclose(holm([np.nan, 0.01, 0.02]), [np.nan, 0.02, 0.02])


# -- where they were -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "home"),
    [("chance_interval", "eegsep.statistics"), ("report", "eegsep.presentation.page")],
)
def test_an_old_import_goes_on_with_a_warning_that_names_the_new_one(name, home):
    with pytest.warns(DeprecationWarning, match=f"{name} is in {home} now"):
        old = getattr(eegsep.studies.report, name)
    assert old is getattr(importlib.import_module(home), name)
