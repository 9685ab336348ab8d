"""Folds of an inspection keep sessions apart, and leave out those that cannot be folded."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from eegsep.studies.folds import fold_sessions


def test_folds_of_sessions_never_mix_them_and_one_session_is_folded_as_ever():
    sessions, y = np.repeat(["a", "b"], 20), np.tile(["left", "right"], 20)
    X = np.zeros((40, 2, 8))
    kept, folds, _, left_out = fold_sessions(X, y, sessions, "WithinSession", 5)
    assert (len(kept), len(folds), left_out) == (40, 10, {})
    assert all(len(set(sessions[np.concatenate(fold)])) == 1 for fold in folds)
    one = fold_sessions(X, y, np.repeat("a", 40), "WithinSession", 5)[1]
    for found, expected in zip(one, StratifiedKFold(5).split(y, y), strict=True):
        np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))


@pytest.mark.parametrize("evaluation", ["WithinSession", "CrossSession"])
def test_a_session_of_one_class_is_left_out_and_named(evaluation):
    sessions, y = np.repeat(["a", "b", "c"], 10), np.tile(["left", "right"], 15)
    y[10:20] = "left"
    found = fold_sessions(np.zeros((30, 2, 8)), y, sessions, evaluation, 5)
    kept, folds, _, left_out = found
    assert set(sessions[kept]) == {"a", "c"}
    assert list(left_out) == ["b"]
    assert "two classes" in left_out["b"]
    tested = np.concatenate([test for _, test in folds])
    np.testing.assert_array_equal(np.sort(tested), range(20))
