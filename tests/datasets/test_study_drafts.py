"""``eegsep study init`` writes what files say, and says what is left to write."""

import re

import mne
import numpy as np
import pytest
import yaml

from eegsep._utils.errors import RequestError
from eegsep.datasets import study
from eegsep.datasets.study_folders import draft_study
from eegsep.datasets.study_folders.draft_patterns import guess_patterns
from tests.datasets import study_files as files


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        ("S001/S001R04.edf S001/S001R08.edf S002/S002R04.edf", "S{subject}/S{subject}R{run}.edf"),
        ("sub-01_ses-1.bdf sub-02_ses-1.bdf", "sub-{subject}_ses-{session}.bdf"),
        ("anna/pre/1.set bob/pre/1.set bob/post/2.set", "{subject}/{session}/{run}.set"),
        (
            "sub1/session1/d_2017-02-04-15_45_13.csv sub1/session2/d_2017-02-09-17.13.56.csv",
            "sub{subject}/session{session}/d_{run}.csv",
        ),
        ("subject01/r-[2012.07.06]_raw.fif subject02/r-[2012.07.19]_raw.fif",)
        + ("subject{subject}/r-[{run}]_raw.fif",),
        (
            "anna_mon_1_raw.fif anna_tue_1_raw.fif bob_mon_2_raw.fif",
            "{subject}_{session}_{run}_raw.fif",
        ),
        ("p3.edf p4.edf", "p{subject}.edf"),
        ("only.edf", "only.edf"),
    ],
)
def test_patterns_are_guessed_from_words_and_what_varies(paths, pattern):
    assert guess_patterns(paths.split()) == [pattern]


def test_nothing_is_left_to_write_where_annotations_say_it_all(tmp_path):
    for subject in (1, 2):
        files.write_fif(tmp_path / f"sub{subject}_raw.fif")
    file, left = draft_study(tmp_path)
    assert left == []
    dataset = study(tmp_path)
    assert dataset.interval == [0, 1]
    assert dataset.subject_list == [1, 2]
    assert set(dataset.event_id) == {"left_hand", "right_hand"}
    assert file == tmp_path / "study.yml"


def test_a_table_needs_paradigm_window_unit_and_what_codes_mean(tmp_path):
    folder, file = tmp_path / "recordings", tmp_path / "muse.yml"
    folder.mkdir()
    for run in (1, 2):
        files.write_csv(folder / f"s1_run{run}.csv.gz", seed=run)
    folder.chmod(0o555)
    _, left = draft_study(folder, file)
    assert [line.partition(":")[0] for line in left] == [
        "paradigm",
        "window",
        "unit",
        "7 (in classes)",
        "9 (in classes)",
    ]
    with pytest.raises(RequestError, match=r"muse.yml: is not complete, write paradigm: imagery"):
        study(file)
    text = file.read_text(encoding="utf-8")
    assert "sfreq: 100 " in text  # by the times
    micro = float(re.search("µV would make (.*) µV", text)[1])
    assert micro == pytest.approx(10, rel=0.1)  # as the signal was made
    for key, value in (("paradigm", "imagery"), ("window", "[0, 1]"), ("unit", "µV")):
        text = text.replace(f"\n{key}:", f"\n{key}: {value}")
    text = text.replace("  7:", "  7: left_hand").replace("  9:", "  9: right_hand")
    file.write_text(text, encoding="utf-8")
    raw = study(file).get_data([1])[1]["0"]["1"]
    assert raw.ch_names == files.NAMES
    assert raw.annotations.description.tolist() == files.LABELS


def test_odd_names_and_other_types_are_proposed(tmp_path):
    names = ["EEG C3-REF", "EEG Cz-REF", "EEG C4-REF", "VEOG"]
    files.write_fif(tmp_path / "p1_raw.fif", names=names)
    draft_study(tmp_path)
    raw = study(tmp_path).get_data([1])[1]["0"]["0"]
    assert raw.copy().pick("eeg").ch_names == files.NAMES
    assert raw.get_channel_types(["VEOG"]) == ["eog"]


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    files.write_fif(tmp_path / "p1_raw.fif")
    (tmp_path / "study.yml").write_text("mine")
    with pytest.raises(RequestError, match="is there already: --overwrite"):
        draft_study(tmp_path)
    assert (tmp_path / "study.yml").read_text() == "mine"


def test_a_folder_without_recordings_is_refused(tmp_path):
    with pytest.raises(RequestError, match="has no recording"):
        draft_study(tmp_path)


def test_names_of_files_and_markers_write_no_lines_of_their_own(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    text = 'say "hi"\\\nunit: mV\x1b[2J # {'
    for subject in (1, 2):
        raw = files.make_raw(seed=subject, annotated=False)
        raw.set_annotations(mne.Annotations(np.array(files.ONSETS) / files.SFREQ, 1.0, text))
        raw.save(folder / f"s\nfolder: ..\n{subject}_raw.fif", verbose="error")
    file, _ = draft_study(folder, tmp_path / "mine.yml")
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert content["folder"] == str(folder)
    assert content["unit"] == "V"
    assert content["files"] == "s\nfolder: ..\n{subject}_raw.fif"
    assert list(content["classes"]) == [text]
