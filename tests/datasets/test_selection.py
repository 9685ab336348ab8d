"""Recordings: asked for once, and told as Python, as a command, as YAML and as a sentence."""

import doctest
from dataclasses import FrozenInstanceError

import pytest
import yaml
from moabb.paradigms import LeftRightImagery
from typer.testing import CliRunner

from eegsep._utils.errors import RequestError
from eegsep.cli import app
from eegsep.datasets import Recordings, SimulatedMotorImagery, selection
from eegsep.studies.ablation import ablate
from eegsep.studies.benchmark import benchmark
from eegsep.studies.inspect import inspect_dataset

SIMULATED = "SimulatedMotorImagery"
ODD = Recordings(
    SIMULATED,
    subjects=[1, 2, 4],
    paradigm="MotorImagery",
    fmin=7.123456789,
    fmax=31.5,
    tmin=0.25,
    tmax=2.1,
    resample=None,
    channels=["C3", "Cz", "C4"],
    missing_channels="common",
    eeg_reference=["C3", "C4"],
)


class Enough(Exception):
    pass


@pytest.mark.parametrize("recordings", [Recordings(), Recordings(SIMULATED), ODD], ids=repr)
def test_repr_and_yaml_give_the_same_recordings_again(recordings):
    assert str(eval(repr(recordings))) == str(recordings)
    assert eval(repr(recordings)).options() == recordings.options()
    read = Recordings(**yaml.safe_load(recordings.to_yaml()))
    assert read.options() == recordings.options()
    assert str(read) == str(recordings)


def test_a_sentence_says_which_recordings_and_what_is_done_to_them():
    assert str(ODD) == (
        "SimulatedMotorImagery, subjects 1-2,4: MotorImagery, 7.12346–31.5 Hz, 0.25 s to 2.1 s, "
        "channels C3, Cz, C4, missing channels common, average of C3, C4"
    )


@pytest.mark.parametrize(
    ("command", "study"),
    [("benchmark", "benchmark"), ("ablate", "ablation"), ("inspect", "inspect")],
)
def test_command_asks_a_study_for_these_recordings(command, study, monkeypatch, tmp_path):
    asked = []

    def stop(datasets, **settings):
        names = set(ODD.options())
        options = {name: value for name, value in settings.items() if name in names}
        asked.append(Recordings.of(datasets, options))
        raise RequestError("enough")

    function = {"ablation": "ablate", "inspect": "inspect_dataset"}.get(study, study)
    monkeypatch.setattr(f"eegsep.studies.{study}.{function}", stop)
    CliRunner().invoke(app, [command, *ODD.to_command().split(), "--output", str(tmp_path)])
    assert asked[0].options() == ODD.options()


@pytest.mark.parametrize("study", [benchmark, ablate, inspect_dataset])
def test_studies_take_recordings_and_what_replaces_a_part_of_them(study, monkeypatch, tmp_path):
    asked = []

    def stop(recordings):
        asked.append(recordings)
        raise Enough

    monkeypatch.setattr(Recordings, "select", stop)
    with pytest.raises(Enough):
        study(ODD, output=tmp_path, fmax=20)
    assert asked[0].options() == ODD.options() | {"fmax": 20}


def test_a_study_refuses_options_that_recordings_have_not(tmp_path):
    with pytest.raises(TypeError, match="unexpected keyword argument 'fmx'"):
        benchmark(SIMULATED, output=tmp_path, fmx=20)


def test_record_of_a_study_has_what_was_asked_for():
    run = {"datasets": {SIMULATED: [1, 2, 4]}, **selection.record(ODD.select())}
    asked = ODD.options() | {"subjects": [1, 2, 4]}
    assert Recordings.of_run(run).options() == asked


@pytest.mark.parametrize("method", ["to_command", "to_yaml"])
def test_objects_have_no_command_and_no_yaml(method):
    recordings = Recordings(SimulatedMotorImagery(n_subjects=1), paradigm=LeftRightImagery())
    assert recordings.objects == ["datasets", "paradigm"]
    with pytest.raises(ValueError, match="datasets and paradigm given as objects"):
        getattr(recordings, method)()


def test_recordings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        ODD.fmin = 1


def test_examples_give_what_they_say():
    assert doctest.testmod(selection).failed == 0


@pytest.mark.parametrize("wrong", [{"channels": "C3"}, {"subjects": "1"}, {"subjects": 1}])
def test_what_is_to_be_a_list_is_refused_as_one_value(wrong):
    with pytest.raises(RequestError, match="a list of"):
        Recordings(SIMULATED, **wrong).select()
