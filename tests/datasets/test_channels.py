"""Channels of recordings are matched by name; what does not go with the others is told apart."""

import warnings

import mne
import numpy as np
import pytest

from eegsep.datasets.channels import Recording, channel_key, match
from tests.conftest import make_epochs

NAMES = ["C3", "C4", "Cz", "Pz", "Fz", "Oz"]


def recording(names=NAMES, subject=1, session="0", run="0", *, sfreq=128.0, n_times=64, bads=()):
    """Trials in which each channel has a value of its own, by its name."""
    epochs, _ = make_epochs(4, NAMES)
    epochs._data[:] = np.arange(len(NAMES))[None, :, None]
    epochs.reorder_channels([name for name in names if name in NAMES])
    if sfreq != 128 or n_times != 64:
        data = epochs.get_data(copy=False)[..., :1] * np.ones(n_times)
        info = mne.create_info(epochs.ch_names, sfreq, "eeg")
        epochs = mne.EpochsArray(data, info, epochs.events, verbose="error")
    return Recording(subject, session, run, (epochs,), np.array(["a", "b"] * 2), tuple(bads))


def values(recordings):
    return [list(each.bands[0].get_data(copy=False)[0, :, 0]) for each in recordings]


def test_another_order_is_put_right():
    order = ["Oz", "Fz", "C4", "C3", "Pz", "Cz"]
    matched, reasons = match([recording(), recording(order, 2)])
    assert not reasons
    assert [each.bands[0].ch_names for each in matched] == [NAMES, NAMES]
    assert values(matched) == [[0, 1, 2, 3, 4, 5]] * 2


def test_the_recording_that_was_read_is_left_as_it_was():
    other = recording(NAMES[::-1], 2)
    match([recording(), other])
    assert other.bands[0].ch_names == NAMES[::-1]


@pytest.mark.parametrize(
    "spelling", [str.lower, str.upper, "{}.".format, "{}..".format, " {}".format]
)
def test_another_spelling_is_the_same_channel(spelling):
    other = recording(NAMES[::-1], 2)
    other.bands[0].rename_channels(spelling)
    matched, reasons = match([recording(), other])
    assert not reasons
    assert matched[1].bands[0].ch_names == NAMES
    assert values(matched)[0] == values(matched)[1]


def test_a_reference_in_the_name_makes_another_channel():
    assert channel_key("Fp1-A2") != channel_key("Fp1")


def test_the_one_that_lacks_a_channel_is_left_out_wherever_it_stands():
    for place in range(3):
        recordings = [recording(subject=1), recording(subject=2), recording(subject=3)]
        recordings[place] = recording(NAMES[1:], subject=9)
        matched, reasons = match(recordings)
        assert reasons.keys() == {9}
        assert "lacks C3, which others have" in reasons[9]
        assert len(matched) == 2


def test_the_one_that_has_a_channel_more_is_left_out():
    few = [recording(NAMES[:5], subject) for subject in (1, 2)]
    _, reasons = match([*few, recording(subject=3)])
    assert "has Oz, which others lack" in reasons[3]


def test_a_channel_that_is_marked_bad_is_lacking():
    _, reasons = match([recording(), recording(subject=2, bads=["Pz"])])
    assert "lacks Pz (marked bad)" in reasons[2]


def test_two_channels_of_one_name_cannot_be_matched():
    twice = recording(subject=2)
    twice.bands[0].rename_channels({"Pz": "cz"})
    _, reasons = match([recording(), twice], missing_channels="common")
    assert "channels of the same name: Cz, cz" in reasons[2]


def test_one_odd_run_leaves_out_its_session_alone():
    recordings = [recording(session=s, run=r) for s in "01" for r in "01"]
    recordings[3] = recording(NAMES[1:], session="1", run="1")
    matched, reasons = match(recordings, unit=lambda each: each.session)
    assert [each.session for each in matched] == ["0", "0"]
    assert reasons.keys() == {"1"}
    assert reasons["1"].startswith("session 1, run 1 lacks C3")


def test_common_channels_are_those_that_all_have():
    recordings = [recording(), recording(NAMES[1:][::-1], 2), recording(subject=3, bads=["Pz"])]
    matched, reasons = match(recordings, missing_channels="common")
    assert not reasons
    assert [each.bands[0].ch_names for each in matched] == [["C4", "Cz", "Fz", "Oz"]] * 3
    assert values(matched) == [[1, 2, 4, 5]] * 3


def test_nothing_in_common_is_no_recording():
    _, reasons = match([recording(NAMES[:3]), recording(NAMES[3:], 2)], missing_channels="common")
    assert set(reasons.values()) == {"has no channel in common with the others"}


def test_missing_channels_are_interpolated_as_mne_does():
    whole, lacking = recording(), recording(NAMES[::-1][:-1], 2)
    lacking.bands[0]._data[:] = np.random.default_rng(0).normal(size=(4, 5, 64))
    # the channel is there in the one that MNE is given, so that it knows the place
    expected = whole.bands[0].copy()
    expected._data[:, 1:] = lacking.bands[0].copy().reorder_channels(NAMES[1:])._data
    expected.info["bads"] = ["C3"]
    expected.interpolate_bads(origin=(0.0, 0.0, 0.04), verbose="error")
    matched, reasons = match([whole, lacking], missing_channels="interpolate")
    assert not reasons
    assert matched[1].bands[0].ch_names == NAMES
    assert not matched[1].bands[0].info["bads"]
    found = matched[1].bands[0].get_data(copy=False)
    np.testing.assert_array_equal(found[:, 1:], expected.get_data(copy=False)[:, 1:])
    assert (
        np.corrcoef(found[:, 0].ravel(), expected.get_data(copy=False)[:, 0].ravel())[0, 1] > 0.99
    )


def test_what_has_no_positions_is_not_interpolated():
    lacking = recording(NAMES[1:], 2)
    lacking.bands[0].set_montage(None)
    _, reasons = match([recording(), lacking], missing_channels="interpolate")
    assert "cannot be interpolated: the recording does not say where C4" in reasons[2]


def test_a_channel_that_is_nowhere_on_the_head_is_not_interpolated():
    odd = recording(subject=2)
    odd.bands[0].rename_channels({"C3": "X1"})
    odd.bands[0].info["chs"][0]["loc"][:] = np.nan
    _, reasons = match([recording(), odd], missing_channels="interpolate")
    assert "lacks X1" in reasons[1]
    assert "no recording says where" in reasons[1]
    assert "cannot be interpolated" in reasons[2]


def test_channels_asked_for_come_in_that_order():
    matched, reasons = match([recording(), recording(NAMES[::-1], 2)], channels=["Pz", "C3"])
    assert reasons  # there are others: reading picks those asked for
    matched, reasons = match(
        [recording(["C3", "Pz"]), recording(["Pz", "C3"], 2)], channels=["Pz", "C3"]
    )
    assert not reasons
    assert values(matched) == [[3, 0]] * 2


def test_another_sampling_rate_is_left_out():
    _, reasons = match([recording(), recording(), recording(subject=2, sfreq=100.0)])
    assert "sampled at 100 Hz, others at 128 Hz" in reasons[2]


def test_another_length_is_left_out():
    _, reasons = match([recording(), recording(), recording(subject=2, n_times=50)])
    assert "windows of 50 samples, others of 64" in reasons[2]


def test_one_sample_more_is_cut_off_with_a_warning():
    with pytest.warns(UserWarning, match="last sample is left out"):
        matched, reasons = match([recording(), recording(subject=2, n_times=65)])
    assert not reasons
    assert [each.n_times for each in matched] == [64, 64]


def test_recordings_that_are_alike_are_left_alone():
    recordings = [recording(), recording(subject=2)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        matched, _ = match(recordings)
    assert [each.bands[0] for each in matched] == [each.bands[0] for each in recordings]


def test_no_recording_is_matched_to_nothing():
    assert match([]) == ([], {})
