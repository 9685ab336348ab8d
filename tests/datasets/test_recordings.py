"""Datasets are found by name and read from a folder, and what is missing is said in one line."""

import os
import pickle
import shutil
import socket
import sys
from collections import Counter
from pathlib import Path

import cloudpickle
import mne
import numpy as np
import pytest
from moabb.datasets import BNCI2014_001, PhysionetMI
from moabb.datasets.fake import FakeDataset
from moabb.paradigms import LeftRightImagery, MotorImagery
from threadpoolctl import threadpool_limits

from eegsep._utils.errors import RequestError, look_up
from eegsep._utils.logs import by_text, quiet
from eegsep.datasets import SimulatedMotorImagery, SimulatedTravellingWaves
from eegsep.datasets.paradigms import limit_runs
from eegsep.datasets.recordings import (
    DataNotFoundError,
    check_subjects,
    find_dataset,
    read_subject,
    read_trials,
    reading_from,
)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("BNCI2014_001", BNCI2014_001),
        ("bnci2014-001", BNCI2014_001),
        ("PhysionetMI", PhysionetMI),
        ("PhysionetMotorImagery", PhysionetMI),
        ("simulatedmotorimagery", SimulatedMotorImagery),
        ("SimulatedTravellingWaves", SimulatedTravellingWaves),
    ],
)
def test_dataset_is_found_by_class_or_code_in_any_case(name, kind):
    assert type(find_dataset(name)) is kind


def test_unknown_dataset_suggests_those_that_look_alike():
    with pytest.raises(RequestError, match=r"dataset 'PhysioMI'\. Did you mean .*Physionet"):
        find_dataset("PhysioMI")


def test_few_choices_are_listed_where_none_looks_alike():
    with pytest.raises(RequestError, match=r"unknown fruit 'x'\. There are: apple, pear\."):
        look_up("fruit", "x", {"apple": 1, "pear": 2})


def test_subjects_come_once_and_in_the_datasets_order():
    assert check_subjects(PhysionetMI(), [3, 1, 3]) == [1, 3]


def test_all_subjects_where_none_are_chosen():
    assert check_subjects(BNCI2014_001()) == list(range(1, 10))


@pytest.mark.parametrize("subjects", [[0], [110], [1, 110], []])
def test_subjects_that_the_dataset_lacks_are_refused(subjects):
    with pytest.raises(RequestError, match="PhysionetMotorImagery has subjects 1 to 109"):
        check_subjects(PhysionetMI(), subjects)


def test_environment_is_put_back(tmp_path):
    (tmp_path / "MNE-eegbci-data").mkdir()
    before = dict(os.environ)
    with reading_from(tmp_path):
        assert os.environ["MNE_DATASETS_EEGBCI_PATH"] == str(tmp_path)
        assert os.environ["MNE_DATA"] == str(tmp_path)
    assert dict(os.environ) == before


def test_environment_is_put_back_after_an_error(tmp_path):
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), reading_from(tmp_path):
        raise ZeroDivisionError
    assert dict(os.environ) == before


def test_the_data_folder_itself_may_be_given(tmp_path):
    (tmp_path / "MNE-eegbci-data").mkdir()
    with reading_from(tmp_path / "MNE-eegbci-data") as folder:
        assert folder == tmp_path
        assert mne.get_config("MNE_DATASETS_EEGBCI_PATH") == str(tmp_path)


def test_folder_asked_for_wins_over_a_configured_one(tmp_path, monkeypatch):
    monkeypatch.setenv("MNE_DATASETS_BNCI_PATH", "/somewhere/else")
    with reading_from(tmp_path):
        assert mne.get_config("MNE_DATASETS_BNCI_PATH") == str(tmp_path)


def test_users_choice_of_download_provider_stands(tmp_path, monkeypatch):
    monkeypatch.setenv("MOABB_DOWNLOAD_PROVIDER", "nemar")
    with reading_from(tmp_path):
        assert os.environ["MOABB_DOWNLOAD_PROVIDER"] == "nemar"


def test_configuration_file_is_not_written(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("_MNE_FAKE_HOME_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for key in ("MNE_DATA", "MNE_DATASETS_BNCI_PATH"):
        monkeypatch.delenv(key, raising=False)
    with reading_from(), pytest.raises(DataNotFoundError):
        read_subject(BNCI2014_001(), LeftRightImagery(), 1)
    assert not (tmp_path / ".mne").exists()


def test_simulated_data_need_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MNE_DATA", raising=False)
    with reading_from():
        dataset = SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=2)
        read_subject(dataset, LeftRightImagery(), 1)
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(RequestError, match="is not a folder"), reading_from(tmp_path / "none"):
        pass


@pytest.mark.parametrize(
    ("paradigm", "runs"),
    [
        (LeftRightImagery(), []),
        (MotorImagery(events=["left_hand", "right_hand"], n_classes=2), []),
        (MotorImagery(events=["right_hand", "feet"], n_classes=2), [6, 10, 14]),
    ],
    ids=["left-right", "both hands", "feet"],
)
def test_runs_with_feet_are_read_for_feet_alone(paradigm, runs):
    dataset = PhysionetMI()
    limit_runs(dataset, paradigm)
    assert dataset.feet_runs == runs


def test_other_datasets_have_no_runs_to_limit():
    dataset = SimulatedMotorImagery()
    before = dict(vars(dataset))
    limit_runs(dataset, LeftRightImagery())
    assert vars(dataset) == before


@pytest.mark.parametrize("name", ["PhysionetMI", "BNCI2014_001", "Cho2017", "Zhou2016"])
def test_missing_recordings_without_network_give_one_line(name, tmp_path, no_network):
    dataset = find_dataset(name)
    with reading_from(tmp_path), pytest.raises(DataNotFoundError) as error:
        read_subject(dataset, LeftRightImagery(), 2)
    text = str(error.value)
    assert "\n" not in text
    assert "subject 2" in text
    assert str(tmp_path) in text
    assert "cannot be reached" in text
    assert "--data-dir" in text


def test_a_dataset_whose_licence_must_be_accepted_says_so(tmp_path, no_network):
    with reading_from(tmp_path), pytest.raises(DataNotFoundError, match="licence"):
        read_subject(find_dataset("Shin2017A"), LeftRightImagery(), 1)


def test_what_a_reader_says_of_a_damaged_recording_is_told():
    class Faulty(FakeDataset):
        def _get_single_subject_data(self, subject):
            raise RuntimeError("a fault of its own")

    with pytest.raises(RequestError, match=r"subject 1: cannot read .*a fault of its own"):
        read_subject(Faulty(["left_hand", "right_hand"]), LeftRightImagery(), 1)


def test_real_recordings_are_read_offline(data_dir, no_network):
    dataset, paradigm = PhysionetMI(), LeftRightImagery(resample=128)
    limit_runs(dataset, paradigm)
    with reading_from(data_dir):
        X, y, metadata = read_subject(dataset, paradigm, 2)
    assert X.shape == (45, 64, 385)
    assert set(y) == {"left_hand", "right_hand"}
    assert len(metadata) == 45
    assert 1 < X.std() < 100  # microvolts


def test_real_recordings_are_read_as_epochs_with_positions(data_dir, no_network):
    dataset, paradigm = PhysionetMI(), LeftRightImagery(resample=128)
    limit_runs(dataset, paradigm)
    with reading_from(data_dir / "MNE-eegbci-data"):
        epochs, _, _ = read_subject(dataset, paradigm, 2, return_epochs=True)
    assert len(epochs.get_montage().ch_names) >= 64


@pytest.fixture
def some_of_physionet(data_dir, tmp_path):
    """A folder with copies of subjects 2 to 4, to be damaged."""
    part = Path("MNE-eegbci-data/files/eegmmidb/1.0.0")
    for subject in ("S002", "S003", "S004"):
        folder = tmp_path / part / subject
        shutil.copytree(data_dir / part / subject, folder, copy_function=shutil.copyfile)
        folder.chmod(0o755)
    return tmp_path


def file_of(folder, subject):
    part = f"MNE-eegbci-data/files/eegmmidb/1.0.0/S{subject:03d}/S{subject:03d}R04.edf"
    return folder / part


def read_physionet(folder, subject):
    dataset, paradigm = PhysionetMI(), LeftRightImagery(resample=128)
    limit_runs(dataset, paradigm)
    caught = Counter()
    with reading_from(folder), quiet(caught):
        trials = read_trials(dataset, paradigm, subject)
    return trials, " ".join(by_text(caught))


def test_a_file_cut_in_half_is_read_with_mnes_warning(some_of_physionet, no_network):
    file = file_of(some_of_physionet, 3)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    trials, warned = read_physionet(some_of_physionet, 3)
    assert not trials.failures
    assert 30 < len(trials.labels) < 45
    assert "does not match the file size" in warned
    assert "subject 3" in warned


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:200] + b"\xff" * 500])
def test_a_damaged_file_is_named(damage, some_of_physionet, no_network):
    file = file_of(some_of_physionet, 3)
    file.write_bytes(damage(file.read_bytes()))
    trials, _ = read_physionet(some_of_physionet, 3)
    assert not trials.recordings
    (failure,) = trials.failures
    assert failure.subject == 3
    assert f"cannot read {file}" in failure.reason
    assert "\n" not in failure.reason


def test_subjects_that_are_on_disk_are_told_where_one_is_not(some_of_physionet, no_network):
    with pytest.raises(DataNotFoundError, match=r"Recordings of subjects 2-4 .*--subjects 2-4"):
        read_physionet(some_of_physionet, 1)


def test_a_folder_that_may_not_be_read_is_no_missing_folder(tmp_path):
    folder = tmp_path / "MNE-eegbci-data" / "files"
    folder.mkdir(parents=True)
    folder.chmod(0)
    if os.access(folder, os.R_OK):
        pytest.skip("this user may read everything")
    text = f"no permission to read the folder {folder}"
    with pytest.raises(RequestError, match=text), reading_from(tmp_path):
        pass


def test_a_file_that_may_not_be_read_is_no_missing_file(tmp_path, no_network):
    class Locked(FakeDataset):
        def _get_single_subject_data(self, subject):
            raise PermissionError(13, "Permission denied", str(tmp_path / "1.edf"))

    (tmp_path / "1.edf").write_text("")
    with reading_from(tmp_path):
        trials = read_trials(Locked(["left_hand", "right_hand"]), LeftRightImagery(), 1)
    assert trials.failures[0].reason == f"no permission to read {tmp_path / '1.edf'}"


def test_a_class_in_a_file_goes_to_processes_that_cannot_import_it(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from moabb.datasets.fake import FakeDataset\nclass Mine(FakeDataset): n = 3\n")
    sent = cloudpickle.dumps(find_dataset(f"{file}:Mine", trust=True))
    del sys.modules["dataset_in_mine"]
    assert pickle.loads(sent).n == 3


def test_trials_are_the_same_bits_on_any_number_of_threads():
    dataset = SimulatedMotorImagery(n_subjects=6, n_sessions=1)
    for subject in (2, 3):
        on_any = read_trials(dataset, LeftRightImagery(resample=128), subject).array()
        with threadpool_limits(1):
            on_one = read_trials(dataset, LeftRightImagery(resample=128), subject).array()
        np.testing.assert_array_equal(on_any, on_one)
