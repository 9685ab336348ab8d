"""A folder of recordings and a small file are a MOABB dataset, whatever the files' format."""

import pickle

import mne
import numpy as np
import pandas as pd
import pytest
from moabb.datasets.base import BaseDataset
from moabb.paradigms import LeftRightImagery, MotorImagery

from eegsep._utils.errors import RequestError
from eegsep.datasets import Recordings, study
from eegsep.datasets.recordings import read_trials
from eegsep.datasets.selection import record
from eegsep.datasets.study_folders import list_contents
from eegsep.studies.digests import key_of_recordings
from tests.conftest import warnings_of
from tests.datasets import study_files as files

HANDS = "{7: left_hand, 9: right_hand}"
CSV = {"unit": "µV", "sfreq": "100", "types": "{timestamps: misc, AUX: misc}"}
# For each format: how it is written, the files' suffix, and what study.yml says.
FORMATS = {
    "fif": (files.write_fif, "_raw.fif", {}),
    "edf": (files.write_edf, ".edf", {}),
    "brainvision": (
        files.write_brainvision,
        ".vhdr",
        {"classes": '{"Stimulus/S  7": left_hand, "Stimulus/S  9": right_hand}'},
    ),
    "set": (files.write_set, ".set", {}),
    "csv.gz": (
        files.write_csv,
        ".csv.gz",
        {"markers": "{channel: marker}", "classes": HANDS} | CSV,
    ),
    "fif with a stim channel": (
        lambda path: files.write_fif(path, stim=True, annotated=False),
        "_raw.fif",
        {"markers": "{channel: STI 014}", "classes": HANDS},
    ),
}


def first_run(dataset, subject=1):
    return next(iter(next(iter(dataset.get_data([subject])[subject].values())).values()))


@pytest.mark.parametrize("kind", FORMATS)
def test_trials_are_where_the_markers_are_and_in_volts(kind, tmp_path):
    write, suffix, lines = FORMATS[kind]
    write(tmp_path / f"sub1{suffix}")
    files.describe(tmp_path, files="sub{subject}" + suffix, **lines)
    dataset = study(tmp_path)
    raw = first_run(dataset)
    assert raw.ch_names == files.NAMES
    onsets = np.round(raw.annotations.onset * files.SFREQ).astype(int)
    assert onsets.tolist() == files.ONSETS
    assert raw.annotations.description.tolist() == files.LABELS
    np.testing.assert_allclose(raw.get_data(), files.signal(), atol=2e-8)


def test_moabbs_paradigm_cuts_the_samples_after_the_markers(tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif")
    files.describe(tmp_path, window="[0.1, 0.6]")
    dataset = study(tmp_path)
    assert isinstance(dataset, BaseDataset)
    X, y, metadata = LeftRightImagery(fmin=0, fmax=49).get_data(dataset, [1])
    raw = files.make_raw().filter(0, 49, method="iir", verbose="error")
    expected = [1e6 * raw.get_data()[:, at + 10 : at + 61] for at in files.ONSETS]
    assert y.tolist() == files.LABELS
    np.testing.assert_allclose(X, expected, atol=0.2)
    assert set(metadata["subject"]) == {1}


@pytest.mark.parametrize("suffix", [".fif", ".tsv"])
def test_markers_may_be_in_a_file_beside_each_recording(suffix, tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif", annotated=False)
    events = np.column_stack([files.ONSETS, np.zeros(6, int), files.CODES])
    if suffix == ".fif":
        mne.write_events(tmp_path / "sub1-eve.fif", events, verbose="error")
    else:
        lines = ["onset\ttrial_type", *(f"{at / 100}\t{code}" for at, _, code in events)]
        (tmp_path / "sub1-eve.tsv").write_text("\n".join(lines))
    where = "{file: 'sub{subject}-eve" + suffix + "'}"
    files.describe(tmp_path, markers=where, classes=HANDS)
    raw = first_run(study(tmp_path))
    assert np.round(raw.annotations.onset * files.SFREQ).tolist() == files.ONSETS


def test_a_unit_that_is_not_volts_is_brought_to_volts_and_its_lack_is_told(tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif", scale=1e3)
    files.describe(tmp_path)
    assert "is the unit in" in warnings_of(lambda: first_run(study(tmp_path)))[0]
    files.describe(tmp_path, unit="mV")
    np.testing.assert_allclose(first_run(study(tmp_path)).get_data(), files.signal(), rtol=1e-5)


def test_names_are_the_montages_and_other_types_have_no_place(tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif", names=["c3", "CZ", "EEG 7", "Eye"])
    files.describe(tmp_path, montage="standard_1005", rename="{EEG 7: C4}", types="{EYE: eog}")
    raw = first_run(study(tmp_path))
    assert raw.ch_names == ["C3", "Cz", "C4", "Eye"]
    assert raw.get_channel_types() == ["eeg"] * 3 + ["eog"]
    places = raw.get_montage().get_positions()["ch_pos"]
    assert places["C3"][0] < 0 < places["C4"][0]  # left and right


def test_a_channel_that_is_not_there_is_told(tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif")
    files.describe(tmp_path, types="{EOG1: eog}")
    (warned,) = warnings_of(lambda: first_run(study(tmp_path)))
    assert "sub1_raw.fif has no channel EOG1, which" in warned


def test_bad_segments_stay_and_drop_their_trials(tmp_path):
    raw = files.make_raw()
    raw.annotations.append(files.ONSETS[0] / files.SFREQ, 0.5, "BAD_blink")
    raw.save(tmp_path / "sub1_raw.fif", verbose="error")
    files.describe(tmp_path)
    _, y, _ = LeftRightImagery().get_data(study(tmp_path), [1])
    assert y.tolist() == files.LABELS[1:]


# -- subjects, sessions, runs ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "pattern", "expected"),
    [
        (["S03/a", "S10/a"], "S{subject}/*", [(3, "0", "0"), (10, "0", "0")]),
        (["bob/1", "anna/1"], "{subject}/{run}", [(1, "0", "1"), (2, "0", "1")]),
        (
            ["1/post/r1", "1/pre/r1", "1/pre/r2"],
            "{subject}/{session}/r{run}",
            [(1, "0pre", "1"), (1, "0pre", "2"), (1, "1post", "1")],
        ),
        (
            ["s1_2026.03.01", "s1_2026.02.01", "s2_2026.01.01"],
            "s{subject}_{session}",
            [(1, "0", "0"), (1, "1", "0"), (2, "0", "0")],
        ),
        (["S001/S001R04"], "S{subject}/S{subject}R{run}", [(1, "0", "04")]),
        (["a[1]"], "a[{run}]", [(1, "0", "1")]),
    ],
)
def test_labels_become_numbers_and_names_that_moabb_takes(paths, pattern, expected, tmp_path):
    for path in paths:
        file = tmp_path / f"{path}.edf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    files.describe(tmp_path, files=f'"{pattern}.edf"')
    found = [(each.subject, each.session, each.run) for each in study(tmp_path).entries]
    assert found == expected


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replaced", "text"),
    [
        ({"windw": "[0, 1]"}, "unknown key 'windw': did you mean window"),
        ({"window": ""}, "is not complete, write window: start and end"),
        ({"window": "[1, 0]"}, "its end must come after its start"),
        ({"window": None}, "has no window: write window:"),
        ({"paradigm": "p30"}, "'p30' is none, did you mean p300"),
        ({"paradigm": "p300"}, "called Target and NonTarget, not left_hand, right_hand"),
        ({"classes": "{7: left_hand}"}, "there must be two or more"),
        ({"classes": "{7: left_hand, 9: }"}, "9 (in classes): the class's name, or delete"),
        ({"unit": "milli"}, "unit: 'milli' is none, write V, mV"),
        ({"montage": "standard_1004"}, "MNE has no 'standard_1004'"),
        ({"types": "{Cz: eye}"}, "types: Cz cannot be 'eye': write"),
        ({"files": "sub{sujet}_raw.fif"}, "unknown {sujet}: did you mean {subject}"),
        ({"files": "other{subject}_raw.fif"}, "has a path such as other{subject}_raw.fif"),
        ({"markers": "{file: 'sub{subject}-eve.fif'}"}, "no file sub1-eve.fif for sub1_raw.fif"),
        ({"markers": "{chanel: STI}"}, "markers: write annotations, {channel:"),
        ({"markers": "{channel: STI}"}, "sub1_raw.fif has no channel STI"),
        ({"folder": "elsewhere"}, "folder: there is no folder"),
        ({"name": "my study!"}, "name: write a short name"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_refused_with_the_file_and_what_to_write(replaced, text, tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif")
    files.describe(tmp_path, **replaced)
    with pytest.raises(RequestError) as refused:
        first_run(study(tmp_path))
    said = str(refused.value)
    assert text in said
    assert "study.yml" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "says nothing"),
        ("files: [", "is no YAML in line"),
        ("unit: V\nunit: mV\n", "has unit twice"),
        ("unit: V\n", "has no files: write files:"),
    ],
)
def test_a_file_that_says_nothing_of_use_is_refused(content, text, tmp_path):
    (tmp_path / "study.yml").write_text(content)
    with pytest.raises(RequestError, match=text):
        study(tmp_path)


def test_a_folder_without_a_file_says_what_drafts_one(tmp_path):
    with pytest.raises(RequestError, match=r"`eegsep study init .*` drafts"):
        study(tmp_path)


def test_a_recording_that_no_pattern_knows_is_refused_unless_it_is_ignored(tmp_path):
    for name in ("sub1", "sub2", "pilot"):
        files.write_fif(tmp_path / f"{name}_raw.fif")
    files.describe(tmp_path)
    with pytest.raises(RequestError, match=r"pilot_raw.fif in .* match none of the patterns"):
        study(tmp_path)
    files.describe(tmp_path, ignore="pilot*")
    assert study(tmp_path).subject_list == [1, 2]


def test_two_recordings_of_one_run_are_refused(tmp_path):
    for name in ("sub1_a", "sub1_b"):
        files.write_fif(tmp_path / f"{name}_raw.fif")
    files.describe(tmp_path, files="sub{subject}_*_raw.fif")
    with pytest.raises(RequestError, match=r"sub1_a_raw.fif and sub1_b_raw.fif are both of sub"):
        study(tmp_path)


def test_an_electrode_without_a_place_is_refused_with_three_ways_out(tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif", names=["C3", "Cz", "Left eye"])
    files.describe(tmp_path, montage="standard_1005")
    trials = read_trials(study(tmp_path), LeftRightImagery(), 1)
    (failure,) = trials.failures
    assert "sub1_raw.fif: the montage standard_1005 has no Left eye: write" in failure.reason
    assert "study.yml" in failure.reason


def test_contents_count_trials_and_name_what_cannot_be_read(tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif")
    (tmp_path / "sub2_raw.fif").write_bytes(b"no recording")
    files.describe(tmp_path)
    table, _ = list_contents(study(tmp_path))
    assert table.loc[0, ["left_hand", "right_hand", "problem"]].tolist() == [3, 3, ""]
    assert f"cannot read {tmp_path / 'sub2_raw.fif'}" in table["problem"][1]


# -- as what a study reads ------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif")
    files.describe(tmp_path)
    return tmp_path


@pytest.mark.parametrize("ask", [str, study], ids=["path", "object"])
def test_a_path_names_it_in_commands_yaml_and_records(folder, ask):
    recordings = Recordings(ask(folder))
    assert recordings.objects == []
    assert recordings.to_command() == f"{folder} --resample 128"
    assert f"- {folder}\n" in recordings.to_yaml()
    selections = recordings.select()
    run = {"datasets": {selections[0].dataset.code: [1]}, **record(selections)}
    assert Recordings.of_run(run).to_command().startswith(f"{folder} --subjects 1 ")


@pytest.mark.parametrize(
    ("classes", "paradigm"),
    [
        ("{left_hand: left_hand, right_hand: right_hand}", LeftRightImagery),
        ("{left_hand: tongue, right_hand: feet}", MotorImagery),
    ],
)
def test_the_paradigm_is_what_suits_its_classes(folder, classes, paradigm):
    files.describe(folder, classes=classes)
    (selection,) = Recordings(str(folder)).select()
    assert type(selection.paradigm) is paradigm
    assert set(selection.paradigm.used_events(selection.dataset)) == set(selection.dataset.event_id)


def test_datasets_of_different_paradigms_are_refused(folder):
    files.describe(folder, paradigm="ssvep")
    with pytest.raises(RequestError, match="different paradigms"):
        Recordings([str(folder), "SimulatedMotorImagery"]).select()


def test_another_process_reads_the_same(folder):
    dataset = study(folder)
    copied = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(first_run(copied).get_data(), first_run(dataset).get_data())


def test_what_is_noted_of_recordings_is_of_these_files_and_this_description(folder):
    def key():
        (selection,) = Recordings(str(folder)).select()
        return key_of_recordings(selection, "trials")

    first = key()
    assert key() == first
    files.describe(folder, window="[0, 0.9]")
    second = key()
    files.describe(folder)
    assert key() == first
    (folder / "sub1_raw.fif").unlink()
    files.write_fif(folder / "sub1_raw.fif", seed=1)
    assert len({first, second, key()}) == 3


def test_ssvep_exo_is_read_as_it_lies_there(data_dir, tmp_path):
    (tmp_path / "exo.yml").write_text(
        f"folder: {data_dir / 'ssvep-exo'}\n"
        'files: "subject{subject}/record-[{session}]_raw.fif"\n'
        'markers: {file: "subject{subject}/record-[{session}]-eve.fif"}\n'
        "paradigm: ssvep\nwindow: [2, 4]\nclasses: {1: rest, 2: 13, 3: 21, 4: 17}\n"
        "unit: mV\nmontage: standard_1005\n"
    )
    dataset = study(tmp_path / "exo.yml")
    assert (dataset.subject_list, dataset.n_sessions) == ([1, 2, 3, 4, 5, 6], 2)
    raw = first_run(dataset)
    file = sorted((data_dir / "ssvep-exo/subject01").glob("*_raw.fif"))[0]
    stored = mne.io.read_raw_fif(file, verbose="error")
    np.testing.assert_allclose(raw.get_data(), 1e-3 * stored.get_data(), rtol=1e-6)
    assert sorted(raw.annotations.description) == sorted(["rest", "13", "17", "21"] * 8)


def test_muse_p300_is_read_as_it_lies_there(data_dir, tmp_path):
    (tmp_path / "muse.yml").write_text(
        f"folder: {data_dir / 'muse-p300'}\n"
        'files: "subject{subject}/session{session}/data_{run}.csv.gz"\n'
        "markers: {channel: Marker}\nparadigm: p300\nwindow: [0, 1]\nunit: µV\nsfreq: 256\n"
        "classes: {1: NonTarget, 2: Target}\ntypes: {timestamps: misc, Right AUX: misc}\n"
        "montage: standard_1005\n"
    )
    dataset = study(tmp_path / "muse.yml")
    assert (dataset.subject_list, dataset.n_sessions, len(dataset.entries)) == ([1], 3, 16)
    raw = first_run(dataset)
    assert raw.ch_names == ["TP9", "AF7", "AF8", "TP10"]
    table = pd.read_csv(dataset.data_path(1)[0])
    np.testing.assert_allclose(1e6 * raw.get_data().T, table[raw.ch_names], atol=1e-9)
    codes = table["Marker"].to_numpy()
    onsets = np.flatnonzero((codes[1:] != 0) & (codes[1:] != codes[:-1])) + 1
    assert np.round(256 * raw.annotations.onset).tolist() == onsets.tolist()
    names = np.array(["", "NonTarget", "Target"])[codes[onsets]]
    assert raw.annotations.description.tolist() == names.tolist()
