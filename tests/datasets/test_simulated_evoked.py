"""Simulated P300 and SSVEP: what is recorded is what the true source does."""

import numpy as np
import pytest
from moabb.paradigms import P300

from eegsep.datasets import SimulatedP300, SimulatedSSVEP


def recording(kind, amplitude, **settings):
    dataset = kind(n_subjects=1, n_sessions=1, n_runs=1, amplitude=amplitude, **settings)
    return dataset, dataset.get_data([1])[1]["0"]["0"]


def evoked(kind, amplitude, **settings):
    """What the source alone gives: the same run with it and without, (n_chans, n_times)."""
    dataset, raw = recording(kind, amplitude, **settings)
    _, silent = recording(kind, 0.0, **settings)
    return dataset, raw, raw.get_data() - silent.get_data()


def cut(raw, signal, event, seconds):
    """Average a signal over the trials of an event, (n_chans, n_times)."""
    own = raw.annotations.onset[raw.annotations.description == event]
    starts = np.round(own * raw.info["sfreq"]).astype(int)
    n_times = int(seconds * raw.info["sfreq"])
    return np.mean([signal[:, start : start + n_times] for start in starts], axis=0)


@pytest.mark.parametrize("kind", [SimulatedP300, SimulatedSSVEP])
def test_the_source_is_at_the_electrodes_as_its_topography(kind):
    dataset, _, signal = evoked(kind, 1e-5)
    (source,) = dataset.sources(1)
    maps, strengths, _ = np.linalg.svd(signal, full_matrices=False)
    assert strengths[1] < 1e-9 * strengths[0]
    truth = source.topography / np.linalg.norm(source.topography)
    np.testing.assert_allclose(abs(maps[:, 0] @ truth), 1, rtol=1e-6)


def test_targets_are_a_fifth_of_the_stimuli_and_none_is_lost():
    dataset = SimulatedP300(n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=10)
    _, y, _ = P300().get_data(dataset, [1])
    assert ((y == "Target").sum(), (y == "NonTarget").sum()) == (10, 40)


def test_targets_alone_evoke_a_wave_after_380_ms():
    dataset, raw, signal = evoked(SimulatedP300, 1e-5, n_trials_per_class=100)
    pz, (source,) = raw.ch_names.index("Pz"), dataset.sources(1)
    wave = cut(raw, signal, "Target", 0.8)[pz] - cut(raw, signal, "NonTarget", 0.8)[pz]
    assert abs(wave.argmax() / raw.info["sfreq"] - 0.38) < 0.03
    # the scatter of the latencies takes a little of the peak, and the session has a gain
    assert wave.max() == pytest.approx(source.topography[pz], rel=0.3)


def test_flicker_is_followed_at_its_frequency_and_twice_that():
    _, raw, signal = evoked(SimulatedSSVEP, 1e-5)
    oz = raw.ch_names.index("Oz")
    for freq in ("13", "17", "21"):
        answer = cut(raw, signal, freq, 3)[oz]  # MOABB marks where the interval begins
        spectrum = np.abs(np.fft.rfft(answer))
        first, second = spectrum[3 * int(freq)], spectrum[6 * int(freq)]  # bins of 1/3 Hz
        assert second == pytest.approx(first / 2, rel=1e-6)
        assert first**2 + second**2 > 0.999999 * np.square(spectrum).sum()


@pytest.mark.parametrize("kind", [SimulatedP300, SimulatedSSVEP])
def test_the_same_seed_gives_the_same_bits(kind):
    def read(subject, **settings):
        settings = {"n_sessions": 1, "n_runs": 1, "n_trials_per_class": 2} | settings
        data = kind(**settings).get_data([subject])
        return data[subject]["0"]["0"].get_data()

    first = read(2)
    np.testing.assert_array_equal(first, read(2, n_subjects=2))
    assert not np.array_equal(first, read(2, random_state=1)[:, : first.shape[1]])


@pytest.mark.parametrize("kind", [SimulatedP300, SimulatedSSVEP])
def test_settings_are_in_the_code(kind):
    assert kind().code == kind.__name__
    assert kind(amplitude=1e-6).code.startswith(f"{kind.__name__}-")


@pytest.mark.parametrize(
    "settings",
    [{"frequencies": [13]}, {"frequencies": [13, 13]}, {"frequencies": [13, 40]}]
    + [{"frequencies": [0, 13]}, {"amplitude": -1.0}],
)
def test_what_cannot_be_is_refused(settings):
    with pytest.raises(ValueError, match=r"must be"):
        SimulatedSSVEP(**settings)
