"""What is taken for trials, and in which words everything else is refused."""

import sys
from collections import Counter

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from skorch.helper import SliceDataset
from torch.utils.data import TensorDataset

from eegsep import EEGNetClassifier
from tests.conftest import make_epochs, make_trials, warnings_of


def quick(**settings):
    return EEGNetClassifier(**{"F1": 2, "max_epochs": 1, "random_state": 0, **settings})


@pytest.fixture(scope="module")
def fitted():
    X, y = make_trials()
    return quick().fit(X, y), X, y


@pytest.fixture(scope="module")
def fitted_on_epochs():
    epochs, y = make_epochs()
    return quick().fit(epochs, y), epochs, y


# -- what holds trials -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "as_other",
    [
        lambda X, y: X.tolist(),
        lambda X, y: torch.from_numpy(X),
        lambda X, y: torch.from_numpy(X).requires_grad_(),
        lambda X, y: list(torch.from_numpy(X)),
        lambda X, y: list(X),
        lambda X, y: TensorDataset(torch.from_numpy(X), torch.arange(len(X))),
        lambda X, y: SliceDataset(TensorDataset(torch.from_numpy(X), torch.arange(len(X))), idx=0),
        lambda X, y: np.ma.array(X, mask=False),
    ],
    ids=[
        "nested lists",
        "tensor",
        "tensor with gradients",
        "list of tensors",
        "list of arrays",
        "torch's data set",
        "skorch's slice",
        "masked array without masked values",
    ],
)
def test_whatever_holds_trials_gives_the_predictions_of_their_array(fitted, as_other):
    clf, X, y = fitted
    other = as_other(X, y)
    expected = clf.predict_proba(X)
    np.testing.assert_array_equal(clf.predict_proba(other), expected)
    np.testing.assert_array_equal(quick().fit(other, y).predict_proba(X), expected)


def test_windows_of_braindecode_are_trials():
    from braindecode.datasets import create_from_X_y

    X, y = make_trials()
    windows = create_from_X_y(X, np.arange(40) % 2, drop_last_window=False, sfreq=128)
    clf = quick().fit(windows, y)
    assert clf.n_features_in_ == X.shape[1]
    np.testing.assert_allclose(clf.predict_proba(windows), clf.predict_proba(X), atol=1e-5)


def test_a_table_is_channels_of_one_sample():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=list("abc"))
    clf = quick().fit(X, np.arange(40) % 2)
    assert (clf.n_features_in_, clf.n_times_in_) == (3, 1)


# -- what does not ---------------------------------------------------------------------------------


def uneven(X):
    listed = [x[:, : 50 + i % 3] for i, x in enumerate(X)]
    objects = np.empty(len(listed), dtype=object)
    objects[:] = listed
    return listed, objects


NO_TRIALS = {
    "Keras's last axis": lambda X: X[..., np.newaxis],
    "torch's second axis": lambda X: X[:, np.newaxis],
    "nested lists of four dimensions": lambda X: X[..., np.newaxis].tolist(),
    "filter bank": lambda X: np.stack([X, X], axis=1),
    "covariances": lambda X: X @ X.transpose(0, 2, 1),
    "flattened": lambda X: X.reshape(40, -1),
    "uneven": lambda X: uneven(X)[0],
    "object array of uneven": lambda X: uneven(X)[1],
    "words": lambda X: np.full((40, 2, 8), "a"),
    "complex": lambda X: X + 1j,
    "no trials": lambda X: X[:0],
    "no samples": lambda X: X[:, :, :0],
    "a number": lambda X: 3.0,
    "nothing": lambda X: None,
    "a text": lambda X: "trials.fif",
    "a dict": lambda X: {"data": X},
}


@pytest.mark.parametrize(
    ("how", "error", "text"),
    [
        ("Keras's last axis", ValueError, r"axis of length 1: X\.squeeze\(3\)"),
        ("torch's second axis", ValueError, r"axis of length 1: X\.squeeze\(1\)"),
        ("nested lists of four dimensions", ValueError, r"X\.squeeze\(3\)"),
        ("filter bank", ValueError, "filter bank"),
        ("covariances", ValueError, "symmetric matrices, such as covariances"),
        ("flattened", ValueError, r"384 channels of one time sample.*Vectorizer"),
        ("uneven", ValueError, "differ in length or channels"),
        ("object array of uneven", ValueError, "differ in length or channels"),
        ("words", ValueError, "text|numeric|strings|convert|real numbers"),
        ("complex", ValueError, "[Cc]omplex"),
        ("no trials", ValueError, "0 sample"),
        ("no samples", ValueError, r"0 sample\(s\) in time"),
        ("a number", ValueError, "[Ss]calar|dimension"),
        ("nothing", ValueError, "None|scalar"),
        ("a text", (TypeError, ValueError), "str|scalar|text|dimension"),
        ("a dict", (TypeError, ValueError), "dict|number|dimension"),
    ],
)
def test_what_is_no_trials_is_refused_in_plain_words(how, error, text):
    with pytest.raises(error, match=text):
        quick().fit(NO_TRIALS[how](make_trials()[0]), np.arange(40) % 2)


def test_channels_last_is_told_at_fit_and_refused_at_predict(fitted):
    clf, X, y = fitted
    last = X.transpose(0, 2, 1)
    assert any("channels are last" in text for text in warnings_of(lambda: quick().fit(last, y)))
    with pytest.raises(ValueError, match=r"channels last.*X\.transpose\(0, 2, 1\)"):
        clf.predict(last)


def test_a_single_window_is_refused_with_the_axis_to_add(fitted):
    clf, X, _ = fitted
    with pytest.raises(ValueError, match=r"single window.*X\[np\.newaxis\]"):
        clf.predict(X[0])


def test_flattened_trials_are_refused_at_predict(fitted):
    clf, X, _ = fitted
    with pytest.raises(ValueError, match="flattened"):
        clf.predict(X.reshape(len(X), -1))


@pytest.mark.parametrize("which", ["X", "y", "sample_weight"])
def test_masked_values_are_refused(which):
    X, _ = make_trials()
    given = {"X": X, "y": np.arange(40) % 2, "sample_weight": np.ones(40)}
    given[which] = np.ma.masked_greater(given[which], np.median(given[which]) - 1e-9)
    with pytest.raises(ValueError, match=f"{which} as a masked array"):
        quick().fit(**given)


def test_masked_values_are_refused_at_predict(fitted):
    clf, X, _ = fitted
    with pytest.raises(ValueError, match="masked array"):
        clf.predict(np.ma.masked_greater(X, 0))


OF_MNE = {
    "Raw": lambda epochs: mne.io.RawArray(epochs.get_data()[0], epochs.info, verbose="error"),
    "Evoked": lambda epochs: epochs.average(),
    "list of Evokeds": lambda epochs: [epochs.average()] * 40,
    "EpochsTFR": lambda epochs: epochs.compute_tfr("morlet", [10.0], n_cycles=1, verbose="error"),
    "EpochsSpectrum": lambda epochs: epochs.compute_psd(verbose="error"),
    "Info": lambda epochs: epochs.info,
}


@pytest.mark.parametrize("kind", OF_MNE)
def test_other_objects_of_mne_are_refused_with_what_to_pass(kind):
    with pytest.raises(TypeError, match=r"decodes trials, but X is a .*Epochs"):
        quick().fit(OF_MNE[kind](make_epochs()[0]), np.arange(40) % 2)


# -- Epochs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csd", "seeg", "ecog", "dbs", "mag", "grad", "hbo"])
def test_epochs_of_one_other_kind_are_decoded(kind):
    X, y = make_trials()
    info = mne.create_info(6, 128.0, kind)
    clf = quick().fit(mne.EpochsArray(X, info, verbose="error"), y)
    np.testing.assert_array_equal(
        clf.predict_proba(mne.EpochsArray(X, info, verbose="error")),
        quick(sfreq=128).fit(X, y).predict_proba(X),
    )


def test_epochs_of_several_kinds_without_eeg_are_refused_with_how_to_pick():
    X, y = make_trials()
    info = mne.create_info(6, 128.0, ["mag"] * 3 + ["grad"] * 3)
    with pytest.raises(ValueError, match=r"3 of type mag, 3 of type grad.*pick\('mag'\)"):
        quick().fit(mne.EpochsArray(X, info, verbose="error"), y)


def test_epochs_whose_channels_are_all_bad_are_refused():
    epochs, y = make_epochs()
    epochs.info["bads"] = epochs.ch_names
    with pytest.raises(ValueError, match="all eeg channels are marked bad"):
        quick().fit(epochs, y)


def test_lists_of_epochs_are_read_by_channel_name(fitted_on_epochs):
    clf, epochs, _ = fitted_on_epochs
    turned = epochs.copy().reorder_channels(epochs.ch_names[::-1])
    listed = [turned[i] if i % 2 else epochs[i] for i in range(len(epochs))]
    np.testing.assert_array_equal(clf.predict_proba(listed), clf.predict_proba(epochs))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda e: e.drop_channels(["Cz"]), r"number 3 has other channels \(Cz\)"),
        (lambda e: e.info["bads"].append("Pz"), r"other bad channels \(Pz\)"),
        (lambda e: e.crop(0.1, None), "another window"),
        (lambda e: e.shift_time(1.0), "another window"),
        (lambda e: e.resample(64, verbose="error"), "sampling rate of 64 Hz"),
    ],
)
def test_lists_of_epochs_that_do_not_belong_together_are_refused(fitted_on_epochs, change, text):
    _, epochs, y = fitted_on_epochs
    listed = [epochs[i].copy() for i in range(len(epochs))]
    change(listed[3])
    with pytest.raises(ValueError, match=text):
        quick().fit(listed, y)


def test_a_list_of_epochs_takes_calls_in_proportion_to_its_length():
    """MNE's concatenation of single trials takes the square of their number, dropped ones too."""
    clf, calls = quick(), []
    for n in (100, 400):
        X = np.random.default_rng(0).normal(size=(n, 4, 64))
        epochs = mne.EpochsArray(X, mne.create_info(4, 128.0, "eeg"), verbose="error")
        clf.fit(epochs[:20], np.arange(20) % 2)
        listed, counts = [epochs[i] for i in range(n)], Counter()
        sys.setprofile(lambda frame, event, arg, counts=counts: counts.update([event]))
        clf.predict(listed)
        sys.setprofile(None)
        calls.append(counts.total())
    assert calls[1] < 4.2 * calls[0]


def test_projectors_that_are_not_applied_are_told_at_fit():
    epochs, y = make_epochs()
    epochs.set_eeg_reference("average", projection=True, verbose="error")
    said = warnings_of(lambda: quick().fit(epochs, y))
    assert any("projectors that are not applied (Average EEG reference)" in text for text in said)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda e: e.set_eeg_reference("average", verbose="error"), "reference set anew"),
        (
            lambda e: e.set_eeg_reference("average", projection=True, verbose="error").apply_proj(
                verbose="error"
            ),
            "projectors Average EEG reference",
        ),
        (lambda e: e.shift_time(-3), "window from -3 s on"),
        (lambda e: e.apply_baseline((0, 0.1), verbose="error"), "baseline 0 s to 0.1 s"),
        (lambda e: e.filter(None, 40, verbose="error"), "filter 0 to 40 Hz"),
    ],
    ids=["reference", "projectors", "window", "baseline", "filter"],
)
def test_epochs_made_otherwise_than_in_the_fit_are_told_at_predict(fitted_on_epochs, change, text):
    clf, epochs, _ = fitted_on_epochs
    other = change(epochs.copy())
    said = warnings_of(lambda: clf.predict(other))
    assert any(text in message and "in the fit" in message for message in said)


def test_epochs_made_alike_get_no_warning(fitted_on_epochs):
    clf, epochs, y = fitted_on_epochs
    assert not warnings_of(lambda: clf.predict(epochs))
    assert not warnings_of(lambda: quick().fit(epochs, y))


# -- lengths in time -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sfreq", "lengths"),
    [
        (128, (64, 4, 16, 8)),  # the paper's
        (None, (64, 4, 16, 8)),
        (256, (128, 8, 16, 8)),
        (512, (256, 16, 16, 8)),
        (160, (80, 5, 16, 8)),
        (250, (125, 8, 16, 8)),
        (64, (32, 2, 16, 8)),
    ],
)
def test_lengths_are_the_papers_in_seconds_at_every_sampling_rate(sfreq, lengths):
    X, y = make_trials(8, n_times=2 * (sfreq or 128))
    net = quick(sfreq=sfreq).fit(X, y).module_
    assert (net.kernel_length, net.pool1, net.separable_kernel_length, net.pool2) == lengths


def test_lengths_may_be_given_in_seconds_or_samples():
    X, y = make_trials(8, n_times=512)
    clf = quick(sfreq=256, pool1=0.0625, separable_kernel_length=0.25, pool2=5).fit(X, y)
    net = clf.module_
    # 16 samples a pooling leave 16 Hz
    assert (net.pool1, net.separable_kernel_length, net.pool2) == (16, 4, 5)


def test_a_length_that_shrinks_to_the_window_is_told():
    X, y = make_trials(8, n_times=40)
    said = warnings_of(lambda: quick().fit(X, y))
    assert any(text.startswith("kernel_length: 64 samples are more than the 40") for text in said)


@pytest.mark.parametrize("name", ["pool1", "pool2", "separable_kernel_length"])
def test_lengths_in_seconds_need_a_sampling_rate(name):
    with pytest.raises(ValueError, match=f"{name}=0.5 is a float, hence in seconds"):
        quick(**{name: 0.5}).fit(*make_trials(8))


def test_the_score_does_not_hang_on_the_sampling_rate():
    """The same recording at 128 and 512 Hz: at 512 Hz poolings of 4 and 8 samples scored .55."""
    from sklearn.model_selection import cross_val_score

    scores = []
    for sfreq in (128, 512):
        X, y = make_trials(60, n_times=2 * sfreq, sfreq=sfreq)
        noise = np.random.default_rng(3).normal(scale=1e-5, size=X.shape)
        clf = EEGNetClassifier(sfreq=sfreq, max_epochs=20, lr=0.01, random_state=0)
        scores.append(cross_val_score(clf, X + noise, y, cv=3, scoring="roc_auc").mean())
    assert min(scores) > 0.9


# -- further kinds of holders, labels and groups ---------------------------------------------------


@pytest.mark.parametrize(
    "as_other",
    [lambda X: pd.Series(list(X)), lambda X: np.array([None, *X], dtype=object)[1:]],
    ids=["pandas column of trials", "object array of trials"],
)
def test_columns_of_trials_are_stacked(fitted, as_other):
    clf, X, _ = fitted
    np.testing.assert_array_equal(clf.predict_proba(as_other(X)), clf.predict_proba(X))


def test_tensors_of_sixteen_bits_are_trials(fitted):
    clf, X, _ = fitted
    tensor = torch.from_numpy(X).bfloat16()
    np.testing.assert_array_equal(
        clf.predict_proba(tensor), clf.predict_proba(tensor.float().numpy())
    )


@pytest.mark.parametrize(
    "as_other",
    [
        lambda X: torch.empty(X.shape, device="meta"),
        lambda X: torch.from_numpy(X).to_sparse(),
        lambda X: [np.ma.array(x, mask=x > 0) for x in X],
        lambda X: X.astype(np.longdouble) * np.longdouble("1e400"),
    ],
    ids=["meta tensor", "sparse tensor", "list of masked arrays", "beyond float64"],
)
def test_trials_whose_values_cannot_be_taken_are_refused(fitted, as_other):
    clf, X, _ = fitted
    with pytest.raises(ValueError, match=r"values|infinity"):
        clf.predict(as_other(X))


@pytest.mark.parametrize("as_other", [iter, set, lambda X: dict(enumerate(X)).values()])
def test_what_cannot_be_indexed_is_no_trials(fitted, as_other):
    with pytest.raises(TypeError, match="array"):
        fitted[0].predict(as_other(fitted[1].tolist() if as_other is iter else [1, 2]))


@pytest.mark.parametrize("as_other", [list, lambda y: np.array(y, dtype=object)])
def test_words_among_numbers_are_not_made_words(as_other):
    X, _ = make_trials()
    with pytest.raises(ValueError, match="several types, int, str"):
        quick().fit(X, as_other(["a", 1] * 20))


def test_labels_keep_the_type_that_pandas_gives_them():
    X, y = make_trials()[0], np.arange(40) % 2
    assert quick().fit(X, pd.Series(y, dtype="Int64")).classes_.dtype == np.int64
    assert quick().fit(X, pd.Series(y == 1, dtype="boolean")).classes_.dtype == bool


def test_tensors_with_gradients_are_labels_and_weights():
    X, y = make_trials()[0], np.arange(40) % 2
    weight = torch.ones(len(y), requires_grad=True)
    clf = quick().fit(X, torch.tensor(y * 1.0, requires_grad=True), sample_weight=weight)
    np.testing.assert_array_equal(clf.predict_proba(X), quick().fit(X, y).predict_proba(X))


def test_groups_of_two_columns_are_refused_by_their_name():
    X, y = make_trials()
    with pytest.raises(ValueError, match=r"groups must be one for each"):
        quick(early_stopping=True).fit(X, y, groups=[("S1", i) for i in range(len(y))])


def test_weights_whose_sum_overflows_are_refused():
    X, y = make_trials()
    with pytest.raises(ValueError, match="too large"):
        quick().fit(X, y, sample_weight=np.full(len(y), 1e308))


@pytest.mark.parametrize("class_weight", [{0: 0}, {0: "a", 1: 1}])
def test_class_weights_that_leave_one_class_are_refused(class_weight):
    X, y = make_trials()[0], np.arange(40) % 2
    with pytest.raises(ValueError, match="class_weight must be"):
        quick(class_weight=class_weight).fit(X, y)


def test_a_batch_size_of_numpys_is_a_number():
    X, y = make_trials()
    np.testing.assert_array_equal(
        quick(batch_size=np.int64(8)).fit(X, y).predict_proba(X),
        quick(batch_size=8).fit(X, y).predict_proba(X),
    )


def test_a_sampling_rate_in_kilohertz_is_told():
    X, y = make_trials()
    told = warnings_of(lambda: quick(sfreq=0.128).fit(X, y))
    assert any("kernel_length" in text and "in Hz" in text for text in told)


def test_a_list_of_epochs_made_differently_is_told(fitted_on_epochs):
    clf, epochs, _ = fitted_on_epochs
    other = epochs.copy().set_eeg_reference("average", projection=False)
    for action in (clf.predict, lambda listed: quick().fit(listed, np.arange(20) % 2)):
        told = warnings_of(lambda action=action: action([epochs[:10], other[10:20]]))
        assert any("reference as recorded or set anew" in text for text in told)
    assert warnings_of(lambda: clf.predict([epochs[0], epochs[1]])) == []
