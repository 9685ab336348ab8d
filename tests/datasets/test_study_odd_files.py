"""Files of studies that say less, or more, than they should: nothing is shifted, cut or lost."""

import os

import numpy as np
import pytest

from eegsep._utils.errors import RequestError
from eegsep._utils.file_states import state_of_file
from eegsep.datasets import study
from eegsep.datasets.study_folders.entries import files_below
from tests.datasets import study_files as files

TABLES = {
    "files": "sub{subject}.csv",
    "markers": "{channel: Marker}",
    "classes": "{7: left_hand, 9: right_hand}",
    "unit": "µV",
    "sfreq": "100",
}


def annotations(folder):
    """Onsets in samples and classes of subject 1."""
    dataset = study(folder)
    found = next(iter(dataset.get_data([1])[1]["0"].values())).annotations
    return np.round(found.onset * files.SFREQ).astype(int).tolist(), found.description.tolist()


def write_table(folder, header, line, end=""):
    """A table of two channels and markers, of which `line` makes lines."""
    signal, codes = 1e6 * files.signal(), dict(zip(files.ONSETS, files.CODES, strict=True))
    lines = [line(*signal[:2, k], codes.get(k, 0)) for k in range(signal.shape[1])]
    (folder / "sub1.csv").write_text("\n".join([header, *lines, end]))
    files.describe(folder, **TABLES)


def test_a_column_of_markers_may_be_empty_where_there_is_none(tmp_path):
    write_table(tmp_path, "C3,Cz,Marker", lambda a, b, code: f"{a},{b},{code or ''}")
    assert annotations(tmp_path) == (files.ONSETS, files.LABELS)


def test_codes_that_are_off_by_rounding_are_those_that_were_meant(tmp_path):
    write_table(tmp_path, "C3,Cz,Marker", lambda a, b, code: f"{a},{b},{0.9999 * code}")
    assert annotations(tmp_path) == (files.ONSETS, files.LABELS)


@pytest.mark.parametrize(
    ("header", "line", "text"),
    [
        ("C3,Cz,Marker", lambda a, b, code: f"{a},{b},{code},1", "cannot be read as a table"),
        ("C3,C3,Marker", lambda a, b, code: f"{a},{b},{code}", "several columns C3"),
        ("C3,Cz,Marker", lambda a, b, code: f"{a},{b},{code + 0.5 * (code > 0)}", "such as 7.5"),
        ("C3,Cz,Marker", lambda a, b, code: f"{a},{b} x,{code}", "Cz has more than numbers"),
        ("C3;Cz;Marker", lambda a, b, code: f"{a};{b};{code}", "C3 has more than numbers"),
    ],
)
def test_a_table_that_can_be_taken_for_another_is_refused(header, line, text, tmp_path):
    write_table(tmp_path, header, line)
    with pytest.raises(RequestError, match=text):
        annotations(tmp_path)


def test_markers_with_a_class_count_whatever_they_begin_with(tmp_path):
    raw = files.make_raw()
    raw.annotations.rename({"left_hand": "Bad mood", "right_hand": "edgy"}, verbose="error")
    raw.save(tmp_path / "sub1_raw.fif", verbose="error")
    files.describe(tmp_path, classes="{Bad mood: left_hand, edgy: right_hand}")
    assert annotations(tmp_path) == (files.ONSETS, files.LABELS)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("1e300\tleft_hand", "no times of markers"),
        ("soon\tleft_hand", "onset has more than numbers"),
    ],
)
def test_onsets_that_are_no_times_are_refused(line, text, tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif", annotated=False)
    (tmp_path / "sub1.tsv").write_text(f"onset\ttrial_type\n{line}\n")
    files.describe(tmp_path, markers='{file: "sub{subject}.tsv"}')
    with pytest.raises(RequestError, match=text):
        annotations(tmp_path)


@pytest.mark.parametrize(
    ("replaced", "text"),
    [
        ({"classes": '{left_hand: "a\\nb", right_hand: c}'}, "none can be called 'a\\nb'"),
        ({"classes": "{left_hand: badly, right_hand: well}"}, "none can be called 'badly'"),
        ({"window": "[0, 1e300]"}, "too far from the marker"),
        ({"window": "01"}, "'01' is none"),
        ({"folder": "~nobody-of-this-name/x"}, "there is no folder"),
        ({"name": "[" * 3000 + "]" * 3000}, "nested too deeply"),
        ({"rename": "{C3: Cz}"}, "several channels Cz"),
    ],
)
def test_what_no_recording_could_have_is_refused(replaced, text, tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif")
    files.describe(tmp_path, **replaced)
    with pytest.raises(RequestError) as refused:
        annotations(tmp_path)
    assert text in str(refused.value)
    assert "study.yml" in str(refused.value)


def test_names_with_digits_that_are_no_numbers_are_sorted(tmp_path):
    for name in ("sub1²2", "sub1"):
        files.write_fif(tmp_path / f"{name}_raw.fif")
    files.describe(tmp_path)
    assert list(study(tmp_path).subject_names.values()) == ["1", "1²2"]


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    files.write_fif(tmp_path / "sub1_raw.fif")
    os.symlink(tmp_path / "nowhere", tmp_path / "sub2_raw.fif")
    files.describe(tmp_path)
    with pytest.raises(RequestError, match=r"sub2_raw.fif is a link to a file that is not there"):
        study(tmp_path)


def test_two_markers_of_classes_at_one_sample_are_refused(tmp_path):
    raw = files.make_raw()
    onset = raw.annotations.onset[1]
    raw.annotations.append(onset, 0.0, "left_hand")
    raw.save(tmp_path / "sub1_raw.fif", verbose="error")
    files.describe(tmp_path)
    with pytest.raises(RequestError, match=r"two markers of classes at sample 307, left_hand and"):
        study(tmp_path).get_data([1])


def test_a_folder_that_is_a_recording_is_found_as_one(tmp_path):
    (tmp_path / "sub1.mff" / "inside").mkdir(parents=True)
    (tmp_path / "sub1.mff" / "signal1.bin").write_bytes(b"1")
    assert files_below(tmp_path) == ["sub1.mff"]


def test_a_file_in_the_place_of_another_is_told_from_it(tmp_path):
    file = tmp_path / "a.edf"
    file.write_bytes(bytes(300_000))
    first, date = state_of_file(file), file.stat().st_mtime_ns
    for at in (100, 299_999):
        content = bytearray(300_000)
        content[at] = 1
        file.write_bytes(content)
        os.utime(file, ns=(date, date))
        assert state_of_file(file)[:2] == first[:2]
        assert state_of_file(file) != first
