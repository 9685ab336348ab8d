"""Exported classifiers in ONNX Runtime and in torch's exported programs, against themselves."""

import json
import subprocess
import sys
import warnings

import mne
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn
from torch.nn.utils import prune

import eegsep
from eegsep import EEGNetClassifier
from tests.conftest import make_epochs, make_trials

CONFIGURATIONS = {
    "published": {},
    "spatial first": {"algorithm": "spatial_first"},
    "published order": {"algorithm": "published"},
    "sizes": {"F1": 3, "D": 1, "F2": 5, "kernel_length": 7, "pool1": 3, "pool2": 5},
    "matched": {"F1": "matched", "spatial": "standard"},
    "induced": {"init": "induced", "max_epochs": 0},
    "evoked": {"init": "evoked", "max_epochs": 0},
    "auto": {"init": "auto"},
    "global": {"scaling": "global"},
    "early stopping": {"early_stopping": True},
    **{f"spatial {s}": {"spatial": s} for s in ("grouped:2", "standard", "joint", "low_rank:2")},
    **{
        f"separable {s}": {"separable": s}
        for s in ("grouped:4", "standard", "shuffle:4", "inception", "spatially_separable")
    },
    "both changed": {"spatial": "low_rank:1", "separable": "shuffle:2"},
}


def fitted(X, y, **params):
    defaults = {"init": "glorot", "max_epochs": 2, "lr": 0.01, "random_state": 0, "sfreq": 128}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* samples are more than")  # short windows
        return EEGNetClassifier(**{**defaults, **params}).fit(X, y)


def run(model, X, output="probabilities"):
    """Run an ONNX model, given as a file or as itself, in ONNX Runtime on the CPU."""
    source = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    return session.run([output], {"X": X.astype(np.float32)})[0]


@pytest.fixture(scope="module")
def clf():
    return fitted(*make_trials())


@pytest.mark.parametrize("params", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_exports_give_the_probabilities_of_every_configuration(params, tmp_path):
    # more channels than any spatial convolution sees temporal filters, and an odd window
    X, y = make_trials(n_chans=17, n_times=67)
    clf = fitted(X, y, **params)
    expected = clf.predict_proba(X)
    clf.to_onnx(tmp_path / "model.onnx")
    clf.to_exported_program(tmp_path / "model.pt2")
    program = torch.export.load(tmp_path / "model.pt2").module()
    for n_trials in (1, 2, 40):
        trials = X[:n_trials].astype(np.float32)
        onnx_probabilities = run(tmp_path / "model.onnx", trials)
        np.testing.assert_allclose(onnx_probabilities, expected[:n_trials], rtol=0, atol=1e-5)
        probabilities = program(torch.from_numpy(trials))
        np.testing.assert_allclose(probabilities, expected[:n_trials], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("n_chans", "n_times", "n_classes"), [(1, 33, 2), (3, 64, 5), (5, 1, 3), (40, 20, 4)]
)
@pytest.mark.parametrize("spatial", ["depthwise", "standard", "joint"])
def test_exports_of_every_shape(n_chans, n_times, n_classes, spatial):
    X = np.random.default_rng(0).normal(size=(10 * n_classes, n_chans, n_times))
    clf = fitted(X, np.arange(len(X)) % n_classes, spatial=spatial)
    expected = clf.predict_proba(X)
    np.testing.assert_allclose(run(clf.to_onnx(), X), expected, rtol=0, atol=1e-5)
    program = clf.to_exported_program().module()
    np.testing.assert_allclose(program(torch.from_numpy(X).float()), expected, rtol=0, atol=1e-5)


def test_an_exported_program_survives_its_file_to_the_bit(clf, tmp_path):
    X = torch.from_numpy(make_trials(seed=1)[0]).float()
    program = clf.to_exported_program(tmp_path / "model.pt2")
    again = torch.export.load(tmp_path / "model.pt2")
    assert torch.equal(program.module()(X), again.module()(X))


def test_files_may_have_any_name(clf, tmp_path):
    X, _ = make_trials(3)
    names = ["model", "größer als zwei.onnx.txt"]
    for name in names:
        clf.to_onnx(tmp_path / name)
        np.testing.assert_allclose(run(tmp_path / name, X), clf.predict_proba(X), rtol=0, atol=1e-5)
        clf.to_exported_program(tmp_path / name)
        with open(tmp_path / name, "rb") as file:
            program = torch.export.load(file).module()
        expected = clf.predict_proba(X)
        np.testing.assert_allclose(
            program(torch.from_numpy(X).float()), expected, rtol=0, atol=1e-5
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_logits_are_those_of_the_decision_function(clf):
    X, _ = make_trials(seed=1)
    logits = run(clf.to_onnx(), X, "logits")
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], clf.decision_function(X), atol=1e-5)


def test_an_offset_far_above_the_signal_does_not_drown_it():
    X, y = make_trials(scale=1)
    X = X + 1e4 * np.arange(1, 7)[:, np.newaxis]
    clf = fitted(X, y)
    X = X.astype(np.float32)
    np.testing.assert_allclose(run(clf.to_onnx(), X), clf.predict_proba(X), rtol=0, atol=1e-5)


def test_weights_of_other_types_are_exported_as_they_predict():
    X, y = make_trials()
    clf = fitted(X, y)
    clf.module_.double()
    np.testing.assert_allclose(run(clf.to_onnx(), X), clf.predict_proba(X), rtol=0, atol=1e-5)


def test_a_network_on_an_accelerator_is_exported(accelerator):
    X, y = make_trials()
    clf = fitted(X, y, device=accelerator)
    np.testing.assert_allclose(run(clf.to_onnx(), X), clf.predict_proba(X), rtol=0, atol=1e-4)
    assert clf.module_.classifier.weight.device.type == accelerator


def test_real_recordings_give_the_same_probabilities(data_dir, tmp_path):
    folder = data_dir / "MNE-eegbci-data"
    raws = [mne.io.read_raw(f, preload=True, verbose=40) for f in folder.rglob("S001R0[48].edf")]
    raw = mne.concatenate_raws(raws, verbose="error").filter(4, 38, verbose="error")
    events, ids = mne.events_from_annotations(raw, verbose="error")
    ids = {label: ids[label] for label in ("T1", "T2")}
    epochs = mne.Epochs(raw, events, ids, 0, 3, baseline=None, preload=True, verbose="error")
    clf = EEGNetClassifier(random_state=0).fit(epochs, epochs.events[:, 2])
    X, expected = epochs.get_data(), clf.predict_proba(epochs)
    assert clf.init_ != "glorot"
    np.testing.assert_allclose(run(clf.to_onnx(), X), expected, rtol=0, atol=1e-5)
    program = clf.to_exported_program().module()
    np.testing.assert_allclose(program(torch.from_numpy(X).float()), expected, rtol=0, atol=1e-5)


# -- what the files hold ---------------------------------------------------------------------------


def test_files_say_what_they_take_and_give(tmp_path):
    epochs, y = make_epochs()
    clf = EEGNetClassifier(init="glorot", max_epochs=1, random_state=0).fit(epochs, y)
    clf.to_onnx(tmp_path / "model.onnx")
    clf.to_exported_program(tmp_path / "model.pt2")
    model = onnx.load(tmp_path / "model.onnx")
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert metadata == {
        "eegsep_version": eegsep.__version__,
        "classes": ["left_hand", "right_hand"],
        "ch_names": epochs.ch_names,
        "sfreq": 128.0,
        "n_chans": 6,
        "n_times": 64,
        "unit": "V",
        "center": clf.center_.tolist(),
        "scale": clf.scale_.tolist(),
    }
    extra = {"eegsep.json": ""}
    torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    assert json.loads(extra["eegsep.json"]) == metadata


def test_what_is_not_known_is_null():
    X, _ = make_trials()
    clf = fitted(X, np.arange(40) % 3, sfreq=None)
    metadata = {e.key: json.loads(e.value) for e in clf.to_onnx().metadata_props}
    unknown = {key for key, value in metadata.items() if value is None}
    assert unknown == {"ch_names", "sfreq", "unit"}
    assert metadata["classes"] == [0, 1, 2]


def test_files_keep_what_else_is_to_be_said(clf, tmp_path):
    said = {"preparation": {"fmin": 8.0, "eeg_reference": None}, "edges": np.arange(3)}
    expected = {"preparation": {"fmin": 8.0, "eeg_reference": None}, "edges": [0, 1, 2]}
    model = clf.to_onnx(metadata=said)
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert {key: metadata[key] for key in said} == expected
    clf.to_exported_program(tmp_path / "model.pt2", metadata=said)
    extra = {"eegsep.json": ""}
    torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    assert json.loads(extra["eegsep.json"]) == metadata


@pytest.mark.parametrize("said", [{"classes": []}, {"x": {1, 2}}, {"x": float("nan")}, {3: 4}])
def test_metadata_that_files_cannot_keep_are_refused(clf, said, tmp_path):
    with pytest.raises(ValueError, match="metadata"):
        clf.to_onnx(tmp_path / "model.onnx", metadata=said)
    assert list(tmp_path.iterdir()) == []


def test_the_graph_is_the_layers_and_no_more(clf):
    model = clf.to_onnx()
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]
    operators = [node.op_type for node in model.graph.node]
    block = ["Conv", "Conv", "Elu", "AveragePool"]
    head = ["Flatten", "Gemm", "Softmax"]
    assert operators == ["Sub", "Unsqueeze", *block, *block, *head]
    constants = sum(onnx.numpy_helper.to_array(c).nbytes for c in model.graph.initializer)
    assert model.ByteSize() < constants + 4000


def test_an_onnx_file_runs_with_neither_torch_nor_eegsep(clf, tmp_path):
    X, _ = make_trials(seed=1)
    clf.to_onnx(tmp_path / "model.onnx")
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    program = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
numpy.save("p.npy", session.run(["probabilities"], {"X": numpy.load("X.npy")})[0])
assert not {"torch", "eegsep"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)
    probabilities = np.load(tmp_path / "p.npy")
    np.testing.assert_allclose(probabilities, clf.predict_proba(X), rtol=0, atol=1e-5)


def test_an_exported_program_computes_with_torchs_own_operators(clf):
    nodes = clf.to_exported_program().graph.nodes
    operators = {node.target.namespace for node in nodes if node.op == "call_function"}
    assert operators == {"aten"}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_trials_that_predict_refuses_give_no_number(clf, value):
    X, _ = make_trials(2)
    X[0, 3, 20] = value
    assert np.isnan(run(clf.to_onnx(), X)[0]).all()
    assert np.isfinite(run(clf.to_onnx(), X)[1]).all()


def test_exporting_changes_nothing(clf, tmp_path):
    X, _ = make_trials()
    before, state = clf.predict_proba(X), torch.random.get_rng_state()
    clf.to_onnx(tmp_path / "model.onnx")
    clf.to_exported_program(tmp_path / "model.pt2")
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_same_classifier_gives_the_same_bytes(clf, tmp_path):
    for name in ("one.onnx", "two.onnx"):
        clf.to_onnx(tmp_path / name)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


# -- what cannot be exported -----------------------------------------------------------------------


def exports(clf, folder):
    return [
        lambda: clf.to_onnx(folder / "model.onnx"),
        lambda: clf.to_exported_program(folder / "model.pt2"),
    ]


def exchange_a_layer(net):
    net.spatial_norm = nn.Identity()


def double_what_a_layer_gives(net):
    net.pointwise.register_forward_hook(lambda layer, args, output: 2 * output)


def leave_weights_out(net):
    prune.l1_unstructured(net.temporal, "weight", 10)


def normalise_by_the_batch(net):
    net.separable_norm.running_mean = net.separable_norm.running_var = None


def change_eps(net):
    net.temporal_norm.eps = 10.0


@pytest.mark.parametrize(
    "change",
    [
        exchange_a_layer,
        double_what_a_layer_gives,
        leave_weights_out,
        normalise_by_the_batch,
        change_eps,
    ],
)
def test_a_changed_network_is_refused_and_nothing_written(change, tmp_path):
    clf = fitted(*make_trials())
    change(clf.module_)
    for export in exports(clf, tmp_path):
        with pytest.raises(ValueError, match="module_ computes something else"):
            export()
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_are_refused(tmp_path):
    clf = fitted(*make_trials())
    with torch.no_grad():
        clf.module_.classifier.bias[0] = np.nan
    for export in exports(clf, tmp_path):
        with pytest.raises(ValueError, match="not finite"):
            export()


def test_changed_weights_are_exported():
    X, y = make_trials()
    clf = fitted(X, y)
    before = clf.predict_proba(X)
    with torch.no_grad():
        clf.module_.classifier.weight.mul_(-3)
    assert abs(clf.predict_proba(X) - before).max() > 1e-3
    np.testing.assert_allclose(run(clf.to_onnx(), X), clf.predict_proba(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-40, 1e40])
def test_a_unit_beyond_single_precision_is_refused(scale, tmp_path):
    clf = fitted(*make_trials(scale=scale))
    for export in exports(clf, tmp_path):
        with pytest.raises(ValueError, match="another unit"):
            export()


def test_what_is_not_fitted_is_not_exported(tmp_path):
    for export in exports(EEGNetClassifier(), tmp_path):
        with pytest.raises(NotFittedError):
            export()


def test_without_onnx_the_error_names_the_extra(clf, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'eegsep\[onnx\]'"):
        clf.to_onnx()


def test_a_file_that_cannot_be_written_is_one_error(clf, tmp_path):
    for name in ("model.onnx", "model.pt2"):
        (tmp_path / name).mkdir()
    for export in exports(clf, tmp_path):
        with pytest.raises(ValueError, match="cannot write"):
            export()
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "model.pt2"}


def test_a_refusal_leaves_the_file_that_was_there(clf, tmp_path):
    for export in exports(clf, tmp_path):
        export()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    changed = fitted(*make_trials())
    exchange_a_layer(changed.module_)
    for export in exports(changed, tmp_path):
        with pytest.raises(ValueError, match="module_"):
            export()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
