"""Simulated motor imagery: against Welch spectra and another MNE forward solution."""

import pickle

import mne
import numpy as np
import pytest
from moabb.paradigms import LeftRightImagery, MotorImagery
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import welch
from scipy.stats import ttest_ind

from eegsep.datasets import SimulatedMotorImagery
from tests.datasets.signals import (
    ALL_CLASSES,
    TINY,
    auc,
    csp_lda,
    first_raw,
    spectrum,
    ts_lr,
    volts,
)

# The same bits


def test_same_seed_gives_same_bits():
    assert_array_equal(
        volts(SimulatedMotorImagery(**TINY, random_state=3)),
        volts(SimulatedMotorImagery(**TINY, random_state=3)),
    )


def test_asking_twice_gives_same_bits():
    dataset = SimulatedMotorImagery(**TINY)
    assert_array_equal(volts(dataset), volts(dataset))


def test_other_seed_gives_other_data():
    one, other = (volts(SimulatedMotorImagery(**TINY, random_state=seed)) for seed in (0, 1))
    n_times = min(one.shape[1], other.shape[1])
    assert abs(np.corrcoef(one[0, :n_times], other[0, :n_times])[0, 1]) < 0.5


def test_subject_does_not_depend_on_others_loaded_or_existing():
    alone = SimulatedMotorImagery(**TINY | {"n_subjects": 2}).get_data([2])
    among = SimulatedMotorImagery(**TINY | {"n_subjects": 5}).get_data([4, 1, 2])
    assert_array_equal(alone[2]["0"]["0"].get_data(), among[2]["0"]["0"].get_data())


def test_run_does_not_depend_on_number_of_sessions_and_runs():
    few = SimulatedMotorImagery(**TINY).get_data()
    many = SimulatedMotorImagery(**TINY | {"n_sessions": 2, "n_runs": 3}).get_data()
    assert_array_equal(few[1]["0"]["0"].get_data(), many[1]["0"]["0"].get_data())


def test_subjects_sessions_and_runs_all_differ():
    data = SimulatedMotorImagery(
        **TINY | {"n_subjects": 2, "n_sessions": 2, "n_runs": 2}
    ).get_data()
    starts = [
        raw.get_data()[0, :1000]
        for sessions in data.values()
        for runs in sessions.values()
        for raw in runs.values()
    ]
    assert len(starts) == 8
    assert np.abs(np.corrcoef(starts) - np.eye(8)).max() < 0.9


def test_global_random_state_is_untouched():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first_raw(SimulatedMotorImagery(**TINY))
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_pickled_dataset_gives_same_bits():
    dataset = SimulatedMotorImagery(**TINY)
    assert_array_equal(volts(pickle.loads(pickle.dumps(dataset))), volts(dataset))


# It looks like EEG


def test_amplitudes_are_tens_of_microvolts():
    rms = volts(SimulatedMotorImagery(n_sessions=1, n_runs=1)).std(1)
    assert 10e-6 < np.median(rms) < 40e-6
    assert rms.min() > 5e-6
    assert rms.max() < 80e-6


def test_electrodes_are_where_the_template_has_them():
    info = first_raw(SimulatedMotorImagery(**TINY)).info
    positions = {ch["ch_name"]: ch["loc"][:3] for ch in info["chs"]}
    assert positions["C3"][0] < -0.05  # left
    assert positions["C4"][0] > 0.05
    assert positions["POz"][1] < positions["Cz"][1] < positions["Fz"][1]  # back to front
    assert all(ch["kind"] == mne.io.constants.FIFF.FIFFV_EEG_CH for ch in info["chs"])


def test_channels_are_recorded_in_the_order_asked_for():
    dataset = SimulatedMotorImagery(**TINY, channels=["Oz", "C3", "TP9"])
    assert first_raw(dataset).ch_names == dataset.info.ch_names == ["Oz", "C3", "TP9"]


def test_sampling_frequency_is_kept():
    raw = first_raw(SimulatedMotorImagery(**TINY, sfreq=250))
    assert raw.info["sfreq"] == 250
    f, density = spectrum(raw.get_data(["C3"])[0], 250)
    # More bandwidth does not change the density.
    slow = first_raw(SimulatedMotorImagery(**TINY, sfreq=128))
    f_slow, density_slow = spectrum(slow.get_data(["C3"])[0], 128)
    band, band_slow = (f > 14) & (f < 30), (f_slow > 14) & (f_slow < 30)
    assert 0.7 < density[band].mean() / density_slow[band_slow].mean() < 1.4


def test_data_have_full_rank():
    assert np.linalg.matrix_rank(volts(SimulatedMotorImagery(**TINY))) == 22


def test_spectrum_without_rhythms_falls_as_a_power_of_frequency():
    raw = first_raw(SimulatedMotorImagery(n_runs=1, snr=0))
    f, density = spectrum(raw.get_data(["FC3", "C3", "C4", "FC4"]), raw.info["sfreq"])
    away = ((f > 2) & (f < 7)) | ((f > 15) & (f < 45))
    slope = np.polyfit(np.log(f[away]), np.log(density[:, away].mean(0)), 1)[0]
    assert -1.6 < slope < -0.9


def test_occipital_alpha_peaks_and_ignores_the_class():
    dataset = SimulatedMotorImagery(
        n_subjects=1, n_sessions=1, n_runs=2, snr=0, channels=["O1", "O2", "C3"]
    )
    X, y, _ = LeftRightImagery(fmin=1, fmax=40).get_data(dataset)
    f, density = welch(X, 128, nperseg=256)
    occipital = density[:, :2].mean(1)
    mean = occipital.mean(0)
    assert 8 < f[(f > 5) & (f < 20)][mean[(f > 5) & (f < 20)].argmax()] < 13
    alpha = np.log(occipital[:, (f > 8) & (f < 13)].mean(1))
    difference = alpha[y == "left_hand"].mean() - alpha[y == "right_hand"].mean()
    assert abs(difference) < 3 * alpha.std() * np.sqrt(2 / (len(y) / 2))


def test_line_noise_is_at_50_hz():
    raw = first_raw(SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_runs=1))
    f, density = spectrum(raw.get_data(), raw.info["sfreq"])
    density = density.mean(0)
    around = density[(f > 45) & (f < 55) & (np.abs(f - 50) > 1)].mean()
    assert density[f == 50][0] > 3 * around


def test_blinks_are_frontal():
    raw = first_raw(
        SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_runs=1, channels=["Fp1", "Fp2", "Pz"])
    )
    raw.filter(1, 10, verbose=False)
    fp1, fp2, pz = raw.get_data()
    largest = fp1 > 80e-6
    assert largest.any()
    assert fp2[largest].mean() > 40e-6
    assert abs(pz[largest].mean()) < 15e-6


# Desynchronisation


@pytest.mark.parametrize(
    ("event", "name", "electrode"),
    [
        ("right_hand", "left hand area", "C3"),
        ("left_hand", "right hand area", "C4"),
        ("feet", "foot area", "Cz"),
        ("tongue", "left tongue area", "C5"),
        ("tongue", "right tongue area", "C6"),
    ],
)
def test_imagery_takes_the_stated_share_of_power_from_its_area(event, name, electrode):
    # Strong rhythms, so that the power at the electrode is that of the area below it.
    dataset = SimulatedMotorImagery(
        n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=60, n_classes=4, snr=100
    )
    (source,) = (source for source in dataset.sources(1) if source.name == name)
    assert source.event == event
    X, y, _ = MotorImagery(n_classes=4, events=ALL_CLASSES, fmin=2, fmax=40).get_data(dataset)
    # The pseudo-inverse of all topographies isolates the area from the others.
    topographies = np.array([source.topography for source in dataset.sources(1)]).T
    names = [source.name for source in dataset.sources(1)]
    activity = np.einsum("c,ect->et", np.linalg.pinv(topographies)[names.index(name)], X)
    f, density = welch(activity, 128, nperseg=256)
    for peak in (source.mu_freq, source.beta_freq):
        power = density[:, np.abs(f - peak) < 1.5].mean(1)
        left = power[y == event].mean() / power[y != event].mean()
        assert_allclose(left, 1 - source.erd, atol=0.15)
    assert abs(source.topography).argmax() == dataset.channels.index(electrode)


def test_right_hand_imagery_lowers_mu_power_over_the_left_hand_area():
    dataset = SimulatedMotorImagery(n_subjects=4, n_sessions=2)
    X, y, meta = LeftRightImagery(channels=["C3", "C4"]).get_data(dataset)
    for subject in dataset.subject_list:
        left, right = dataset.sources(subject)
        mine = meta.subject == subject
        f, density = welch(X[mine], 128, nperseg=256)
        c3, c4 = (
            np.log(density[:, i, np.abs(f - source.mu_freq) < 1.5].mean(1))
            for i, source in enumerate((left, right))
        )
        lateral = c3 - c4
        assert lateral[y[mine] == "right_hand"].mean() < lateral[y[mine] == "left_hand"].mean()


def test_rhythms_peak_at_the_stated_frequencies():
    loud, quiet = (
        SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_runs=2, n_classes=4, snr=snr)
        for snr in (10, 0)
    )
    rhythms = volts(loud) - volts(quiet)
    topographies = np.array([source.topography for source in loud.sources(1)]).T
    for source, moment in zip(loud.sources(1), np.linalg.pinv(topographies) @ rhythms, strict=True):
        f, density = welch(moment, 128, nperseg=256)
        mu, beta = f < 14, f > 14
        assert abs(f[mu][density[mu].argmax()] - source.mu_freq) <= 1
        assert abs((f * density)[beta].sum() / density[beta].sum() - source.beta_freq) < 1
        assert 8 < source.mu_freq < 13 < 15 < source.beta_freq < 27
        assert_allclose(moment.std(), np.hypot(source.mu_moment, source.beta_moment), rtol=0.6)


def test_rhythms_lie_in_the_span_of_the_topographies():
    loud, quiet = (SimulatedMotorImagery(**TINY, n_classes=4, snr=snr) for snr in (10, 0))
    rhythms = volts(loud) - volts(quiet)
    topographies = np.array([source.topography for source in loud.sources(1)]).T
    assert topographies.shape == (22, 5)
    assert np.linalg.matrix_rank(topographies) == 5
    rest = rhythms - topographies @ np.linalg.lstsq(topographies, rhythms)[0]
    assert np.abs(rest).max() < 1e-10 * np.abs(rhythms).max()


def test_sessions_share_the_topographies():
    loud, quiet = (
        SimulatedMotorImagery(**TINY | {"n_sessions": 3}, n_classes=4, snr=snr) for snr in (10, 0)
    )
    topographies = np.array([source.topography for source in loud.sources(1)]).T
    pairs = zip(loud.get_data()[1].values(), quiet.get_data()[1].values(), strict=True)
    for with_rhythms, without in pairs:
        rhythms = with_rhythms["0"].get_data() - without["0"].get_data()
        rest = rhythms - topographies @ np.linalg.lstsq(topographies, rhythms)[0]
        # Subtracting tens of microvolts leaves their rounding errors.
        assert np.abs(rest).max() < 1e-9 * np.abs(rhythms).max()


def test_snr_is_the_ratio_of_mu_power_to_background_power_at_c3():
    snr = 0.5
    dataset = SimulatedMotorImagery(
        n_subjects=12, n_sessions=1, n_runs=1, n_trials_per_class=5, snr=snr, channels=["C3"]
    )
    quiet = SimulatedMotorImagery(
        n_subjects=12, n_sessions=1, n_runs=1, n_trials_per_class=5, snr=0, channels=["C3"]
    )
    decibels = []
    for subject in dataset.subject_list:
        source = dataset.sources(subject)[0]
        f, density = spectrum(volts(quiet, subject)[0], 128)
        background = density[(f >= 8) & (f <= 30)].sum() * f[1]
        decibels.append(10 * np.log10((source.topography[0] * source.mu_moment) ** 2 / background))
    # The background here has the occipital alpha and the noise of the electrodes too.
    assert abs(np.mean(decibels) - 10 * np.log10(snr)) < 3


# The truth


def test_topography_matches_independent_forward():
    dataset = SimulatedMotorImagery(n_classes=4)
    info = mne.create_info([*dataset.channels, "M1", "M2"], 128.0, "eeg")
    renamed = "colin27_1005" in mne.channels.get_builtin_montages()  # since MNE 1.13
    info.set_montage("colin27_1005" if renamed else "standard_1005")
    # Here by way of a discrete source space with three free orientations.
    sphere = mne.make_sphere_model((-0.001, 0.015, 0.041), 0.098, verbose=False)
    for subject in dataset.subject_list:
        sources = dataset.sources(subject)
        positions = {
            "rr": np.array([source.position for source in sources]),
            "nn": np.tile([0.0, 0.0, 1.0], (len(sources), 1)),
        }
        space = mne.setup_volume_source_space(pos=positions, verbose=False)
        forward = mne.make_forward_solution(info, None, space, sphere, verbose=False)
        gains = forward["sol"]["data"].reshape(24, len(sources), 3)
        for i, source in enumerate(sources):
            potential = gains[:, i] @ source.orientation
            expected = potential[:22] - potential[22:].mean()
            assert_allclose(source.topography, expected, rtol=1e-4, atol=1e-3)


def test_orientations_are_unit_vectors():
    for source in SimulatedMotorImagery(n_classes=4).sources(2):
        assert_allclose(np.linalg.norm(source.orientation), 1)


def test_topography_does_not_depend_on_the_other_channels():
    all_channels = SimulatedMotorImagery().sources(1)
    few_channels = SimulatedMotorImagery(channels=["C4", "C3"]).sources(1)
    for one, other in zip(all_channels, few_channels, strict=True):
        assert_allclose(one.pick(["C4", "C3"]), other.topography, rtol=1e-5)
        assert_allclose(one.mu_moment, other.mu_moment, rtol=1e-5)


def test_pick_follows_the_channels_of_a_paradigm():
    dataset = SimulatedMotorImagery(**TINY)
    paradigm = LeftRightImagery(channels=["CP4", "Cz", "C3"])
    epochs, _, _ = paradigm.get_data(dataset, return_epochs=True)
    source = dataset.sources(1)[0]
    assert_array_equal(
        source.pick(epochs.ch_names),
        [source.topography[dataset.channels.index(name)] for name in ("CP4", "Cz", "C3")],
    )


def test_pick_of_an_unrecorded_electrode_is_an_error():
    with pytest.raises(ValueError, match=r"\['Oz'\] were not recorded"):
        SimulatedMotorImagery().sources(1)[0].pick(["C3", "Oz"])


@pytest.mark.parametrize(
    ("n_classes", "events"),
    [
        (2, ["right_hand", "left_hand"]),
        (3, ["right_hand", "left_hand", "feet"]),
        (4, ["right_hand", "left_hand", "feet", "tongue", "tongue"]),
    ],
)
def test_sources_are_those_that_a_class_drives(n_classes, events):
    sources = SimulatedMotorImagery(n_classes=n_classes).sources(1)
    assert [source.event for source in sources] == events


def test_subjects_differ_in_their_sources():
    one, other = (SimulatedMotorImagery().sources(subject)[0] for subject in (1, 2))
    assert one.mu_freq != other.mu_freq
    assert one.erd != other.erd
    assert np.linalg.norm(one.position - other.position) > 1e-3
    assert one.orientation @ other.orientation < 0.999


def test_info_draws_a_topomap():
    plt = pytest.importorskip("matplotlib.pyplot")
    figure, axes = plt.subplots()
    dataset = SimulatedMotorImagery()
    mne.viz.plot_topomap(dataset.sources(1)[0].topography, dataset.info, axes=axes, show=False)
    assert axes.images
    plt.close(figure)


# Nothing else tells the classes


def test_rhythms_have_no_slow_part():
    loud, quiet = (
        volts(SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_runs=1, snr=snr))
        for snr in (10, 0)
    )
    f, density = spectrum(loud - quiet, 128)
    assert density[:, f < 5].max() < 1e-3 * density.max()


def test_slow_potentials_do_not_tell_the_classes():
    dataset = SimulatedMotorImagery(
        n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=200, n_classes=4
    )
    raw = first_raw(dataset)
    events, event_id = mne.events_from_annotations(raw, dataset.event_id, verbose=False)
    epochs = mne.Epochs(
        raw, events, event_id, -0.5, 3.5, baseline=(-0.5, 0), preload=True, verbose=False
    )
    shift = epochs.get_data(tmin=0.5).mean(2)
    topographies = np.array([source.topography for source in dataset.sources(1)]).T
    shift = np.hstack([shift, shift @ np.linalg.pinv(topographies).T])
    for event in event_id.values():
        mine = events[:, 2] == event
        assert np.abs(ttest_ind(shift[mine], shift[~mine]).statistic).max() < 4


def test_frequencies_above_the_rhythms_do_not_tell_the_classes():
    dataset = SimulatedMotorImagery(
        n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=120, snr=2
    )
    X, y, _ = LeftRightImagery(fmin=35, fmax=45).get_data(dataset)
    assert abs(auc(ts_lr(), X, y) - 0.5) < 0.12


def test_without_rhythms_decoding_is_at_chance():
    dataset = SimulatedMotorImagery(
        n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=120, snr=0
    )
    X, y, _ = LeftRightImagery().get_data(dataset)
    assert abs(auc(csp_lda(), X, y) - 0.5) < 0.12


def test_shuffled_labels_are_at_chance():
    dataset = SimulatedMotorImagery(n_subjects=1, n_sessions=1)
    X, y, _ = LeftRightImagery().get_data(dataset)
    rng = np.random.default_rng(0)
    scores = [auc(csp_lda(), X, rng.permutation(y)) for _ in range(8)]
    assert abs(np.mean(scores) - 0.5) < 0.1


def test_defaults_are_neither_trivial_nor_hopeless():
    X, y, meta = LeftRightImagery().get_data(SimulatedMotorImagery(n_sessions=1))
    subjects = meta.subject.to_numpy()
    scores = [auc(csp_lda(), X[subjects == s], y[subjects == s]) for s in np.unique(subjects)]
    assert 0.75 < np.mean(scores) < 0.9
    assert np.std(scores) > 0.03


# Bad input


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_subjects": 0}, "n_subjects must be an integer of at least 1, not 0"),
        ({"n_sessions": 1.5}, "n_sessions must be an integer"),
        ({"n_runs": -1}, "n_runs must be an integer"),
        ({"n_trials_per_class": 0}, "n_trials_per_class must be an integer"),
        ({"n_classes": 1}, "n_classes must be an integer from 2 to 4, not 1"),
        ({"n_classes": 5}, "n_classes must be an integer from 2 to 4, not 5"),
        ({"random_state": None}, "random_state must be an integer"),
        ({"sfreq": 64}, "sfreq must be a finite number of at least 80, not 64"),
        ({"snr": -1}, "snr must be a finite number"),
        ({"snr": float("nan")}, "snr must be a finite number"),
        ({"channels": ["C3", "X9"]}, r"channels \['X9'\] are not in the 10-05 system"),
        ({"channels": ["C3", "C3"]}, "different electrodes"),
        ({"channels": []}, "one or more"),
        ({"channels": "C3"}, "sequence of electrode names"),
        ({"channels": 22}, "sequence of electrode names"),
        ({"channels": ["C3", "M1"]}, "are the reference"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SimulatedMotorImagery(**settings)


@pytest.mark.parametrize("method", ["sources", "data_path"])
def test_unknown_subject_is_refused(method):
    with pytest.raises(ValueError, match=r"no subject 5, only \[1, 2, 3, 4\]"):
        getattr(SimulatedMotorImagery(), method)(5)


def test_data_of_an_unknown_subject_are_refused():
    with pytest.raises(ValueError, match="Invalid subject 5"):
        SimulatedMotorImagery().get_data([5])
