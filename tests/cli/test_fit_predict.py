"""``eegsep fit`` makes models of recordings in files, ``eegsep predict`` decodes others by them."""

import json
import sys

import mne
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from typer.testing import CliRunner

import eegsep
from eegsep.cli import app
from eegsep.files import read_metadata
from tests.datasets import study_files as files
from tests.deployment.test_recording import make_raw

QUICK = ["--n-jobs", 1, "--max-epochs", 1]
WINDOW = ["--tmin", 0.25, "--tmax", 1.75]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two recordings of one person, and a model of the first."""
    folder = tmp_path_factory.mktemp("recordings")
    for k in (1, 2):
        make_raw(seed=k).save(folder / f"r{k}_raw.fif", verbose="error")
    model = folder / "model.eegsep"
    done("fit", folder / "r1_raw.fif", *WINDOW, "--save", model, "--no-score", *QUICK)
    return folder


def by_hand(path):
    """What MOABB's defaults for imagery are, in plain MNE."""
    raw = mne.io.read_raw(path, preload=True, verbose="error")
    raw.filter(8, 32, method="iir", verbose="error")
    events, codes = mne.events_from_annotations(raw, verbose="error")
    epochs = mne.Epochs(
        raw, events, codes, 0.25, 1.75, baseline=None, proj=False, preload=True, verbose="error"
    )
    return epochs.resample(128, verbose="error")


def test_predictions_are_those_of_python_on_epochs_made_by_hand(folder, tmp_path):
    out = tmp_path / "out.csv"
    done("predict", folder / "model.eegsep", folder / "r2_raw.fif", "--output", out)
    table = pd.read_csv(out)
    clf = eegsep.load(folder / "model.eegsep")
    epochs = by_hand(folder / "r2_raw.fif")
    np.testing.assert_allclose(
        table[["p_left", "p_right"]], clf.predict_proba(epochs), rtol=1e-12, atol=1e-12
    )
    assert table["decision"].tolist() == clf.predict(epochs).tolist()
    assert table["truth"].tolist() == table["marker"].tolist() == ["left", "right"] * 9 + ["left"]


def test_a_model_is_the_classifier_fitted_by_hand(folder):
    clf, epochs = eegsep.load(folder / "model.eegsep"), by_hand(folder / "r1_raw.fif")
    labels = np.array(["left", "right"])[epochs.events[:, 2] - 1]
    same = eegsep.EEGNetClassifier(random_state=42, max_epochs=1).fit(epochs, labels)
    np.testing.assert_array_equal(clf.predict_proba(epochs), same.predict_proba(epochs))


def test_a_model_names_its_recordings_and_not_where_they_lay(folder):
    assert read_metadata(folder / "model.eegsep")["fit"]["recordings"] == ["r1_raw.fif"]


def test_the_score_comes_with_its_interval_and_chance(folder, tmp_path):
    said = json.loads(
        done(
            *("fit", folder / "r1_raw.fif", *WINDOW, "--save", tmp_path / "m.eegsep"),
            *("--json", "--n-jobs", 1),
        )
    )
    score = said["run"]
    assert score["metric"] == "roc_auc"
    assert score["folds"] == "5 stratified folds of consecutive trials"
    assert np.sum(score["confusion"]) == sum(score["trials"].values()) == 19
    assert score["chance"]["low"] < 0.5 < score["chance"]["high"] < score["score"]
    kept = read_metadata(tmp_path / "m.eegsep")
    assert kept["fit"]["score"] == score["score"]
    assert kept["preparation"] == said["preparation"]


def test_runs_are_tested_as_a_whole(folder, tmp_path):
    make_raw(seed=3).save(tmp_path / "r3_raw.fif", verbose="error")
    paths = [folder / "r1_raw.fif", folder / "r2_raw.fif", tmp_path / "r3_raw.fif"]
    text = done("fit", *paths, *WINDOW, "--save", tmp_path / "m.eegsep", *QUICK)
    lines = text.splitlines()
    assert lines[0] == "r1_raw.fif, r2_raw.fif, r3_raw.fif: 30 left, 27 right"
    assert lines[1] == (
        "3 channels, 8–32 Hz, 0.25 to 1.75 s after the marker, 100 Hz resampled to 128 Hz"
    )
    assert lines[2].startswith("EEGNet, 3 folds of whole runs: ROC-AUC ")
    assert lines[-1] == f"then: eegsep predict {tmp_path / 'm.eegsep'} RECORDING"


def test_sliding_windows_and_annotations_cover_the_recording(folder, tmp_path):
    out, marks = tmp_path / "out.json", tmp_path / "marks-annot.fif"
    path = folder / "r2_raw.fif"
    done(
        *("predict", folder / "model.eegsep", path, "--sliding", 0.5),
        *("--output", out, "--annotations", marks),
    )
    windows = json.loads(out.read_text())["windows"]
    assert [each["start"] for each in windows] == list(np.arange(0, 58.5, 0.5))
    sums = [each["p_left"] + each["p_right"] for each in windows]
    np.testing.assert_allclose(sums, 1.0)
    read = mne.read_annotations(marks)
    assert read.description.tolist() == [each["decision"] for each in windows]
    # of each window the middle
    np.testing.assert_allclose(read.onset, np.arange(len(windows)) / 2 + 1.51 / 2 - 0.25, atol=1e-5)
    raw = mne.io.read_raw(path, verbose="error").set_annotations(read)
    assert len(raw.annotations) == len(windows)


@pytest.mark.parametrize("ending", ["-annot.fif", ".csv", ".txt"])
def test_annotations_of_a_dated_recording_lie_where_its_markers_do(folder, tmp_path, ending):
    raw = make_raw(seed=2).set_meas_date(1_000_000_000)
    raw.crop(tmin=5.0)  # which then begins five seconds after its date
    raw.save(tmp_path / "dated_raw.fif", verbose="error")
    marks = tmp_path / f"marks{ending}"
    done("predict", folder / "model.eegsep", tmp_path / "dated_raw.fif", "--annotations", marks)
    raw = mne.io.read_raw(tmp_path / "dated_raw.fif", verbose="error")
    markers = raw.annotations.onset
    raw.set_annotations(mne.read_annotations(marks))
    np.testing.assert_allclose(raw.annotations.onset, markers + 0.25, atol=1e-3)


def test_a_table_is_decoded_as_the_same_recording_in_another_format(folder, tmp_path):
    raw = make_raw(seed=2)
    columns = dict(zip(raw.ch_names, 1e6 * raw.get_data(), strict=True))
    table = pd.DataFrame({"time": raw.times} | columns | {"Marker": 0, "note": "x"})
    samples = np.round(raw.annotations.onset * 100).astype(int)
    table.loc[samples, "Marker"] = np.where(raw.annotations.description == "left", 1, 2)
    table.to_csv(tmp_path / "r2.csv", index=False)
    outs = [tmp_path / "fif.csv", tmp_path / "table.csv"]
    model = folder / "model.eegsep"
    done("predict", model, folder / "r2_raw.fif", "--output", outs[0])
    done(
        *("predict", model, tmp_path / "r2.csv", "--output", outs[1]),
        *("--sfreq", 100, "--unit", "uV", "--markers", "Marker", "--events", "left=1,right=2"),
    )
    one, other = map(pd.read_csv, outs)
    np.testing.assert_allclose(other["p_left"], one["p_left"], atol=1e-5)
    assert other["truth"].tolist() == one["truth"].tolist()


def test_a_model_of_tables_knows_their_unit_rate_and_markers(tmp_path):
    for k in (1, 2):
        files.write_csv(tmp_path / f"r{k}.csv", seed=k)
    model, window = tmp_path / "m.eegsep", ["--tmin", 0, "--tmax", 1]
    said = ["--events", "left=7,right=9", "--unit", "µV", "--sfreq", 100]
    paths = tmp_path / "r1.csv", tmp_path / "r2.csv"
    done("fit", *paths, *window, *said, "--save", model, "--no-score", *QUICK)
    told = json.loads(done("predict", model, tmp_path / "r2.csv", "--json"))
    assert [each["time"] for each in told["windows"]] == [onset / 100 for onset in files.ONSETS]
    assert [each["truth"] for each in told["windows"]] == ["left", "right"] * 3


@pytest.mark.parametrize("write", [files.write_edf, files.write_brainvision, files.write_set])
def test_files_of_each_format_are_taken(tmp_path, write):
    suffix = {"write_edf": "edf", "write_brainvision": "vhdr", "write_set": "set"}[write.__name__]
    path, model = tmp_path / f"r.{suffix}", tmp_path / "m.eegsep"
    write(path)
    done("fit", path, "--tmin", 0, "--tmax", 1, "--save", model, "--no-score", *QUICK)
    told = json.loads(done("predict", model, path, "--json"))
    assert told["run"]["n_windows"] == 6
    assert told["run"]["fitted_to_it"]
    assert "accuracy" in told["run"]


def test_a_study_folder_is_fitted_over_its_subjects(tmp_path):
    (tmp_path / "mine").mkdir()
    for subject in (1, 2):
        files.write_fif(tmp_path / f"mine/sub{subject}_raw.fif", seed=subject)
    files.describe(tmp_path / "mine")
    model = tmp_path / "m.eegsep"
    said = json.loads(done("fit", tmp_path / "mine", "--save", model, "--json", *QUICK))
    assert said["run"]["folds"] == "2 folds of whole subjects"
    assert said["run"]["subjects"] == [1, 2]
    path = tmp_path / "mine/sub2_raw.fif"
    assert "6 windows after markers" in done("predict", model, path)


def test_markers_without_classes_are_decoded_without_a_truth(folder):
    model, path = folder / "model.eegsep", folder / "r2_raw.fif"
    told = json.loads(done("predict", model, path, "--events", "left", "--json"))
    assert told["run"]["n_windows"] == 10
    assert "accuracy" not in told["run"]
    assert "truth" not in told["windows"][0]


def test_files_that_are_there_stay_without_overwrite(folder, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("mine")
    model, path = folder / "model.eegsep", folder / "r2_raw.fif"
    line = refused("predict", model, path, "--output", out)
    assert line == f"eegsep: {out} is there already: --overwrite replaces it."
    assert out.read_text() == "mine"
    done("predict", model, path, "--output", out, "--overwrite")
    assert out.read_text().startswith("time,marker")
    before = model.read_bytes()
    assert "is there already" in refused("fit", path, "--save", model)
    assert model.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.edf"], "there is no file none.edf"),
        (["r1_raw.fif", "somewhere"], "somewhere is no recording, as the others are"),
        (["r1_raw.fif", "r1_raw.fif"], "r1_raw.fif is named more than once"),
        (["r1_raw.fif", "--subjects", "1"], "--subjects: files that are named"),
        (["r1_raw.fif"], "markers do not say how long trials are; they are 3 s apart"),
        (["r1_raw.fif", *WINDOW, "--events", "a=left,b=up"], "no marker is called 'up': they are"),
        (["r1_raw.fif", *WINDOW, "--events", "a=left,b"], "write them as left=T1,right=T2"),
        (["r1_raw.fif", *WINDOW, "--events", "a=left"], "there must be two or more"),
        (["r1_raw.fif", *WINDOW, "--unit", "furlong"], "unit: 'furlong' is none"),
        (["r1_raw.fif", *WINDOW, "--channels", "Oz"], "r1_raw.fif has no good channel Oz"),
        (["SimulatedSSVEP", "--unit", "V"], "--unit: this is said of files"),
        (["r1_raw.fif", *WINDOW, "--pipeline", "none"], "unknown pipeline 'none'"),
        (["cut.fif", *WINDOW], "cut.fif (AttributeError"),
        (["quiet_raw.fif", *WINDOW], "there is no annotation and no channel of triggers"),
        (["odd_raw.fif", *WINDOW], "the markers are a (1), b (1), c (1): say which"),
        (["volts_raw.fif", *WINDOW], "varies by 10.1 volts within a second: say in which unit"),
        (["few_raw.fif", *WINDOW], "no score can be told"),
    ],
)
def test_what_cannot_be_fitted_is_one_line(folder, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r1_raw.fif").symlink_to(folder / "r1_raw.fif")
    if arguments[0] not in ("r1_raw.fif", "none.edf", "SimulatedSSVEP"):
        raw = make_raw(seconds=12)
        marks = {"quiet_raw.fif": "", "odd_raw.fif": "abc"}.get(arguments[0])
        if marks is not None:
            raw.set_annotations(mne.Annotations(np.arange(1.0, len(marks) + 1), 0.0, [*marks]))
        if arguments[0] == "volts_raw.fif":
            raw.apply_function(lambda x: 1e6 * x)
        if arguments[0] == "cut.fif":
            (tmp_path / "cut.fif").write_bytes(b"no recording")
        else:
            raw.save(tmp_path / arguments[0], verbose="error")
    line = refused("fit", *arguments, "--save", tmp_path / "m.eegsep", "--n-jobs", 1)
    assert message in line
    assert not (tmp_path / "m.eegsep").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.edf"], "there is no file none.edf"),
        (["model.eegsep"], "is no recording by its name"),
        (["."], "is a folder: name a recording in it"),
        (["r2_raw.fif", "--sliding", "0"], "windows cannot slide by 0 s"),
        (["r2_raw.fif", "--sliding", "1", "--events", "left"], "not both"),
        (["r2_raw.fif", "--events", "up"], "has none of the markers up; it has left (10), right"),
        (["r2_raw.fif", "--events", "up=left,right=right"], "unknown class 'up'"),
        (["r2_raw.fif", "--output", "out.xls"], "must end in .csv or .json"),
        (["r2_raw.fif", "--annotations", "x.csv"], "the recording has no date"),
        (["r2_raw.fif", "--output", "a.csv", "--annotations", "a.csv"], "cannot hold both"),
        (["r2_raw.fif", "--unit", "mV"], "it is in another unit"),
        (["other_raw.fif"], "other_raw.fif lacks C3, which the model was fitted with"),
        (["table.csv"], "is a table: say its sampling rate"),
    ],
)
def test_what_cannot_be_decoded_is_one_line(folder, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    for name in ("r2_raw.fif", "model.eegsep"):
        (tmp_path / name).symlink_to(folder / name)
    if arguments[0] == "other_raw.fif":
        raw = make_raw(seconds=12).rename_channels({"C3": "C3-A2"})
        raw.save(tmp_path / "other_raw.fif", verbose="error")
    files.write_csv(tmp_path / "table.csv")
    before = sorted(tmp_path.iterdir())
    assert message in refused("predict", tmp_path / "model.eegsep", *arguments)
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_is_no_model_or_knows_no_preparation_is_one_line(folder, tmp_path):
    path = folder / "r2_raw.fif"
    (tmp_path / "odd.eegsep").write_text("no model")
    assert "odd.eegsep" in refused("predict", tmp_path / "odd.eegsep", path)
    clf = eegsep.load(folder / "model.eegsep")
    clf.save(tmp_path / "bare.eegsep")
    line = refused("predict", tmp_path / "bare.eegsep", path)
    assert "does not say how recordings are prepared" in line
    broken = read_metadata(folder / "model.eegsep")
    broken["preparation"]["n_times"] = -1
    eegsep.save(clf, tmp_path / "broken.eegsep", metadata=broken)
    assert "is damaged" in refused("predict", tmp_path / "broken.eegsep", path)


def test_a_pipeline_where_skops_is_not_installed_is_refused(folder, tmp_path, monkeypatch):
    pipeline = make_pipeline(DummyClassifier()).fit([[0.0], [1.0]], ["left", "right"])
    metadata = read_metadata(folder / "model.eegsep")
    eegsep.save(pipeline, tmp_path / "model.eegsep", metadata=metadata)
    monkeypatch.setitem(sys.modules, "skops", None)
    line = refused("predict", tmp_path / "model.eegsep", folder / "r2_raw.fif")
    assert "pip install 'eegsep[skops]'" in line


def test_a_classical_pipeline_decodes_microvolts_as_in_a_study(folder, tmp_path):
    model, path = tmp_path / "m.eegsep", folder / "r2_raw.fif"
    paths = [folder / "r1_raw.fif", *WINDOW]
    done("fit", *paths, "--pipeline", "TS+LR", "--save", model, "--no-score", "--n-jobs", 1)
    told = json.loads(done("predict", model, path, "--json"))
    X = 1e6 * by_hand(path).get_data()
    expected = eegsep.load(model).predict_proba(X)
    said = [[each["p_left"], each["p_right"]] for each in told["windows"]]
    np.testing.assert_allclose(said, expected, rtol=1e-9)
    assert told["run"]["accuracy"] > 0.9


def test_real_imagery_is_decoded_from_another_run(data_dir, tmp_path):
    place = data_dir / "MNE-eegbci-data/files/eegmmidb/1.0.0/S001"
    runs = [place / f"S001R{k}.edf" for k in ("04", "08")]
    model, events = tmp_path / "m.eegsep", ["--events", "left_hand=T1,right_hand=T2"]
    done("fit", *runs, *events, "--save", model, "--no-score", "--n-jobs", 1)
    told = json.loads(done("predict", model, place / "S001R12.edf", "--json"))
    assert told["run"]["n_windows"] == 15
    assert told["run"]["accuracy"] > 0.7
    assert not told["run"]["fitted_to_it"]
