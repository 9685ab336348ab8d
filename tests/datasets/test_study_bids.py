"""A BIDS folder that mne-bids wrote is a dataset without a word."""

import mne_bids
import numpy as np
import pytest

from eegsep._utils.errors import RequestError
from eegsep.datasets import study
from tests.conftest import warnings_of
from tests.datasets import study_files as files


def write_bids(root, rename=None, task="imagery", sessions=("pre", "post")):
    for subject in (1, 2):
        for session in sessions:
            raw = files.make_raw(seed=subject)
            raw.info["line_freq"] = 50
            if rename:
                raw.annotations.rename(rename)
            path = mne_bids.BIDSPath(
                subject=f"{subject:02d}", session=session, task=task, datatype="eeg", root=root
            )
            mne_bids.write_raw_bids(
                raw, path, allow_preload=True, format="BrainVision", verbose="error"
            )
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_bids(tmp_path_factory.mktemp("bids"))


def test_subjects_sessions_classes_and_window_are_found(folder):
    dataset = study(folder)
    assert dataset.subject_list == [1, 2]
    assert dataset.n_sessions == 2
    assert set(dataset.event_id) == {"left_hand", "right_hand"}
    assert dataset.interval == [0, 1]  # the durations in events.tsv
    assert dataset.default_paradigm == "LeftRightImagery"


def test_trials_and_signals_are_those_that_were_written(folder):
    sessions = study(folder).get_data([2])[2]
    assert list(sessions) == ["0pre", "1post"]
    raw = sessions["1post"]["0"]
    np.testing.assert_allclose(raw.get_data(), files.signal(2), atol=1e-7)
    assert np.round(raw.annotations.onset * files.SFREQ).tolist() == files.ONSETS
    assert raw.annotations.description.tolist() == files.LABELS


def test_what_a_folder_does_not_say_is_asked_for_in_a_file(tmp_path):
    write_bids(tmp_path, {"left_hand": "A", "right_hand": "B"}, task="mine", sessions=("1",))
    with pytest.raises(RequestError, match=r"markers are A \(6\), B \(6\): write paradigm:"):
        study(tmp_path)
    (tmp_path / "study.yml").write_text("paradigm: imagery\nclasses: {A: feet, B: tongue}\n")
    dataset = study(tmp_path)
    assert set(dataset.event_id) == {"feet", "tongue"}
    assert dataset.get_data([1])[1]["1"]["0"].annotations.description[0] == "feet"


def test_markers_of_no_class_are_named(tmp_path):
    write_bids(tmp_path, sessions=("1",))
    events = tmp_path / "sub-01/ses-1/eeg/sub-01_ses-1_task-imagery_events.tsv"
    first, line, *rest = events.read_text(encoding="utf-8-sig").splitlines()
    events.write_text("\n".join([first, line.replace("left_hand", "pause"), *rest]))
    assert "markers that are of no class are not used: pause (1)" in " ".join(
        warnings_of(lambda: study(tmp_path))
    )
