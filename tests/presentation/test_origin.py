"""What a page says of how to get the same again is what was asked for."""

import contextlib
import shlex

import pytest
from moabb.paradigms import LeftRightImagery
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import KFold

from eegsep._utils.errors import RequestError
from eegsep.datasets import SimulatedMotorImagery
from eegsep.presentation.origin import study_call, study_command
from eegsep.presentation.page import report
from eegsep.studies.benchmark import benchmark
from eegsep.studies.inspect import inspect_dataset
from tests.presentation.conftest import make_ablation, make_result, read, run


def test_origin_has_versions_and_seeds(tmp_path):
    page = read(report(make_result(), tmp_path / "page.html"))
    assert page.row("mne") == [["1.11.0"]]
    assert page.row("CSP+LDA")[-1] == ["42"]


def test_command_asks_for_what_was_run(monkeypatch):
    result = make_result()
    result.run.update(datasets={"PhysionetMI": [1, 2, 3, 7]}, tmin_s=0.5, max_epochs=3)
    result.run["pipelines"]["EEGNet"]["seeds"] = [42, 43]
    asked = {}

    def stop(datasets, **settings):
        asked.update(settings, datasets=datasets)
        raise RequestError("enough")

    monkeypatch.setattr("eegsep.studies.benchmark.benchmark", stop)
    result.run.update(channels=["C3", "Cz", "C4"], eeg_reference=["TP9", "TP10"])
    words = study_command(result.run).split()
    assert words[0] == "eegsep"
    run(*words[1:])
    expected = {"datasets": ["PhysionetMI"], "subjects": [1, 2, 3, 7], "seed": 42, "n_seeds": 2}
    expected |= {"fmin": 8, "fmax": 32, "tmin": 0.5, "tmax": None, "resample": 128}
    expected |= {"paradigm": "LeftRightImagery", "evaluation": "WithinSession", "max_epochs": 3}
    expected |= {"pipelines": ["EEGNet", "CSP+LDA"], "channels": ["C3", "Cz", "C4"]}
    expected |= {"eeg_reference": ["TP9", "TP10"]}
    assert {name: asked[name] for name in expected} == expected


def test_command_of_an_ablation_asks_for_what_was_run(monkeypatch, tmp_path):
    written = make_ablation(tmp_path)
    written["datasets"] = {"PhysionetMI": [1, 2, 3]}
    asked = {}

    def stop(datasets, **settings):
        asked.update(settings, datasets=datasets)
        raise RequestError("enough")

    monkeypatch.setattr("eegsep.studies.ablation.ablate", stop)
    words = study_command(written).split()
    run(*words[1:])
    expected = {"datasets": ["PhysionetMI"], "subjects": [1, 2, 3], "seed": 42, "n_seeds": 2}
    expected |= {"variants": ["published", "joint"], "lr": [0.01, 0.1], "learning_curve": [0.5]}
    expected |= {"separability": False}
    assert {name: asked[name] for name in expected} == expected


def asked_by(code, monkeypatch):
    """Run a page's command or call up to the study; return what the study is asked for."""
    asked = {}

    def stop(datasets, **settings):
        asked.update(settings, datasets=datasets)
        raise RequestError("enough")

    monkeypatch.setattr("eegsep.studies.benchmark.benchmark", stop)
    monkeypatch.setattr("eegsep.studies.ablation.ablate", stop)
    monkeypatch.setattr("eegsep.studies.inspect.inspect_dataset", stop)
    if code.startswith("eegsep "):
        assert run(*shlex.split(code)[1:]).exit_code == 2
    else:
        names = {name: object() for name in ("datasets", "dataset", "paradigm", "pipelines")}
        names |= {"variants": {}, "cv": object(), "folder": "folder"}
        with contextlib.suppress(RequestError):
            exec(code, names)
        asked["given"] = names
    return asked


ODD = {"fmin": 7.123456789, "fmax": 31.5, "tmin": -0.25, "tmax": 2.1, "resample": None}
ODD |= {"channels": ["C3", "Cz", "C4"], "seed": 7, "max_epochs": 1}


def test_command_of_a_benchmark_is_what_was_run(monkeypatch, tmp_path):
    """From request to run to page to request again, with a file of an odd name."""
    file = tmp_path / "own, odd.yml"
    file.write_text(
        "name: EEGNet\nparadigms: [LeftRightImagery]\n"
        "pipeline: [{name: DummyClassifier, from: sklearn.dummy}]\n"
    )
    request = {"datasets": ["SimulatedMotorImagery"], "pipelines": [str(file), "CSP+LDA"]}
    request |= {"evaluation": "CrossSession", "subjects": [1, 2], "trust": True}
    result = benchmark(**request, **ODD, output=tmp_path / "output")
    page = read(report(result, tmp_path / "page.html"))
    (code,) = [text for text in page.text if text.startswith("eegsep benchmark Sim")]
    assert "Gives these scores again" in "".join(page.text)
    assert f"What {file} said is below" in "".join(page.text)
    asked = asked_by(code, monkeypatch)
    expected = ODD | request
    assert {name: asked[name] for name in expected} == expected


@pytest.mark.parametrize("what", ["datasets", "paradigm", "pipelines"])
def test_page_says_that_no_command_gives_scores_of_objects(what, monkeypatch, tmp_path):
    request = {"datasets": ["SimulatedMotorImagery"], "pipelines": ["CSP+LDA"], "subjects": [1]}
    objects = {
        "datasets": [SimulatedMotorImagery(n_subjects=1)],
        "paradigm": LeftRightImagery(fmin=9),
        "pipelines": {"mine": DummyClassifier()},
    }
    result = benchmark(**request | {what: objects[what]}, seed=3, output=tmp_path / "output")
    page = read(report(result, tmp_path / "page.html"))
    text = "".join(page.text)
    assert f"No command gives these scores again: {what} came from Python" in text
    assert "Gives these scores again" not in text
    (code,) = [text for text in page.text if text.startswith("from eegsep.studies")]
    asked = asked_by(code, monkeypatch)
    assert asked[what] is asked["given"][what]
    for name in request.keys() - {what}:
        assert asked[name] == request[name]
    assert asked["seed"] == 3


def test_command_of_an_inspection_is_what_was_run(monkeypatch, tmp_path):
    file = tmp_path / "own.yml"
    file.write_text(
        "name: EEGNet\nparadigms: [LeftRightImagery]\n"
        "pipeline: [{name: EEGNetClassifier, from: eegsep, parameters: {F1: 2}}]\n"
    )
    request = {"subjects": [1], "pipeline": str(file), "cv": 2, "n_seeds": 1, "controls": False}
    request |= {"min_similarity": 0.71}
    result = inspect_dataset("SimulatedMotorImagery", **request, **ODD)
    asked = asked_by(study_command(result.run), monkeypatch)
    assert asked["datasets"] == "SimulatedMotorImagery"
    expected = ODD | request
    assert {name: asked[name] for name in expected} == expected


def test_page_of_own_folds_says_that_no_command_gives_them(monkeypatch):
    result = inspect_dataset(
        "SimulatedMotorImagery",
        subjects=[1],
        cv=KFold(2, shuffle=True, random_state=1),
        n_seeds=1,
        controls=False,
        max_epochs=1,
    )
    assert result.run["objects"] == ["cv"]
    asked = asked_by(study_call(result.run), monkeypatch)
    assert asked["cv"] is asked["given"]["cv"]
    assert asked["subjects"] == [1]
