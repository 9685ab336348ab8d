"""Simulated travelling waves: against the documented model and another forward solution."""

import mne
import numpy as np
import pytest
from moabb.paradigms import LeftRightImagery
from numpy.testing import assert_allclose, assert_array_equal

from eegsep.datasets import SimulatedMotorImagery, SimulatedTravellingWaves
from tests.datasets.signals import TINY, auc, csp_lda, first_raw, spectrum, ts_lr, volts


def wave_potentials(**settings):
    """The wave alone (n_chans, n_times), events where imagery is complete, and the truth."""
    loud, quiet = (
        SimulatedTravellingWaves(n_subjects=1, n_sessions=1, n_runs=1, snr=snr, **settings)
        for snr in (1, 0)
    )
    raw = first_raw(loud)
    events, _ = mne.events_from_annotations(raw, loud.event_id, verbose=False)
    (wave,) = loud.sources(1)
    return raw.get_data() - volts(quiet), events, loud.event_id, wave


def lagged_covariances(trials, max_lag):
    """E[x(t) x(t + l)^T], shape (2 max_lag + 1, n_chans, n_chans), by loops over lags."""
    n_times = trials.shape[2]
    middle = trials[:, :, max_lag : n_times - max_lag]
    return np.array(
        [
            np.einsum("ict,idt->cd", middle, trials[:, :, start : start + middle.shape[2]])
            for start in range(2 * max_lag + 1)
        ]
    ) / (len(trials) * middle.shape[2])


def test_waves_of_the_same_seed_have_the_same_bits():
    one, same, other = (
        volts(SimulatedTravellingWaves(**TINY, random_state=seed)) for seed in (3, 3, 4)
    )
    assert_array_equal(one, same)
    assert not np.array_equal(one[:, :1000], other[:, :1000])


def test_waves_come_in_the_format_of_the_other_dataset():
    waves, rhythms = (kind(**TINY) for kind in (SimulatedTravellingWaves, SimulatedMotorImagery))
    assert waves.event_id == rhythms.event_id
    assert first_raw(waves).ch_names == first_raw(rhythms).ch_names
    X, y, _ = LeftRightImagery().get_data(waves)
    assert X.shape == (6, 22, 3 * 128 + 1)
    assert sorted(y) == 3 * ["left_hand"] + 3 * ["right_hand"]


def test_wave_lies_in_the_span_of_its_dipoles_and_stops_between_trials():
    potentials, events, _, wave = wave_potentials(n_trials_per_class=3)
    basis = wave.topographies
    rest = potentials - basis @ np.linalg.lstsq(basis, potentials)[0]
    assert np.abs(rest).max() < 1e-9 * np.abs(potentials).max()
    assert np.abs(potentials[:, : events[0, 0] - 64]).max() < 1e-12


def test_dipoles_of_the_wave_match_independent_forward():
    dataset = SimulatedTravellingWaves()
    (wave,) = dataset.sources(2)
    info = mne.create_info([*dataset.channels, "M1", "M2"], 128.0, "eeg")
    renamed = "colin27_1005" in mne.channels.get_builtin_montages()  # since MNE 1.13
    info.set_montage("colin27_1005" if renamed else "standard_1005")
    sphere = mne.make_sphere_model((-0.001, 0.015, 0.041), 0.098, verbose=False)
    positions = {"rr": wave.positions, "nn": np.tile([0.0, 0.0, 1.0], (15, 1))}
    space = mne.setup_volume_source_space(pos=positions, verbose=False)
    forward = mne.make_forward_solution(info, None, space, sphere, verbose=False)
    gains = forward["sol"]["data"].reshape(24, 15, 3)
    potentials = np.einsum("cik,ik->ci", gains, wave.orientations)
    expected = potentials[:22] - potentials[22:].mean(axis=0)
    assert_allclose(wave.topographies, expected, rtol=1e-4, atol=1e-3)


def test_delays_are_those_of_a_steady_speed_along_an_arc():
    for subject in range(1, 5):
        (wave,) = SimulatedTravellingWaves().sources(subject)
        steps = np.linalg.norm(np.diff(wave.positions, axis=0), axis=1)
        speeds = steps / np.diff(wave.delays)
        # a chord is shorter than its arc, by less than 0.1 % here
        assert_allclose(speeds, speeds[0], rtol=1e-3)
        assert 1.49 < speeds[0] < 2.5
        assert_allclose(wave.delays, -wave.delays[::-1], atol=1e-12)
        assert wave.positions[0, 1] > wave.positions[-1, 1]  # from the front


def test_lagged_covariances_are_those_of_the_documented_model():
    potentials, events, event_id, wave = wave_potentials(n_trials_per_class=100)
    max_lag = 4
    lags = np.arange(-max_lag, max_lag + 1) / 128
    # a Gaussian spectral peak of 1 Hz has a Gaussian autocovariance; trials vary in strength, of
    # mean square exp(2 * 0.2 ** 2)
    between = wave.delays - wave.delays[:, np.newaxis]
    for event, sign in ((wave.forward, 1), (wave.backward, -1)):
        starts = events[events[:, 2] == event_id[event], 0]
        trials = np.array([potentials[:, start : start + 384] for start in starts])
        shifted = lags[:, np.newaxis, np.newaxis] - sign * between
        r = np.exp(-2 * (np.pi * shifted) ** 2) * np.cos(2 * np.pi * wave.freq * shifted)
        scaled = wave.topographies * wave.moments
        expected = np.exp(0.08) * scaled @ r @ scaled.T
        found = lagged_covariances(trials, max_lag)
        gain = np.vdot(found, expected) / np.vdot(expected, expected)
        assert 0.6 < gain < 1.6  # the session's, squared
        found /= gain
        assert np.abs(found - expected).max() < 0.15 * np.abs(expected).max()
        # the other direction is the transpose, which is clearly not the same
        mirrored = np.abs(found - expected.transpose(0, 2, 1)).max()
        assert mirrored > 0.5 * np.abs(expected).max()


def test_complex_topography_is_the_leading_one_of_the_cross_spectrum():
    potentials, events, event_id, wave = wave_potentials(n_trials_per_class=20)
    turns = np.exp(-2j * np.pi * wave.freq * np.arange(384) / 128)
    for event, expected in (
        (wave.forward, wave.topography),
        (wave.backward, wave.topography.conj()),
    ):
        starts = events[events[:, 2] == event_id[event], 0]
        fourier = np.array([potentials[:, start : start + 384] @ turns for start in starts])
        leading = np.linalg.svd(fourier.T)[0][:, 0]
        assert abs(np.vdot(leading, expected)) / np.linalg.norm(expected) > 0.99


def test_wave_snr_is_the_ratio_of_its_power_to_background_power_at_cz():
    snr, subjects = 0.5, 12
    loud, quiet = (
        SimulatedTravellingWaves(
            n_subjects=subjects,
            n_sessions=1,
            n_runs=1,
            n_trials_per_class=5,
            snr=value,
            channels=["Cz"],
        )
        for value in (snr, 0)
    )
    decibels = []
    for subject in loud.subject_list:
        f, density = spectrum(volts(quiet, subject)[0], 128)
        background = density[(f >= 8) & (f <= 30)].sum() * f[1]
        decibels.append(
            10 * np.log10(abs(loud.sources(subject)[0].topography[0]) ** 2 / background)
        )
    # The background here has the hand areas' rhythms and the noise of the electrodes too.
    assert abs(np.mean(decibels) - 10 * np.log10(snr)) < 3


def test_power_does_not_tell_the_directions_of_a_wave():
    dataset = SimulatedTravellingWaves(
        n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=120, snr=2
    )
    X, y, _ = LeftRightImagery().get_data(dataset)
    assert abs(auc(csp_lda(), X, y) - 0.5) < 0.12
    assert abs(auc(ts_lr(), X, y) - 0.5) < 0.12


def test_covariance_with_the_past_tells_the_directions_of_a_wave():
    dataset = SimulatedTravellingWaves(
        n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=60, snr=0.5
    )
    X, y, _ = LeftRightImagery().get_data(dataset)
    delayed = np.concatenate([X[:, :, 1:], X[:, :, :-1]], axis=1)
    assert auc(csp_lda(), delayed, y) > 0.9


def test_picking_from_the_wave_follows_the_channels():
    (wave,) = SimulatedTravellingWaves().sources(1)
    assert_array_equal(wave.pick(["Pz", "Fz"]), wave.topography[[19, 0]])
    with pytest.raises(ValueError, match=r"\['Oz'\] were not recorded"):
        wave.pick(["Oz"])


def test_settings_of_waves_change_the_code():
    assert SimulatedTravellingWaves().code == "SimulatedTravellingWaves"
    assert SimulatedTravellingWaves(snr=0.3).code.startswith("SimulatedTravellingWaves-")
    with pytest.raises(ValueError, match="snr must be a finite number"):
        SimulatedTravellingWaves(snr=-1)
