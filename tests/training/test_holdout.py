"""What early stopping holds out: whole groups, classes alike, nothing that overlaps the rest."""

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eegsep.training import holdout
from tests.estimator.test_classifier import make_trials, quick


def windows(n_sources=12, step=16, n_times=64, length=128, seed=0):
    """Overlapping windows of noise: X, the source of each, and when it begins."""
    sources = np.random.default_rng(seed).normal(size=(n_sources, 4, length))
    starts = np.arange(0, length - n_times + 1, step)
    X = np.concatenate([sources[:, :, s : s + n_times] for s in starts])
    return X, np.tile(np.arange(n_sources), len(starts)), np.repeat(starts, n_sources)


@pytest.fixture
def watched(monkeypatch):
    """What fits hold out: for each fit, the groups that ``holdout.split`` got and its split."""
    seen = []
    split = holdout.split

    def look(y, groups, *args):
        seen.append((groups, *split(y, groups, *args)))
        return seen[-1][1:]

    monkeypatch.setattr(holdout, "split", look)
    return seen


@pytest.mark.parametrize("fraction", [0.2, 0.9])
def test_a_split_keeps_and_holds_out_each_class(fraction):
    y = np.repeat([0, 1], [2, 38])
    kept, held_out = holdout.split(y, np.arange(40), fraction, seed=0)
    assert set(y[kept]) == set(y[held_out]) == {0, 1}
    assert sorted([*kept, *held_out]) == list(range(40))


def test_a_split_takes_the_share_of_each_class_where_trials_are_their_own_groups():
    y = np.repeat([0, 1], [10, 30])
    _, held_out = holdout.split(y, np.arange(40), 0.2, seed=0)
    assert np.bincount(y[held_out]).tolist() == [2, 6]


def test_a_split_leaves_groups_whole_and_is_near_the_share_of_each_class():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), rng.integers(3, 9, size=20))
    y = rng.integers(2, size=len(groups))
    for seed in range(5):
        kept, held_out = holdout.split(y, groups, 0.25, seed)
        assert not set(groups[kept]) & set(groups[held_out])
        shares = np.bincount(y[held_out]) / np.bincount(y)
        np.testing.assert_allclose(shares, 0.25, atol=0.06)


def test_a_split_of_two_large_groups_a_class_takes_one_of_each():
    y, groups = np.repeat([0, 0, 1, 1], 17), np.repeat([0, 1, 2, 3], 17)
    _, held_out = holdout.split(y, groups, 0.2, seed=0)
    assert sorted(np.bincount(groups[held_out], minlength=4)) == [0, 0, 17, 17]


def test_a_split_takes_three_groups_of_each_class_where_it_has_nine():
    groups = np.repeat(np.arange(18), 10)
    _, held_out = holdout.split(groups % 2, groups, 0.2, seed=0)
    held = np.unique(groups[held_out])
    assert np.bincount(held % 2).tolist() == [3, 3]


def test_windows_of_one_recording_are_found_with_their_order():
    X, source, starts = windows()
    order = np.random.default_rng(1).permutation(len(X))
    groups, found = holdout.overlapping(X.astype(np.float32), order)
    for group in np.unique(groups):
        assert len(set(source[order][groups == group])) == 1
    assert groups.max() + 1 == 12
    np.testing.assert_array_equal(found, starts[order])


def test_trials_of_their_own_overlap_nothing():
    X = np.random.default_rng(0).normal(size=(50, 3, 64))
    X[:, :, 40:] = 0  # zeros behind them are not in common
    groups, _ = holdout.overlapping(X, np.arange(50))
    np.testing.assert_array_equal(groups, np.arange(50))


def test_a_chain_is_cut_into_stretches_that_follow_each_other():
    groups, starts = np.zeros(40, dtype=int), np.random.default_rng(0).permutation(40)
    pieces = holdout.cut(groups, starts, 0.2)
    assert np.bincount(pieces).tolist() == [4] * 10
    for piece in range(10):
        assert np.ptp(starts[pieces == piece]) == 3


def test_overlapping_windows_do_not_lie_on_both_sides(watched):
    X, source, _ = windows()
    quick(early_stopping=True, max_epochs=1).fit(X, source % 2)
    ((groups, kept, held_out),) = watched
    assert groups.max() + 1 == 12
    assert not set(groups[kept]) & set(groups[held_out])


def test_one_long_chain_is_cut_with_a_warning(watched):
    X, _, starts = windows(1, step=8, length=1024)
    with pytest.warns(UserWarning, match="overlap each other in one long chain"):
        quick(early_stopping=True, max_epochs=1).fit(X, starts // 8 % 2)
    _, kept, held_out = watched[-1]
    assert 0.1 < len(held_out) / len(X) < 0.3
    assert len(kept) + len(held_out) == len(X)


def test_trials_of_their_own_are_held_out_without_a_warning(recwarn):
    quick(early_stopping=True, max_epochs=1).fit(*make_trials())
    assert not [w for w in recwarn if "overlap" in str(w.message)]


def test_groups_are_held_out_whole(watched):
    X, y = make_trials(60)
    given = np.array([f"session {i}" for i in np.arange(60) // 10])
    quick(early_stopping=True, max_epochs=1).fit(X, y, groups=given)
    ((groups, kept, held_out),) = watched
    assert groups.max() + 1 == 6
    assert set(np.bincount(groups)) == {10}
    assert not set(groups[kept]) & set(groups[held_out])


def test_equal_trials_of_several_groups_make_these_one(watched):
    X, y = make_trials(60)
    given = np.arange(60) // 10
    X[10], y[10] = X[0], y[0]
    quick(early_stopping=True, max_epochs=1).fit(X, y, groups=given)
    ((groups, *_),) = watched
    assert sorted(np.bincount(groups)) == [10, 10, 10, 10, 19]


def test_groups_go_by_metadata_routing_through_a_pipeline(watched):
    X, y = make_trials(60)
    given = np.arange(60) // 6
    with sklearn.config_context(enable_metadata_routing=True):
        clf = quick(early_stopping=True, max_epochs=1).set_fit_request(groups=True)
        pipeline = make_pipeline(FunctionTransformer(), clf)
        cross_validate(
            pipeline,
            X,
            y,
            cv=GroupKFold(2).set_split_request(groups=True),
            params={"groups": given},
            error_score="raise",
        )
    assert [groups.max() + 1 for groups, *_ in watched] == [5, 5]


def test_groups_without_early_stopping_change_nothing():
    X, y = make_trials()
    without, with_groups = quick().fit(X, y), quick().fit(X, y, groups=np.arange(40) // 10)
    np.testing.assert_array_equal(with_groups.predict_proba(X), without.predict_proba(X))


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        (np.arange(39), "one for each of the 40 trials"),
        (np.r_[np.nan, np.arange(39)], "NaN or None"),
        ([None, *range(39)], "NaN or None"),
        (np.zeros(40), "only 1 group"),
        (np.zeros((40, 2)), "one for each of the 40 trials"),
        (np.ma.masked_equal(np.arange(40), 3), "masked"),
    ],
    ids=["length", "nan", "none", "one", "two-dimensional", "masked"],
)
def test_groups_that_cannot_be_used_are_refused(groups, text):
    with pytest.raises(ValueError, match=text):
        quick(early_stopping=True).fit(*make_trials(), groups=groups)


def test_groups_of_one_class_in_one_group_are_refused_by_class():
    X, y = make_trials()
    with pytest.raises(ValueError, match="'left_hand': 1, 'right_hand': 1"):
        quick(early_stopping=True).fit(X, y, groups=(y == "left_hand").astype(int))


def test_validation_data_is_what_is_watched():
    X, y = make_trials(60)
    unseen, truth = make_trials(40, seed=1)
    clf = quick(early_stopping=True, drop_prob=0.0).fit(X, y, validation_data=(unseen, truth))
    best = [record for record in clf.history_ if record["valid_best"]][-1]
    right = clf.predict_proba(unseen)[np.arange(40), np.searchsorted(clf.classes_, truth)]
    np.testing.assert_allclose(best["valid_loss"], -np.log(right).mean(), rtol=1e-5)
    np.testing.assert_allclose(best["valid_accuracy"], clf.score(unseen, truth), rtol=1e-6)


def test_nothing_is_held_out_beside_validation_data():
    X, y = make_trials()
    settings = {"n_iter_no_change": None, "max_epochs": 3}
    watching = quick(early_stopping=True, **settings).fit(X, y, validation_data=(X, y))
    n_epochs = 3 - [r["valid_best"] for r in watching.history_][::-1].index(True)
    blind = quick(max_epochs=n_epochs).fit(X, y)
    np.testing.assert_array_equal(watching.predict_proba(X), blind.predict_proba(X))


def test_weights_of_validation_data_count():
    X, y = make_trials(60)
    unseen, truth = make_trials(40, seed=1)
    weight = np.arange(40) % 3.0
    repeated = np.repeat(np.arange(40), weight.astype(int))
    clf = quick(early_stopping=True)
    clf.fit(X, y, validation_data=(unseen, truth, weight))
    first = clf.history_[0]["valid_loss"]
    clf.fit(X, y, validation_data=(unseen[repeated], truth[repeated]))
    np.testing.assert_allclose(first, clf.history_[0]["valid_loss"], rtol=1e-5)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (0.2, "must be a tuple"),
        ((make_trials()[0],), "must be a tuple"),
        ((make_trials()[0][:, :3], make_trials()[1]), "validation_data cannot be used: .*features"),
        ((make_trials()[0], ["foot"] * 40), "validation_data cannot be used: .*'foot'"),
        ((make_trials()[0], make_trials()[1][:5]), "validation_data cannot be used: .*5 labels"),
        ((make_trials()[0] * np.nan, make_trials()[1]), "validation_data cannot be used: .*NaN"),
    ],
    ids=["number", "one", "channels", "label", "length", "nan"],
)
def test_validation_data_that_cannot_be_used_is_refused(data, text):
    with pytest.raises(ValueError, match=text):
        quick(early_stopping=True).fit(*make_trials(), validation_data=data)


def test_validation_data_without_early_stopping_is_refused():
    X, y = make_trials()
    with pytest.raises(ValueError, match="early_stopping=True"):
        quick().fit(X, y, validation_data=(X, y))


def test_early_stopping_says_when_and_why_it_ended(capsys):
    X, y = make_trials(60)
    y = np.random.default_rng(0).permutation(y)
    clf = quick(max_epochs=100, early_stopping=True, n_iter_no_change=3, lr=0.02, verbose=1)
    clf.fit(X, y)
    out = capsys.readouterr().out
    best = clf.n_iter_ - 3
    assert f"{clf.n_iter_}/{clf.n_iter_} epochs" in out
    assert f"ends with the weights of epoch {best}" in " ".join(out.split())
