"""What a model's file says of how a stream is to be treated."""

import numpy as np
import pytest

from eegsep import EEGNetClassifier, StreamDecoder
from eegsep._utils.errors import RequestError
from eegsep.deployment.stored_model import load_for_stream
from tests.conftest import make_trials

from .conftest import BAND, NAMES, make_recording

PREPARATION = {
    "ch_names": NAMES,
    "recorded_sfreq": 160.0,
    "sfreq": 128.0,
    "tmin": 0.0,
    "tmax": 1.0,
    "n_times": 128,
    "fmin": 6.0,
    "fmax": 30.0,
    "eeg_reference": None,
    "baseline": None,
    "unit": "V",
}


def save(clf, path, **changed):
    clf.save(path, metadata={"preparation": PREPARATION | changed})
    return path


def test_a_model_of_arrays_gets_channels_band_rate_and_unit_from_its_file(tmp_path):
    X, y = make_trials(20, scale=10.0)
    clf = EEGNetClassifier(max_epochs=1, random_state=0).fit(X, y)
    path = save(clf, tmp_path / "model.eegsep", unit="µV", eeg_reference=NAMES)
    estimator, arguments = load_for_stream(path)
    x = make_recording(400)
    windows = StreamDecoder(estimator, **arguments).feed(x[::-1], ch_names=NAMES[::-1])
    named = clf.set_params(ch_names=NAMES, sfreq=128)
    of_hand = StreamDecoder(named, band=BAND, unit="uV", reference="average").feed(x)
    np.testing.assert_allclose(
        [window.probabilities for window in windows],
        [window.probabilities for window in of_hand],
        atol=1e-6,
    )


def test_a_model_that_says_nothing_is_taken_as_it_is(clf, tmp_path):
    clf.save(tmp_path / "model.eegsep")
    estimator, arguments = load_for_stream(tmp_path / "model.eegsep")
    assert arguments == {}
    assert StreamDecoder(estimator).band_ == pytest.approx(BAND)


def test_a_reference_that_streams_have_not_is_refused(clf, tmp_path):
    path = save(clf, tmp_path / "model.eegsep", eeg_reference=["TP9", "TP10"])
    with pytest.raises(RequestError, match="referenced to TP9, TP10"):
        load_for_stream(path)


def test_a_baseline_that_windows_of_a_stream_have_not_is_told(clf, tmp_path):
    path = save(clf, tmp_path / "model.eegsep", baseline=(-0.2, 0.0))
    with pytest.warns(UserWarning, match="baseline"):
        load_for_stream(path)
