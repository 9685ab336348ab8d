"""Trials interpolated to common electrodes: against what is known to be there."""

import mne
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from eegsep import EEGNetClassifier
from eegsep.datasets.electrodes import make_info
from eegsep.datasets.simulated.head import CENTRE, RADIUS, forward_gains
from eegsep.preprocessing import CommonMontage

RECORDED = [f"{row}{k}" for row in ("F", "FC", "C", "CP", "P") for k in (5, 3, 1, "z", 2, 4, 6)]
RECORDED += ["Fpz", "AFz", "POz", "Oz", "T7", "T8", "O1", "O2", "AF3", "AF4", "PO3", "PO4"]
WANTED = ["FC3", "C2", "FCC3h", "CPP2h"]  # two that are recorded, two that are not


@pytest.fixture(scope="module")
def dipoles():
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(5, 3)) * [0.4, 0.4, 0.2] + [0, 0, 1]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    gains = forward_gains([*RECORDED, *WANTED], CENTRE + 0.6 * RADIUS * directions, directions)
    moments = 1e-8 * rng.normal(size=(12, 5, 200))
    potentials = gains @ moments
    recorded, wanted = np.split(potentials, [len(RECORDED)], axis=1)
    return mne.EpochsArray(recorded, make_info(RECORDED, 128.0), verbose=False), wanted


def test_potentials_of_dipoles_are_found_where_no_electrode_is(dipoles):
    epochs, truth = dipoles
    interpolated = CommonMontage(WANTED).fit_transform(epochs)
    assert interpolated.ch_names == WANTED
    error = np.sqrt(np.mean((interpolated.get_data() - truth) ** 2, axis=(0, 2)))
    assert (error < 0.05 * truth.std(axis=(0, 2))).all()


def test_a_network_of_some_electrodes_takes_trials_of_others(dipoles):
    epochs, _ = dipoles
    y = np.tile(["a", "b"], 6)
    pipeline = make_pipeline(CommonMontage(["C3", "Cz", "C4"]), EEGNetClassifier(max_epochs=1))
    others = epochs.copy().drop_channels(["C3", "Fpz", "O1"])
    assert pipeline.fit(epochs, y).predict(others).shape == (12,)


def test_bad_channels_are_not_used(dipoles):
    epochs, truth = dipoles
    epochs = epochs.copy()
    epochs._data[:, epochs.ch_names.index("C1")] = 1.0
    epochs.info["bads"] = ["C1"]
    interpolated = CommonMontage(WANTED).fit_transform(epochs).get_data()
    assert np.abs(interpolated - truth).max() < truth.std()


def test_events_and_metadata_stay(dipoles):
    epochs = dipoles[0].copy()
    epochs.events[:, 2] = np.tile([7, 9], 6)
    epochs.event_id = {"Target": 7, "NonTarget": 9}
    epochs.metadata = pd.DataFrame({"run": np.arange(12)})
    interpolated = CommonMontage(WANTED).fit_transform(epochs)
    np.testing.assert_array_equal(interpolated.events, epochs.events)
    assert interpolated.event_id == epochs.event_id
    assert interpolated.metadata.equals(epochs.metadata)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"ch_names": ["Cz", "Xy9"]}, "not Xy9"),
        ({"ch_names": []}, "must be electrodes"),
        ({"ch_names": "Cz"}, "must be electrodes"),
        ({"ch_names": ["Cz", "Cz"]}, "twice"),
        ({"ch_names": ["Cz"], "method": "linear"}, "must be 'spline' or 'MNE'"),
    ],
)
def test_odd_electrodes_are_refused(dipoles, parameters, why):
    with pytest.raises(ValueError, match=why):
        CommonMontage(**parameters).fit(dipoles[0])


def test_trials_without_places_are_refused(dipoles):
    with pytest.raises(TypeError, match=r"must be mne\.Epochs"):
        CommonMontage(WANTED).fit(dipoles[0].get_data())
    nowhere = dipoles[0].copy().set_montage(None)
    with pytest.raises(ValueError, match=r"have no place: give the Epochs a montage"):
        CommonMontage(WANTED).fit(nowhere)


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_it_keeps_scikit_learns_conventions_as_far_as_they_go_for_epochs():
    check_estimator(CommonMontage(WANTED))
