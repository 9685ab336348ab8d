"""Whole recordings are prepared as those of the fit were, and decoded as Epochs made by hand."""

import mne
import numpy as np
import pytest

from eegsep import EEGNetClassifier
from eegsep._utils.errors import RequestError
from eegsep.datasets import Recordings
from eegsep.datasets.study_folders.named_files import study_of_files
from eegsep.deployment import Preparation, predict_recording
from eegsep.studies.fit import fit
from tests.datasets import study_files as files

NAMES = ["C3", "Cz", "C4"]


def make_raw(sfreq=100.0, names=NAMES, seconds=60, seed=0):
    """Noise with a rhythm at C3 or C4 after markers, which come every three seconds."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * sfreq)) / sfreq
    X = 1e-5 * rng.normal(size=(len(names), len(times)))
    onsets = np.arange(1.0, seconds - 3, 3.0)
    labels = ["left", "right"] * (len(onsets) // 2 + 1)
    for onset, label in zip(onsets, labels, strict=False):
        during = (times >= onset) & (times < onset + 2)
        X[names.index("C4" if label == "left" else "C3"), during] += 2e-5 * np.sin(
            2 * np.pi * 10 * times[during]
        )
    raw = mne.io.RawArray(X, mne.create_info(names, sfreq, "eeg"), verbose="error")
    return raw.set_annotations(mne.Annotations(onsets, 0.0, labels[: len(onsets)]))


PREPARATION = Preparation(
    NAMES, 100.0, 64.0, 0.25, 1.75, 97, fmin=5.0, fmax=20.0, eeg_reference=NAMES
)


def by_hand(raw):
    """The same in plain MNE."""
    raw = raw.copy().set_eeg_reference(NAMES, verbose="error")
    raw.filter(5.0, 20.0, method="iir", verbose="error")
    events, codes = mne.events_from_annotations(raw, verbose="error")
    epochs = mne.Epochs(
        raw, events, codes, 0.25, 1.75, baseline=None, proj=False, preload=True, verbose="error"
    )
    epochs.resample(64.0, verbose="error")
    labels = np.array(sorted(codes, key=codes.get))[epochs.events[:, 2] - 1]
    return epochs, labels


@pytest.fixture(scope="module")
def fitted():
    return EEGNetClassifier(random_state=0).fit(*by_hand(make_raw()))


def onsets_of(raw):
    return raw.annotations.onset


def probabilities(predictions):
    return predictions[["p_left", "p_right"]].to_numpy()


def test_windows_at_markers_are_decoded_as_epochs_made_by_hand(fitted):
    raw = make_raw(seed=1)
    epochs, labels = by_hand(raw)
    predictions = predict_recording(fitted, raw, PREPARATION, onsets=onsets_of(raw))
    np.testing.assert_array_equal(probabilities(predictions), fitted.predict_proba(epochs))
    np.testing.assert_array_equal(predictions["decision"], fitted.predict(epochs))
    np.testing.assert_allclose(predictions["start"], onsets_of(raw) + 0.25)
    np.testing.assert_allclose(predictions["stop"], onsets_of(raw) + 1.76)
    assert (predictions["decision"] == labels).mean() > 0.9


def test_sliding_windows_are_those_of_mne_s_fixed_length_events(fitted):
    raw = make_raw(seed=1, seconds=20)
    prepared = raw.copy().set_eeg_reference(NAMES, verbose="error")
    prepared.filter(5.0, 20.0, method="iir", verbose="error").set_annotations(None)
    events = mne.make_fixed_length_events(prepared, duration=0.5, overlap=0.0)
    epochs = mne.Epochs(
        prepared, events, tmin=0, tmax=1.5, baseline=None, preload=True, verbose="error"
    )
    epochs.resample(64.0, verbose="error")
    predictions = predict_recording(fitted, raw, PREPARATION, step=0.5)
    expected = fitted.predict_proba(epochs.get_data())
    np.testing.assert_allclose(probabilities(predictions), expected, atol=1e-6)
    np.testing.assert_allclose(predictions["time"], np.arange(len(epochs)) / 2)
    assert predictions["stop"].max() <= 20.0


def test_the_last_window_that_fits_is_decoded(fitted):
    raw = make_raw(seconds=4)
    raw.crop(tmax=1.5, include_tmax=True)  # exactly a window
    assert len(predict_recording(fitted, raw, PREPARATION, step=0.1)) == 1
    raw = make_raw(seconds=4).crop(tmax=1.49)
    with pytest.raises(RequestError, match="which is less than a window"):
        predict_recording(fitted, raw, PREPARATION, step=0.1)


def test_batches_change_nothing(fitted, monkeypatch):
    raw = make_raw(seed=1, seconds=20)
    whole = predict_recording(fitted, raw, PREPARATION, step=0.2)
    monkeypatch.setattr("eegsep.deployment.recording._AT_ONCE", 2000)
    np.testing.assert_array_equal(
        probabilities(predict_recording(fitted, raw, PREPARATION, step=0.2)), probabilities(whole)
    )


def test_channels_are_found_by_name_in_any_order_and_case(fitted):
    raw = make_raw(seed=1)
    expected = predict_recording(fitted, raw, PREPARATION, onsets=onsets_of(raw))
    other = raw.copy().rename_channels({"C3": "c3.", "Cz": "CZ"})
    extra = mne.io.RawArray(
        1e-5 * np.random.default_rng(0).normal(size=(1, raw.n_times)),
        mne.create_info(["Oz"], 100.0, "eeg"),
        verbose="error",
    )
    other.add_channels([extra], force_update_info=True).reorder_channels(["C4", "Oz", "CZ", "c3."])
    predictions = predict_recording(fitted, other, PREPARATION, onsets=onsets_of(raw))
    np.testing.assert_array_equal(probabilities(predictions), probabilities(expected))
    assert other.ch_names == ["C4", "Oz", "CZ", "c3."]


def test_a_recording_at_another_rate_is_resampled(fitted):
    raw = make_raw(seed=1)
    expected = predict_recording(fitted, raw, PREPARATION, onsets=onsets_of(raw))
    faster = raw.copy().resample(250.0, verbose="error")
    predictions = predict_recording(fitted, faster, PREPARATION, onsets=onsets_of(raw))
    # of the same band: apart from the ends, resampling loses nothing
    np.testing.assert_allclose(
        probabilities(predictions)[1:-1], probabilities(expected)[1:-1], atol=0.01
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw.drop_channels(["C4"]), "lacks C4, which the model was fitted with"),
        (lambda raw: raw.info["bads"].append("Cz"), "marked bad that the model needs: Cz"),
        (lambda raw: raw.set_channel_types({"Cz": "eog"}), r"another type .*\(eeg\): Cz \(eog\)"),
        (lambda raw: raw.apply_function(lambda x: 1e6 * x), "another unit"),
        (lambda raw: raw.apply_function(lambda x: x * np.nan, picks=["C3"]), "not finite in C3"),
        (lambda raw: raw.apply_function(lambda x: 0 * x), "every channel is flat"),
    ],
)
def test_a_recording_that_does_not_go_with_the_model_is_refused(fitted, change, message):
    raw = make_raw(seconds=10)
    change(raw)
    preparation = Preparation(**{**PREPARATION.to_dict(), "amplitude": 1e-5})
    with pytest.raises(RequestError, match=message):
        predict_recording(fitted, raw, preparation, step=1.0)


def test_values_that_a_network_cannot_take_are_refused(fitted):
    raw = make_raw(seconds=10)
    raw._data[0, 500] = 1e60
    with pytest.raises(RequestError, match=r"the recording cannot be decoded: .* far beyond"):
        predict_recording(fitted, raw, PREPARATION, step=1.0)


def test_windows_beyond_the_ends_and_in_bad_segments_are_no_rows(fitted):
    raw = make_raw(seconds=10)
    raw.set_annotations(mne.Annotations([3.0], [1.0], ["BAD_movement"]))
    onsets = [9.0, 2.0, 5.0, -0.2, 5.0, -0.3]
    predictions = predict_recording(fitted, raw, PREPARATION, onsets=onsets)
    assert predictions.index.tolist() == [3, 2, 4]
    assert predictions["time"].tolist() == [-0.2, 5.0, 5.0]


@pytest.mark.filterwarnings("ignore:These Epochs were made otherwise")
def test_a_classifier_of_epochs_needs_no_preparation():
    epochs, labels = by_hand(make_raw())
    epochs = mne.EpochsArray(epochs.get_data(), epochs.info, tmin=0.0, verbose="error")
    clf = EEGNetClassifier(random_state=0).fit(epochs, labels)
    raw = make_raw(seed=1).resample(64.0, verbose="error").set_annotations(None)
    predictions = predict_recording(clf, raw, step=1.0)
    starts = np.arange(len(predictions)) * 64
    windows = np.stack([raw.get_data(start=s, stop=s + 97) for s in starts])
    np.testing.assert_allclose(probabilities(predictions), clf.predict_proba(windows), atol=1e-6)


@pytest.mark.parametrize(
    "wrong", [{}, {"onsets": [1.0], "step": 1.0}, {"step": 0.0}, {"step": np.nan}, {"onsets": 1.0}]
)
def test_windows_that_cannot_be_are_refused(fitted, wrong):
    with pytest.raises(ValueError, match=r"onsets|step"):
        predict_recording(fitted, make_raw(seconds=10), PREPARATION, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"n_times": 0}, {"unit": "furlong"}, {"fmin": float("nan")}, {"ch_names": []}, {"odd": 1}],
)
def test_a_preparation_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="the preparation of recordings"):
        Preparation.from_dict(PREPARATION.to_dict() | wrong)


# -- models of studies ---------------------------------------------------------------------------


def windows_of(model, raw, onsets):
    preparation = model.preparation
    prepared = preparation.prepare(raw)
    samples = np.round(np.asarray(onsets) * prepared.info["sfreq"]).astype(int)
    return preparation.cut(prepared, samples + prepared.first_samp)


@pytest.mark.parametrize(
    ("options", "classes"),
    [
        ({}, {"left_hand", "right_hand"}),
        ({"eeg_reference": "average", "fmin": 4, "fmax": 30, "tmin": 0.1, "tmax": 0.9}, None),
        ({"resample": None, "channels": ["C4", "C3"]}, None),
    ],
)
def test_windows_are_the_trials_that_a_study_cuts(tmp_path, options, classes):
    files.write_fif(tmp_path / "a_raw.fif", n_trials=12)
    study = study_of_files([tmp_path / "a_raw.fif"])
    (selection,) = Recordings([study], **options).select()
    trials = selection.trials(1).epochs()
    model = fit(study, pipeline="CSP+LDA", score=False, **options)
    raw = mne.io.read_raw(tmp_path / "a_raw.fif", preload=True, verbose="error")
    windows = windows_of(model, raw, raw.annotations.onset)
    np.testing.assert_array_equal(windows.get_data(trials.ch_names), trials.get_data())
    assert model.preparation.ch_names == trials.ch_names
    np.testing.assert_allclose(windows.times, trials.times)
    if classes:
        assert set(model.preparation.classes.values()) == classes
