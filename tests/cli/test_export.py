"""``eegsep export``: the network of a model's file, in files for other runtimes."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from typer.testing import CliRunner

import eegsep
from eegsep import EEGNetClassifier
from eegsep.cli import app
from tests.conftest import make_trials


def export(*arguments):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def quick():
    return EEGNetClassifier(init="glorot", max_epochs=1, random_state=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    file = tmp_path_factory.mktemp("saved") / "model.eegsep"
    quick().fit(*make_trials()).save(file, metadata={"preparation": {"fmin": 8.0}})
    return file


def test_the_onnx_file_is_that_of_the_model(model, tmp_path):
    result = export(model, "--output", tmp_path / "model.onnx")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'model.onnx'}\n")
    clf, (X, _) = eegsep.load(model), make_trials(seed=1)
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    probabilities = session.run(["probabilities"], {"X": X.astype(np.float32)})[0]
    np.testing.assert_allclose(probabilities, clf.predict_proba(X), rtol=0, atol=1e-5)


def test_the_exported_program_is_that_of_the_model(model, tmp_path):
    result = export(model, "--output", tmp_path / "model.pt2")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'model.pt2'}\n")
    clf, (X, _) = eegsep.load(model), make_trials(seed=1)
    program = torch.export.load(tmp_path / "model.pt2").module()
    probabilities = program(torch.from_numpy(X).float())
    np.testing.assert_allclose(probabilities, clf.predict_proba(X), rtol=0, atol=1e-5)


def test_what_the_model_says_of_recordings_goes_along(model, tmp_path):
    export(model, "--output", tmp_path / "model.onnx")
    props = onnx.load(tmp_path / "model.onnx").metadata_props
    assert json.loads({e.key: e.value for e in props}["preparation"]) == {"fmin": 8.0}


def test_a_pipeline_of_the_network_alone_is_exported(tmp_path):
    file = tmp_path / "model.eegsep"
    eegsep.save(make_pipeline(quick()).fit(*make_trials()), file)
    assert export(file, "--output", tmp_path / "model.onnx").exit_code == 0


def refused(result):
    """Return the one line in which a command was refused."""
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    return line


def test_a_pipeline_with_other_steps_is_refused(tmp_path):
    file = tmp_path / "model.eegsep"
    eegsep.save(make_pipeline(FunctionTransformer(), quick()).fit(*make_trials()), file)
    line = refused(export(file, "--output", tmp_path / "model.onnx"))
    assert "without functiontransformer" in line
    assert not (tmp_path / "model.onnx").exists()


def test_another_classifier_is_refused(tmp_path):
    X, y = make_trials()
    pipeline = make_pipeline(DummyClassifier()).fit(X[:, :, 0], y)
    eegsep.save(pipeline, tmp_path / "model.eegsep")
    line = refused(export(tmp_path / "model.eegsep", "--output", tmp_path / "model.onnx"))
    assert "holds DummyClassifier" in line


@pytest.mark.parametrize("name", ["model", "model.h5", "model.onnx.gz"])
def test_an_unknown_ending_is_refused(model, tmp_path, name):
    line = refused(export(model, "--output", tmp_path / name))
    assert "must end in .onnx or .pt2" in line


def test_no_model_is_refused(tmp_path):
    (tmp_path / "no.eegsep").write_text("no model")
    for name in ("no.eegsep", "nowhere.eegsep"):
        refused(export(tmp_path / name, "--output", tmp_path / "model.onnx"))
    assert not (tmp_path / "model.onnx").exists()


def test_a_file_is_replaced_only_if_asked(model, tmp_path):
    file = tmp_path / "model.onnx"
    file.write_text("mine")
    assert "--overwrite" in refused(export(model, "--output", file))
    assert file.read_text() == "mine"
    assert export(model, "--output", file, "--overwrite").exit_code == 0
    assert onnx.load(file).graph.node


def test_a_folder_in_its_place_is_refused(model, tmp_path):
    (tmp_path / "model.onnx").mkdir()
    refused(export(model, "--output", tmp_path / "model.onnx", "--overwrite"))
