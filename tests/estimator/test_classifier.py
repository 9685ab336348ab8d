"""The classifier: scikit-learn's rules, reproducibility, weights, bad input."""

import pickle
import warnings

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

from eegsep import EEGNetClassifier, components
from tests.conftest import make_epochs, make_trials


def quick(**params):
    """Make a classifier that trains in a fraction of a second on :func:`make_trials`."""
    defaults = {"init": "glorot", "max_epochs": 3, "random_state": 0, "sfreq": 128}
    return EEGNetClassifier(**{**defaults, **params})


def weights_of(clf):
    return torch.cat([t.double().flatten() for t in clf.module_.state_dict().values()]).numpy()


def test_passes_scikit_learns_checks_with_no_expected_failure():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(EEGNetClassifier(max_epochs=20, lr=0.01))
    assert len(results) > 50
    not_passed = {r["check_name"] for r in results if r["status"] != "passed"}
    # runs only where SCIPY_ARRAY_API is set, for any estimator
    assert not_passed <= {"check_array_api_input"}


# -- learning --------------------------------------------------------------------------------------


def test_learns_where_a_rhythm_is():
    X, y = make_trials(80)
    clf = quick(max_epochs=60).fit(X, y)
    unseen, truth = make_trials(80, seed=1)
    assert clf.score(unseen, truth) > 0.9


@pytest.mark.parametrize(
    "kinds", [{"spatial": "standard"}, {"separable": "standard"}], ids=lambda k: next(iter(k))
)
def test_ablations_learn_too(kinds):
    X, y = make_trials(80)
    assert quick(max_epochs=60, **kinds).fit(X, y).score(*make_trials(80, seed=1)) > 0.9


def test_history_is_a_table_of_epochs():
    clf = quick().fit(*make_trials())
    table = pd.DataFrame(clf.history_)
    expected = ["epoch", "train_loss", "train_accuracy", "dur", "algorithm"]
    assert table.columns.tolist() == expected
    assert set(table["algorithm"]) == {clf.algorithm_}
    assert table["epoch"].tolist() == [1, 2, 3]
    assert clf.n_iter_ == 3


def test_early_stopping_ends_with_the_best_validation_weights():
    X, y = make_trials(60)
    y = np.random.default_rng(0).permutation(y)
    clf = quick(max_epochs=40, early_stopping=True, n_iter_no_change=None, lr=0.02).fit(X, y)
    table = pd.DataFrame(clf.history_)
    assert len(table) == 40
    best = table["valid_loss"].idxmin()
    assert table["valid_best"][best]
    assert best < 39, "the last epoch was the best: this shows nothing"
    shorter = quick(max_epochs=int(best) + 1, early_stopping=True, lr=0.02).fit(X, y)
    np.testing.assert_array_equal(weights_of(clf), weights_of(shorter))


def test_early_stopping_stops():
    X, y = make_trials(60)
    y = np.random.default_rng(0).permutation(y)
    clf = quick(max_epochs=200, early_stopping=True, n_iter_no_change=3, lr=0.02).fit(X, y)
    assert clf.n_iter_ < 200
    assert not any(record["valid_best"] for record in clf.history_[-3:])


def test_verbose_shows_progress(capsys):
    quick(verbose=1).fit(*make_trials(10))
    out = capsys.readouterr()
    assert "3/3 epochs" in out.out + out.err


def test_silent_by_default(capsys):
    quick().fit(*make_trials(10))
    assert capsys.readouterr() == ("", "")


# -- scikit-learn around it ------------------------------------------------------------------------


def test_cross_val_score():
    scores = cross_val_score(quick(max_epochs=40), *make_trials(80), cv=4, scoring="roc_auc")
    assert scores.mean() > 0.9


def test_grid_search_over_network_parameters_in_a_pipeline():
    X, y = make_trials()
    pipeline = make_pipeline(FunctionTransformer(), quick())
    grid = {"eegnetclassifier__F1": [2, 4], "eegnetclassifier__drop_prob": [0.0, 0.5]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    best = search.best_estimator_[-1]
    assert search.best_params_["eegnetclassifier__F1"] == best.module_.F1
    assert len(search.cv_results_["params"]) == 4


def test_clone_has_the_parameters_and_none_of_what_was_learned():
    clf = quick(F1=3).fit(*make_trials())
    copy = clone(clf)
    assert copy.get_params() == clf.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(make_trials()[0])


def test_fit_leaves_the_parameters_alone():
    clf = quick()
    before = clf.get_params()
    clf.fit(*make_trials())
    assert clf.get_params() == before


def test_pickle_predicts_the_same():
    X, y = make_trials()
    clf = quick().fit(X, y)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_two_processes_give_the_bits_of_one():
    X, y = make_trials(60, n_chans=16, n_times=128)
    options = {"cv": 2, "scoring": "neg_log_loss"}
    one = cross_val_score(quick(), X, y, **options)
    two = cross_val_score(quick(), X, y, n_jobs=2, **options)
    np.testing.assert_array_equal(one, two)


def test_string_labels_come_back():
    X, y = make_trials(80)
    clf = quick(max_epochs=30).fit(X, y)
    assert clf.classes_.tolist() == ["left_hand", "right_hand"]
    assert set(clf.predict(X)) == {"left_hand", "right_hand"}


def test_refit_on_another_montage_window_and_number_of_classes():
    clf = quick().fit(*make_trials())
    X, _ = make_trials(30, n_chans=9, n_times=100)
    clf.fit(X, np.arange(30) % 3)
    assert clf.n_features_in_ == 9
    assert clf.n_times_in_ == 100
    assert clf.predict_proba(X).shape == (30, 3)


def test_the_former_name_of_algorithm_goes_on_working_with_a_warning():
    X, y = make_trials()
    with pytest.warns(FutureWarning, match="set algorithm='published'") as seen:
        former = quick(evaluation="published").fit(X, y)
    assert {warning.filename for warning in seen} == {__file__}
    np.testing.assert_array_equal(
        weights_of(former), weights_of(quick(algorithm="published").fit(X, y))
    )
    with pytest.warns(FutureWarning, match="algorithm_"):
        assert former.evaluation_ == former.algorithm_ == "published"


def test_two_names_of_one_parameter_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="Leave evaluation out"):
        quick(algorithm="published", evaluation="spatial_first").fit(*make_trials())


def test_a_pickle_with_the_former_name_of_algorithm_loads():
    X, y = make_trials()
    clf = quick(algorithm="published").fit(X, y)
    state = vars(clf).copy()
    former = {name: state.pop(name) for name in ("algorithm", "algorithm_")}
    state |= {"evaluation": former["algorithm"], "evaluation_": former["algorithm_"]}
    loaded = object.__new__(EEGNetClassifier)
    loaded.__setstate__(state)
    assert loaded.get_params() == clf.get_params()
    assert loaded.algorithm_ == "published"
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


# -- reproducibility -------------------------------------------------------------------------------


def test_fit_twice_is_fit_once():
    X, y = make_trials()
    clf = quick().fit(X, y)
    first = weights_of(clf)
    np.testing.assert_array_equal(weights_of(clf.fit(X, y)), first)


def test_another_random_state_gives_another_network():
    X, y = make_trials()
    assert not np.array_equal(
        weights_of(quick().fit(X, y)), weights_of(quick(random_state=1).fit(X, y))
    )


def test_fit_depends_on_the_set_of_trials_and_not_on_their_order():
    X, y = make_trials()
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(
        weights_of(quick().fit(X, y)), weights_of(quick().fit(X[order], y[order]))
    )


def test_fit_leaves_global_generators_and_threads_alone():
    X, y = make_trials()
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    torch.set_num_threads(2)
    quick(early_stopping=True).fit(X, y).predict(X)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_volts_and_microvolts_give_the_same_predictions():
    X, y = make_trials()
    volts, microvolts = quick().fit(X, y), quick().fit(X * 1e6, y)
    np.testing.assert_allclose(volts.predict_proba(X), microvolts.predict_proba(X * 1e6), atol=1e-5)
    np.testing.assert_allclose(volts.scale_, microvolts.scale_ / 1e6)


def test_warnings_point_at_the_line_that_called():
    X, y = make_trials()
    X[:, 2] = 0
    with pytest.warns(UserWarning, match="Flat") as seen:
        clf = quick().fit(X, y)
    with pytest.warns(UserWarning, match="another unit") as more:
        clf.predict(1e6 * X)
    assert {warning.filename for warning in [*seen, *more]} == {__file__}


def test_another_unit_at_predict_gets_a_warning():
    X, y = make_trials()
    clf = quick().fit(X, y)
    with pytest.warns(UserWarning, match="another unit"):
        clf.predict(1e6 * X)


def test_overlapping_fits_in_threads_give_the_thread_setting_back():
    X, y = make_trials()
    torch.set_num_threads(2)
    Parallel(2, backend="threading")(delayed(quick(max_epochs=n).fit)(X, y) for n in (2, 30))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_spatial_filters_are_in_the_unit_of_the_data():
    X, y = make_trials()
    volts, microvolts = quick().fit(X, y), quick().fit(X * 1e6, y)
    assert volts.filters_.shape == (16, 6)
    np.testing.assert_allclose(volts.filters_, microvolts.filters_ * 1e6, rtol=1e-4, atol=1)


def test_a_standard_convolution_has_no_single_spatial_filters():
    clf = quick(spatial="standard").fit(*make_trials())
    assert not hasattr(clf, "filters_")


# -- components as features ------------------------------------------------------------------------


@pytest.mark.parametrize("kernel_length", [7, 8])
def test_transform_filters_in_space_and_in_time(kernel_length):
    X, y = make_trials()
    clf = quick(kernel_length=kernel_length).fit(X, y)
    signals = clf.transform(X)
    assert signals.shape == (len(X), 16, X.shape[2])
    before = (kernel_length - 1) // 2
    for trial, kept in zip(X[:3], signals, strict=False):
        for i, kernel in enumerate(clf.temporal_filters_):
            summed = clf.filters_[i] @ (trial - clf.center_[:, np.newaxis])
            padded = np.pad(summed, (before, kernel_length - 1 - before))
            expected = np.correlate(padded, kernel, mode="valid")
            np.testing.assert_allclose(kept[i], expected, atol=1e-9)


def test_components_have_variance_1_on_the_training_trials():
    X, y = make_trials()
    signals = quick().fit_transform(X, y)
    np.testing.assert_allclose(signals.var(axis=(0, 2)), 1, rtol=1e-6)


def test_components_are_what_the_network_sees_but_for_scale_and_sign():
    X, y = make_trials()
    clf = quick(init="glorot").fit(X, y)
    scaled = (X - clf.center_[:, np.newaxis]) / clf.scale_[:, np.newaxis]
    net, x = clf.module_, torch.from_numpy(scaled).float()[:, np.newaxis]
    with torch.no_grad():  # the convolutions alone, without what normalises between them
        left = (net.kernel_length - 1) // 2
        x = torch.nn.functional.pad(x, (left, net.kernel_length - 1 - left))
        weight = net.spatial.weight[..., 0].double().numpy()[:, 0]
        maps = torch.nn.functional.conv2d(x, net.temporal.weight).double().numpy()
    maps = np.einsum("kc,nkct->nkt", weight, np.repeat(maps, net.D, axis=1))
    for seen, component in zip(maps.swapaxes(0, 1), clf.transform(X).swapaxes(0, 1), strict=True):
        assert abs(np.corrcoef(seen.ravel(), component.ravel())[0, 1]) > 1 - 1e-6


def test_each_temporal_filter_has_gain_1_at_the_peak_of_its_frequency_pattern():
    clf = quick(init="glorot").fit(*make_trials(n_times=128))
    found = components(clf)
    peaks = found.peak_freqs / 128
    turns = np.exp(-2j * np.pi * np.outer(np.arange(clf.temporal_filters_.shape[1]), peaks))
    gains = np.abs(np.einsum("kl,lk->k", clf.temporal_filters_, turns))
    np.testing.assert_allclose(gains, 1, rtol=1e-6)


def test_components_are_features_of_a_pipeline_with_names():
    X, y = make_trials(80)
    features = make_pipeline(
        quick(max_epochs=20),
        FunctionTransformer(lambda signals: np.log(signals.var(axis=2))),
        LogisticRegression(),
    )
    assert cross_val_score(features, X, y, cv=2, error_score="raise").mean() > 0.8
    names = features[0].fit(X, y).get_feature_names_out()
    assert names.tolist() == [f"eegnetclassifier{i}" for i in range(16)]
    assert not hasattr(features[0], "set_output")


def test_a_network_without_single_spatial_filters_transforms_nothing():
    clf = quick(spatial="standard")
    assert not hasattr(clf, "transform")
    assert not hasattr(clf, "fit_transform")
    assert not hasattr(clf.fit(*make_trials()), "transform")


# -- weights of trials and classes -----------------------------------------------------------------


def test_weight_two_is_the_trial_twice():
    X, y = make_trials()
    weight = np.ones(len(X))
    weight[:10] = 2
    np.testing.assert_array_equal(
        weights_of(quick().fit(X, y, sample_weight=weight)),
        weights_of(quick().fit(np.r_[X, X[:10]], np.r_[y, y[:10]])),
    )


def test_weight_zero_is_no_trial():
    X, y = make_trials()
    weight = np.ones(len(X))
    weight[:10] = 0
    np.testing.assert_array_equal(
        weights_of(quick().fit(X, y, sample_weight=weight)), weights_of(quick().fit(X[10:], y[10:]))
    )


def test_loss_is_the_weighted_mean_of_the_trials_cross_entropies():
    X, y = make_trials(n_trials=4)
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    clf = quick(max_epochs=1, drop_prob=0.0, lr=1e-12).fit(X, y, sample_weight=weight)
    net = clf.module_.train()
    with torch.no_grad():
        scaled = (X - clf.center_[:, np.newaxis]) / clf.scale_[:, np.newaxis]
        logits = net(torch.from_numpy(scaled).float())
    losses = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy((y == "right_hand").astype(int)), reduction="none"
    )
    expected = np.average(losses.numpy(), weights=weight)
    assert clf.history_[0]["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_balanced_class_weight_is_inverse_frequency():
    X, y = make_trials(40)
    kept = np.r_[np.flatnonzero(y == "left_hand"), np.flatnonzero(y == "right_hand")[:5]]
    X, y = X[kept], y[kept]
    by_hand = np.where(y == "left_hand", 25 / (2 * 20), 25 / (2 * 5))
    np.testing.assert_allclose(
        weights_of(quick(class_weight="balanced").fit(X, y)),
        weights_of(quick().fit(X, y, sample_weight=by_hand)),
        atol=1e-6,
    )


def test_a_heavy_class_is_predicted_more_often():
    X, y = make_trials(60)
    y = np.random.default_rng(0).permutation(y)
    heavy = quick(max_epochs=20, class_weight={"left_hand": 50, "right_hand": 1}).fit(X, y)
    assert np.mean(heavy.predict(X) == "left_hand") > 0.9


# -- going on --------------------------------------------------------------------------------------


def test_partial_fit_learns_batch_after_batch():
    X, y = make_trials(80)
    clf = quick()
    for _ in range(60):
        clf.partial_fit(X[:40], y[:40]).partial_fit(X[40:], y[40:])
    assert clf.score(*make_trials(80, seed=1)) > 0.9
    assert clf.history_[-1]["epoch"] == 120


def test_partial_fit_thrice_is_three_epochs_of_fit():
    X, y = make_trials()
    clf = quick()
    for _ in range(3):
        clf.partial_fit(X, y)
    np.testing.assert_array_equal(weights_of(clf), weights_of(quick(max_epochs=3).fit(X, y)))


def test_partial_fit_takes_classes_that_come_later():
    X, y = make_trials()
    left = y == "left_hand"
    clf = quick().partial_fit(X[left], y[left], classes=["left_hand", "right_hand"])
    clf.partial_fit(X[~left], y[~left])
    assert clf.predict_proba(X).shape == (40, 2)


def test_partial_fit_refuses_a_label_outside_the_classes():
    X, y = make_trials()
    clf = quick().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"labels \['feet'\].*not among the classes"):
        clf.partial_fit(X, np.where(y == "left_hand", "feet", y))


def test_warm_start_goes_on_from_the_last_weights():
    X, y = make_trials()
    clf = quick(warm_start=True, lr=1e-9).fit(X, y)
    before = clf.module_.spatial.weight.detach().clone()
    clf.fit(X, y)
    torch.testing.assert_close(clf.module_.spatial.weight.detach(), before, atol=1e-6, rtol=0)


def test_warm_start_refuses_another_network():
    X, y = make_trials()
    clf = quick(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="have changed: F1"):
        clf.set_params(F1=3).fit(X, y)


def test_warm_start_and_partial_fit_take_a_new_learning_rate():
    X, y = make_trials()
    for go_on in (EEGNetClassifier.fit, EEGNetClassifier.partial_fit):
        clf = quick(warm_start=True).fit(X, y)
        before = clf.module_.spatial.weight.detach().clone()
        go_on(clf.set_params(lr=1e-9), X, y)
        torch.testing.assert_close(clf.module_.spatial.weight.detach(), before, atol=1e-6, rtol=0)


def test_warm_start_refuses_other_labels():
    X, y = make_trials()
    clf = quick(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="not among the classes"):
        clf.fit(X, np.where(y == "left_hand", "feet", "tongue"))


def test_warm_start_on_epochs_goes_by_channel_name():
    epochs, y = make_epochs()
    reversed_ = epochs.copy().reorder_channels(epochs.ch_names[::-1])
    straight = quick(warm_start=True).fit(epochs, y).fit(epochs, y)
    turned = quick(warm_start=True).fit(epochs, y).fit(reversed_, y)
    np.testing.assert_array_equal(weights_of(straight), weights_of(turned))


def test_a_fit_that_fails_leaves_the_classifier_as_it_was():
    X, y = make_trials()
    clf = quick().fit(X, y)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="one class"):
        clf.fit(X[:, :2], ["left_hand"] * len(X))
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_a_fit_that_diverges_leaves_nothing_fitted():
    X, y = make_trials()
    clf = quick(lr=1e30, max_epochs=1)
    with pytest.raises(FloatingPointError, match="diverged"):
        clf.fit(X, y)
    with pytest.raises(NotFittedError):
        clf.predict(X)


def test_partial_fit_takes_class_weights_of_classes_that_come_later():
    X, y = make_trials()
    left = y == "left_hand"
    clf = quick(class_weight={"left_hand": 1, "right_hand": 2})
    clf.partial_fit(X[left], y[left], classes=["left_hand", "right_hand"])
    assert clf.n_iter_ == 1


@pytest.mark.parametrize(
    ("params", "text"),
    [({"class_weight": "balanced"}, "balance each call"), ({"early_stopping": True}, "holds")],
)
def test_partial_fit_refuses_what_needs_all_trials(params, text):
    with pytest.raises(ValueError, match=text):
        quick(**params).partial_fit(*make_trials())


def test_partial_fit_on_one_trial_that_cannot_be_normalised_is_refused():
    X, y = make_trials(n_times=1)
    with pytest.raises(ValueError, match="single distinct trial"):
        quick().partial_fit(X[:1], y[:1], classes=["left_hand", "right_hand"])


@pytest.mark.parametrize("dtype", ["float32", "int16", ">f8"])
def test_other_number_types_train_and_predict(dtype):
    X, y = make_trials(scale=100.0)
    assert quick().fit(X.astype(dtype), y).predict_proba(X.astype(dtype)).shape == (40, 2)


def test_read_only_memory_maps_train_and_predict(tmp_path):
    X, y = make_trials()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        quick().fit(mapped, y).predict_proba(mapped), quick().fit(X, y).predict_proba(X)
    )


def test_pickled_classifier_goes_on_as_the_original():
    X, y = make_trials()
    clf = quick().partial_fit(X, y)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(
        weights_of(loaded.partial_fit(X, y)), weights_of(clf.partial_fit(X, y))
    )


# -- sizes -----------------------------------------------------------------------------------------


def test_five_trials():
    X, y = make_trials(5)
    assert quick().fit(X, y).predict(X).shape == (5,)


def test_one_trial_a_class():
    X, y = make_trials(2)
    assert quick().fit(X, y).predict_proba(X).shape == (2, 2)


@pytest.mark.parametrize("n_times", [1, 64])
def test_a_last_batch_of_one_neither_crashes_nor_is_dropped(n_times):
    X, y = make_trials(33, n_times=n_times)
    clf = quick(batch_size=32).fit(X, y)
    assert np.isfinite(clf.history_[-1]["train_loss"])


def test_batch_size_larger_than_the_training_set_trains():
    X, y = make_trials(80)
    clf = quick(max_epochs=80, batch_size=1000).fit(X, y)
    assert clf.score(*make_trials(80, seed=1)) > 0.9


def test_kernel_of_half_a_second_unless_told():
    X, y = make_trials(n_times=128)
    assert quick(sfreq=100, max_epochs=1).fit(X, y).module_.kernel_length == 50
    assert quick(sfreq=None, max_epochs=1).fit(X, y).module_.kernel_length == 64


def test_kernel_length_in_seconds():
    X, y = make_trials(n_times=128)
    clf = quick(sfreq=100, kernel_length=0.25, max_epochs=1).fit(X, y)
    assert clf.module_.kernel_length == 25


def test_kernel_longer_than_the_window_shrinks_and_says_so():
    X, y = make_trials(n_times=20)
    with pytest.warns(UserWarning, match=r"kernel_length: 64 samples.*the 20 that"):
        clf = quick(kernel_length=64).fit(X, y)
    assert clf.module_.kernel_length == 20


def test_kernel_length_in_seconds_needs_a_sampling_rate():
    X, y = make_trials()
    with pytest.raises(ValueError, match="needs a sampling rate"):
        quick(sfreq=None, kernel_length=0.5).fit(X, y)


# -- Epochs ----------------------------------------------------------------------------------------


def test_epochs_give_the_same_network_as_their_array_and_keep_info():
    epochs, y = make_epochs()
    clf = quick(sfreq=None).fit(epochs, y)
    array = quick().fit(epochs.get_data(), y)
    np.testing.assert_array_equal(weights_of(clf), weights_of(array))
    np.testing.assert_array_equal(clf.predict(epochs), array.predict(epochs.get_data()))
    assert clf.info_.ch_names == epochs.ch_names
    assert clf.info_["sfreq"] == 128
    assert clf.info_.get_montage() is not None


def test_epochs_are_cross_validated_as_their_array():
    epochs, y = make_epochs()
    scores = cross_val_score(quick(sfreq=None), epochs, y, cv=2, error_score="raise")
    np.testing.assert_array_equal(scores, cross_val_score(quick(), epochs.get_data(), y, cv=2))


def test_epochs_decode_by_channel_name_in_any_order():
    epochs, y = make_epochs()
    clf = quick().fit(epochs, y)
    shuffled = epochs.copy().reorder_channels(epochs.ch_names[::-1])
    np.testing.assert_array_equal(clf.predict_proba(shuffled), clf.predict_proba(epochs))


def test_channels_that_are_no_good_eeg_are_left_out_with_a_word():
    epochs, y = make_epochs()
    plain = quick().fit(epochs, y)
    extended = epochs.copy().add_channels(
        [epochs.copy().pick(["Oz"]).rename_channels({"Oz": "X1"})]
    )
    extended.set_channel_types({"X1": "stim"}, on_unit_change="ignore")
    with pytest.warns(UserWarning, match=r"leaves out: X1 \(stim\)"):
        clf = quick().fit(extended, y)
    np.testing.assert_array_equal(weights_of(clf), weights_of(plain))


def test_a_bad_channel_is_left_out_with_a_word():
    epochs, y = make_epochs()
    epochs.info["bads"] = ["Pz"]
    with pytest.warns(UserWarning, match=r"leaves out: Pz \(bad\)"):
        clf = quick().fit(epochs, y)
    assert "Pz" not in clf.info_.ch_names


def test_epochs_that_lack_a_channel_are_refused():
    epochs, y = make_epochs()
    clf = quick().fit(epochs, y)
    with pytest.raises(ValueError, match="lack: Cz"):
        clf.predict(epochs.copy().drop_channels(["Cz"]))


def test_epochs_of_another_sampling_rate_are_refused():
    clf = quick().fit(*make_epochs())
    other, _ = make_epochs(sfreq=256)
    with pytest.raises(ValueError, match=r"sampling rate of 256 Hz.*fitted at 128 Hz"):
        clf.predict(other)


def test_a_channel_that_is_bad_at_predict_is_refused():
    epochs, y = make_epochs()
    clf = quick().fit(epochs, y)
    epochs.info["bads"] = ["Pz"]
    with pytest.raises(ValueError, match="bad or no EEG in these Epochs: Pz"):
        clf.predict(epochs)


def test_epochs_of_another_rate_than_sfreq_are_refused_at_predict():
    epochs, y = make_epochs()
    clf = quick(sfreq=100).fit(epochs.get_data(), y)
    with pytest.raises(ValueError, match=r"128 Hz.*fitted at 100 Hz"):
        clf.predict(epochs)


def test_epochs_without_eeg_are_refused():
    epochs, y = make_epochs()
    epochs.set_channel_types(dict.fromkeys(epochs.ch_names, "misc"), on_unit_change="ignore")
    with pytest.raises(ValueError, match=r"no EEG channel.*6 of type misc.*get_data"):
        quick().fit(epochs, y)


def test_a_recording_that_is_not_cut_into_trials_is_refused():
    epochs, y = make_epochs()
    raw = mne.io.RawArray(epochs.get_data()[0], epochs.info, verbose="error")
    with pytest.raises(TypeError, match=r"X is a RawArray.*mne\.Epochs"):
        quick().fit(raw, y)


def test_sfreq_that_contradicts_the_epochs_is_refused():
    with pytest.raises(ValueError, match="sfreq=100 Hz, but the Epochs have 128 Hz"):
        quick(sfreq=100).fit(*make_epochs())


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("when", ["fit", "predict"])
def test_nan_and_infinity_are_refused(value, when):
    X, y = make_trials()
    clf = quick().fit(X, y)
    X[3, 2, 1] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        clf.fit(X, y) if when == "fit" else clf.predict(X)


def test_a_flat_channel_is_named_and_training_goes_on():
    X, y = make_trials()
    X[:, 4] = 2e-6
    with pytest.warns(UserWarning, match=r"Flat channel.*: 4"):
        clf = quick().fit(X, y)
    assert np.isfinite(weights_of(clf)).all()


def test_a_flat_channel_of_epochs_is_called_by_its_name():
    epochs, y = make_epochs()
    epochs.apply_function(lambda x: 0 * x, picks=["Cz"])
    with pytest.warns(UserWarning, match=r"Flat channel.*: Cz"):
        quick().fit(epochs, y)


def test_another_number_of_channels_is_refused():
    X, y = make_trials()
    clf = quick().fit(X, y)
    with pytest.raises(ValueError, match="X has 5 features, but EEGNetClassifier is expecting 6"):
        clf.predict(X[:, :5])


def test_another_window_is_refused():
    X, y = make_trials()
    clf = quick().fit(X, y)
    with pytest.raises(ValueError, match=r"X has 60 time samples.*windows of 64"):
        clf.predict(X[:, :, :60])


def test_one_class_is_refused():
    X, _ = make_trials()
    with pytest.raises(ValueError, match=r"at least 2 classes.*one class: 'left_hand'"):
        quick().fit(X, ["left_hand"] * len(X))


def test_a_fold_without_a_weighted_class_is_refused():
    X, y = make_trials()
    clf = quick(class_weight={"left_hand": 1, "right_hand": 1, "feet": 2})
    with pytest.raises(ValueError, match=r"class_weight names labels \['feet'\] that no training"):
        clf.fit(X, y)


def test_a_fold_with_one_class_left_is_refused():
    X, y = make_trials()
    with pytest.raises(ValueError, match="one class"):
        cross_val_score(quick(), X, y, groups=y, cv=LeaveOneGroupOut(), error_score="raise")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_label_is_refused(missing):
    X, y = make_trials()
    y = y.astype(object)
    y[0] = missing
    with pytest.raises(ValueError, match="NaN or None"):
        quick().fit(X, y)


def test_trials_of_different_length_are_refused():
    X, y = make_trials()
    ragged = np.empty(len(X), dtype=object)
    ragged[:] = [trial[:, : 60 + i % 2] for i, trial in enumerate(X)]
    with pytest.raises(ValueError, match="differ in length or channels"):
        quick().fit(ragged, y)


def test_objects_that_are_no_numbers_are_refused():
    X, y = make_trials()
    X = X.astype(object)
    X[0, 0, 0] = {}
    with pytest.raises(TypeError, match="must be a string or a real number"):
        quick().fit(X, y)


def test_four_dimensions_are_refused():
    X, y = make_trials()
    with pytest.raises(ValueError, match=r"\(n_trials, n_chans, n_times\).*got 4 dimensions"):
        quick().fit(X[..., np.newaxis], y)


@pytest.mark.parametrize("shape", [(0, 6, 64), (4, 0, 64), (4, 6, 0)])
def test_empty_input_is_refused(shape):
    with pytest.raises(ValueError, match=r"0 (sample|feature)"):
        quick().fit(np.empty(shape), ["a", "b"] * (shape[0] // 2))


def test_labels_of_another_number_than_trials_are_refused():
    X, y = make_trials()
    with pytest.raises(ValueError, match="X has 40 trials but y has 39 labels"):
        quick().fit(X, y[1:])


def test_negative_weights_are_refused():
    X, y = make_trials()
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        quick().fit(X, y, sample_weight=-np.ones(len(X)))


@pytest.mark.parametrize("device", ["meta", "gpu0", "cuda:99"])
def test_an_unknown_device_is_refused(device):
    with pytest.raises(ValueError, match=f"device='{device}' cannot be used here.*\"cpu\""):
        quick(device=device).fit(*make_trials())


def test_early_stopping_on_too_few_trials_is_refused():
    with pytest.raises(ValueError, match="early_stopping has to hold out"):
        quick(early_stopping=True).fit(*make_trials(3))


@pytest.mark.parametrize(
    "wrong", [{"F1": 0}, {"max_epochs": 1.5}, {"drop_prob": 1.0}, {"spatial": "joined"}]
)
def test_a_wrong_parameter_is_named(wrong):
    with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' parameter"):
        quick(**wrong).fit(*make_trials())


def test_a_diverging_fit_is_an_error():
    with pytest.raises(FloatingPointError, match="smaller lr"):
        quick(lr=1e30, max_epochs=50).fit(*make_trials())


NO_BOOLS = set(EEGNetClassifier().get_params()) - {"early_stopping", "warm_start", "verbose"}


@pytest.mark.parametrize("name", sorted(NO_BOOLS))
@pytest.mark.parametrize("value", [True, np.False_])
def test_a_bool_is_no_number(name, value):
    with pytest.raises(ValueError, match=name):
        quick(**{name: value}).fit(*make_trials())


@pytest.mark.parametrize("batch_size", [2**63, 10**30])
def test_a_batch_larger_than_anything_is_all_trials(batch_size):
    X, y = make_trials()
    whole = quick(batch_size=len(X)).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(quick(batch_size=batch_size).fit(X, y).predict_proba(X), whole)


@pytest.mark.parametrize("name", ["F1", "D", "F2"])
@pytest.mark.parametrize("value", [10**6, 10**30, 10**400])
def test_a_network_that_no_memory_holds_is_refused(name, value):
    with pytest.raises(ValueError, match=r"would have more than .* parameters"):
        quick(**{name: value * 100}).fit(*make_trials())


def test_digits_of_other_scripts_or_without_end_are_no_groups():
    for text in ("grouped:\u0662", "grouped:" + "9" * 5000):
        with pytest.raises(ValueError, match="spatial must be one of"):
            quick(spatial=text).fit(*make_trials())
