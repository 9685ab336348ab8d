"""Pipelines over several datasets: against MOABB's meta-analysis."""

import numpy as np
import pandas as pd
from moabb.analysis.meta_analysis import compute_dataset_statistics, find_significant_differences

from eegsep.statistics import compare_datasets


def scores_of_datasets(sizes):
    """Scores of datasets in the order of their names, out of which MOABB confuses their weights."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {"dataset": f"d{n:02}", "subject": i, "pipeline": name, "score": score}
            for n in sizes
            for i in range(n)
            for name, score in zip(("EEGNet", "b", "c"), rng.uniform(0.5, 1, 3), strict=True)
        ]
    )


def test_datasets_are_combined_as_moabb_does():
    scores = scores_of_datasets([6, 9, 24])
    table = compare_datasets(scores).set_index("pipeline")
    p, effects = find_significant_differences(compute_dataset_statistics(scores))
    for name in ("b", "c"):
        two_sided = 2 * min(p.loc[name, "EEGNet"], p.loc["EEGNet", name])
        np.testing.assert_allclose(table.loc[name, "p"], min(1, two_sided))
        np.testing.assert_allclose(table.loc[name, "effect"], effects.loc[name, "EEGNet"])
    assert list(table["n_subjects"]) == [39, 39]


def test_one_dataset_is_nothing_to_combine():
    assert compare_datasets(scores_of_datasets([6])).empty
