"""Causal filters: of a stream and of a recording, against scipy and MNE."""

import mne
import numpy as np
import pytest
from scipy import signal

from eegsep.deployment import causal_filter
from eegsep.deployment.causal_filters import CausalFilter

OFFSET = 50.0


def noise(n_times=2000, n_chans=3, seed=0):
    return OFFSET + np.random.default_rng(seed).normal(size=(n_chans, n_times))


def in_parts(filter_, x, seed=0):
    rng, parts, start = np.random.default_rng(seed), [], 0
    while start < x.shape[1]:
        stop = start + int(rng.integers(0, 60))
        parts.append(filter_(x[:, start:stop]))
        start = stop
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize(
    ("band", "kind"),
    [((8, 32), "bandpass"), ((None, 30), "lowpass"), ((1, None), "highpass")],
)
def test_a_stream_is_filtered_as_scipy_filters_the_whole_from_its_first_value_on(band, kind):
    x = noise()
    edges = [edge for edge in band if edge is not None]
    sos = signal.butter(4, edges if len(edges) == 2 else edges[0], kind, fs=160, output="sos")
    expected = signal.sosfilt(sos, x - x[:, :1]) + (x[:, :1] if band[0] is None else 0)
    np.testing.assert_allclose(in_parts(CausalFilter(*band, 160), x), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("sfreq", "new", "up", "down"),
    [(160, 128, 4, 5), (500, 128, 32, 125), (1000, 250, 1, 4), (128, 256, 2, 1)],
)
def test_a_stream_is_resampled_as_scipy_resamples_the_whole(sfreq, new, up, down):
    x = noise()
    before = np.repeat(x[:, :1], 100 * down, axis=1)  # the filter begins in the first value
    expected = signal.resample_poly(np.concatenate([before, x], axis=1), up, down, axis=1)
    expected = expected[:, 100 * up :]
    resampled = in_parts(CausalFilter(None, None, sfreq, new_sfreq=new), x)
    n = resampled.shape[1]
    np.testing.assert_allclose(resampled, expected[:, :n], atol=1e-10)
    delay = CausalFilter(None, None, sfreq, new_sfreq=new).delay
    assert x.shape[1] / sfreq - n / new == pytest.approx(delay, abs=1 / new)


@pytest.mark.parametrize("n_times", [2000, 1997])
def test_a_recording_is_filtered_as_a_stream_and_says_how(n_times):
    x = noise(n_times)
    raw = mne.io.RawArray(x, mne.create_info(["C3", "Cz", "C4"], 160.0, "eeg"), verbose="error")
    filtered = causal_filter(raw, 4, 30, sfreq=128)
    streamed = CausalFilter(4, 30, 160, new_sfreq=128)(x)
    inner = slice(20, streamed.shape[1] - 20)  # resampling knows no more than the recording's edges
    np.testing.assert_allclose(filtered.get_data()[:, inner], streamed[:, inner], atol=1e-10)
    info = filtered.info
    assert (info["highpass"], info["lowpass"], info["sfreq"]) == (4, 30, 128)
    np.testing.assert_array_equal(raw.get_data(), x)


def test_what_is_left_of_a_beginning_when_the_filter_has_settled_is_little():
    filter_ = CausalFilter(8, 32, 160)
    step = np.zeros((1, 1600))
    step[:, 1:] = 1.0
    answer = np.abs(filter_(step)[0])
    assert answer[round(filter_.settling * 160) :].max() < 0.05 * answer.max()


@pytest.mark.parametrize("band", [(8, 80), (0, 30), (30, 8), (-1, None)])
def test_a_band_that_is_none_is_refused(band):
    with pytest.raises(ValueError, match="pass band"):
        CausalFilter(*band, 160)


def test_rates_without_a_small_ratio_are_refused():
    with pytest.raises(ValueError, match="no samples can be taken exactly"):
        CausalFilter(None, None, 127.9937, new_sfreq=128)
    with pytest.raises(ValueError, match="above 0"):
        CausalFilter(None, None, 0, new_sfreq=128)
