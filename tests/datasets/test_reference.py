"""Paradigms that re-reference recordings: against MNE, with names and copies kept."""

import copy
import pickle

import numpy as np
import pytest
from moabb.paradigms import FilterBankLeftRightImagery, LeftRightImagery

from eegsep._utils.errors import RequestError
from eegsep.datasets import SimulatedMotorImagery
from eegsep.datasets.recordings import read_subject
from eegsep.datasets.reference import with_eeg_reference


def small():
    return SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_trials_per_class=4)


def read_epochs(paradigm, dataset):
    return read_subject(dataset, paradigm, 1, return_epochs=True)[0]


def test_average_reference_is_over_all_electrodes_whichever_are_chosen():
    dataset, chosen = small(), ["C3", "Cz", "C4"]
    everything = read_epochs(LeftRightImagery(), dataset).get_data(copy=True)
    names = read_epochs(LeftRightImagery(), dataset).ch_names
    expected = (everything - everything.mean(axis=1, keepdims=True))[
        :, [names.index(n) for n in chosen]
    ]
    paradigm = with_eeg_reference(LeftRightImagery(channels=chosen), "average")
    found = read_epochs(paradigm, dataset).get_data(copy=True)
    np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())


def test_reference_to_electrodes_is_mnes():
    dataset = small()
    epochs = read_epochs(LeftRightImagery(), dataset)
    expected = epochs.set_eeg_reference(["C3", "C4"], verbose="error").get_data(copy=True)
    found = read_epochs(with_eeg_reference(LeftRightImagery(), ["C3", "C4"]), dataset)
    np.testing.assert_allclose(
        found.get_data(copy=True), expected, atol=1e-9 * np.abs(expected).max()
    )


def test_paradigm_keeps_its_name_and_the_one_that_was_given_its_reference():
    given = LeftRightImagery(resample=128)
    before = dict(vars(given))
    changed = with_eeg_reference(given, "average")
    assert vars(given) == before
    assert type(given) is LeftRightImagery
    assert type(changed).__name__ == "LeftRightImagery"
    assert isinstance(changed, LeftRightImagery)
    assert (changed.resample, changed.eeg_reference) == (128, "average")


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copy_of_a_paradigm_keeps_its_reference(again):
    changed = with_eeg_reference(LeftRightImagery(), ["C3"])
    epochs = read_epochs(again(changed), small())
    assert np.ptp(epochs.get_data(picks=["C3"], copy=True)) == 0
    assert np.ptp(epochs.get_data(picks=["C4"], copy=True)) > 0


def test_each_band_of_a_filter_bank_has_the_reference():
    paradigm = FilterBankLeftRightImagery(filters=[[8, 12], [12, 24]])
    X, _, _ = read_subject(small(), with_eeg_reference(paradigm, "average"), 1)
    assert X.ndim == 4  # the last is of bands
    np.testing.assert_allclose(X.mean(axis=1), 0, atol=1e-9 * np.abs(X).max())


def test_second_reference_replaces_the_first():
    both = with_eeg_reference(with_eeg_reference(LeftRightImagery(), ["C3"]), ["C4"])
    epochs = read_epochs(both, small())
    assert np.ptp(epochs.get_data(picks=["C4"], copy=True)) == 0
    assert np.ptp(epochs.get_data(picks=["C3"], copy=True)) > 0
    steps = both.make_process_pipelines(small())[0].steps
    assert sum("EEG Reference" in repr(step) for _, step in steps) == 1


@pytest.mark.parametrize("reference", ["Cz", "averge", [], (), ["C3", ""], {"C3": ["C4"]}, 5])
def test_reference_that_is_none_is_refused(reference):
    with pytest.raises(RequestError, match="'average' or a list of electrodes"):
        with_eeg_reference(LeftRightImagery(), reference)


def test_reference_electrode_that_is_lacking_is_named():
    paradigm = with_eeg_reference(LeftRightImagery(), ["TP9", "Q7"])
    with pytest.raises(RequestError, match=r"has no channel .*Q7"):
        read_subject(small(), paradigm, 1)
