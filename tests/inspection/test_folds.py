"""Folds hold whole groups, and labels are shuffled where trials may be exchanged."""

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneGroupOut

from eegsep.inspection.cross_validation import cross_components, cross_fits, sanity_checks
from eegsep.inspection.folds import parts_to_shuffle, shuffle_labels
from tests.conftest import make_trials
from tests.inspection.conftest import small


def test_whole_groups_are_held_out_and_a_splitter_gets_them():
    X, y = make_trials(12)
    groups = np.arange(12) // 4
    fits = list(cross_fits(small(F1=1), X, y, cv=LeaveOneGroupOut(), groups=groups))
    assert [fit.test.tolist() for fit in fits] == np.arange(12).reshape(3, 4).tolist()
    assert len(cross_components(small(F1=1), X, y, cv=3, groups=groups)) == 3
    checks = sanity_checks(small(F1=1), X, y, cv=LeaveOneGroupOut(), groups=groups)
    assert [each.n_fits for each in checks.values()] == [3, 3, 3]


def test_a_splitter_that_needs_groups_says_so():
    with pytest.raises(ValueError, match="LeaveOneGroupOut needs groups: pass groups="):
        cross_components(small(F1=1), *make_trials(12), cv=LeaveOneGroupOut())


def test_groups_of_one_class_are_shuffled_whole_and_others_within():
    groups = np.repeat(range(10), 6)
    whole = np.repeat(np.arange(10) % 2, 6)
    shuffled = shuffle_labels(whole, groups, 0)
    assert all(len(set(shuffled[groups == group])) == 1 for group in range(10))
    assert shuffled.sum() == whole.sum()
    assert not np.array_equal(shuffled, whole)
    mixed = np.tile([0, 0, 0, 1, 1, 1], 10)
    shuffled = shuffle_labels(mixed, groups, 0)
    assert all(shuffled[groups == group].sum() == 3 for group in range(10))
    assert not np.array_equal(shuffled, mixed)


def test_labels_are_shuffled_where_folds_keep_their_numbers_of_each_class():
    y = np.tile(["left", "right"], 10)
    tests = [np.arange(0, 8), np.arange(8, 16)]
    parts = parts_to_shuffle(tests, y)
    assert [part.tolist() for part in parts] == [[*range(8)], [*range(8, 16)], [*range(16, 20)]]
    shuffled = shuffle_labels(y, random_state=0, parts=parts)
    assert (shuffled != y).any()
    assert all((shuffled[part] == "left").sum() == len(part) / 2 for part in parts)


@pytest.mark.parametrize(
    ("tests", "y"),
    [
        ([np.arange(8), np.arange(4, 12)], np.arange(12) % 2),  # some trials twice
        ([np.arange(6), np.arange(6, 12)], np.arange(12) // 6),  # a class a fold
    ],
)
def test_labels_are_shuffled_across_folds_where_they_cannot_be_within(tests, y):
    (part,) = parts_to_shuffle(tests, y)
    assert part.tolist() == [*range(12)]
