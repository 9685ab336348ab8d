"""Variance components: against a table worked by hand, and components that are known."""

import numpy as np
import pandas as pd
import pytest

from eegsep.statistics import variance_components


def scores_of(table):
    return pd.DataFrame(
        [
            {"dataset": "d", "pipeline": "p", "subject": i, "seed": j, "score": value}
            for i, row in enumerate(table)
            for j, value in enumerate(row)
        ]
    )


def test_components_are_those_of_an_analysis_of_variance():
    # means 2, 5, 8 about 5: between 2 × 18 / 2 = 18; within (2 + 2 + 2) / 3 = 2
    (row,) = variance_components(scores_of([[1, 3], [4, 6], [7, 9]])).to_dict("records")
    assert row["sd_seeds"] ** 2 == pytest.approx(2)
    assert row["sd_subjects"] ** 2 == pytest.approx((18 - 2) / 2)
    assert row["share_of_subjects"] == pytest.approx(8 / 10)
    assert (row["n_subjects"], row["n_seeds"]) == (3, 2)


def test_known_components_are_found():
    rng = np.random.default_rng(0)
    table = rng.normal(0, 0.1, (4000, 1)) + rng.normal(0, 0.03, (4000, 5))
    (row,) = variance_components(scores_of(table)).to_dict("records")
    assert row["sd_subjects"] == pytest.approx(0.1, rel=0.05)
    assert row["sd_seeds"] == pytest.approx(0.03, rel=0.03)


def test_seeds_that_differ_more_than_subjects_leave_nothing_to_these():
    (row,) = variance_components(scores_of([[1, 9], [2, 8], [3, 7.5]])).to_dict("records")
    assert row["sd_subjects"] == 0
    assert row["share_of_subjects"] == 0


def test_one_seed_tells_nothing_of_seeds():
    assert variance_components(scores_of([[1], [2]])).empty
