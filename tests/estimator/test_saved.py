"""Classifiers through files, skops and pickle: the same bits in all that they do from then on."""

import copy
import io
import pickle
import sys
import threading
from functools import cache

import matplotlib.pyplot as plt
import mne
import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.metadata_routing import MetadataRequest

import eegsep
from eegsep import EEGNetClassifier
from eegsep.estimator import BraindecodeClassifier, fingerprint, fit_stacked
from eegsep.files import ModelFileError, read_metadata
from eegsep.preprocessing import (
    CommonMontage,
    ExponentialMovingStandardizer,
    FilterBankCSP,
    GroupAlignment,
)
from eegsep.training.hooks import Hook
from tests.conftest import make_epochs, make_trials
from tests.files.numpy_eegnet import BESIDE, FILE, arrays_of, probabilities

TYPE = "eegsep.estimator.classifier.EEGNetClassifier"
pytestmark = pytest.mark.filterwarnings("ignore:.*(shrink|has amplitude|vary).*")


def make(**params):
    defaults = {"init": "glorot", "F1": 4, "max_epochs": 2, "random_state": 0, "sfreq": 128}
    return EEGNetClassifier(**{**defaults, **params})


def by_file(clf, folder):
    clf.save(folder / "model.eegsep")
    return eegsep.load(folder / "model.eegsep")


def by_skops(clf, folder):
    skops.io.dump(clf, folder / "model.skops")
    return skops.io.load(folder / "model.skops", trusted=[TYPE])


def by_pickle(clf, folder):
    return pickle.loads(pickle.dumps(clf))


def assert_same(a, b, where="classifier"):
    """Assert that two values are of one type, and equal in each bit."""
    assert type(a) is type(b), where
    if isinstance(a, torch.nn.Module):
        assert repr(a) == repr(b), where
        assert [p.requires_grad for p in a.parameters()] == [
            p.requires_grad for p in b.parameters()
        ]
        a, b = dict(a.state_dict()), dict(b.state_dict())
    elif isinstance(a, mne.Info):
        assert a.get_channel_types() == b.get_channel_types()
        assert str(a["dig"]) == str(b["dig"])
        for key in ("ch_names", "bads", "sfreq", "highpass", "lowpass", "custom_ref_applied"):
            assert a[key] == b[key], key
        for one, other in zip(a["chs"], b["chs"], strict=True):
            np.testing.assert_array_equal(one["loc"], other["loc"])
            assert {k: v for k, v in one.items() if k not in ("loc", "scanno", "logno")} == {
                k: v for k, v in other.items() if k not in ("loc", "scanno", "logno")
            }
        return
    elif isinstance(a, np.random.RandomState):
        a, b = a.get_state(legacy=False), b.get_state(legacy=False)
    elif isinstance(a, BaseEstimator):
        a, b = vars(a), vars(b)
    elif isinstance(a, MetadataRequest):
        assert str(a) == str(b)
        return
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype, where
        a, b = a.numpy(), b.numpy()
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, where
        np.testing.assert_array_equal(a, b, strict=True, err_msg=where)
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where} {key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for one, other in zip(a, b, strict=True):
            assert_same(one, other, where)
    else:
        assert a == b or a != a, where


# -- every configuration ---------------------------------------------------------------------------

TWO = np.arange(24) % 2


def with_epochs(**params):
    epochs, y = make_epochs(24)
    epochs.set_eeg_reference(projection=True, verbose="error").apply_proj(verbose="error")
    epochs.info["bads"] = ["Oz"]
    return make(**{"sfreq": None, **params}).fit(epochs, y)


def with_labels(labels, **params):
    return make(**params).fit(make_trials(24)[0], np.asarray(labels))


def with_weights():
    X, y = make_trials(24)
    clf = make(class_weight={"left_hand": 1, "right_hand": 2.5})
    return clf.fit(X, y, sample_weight=np.linspace(0, 1, 24))


def of_one_sample():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(24, 3)), columns=["C3", "Cz", "C4"])
    return make(sfreq=None).fit(X, TWO)


def begun_with_another(frozen):
    X, y = make_trials(24)
    first = make().fit(X, y)
    return make(init=FrozenEstimator(first) if frozen else first).fit(X[:12], y[:12])


def stacked():
    X, y = make_trials(24)
    return fit_stacked([make(), make(random_state=1)], [X, X], [y, y])[1]


def with_requests():
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make().set_fit_request(groups="session", sample_weight=True)
    return clf.fit(*make_trials(24))


def gone_on():
    X, y = make_trials(24)
    return make(warm_start=True).fit(X, y).fit(X[::-1], y).partial_fit(X[:8], y[:8])


def with_fixed_layers(dtype):
    clf = make().fit(*make_trials(24))
    clf.module_.to(dtype).temporal.requires_grad_(False)
    return clf


PARAMETERS = [
    *({"spatial": kind} for kind in ("grouped:2", "standard", "joint", "low_rank:2")),
    *({"separable": kind} for kind in ("grouped:2", "standard", "shuffle:2", "inception:2")),
    {"separable": "spatially_separable", "F1": "matched"},
    *({"init": init} for init in ("auto", "induced", "evoked")),
    {"scaling": "global", "F2": 5, "D": 1},
    {"kernel_length": 0.1, "pool1": 2, "pool2": 0.1, "separable_kernel_length": 4},
    {"early_stopping": True, "n_iter_no_change": None, "lr_schedule": "cosine"},
    {"early_stopping": "cv"},
    {"weight_averaging": "ema", "batch_norm_momentum": None, "weight_decay": 0.1},
    {"weight_averaging": "swa", "lr_schedule": "one_cycle", "max_epochs": 4},
    {"random_state": np.random.RandomState(3), "device": torch.device("cpu")},
    {"spatial_max_norm": None, "dense_max_norm": None, "drop_prob": 0.0, "max_epochs": 0},
    {"algorithm": "spatial_first", "ch_names": ("C3", "C4", "Cz", "Pz", "Fz", "Oz")},
    {"class_weight": "balanced", "algorithm": "published", "verbose": True},
    {"lr": np.float32(0.01), "batch_size": np.int64(7), "augmentation": ["SignFlip"]},
]
CONFIGURATIONS = {
    **{
        ", ".join(f"{key}={value}" for key, value in params.items()): (
            lambda params=params: make(**params).fit(*make_trials(24))
        )
        for params in PARAMETERS
    },
    "Epochs": with_epochs,
    "Epochs, a start": lambda: with_epochs(init="induced"),
    "four classes": lambda: with_labels(np.arange(24) % 4),
    "labels that are words": lambda: with_labels(["è", "a longer one", "b"] * 8),
    "labels that are bools": lambda: with_labels(TWO == 1),
    "labels that are floats": lambda: with_labels(TWO - 0.0),
    "labels that are objects": lambda: with_labels(np.array(["a", "b"], dtype=object)[TWO]),
    "labels of eight bits, weights by a bool": lambda: with_labels(
        TWO.astype(np.int8), class_weight={np.int8(0): 1, True: 2}
    ),
    "labels that are words of the file": lambda: with_labels(
        np.array(["frozen", "classifier"])[TWO], class_weight={"frozen": 1, "classifier": 2}
    ),
    "weights": with_weights,
    "trials of a sample": of_one_sample,
    "FrozenEstimator": lambda: begun_with_another(True),
    "a fitted one": lambda: begun_with_another(False),
    "stacked": stacked,
    "metadata requests": with_requests,
    "gone on": gone_on,
    "fixed layers in float64": lambda: with_fixed_layers(torch.float64),
    "fixed layers in float16": lambda: with_fixed_layers(torch.float16),
}


@cache
def fitted(name):
    return CONFIGURATIONS[name]()


@pytest.mark.parametrize("there_and_back", [by_file, by_skops, by_pickle])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_configuration_comes_back_with_all_of_its_bits(name, there_and_back, tmp_path):
    clf = fitted(name)
    loaded = there_and_back(clf, tmp_path)
    assert_same(clf, loaded)
    X = make_trials(6, clf.n_features_in_, clf.n_times_in_, seed=2)[0]
    for method in ("predict_proba", "predict", "decision_function", "transform"):
        if hasattr(clf, method):
            assert_same(getattr(clf, method)(X), getattr(loaded, method)(X), method)
    for attribute in ("filters_", "patterns_", "temporal_filters_", "evals_"):
        assert_same(getattr(clf, attribute, None), getattr(loaded, attribute, None), attribute)
    assert clone(loaded).get_params().keys() == clf.get_params().keys()
    assert "EEGNetClassifier" in loaded._repr_html_()


@pytest.mark.parametrize("there_and_back", [by_file, by_skops, by_pickle])
@pytest.mark.parametrize("init", ["glorot", "induced"])
@pytest.mark.parametrize("more", ["partial_fit", "warm_start"])
def test_training_goes_on_with_the_bits_of_the_original(there_and_back, init, more, tmp_path):
    X, y = make_trials(24)
    clf = make(init=init, warm_start=True).fit(X, y).partial_fit(X, y)
    loaded = there_and_back(clf, tmp_path)
    for each in (clf, loaded):
        each.partial_fit(X[:10], y[:10]) if more == "partial_fit" else each.fit(X, y)
        each.history_ = [{**record, "dur": 0} for record in each.history_]
    assert_same(clf, loaded)


def test_epochs_are_checked_against_those_of_the_fit_as_before(tmp_path):
    loaded = by_file(fitted("Epochs"), tmp_path)
    epochs, _ = make_epochs(6)
    with pytest.warns(UserWarning, match="made otherwise .* projectors none"):
        loaded.predict(epochs)
    shuffled = epochs.copy().reorder_channels(["Fz", "Pz", "Cz", "C4", "C3", "Oz"])
    with pytest.warns(UserWarning, match="made otherwise"):
        np.testing.assert_array_equal(
            loaded.predict_proba(shuffled), loaded.predict_proba(epochs.copy())
        )
    with pytest.raises(ValueError, match="lack: Cz"):
        loaded.predict(epochs.copy().drop_channels("Cz"))


def test_a_map_can_be_drawn_of_what_was_loaded(tmp_path):
    clf = fitted("Epochs")
    loaded = by_file(clf, tmp_path)
    spatial_filter = mne.decoding.get_spatial_filter_from_estimator(
        loaded,
        loaded.info_,
        get_coefs=("filters_", "patterns_", "evals_"),
        patterns_method="haufe",
    )
    plt.close(spatial_filter.plot_patterns(components=[0], show=False))


@pytest.mark.parametrize("there_and_back", [by_skops, by_pickle])
def test_one_that_is_not_fitted_goes_through_skops_and_pickle(there_and_back, tmp_path):
    clf = make(class_weight={True: 1.0, False: 2})
    assert_same(clf, there_and_back(clf, tmp_path))


# -- the file --------------------------------------------------------------------------------------


def test_the_file_of_version_1_predicts_as_numpy_does():
    with np.load(BESIDE) as beside:
        X, expected = beside["X"], beside["probabilities"]
    np.testing.assert_allclose(probabilities(X, arrays_of(FILE), 4, 8), expected, atol=1e-12)
    clf = eegsep.load(FILE)
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-6)
    assert clf.classes_.tolist() == ["left_hand", "right_hand"]
    assert clf.info_["ch_names"] == ["C3", "Cz", "C4"]
    assert clf.info_["sfreq"] == 128
    assert clf.get_params()["class_weight"] == {"left_hand": 1.0, "right_hand": 2.0}
    assert len(clf.history_) == clf.n_iter_ == 30
    assert clf.patterns_.shape == (4, 3)
    assert read_metadata(FILE) == {"made_by": "eegsep 0.1.0"}


def test_one_classifier_gives_the_same_bytes_each_time(tmp_path):
    clf = fitted("Epochs")
    clf.save(tmp_path / "a")
    by_file(clf, tmp_path).save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_persons_and_dates_are_not_in_the_file(tmp_path):
    epochs, y = make_epochs(24)
    epochs.info["subject_info"] = {"his_id": "Ada-1815", "last_name": "Lovelace"}
    make(sfreq=None).fit(epochs, y).save(tmp_path / "model.eegsep")
    whole = (tmp_path / "model.eegsep").read_bytes()
    assert b"C3" in whole
    assert b"Ada-1815" not in whole
    assert b"Lovelace" not in whole


def test_a_caller_s_settings_of_torch_change_no_file(tmp_path):
    clf = fitted("stacked")
    clf.save(tmp_path / "a")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            clf.save(tmp_path / "b")
            loaded = eegsep.load(tmp_path / "b")
    finally:
        torch.set_default_dtype(before)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert_same(clf, loaded)


def test_metadata_come_back_beside_the_classifier(tmp_path):
    fitted("stacked").save(tmp_path / "m", metadata={"band": (8.0, 30.0), "n": {"x": [1, None]}})
    assert read_metadata(tmp_path / "m") == {"band": (8.0, 30.0), "n": {"x": [1, None]}}


def test_one_that_is_not_fitted_is_refused(tmp_path):
    for unfitted in (make(), make_pipeline(PCA(), make())):
        with pytest.raises(NotFittedError):
            eegsep.save(unfitted, tmp_path / "model.eegsep")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (LogisticRegression(), "LogisticRegression"),
        (BraindecodeClassifier(), "BraindecodeClassifier"),
        (None, "NoneType"),
    ],
)
def test_other_estimators_are_refused_by_name(other, named, tmp_path):
    with pytest.raises(TypeError, match=f"not {named}"):
        eegsep.save(other, tmp_path / "model.eegsep")


class CountEpochs(Hook):
    def on_epoch_end(self, state):
        state.record["count"] = state.epoch


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callbacks", [CountEpochs()]),
        ("augmentation", lambda X, y, generator: (X, y)),
        ("lr_schedule", lambda optimizer, n: torch.optim.lr_scheduler.ConstantLR(optimizer)),
    ],
)
def test_a_parameter_that_is_code_is_refused_and_can_be_left_out(name, value, tmp_path):
    X, y = make_trials(24)
    clf = make(**{name: value}).fit(X, y)
    for way in (by_file, by_skops):
        with pytest.raises(ValueError, match=rf"parameter {name} .*set_params\({name}=None\)"):
            way(clf, tmp_path)
    loaded = by_file(clf.set_params(**{name: None}), tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def changed_layer(clf):
    clf.module_.classifier = torch.nn.Sequential(clf.module_.classifier)


def with_a_hook(clf):
    clf.module_.classifier.register_forward_hook(print)


def of_bfloat16(clf):
    clf.module_.bfloat16()


def with_a_note(clf):
    clf.note = "mine"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (changed_layer, "module_ has been changed in classifier"),
        (with_a_hook, "module_ has been changed in classifier"),
        (of_bfloat16, "bfloat16"),
        (with_a_note, "attributes of its own, note"),
    ],
)
def test_what_plain_data_cannot_hold_is_refused_and_pickled(change, what, tmp_path):
    clf = make().fit(*make_trials(24))
    change(clf)
    for way in (by_file, by_skops):
        with pytest.raises(ValueError, match=f"{what}.*pickle"):
            way(clf, tmp_path)
    assert vars(by_pickle(clf, tmp_path)).keys() == vars(clf).keys()


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    clf = make().fit(*make_trials(24))
    with torch.no_grad():
        clf.module_.classifier.bias[0] = torch.nan
    with pytest.raises(ValueError, match=r"cannot be saved: classifier.bias .*not finite"):
        clf.save(tmp_path / "model.eegsep")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_shares_the_network_and_a_deep_copy_does_not():
    clf = fitted("gone on")
    assert copy.copy(clf).module_ is clf.module_
    deep = copy.deepcopy(clf)
    assert deep.module_ is not clf.module_
    assert_same(clf, deep)


def test_one_in_training_is_saved_as_it_was(tmp_path):
    X, y = make_trials(24)
    clf = make().fit(X, y)
    expected = clf.predict_proba(X)
    clf.set_params(max_epochs=150)
    thread = threading.Thread(target=clf.fit, args=(X, y))
    thread.start()
    loaded = by_file(clf, tmp_path)
    assert thread.is_alive(), "the fit was over: this shows nothing"
    thread.join()
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)


# -- fingerprints ----------------------------------------------------------------------------------


def test_the_fingerprint_is_of_trials_labels_and_weights_in_any_order():
    X, y = make_trials(24)
    order = np.random.default_rng(0).permutation(24)
    known = make(max_epochs=0).fit(X, y).fingerprint_
    assert known == fingerprint(X, y) == fingerprint(X[order], y[order])
    assert make(max_epochs=0).fit(X[order], y[order]).fingerprint_ == known
    weights = np.ones(24)
    assert fingerprint(X, y, weights) == known
    weights[0] = 2
    others = [fingerprint(X, y, weights), fingerprint(X, y[order]), fingerprint(X[:-1], y[:-1])]
    moved = X.copy()
    moved[3, 2, 1] += 1e-9
    assert len({known, fingerprint(moved, y), *others}) == 5


def test_the_fingerprint_of_epochs_is_of_their_channels_in_volts():
    epochs, y = make_epochs(24)
    clf = make(sfreq=None, max_epochs=0).fit(epochs, y)
    assert clf.fingerprint_ == fingerprint(epochs.get_data(clf.info_["ch_names"]), y)


def test_the_fingerprint_of_what_goes_on_is_of_both_fits():
    X, y = make_trials(24)
    clf = make().fit(X, y)
    first = clf.fingerprint_
    assert clf.partial_fit(X[:8], y[:8]).fingerprint_ == fingerprint(X[:8], y[:8], before=first)
    assert clf.fit(X, y).fingerprint_ == first


# -- pipelines -------------------------------------------------------------------------------------


class Doubled(TransformerMixin, BaseEstimator):
    """A step of nobody's package."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return 2 * X

    def __sklearn_is_fitted__(self):
        return True


def trials_in(kind):
    epochs, y = make_epochs(24)
    X = epochs.get_data(copy=True)
    if kind == "bands":
        return np.stack([X, X[::-1]], axis=3), y
    return (epochs if kind == "epochs" else X), y


STEPS = {
    "scikit-learn's function": (lambda: [FunctionTransformer(np.cbrt)], "array"),
    "MNE's scaler": (lambda: [mne.decoding.Scaler(scalings="median")], "array"),
    "MNE's filter of PCA": (lambda: [mne.decoding.UnsupervisedSpatialFilter(PCA(3))], "array"),
    "alignment": (lambda: [GroupAlignment()], "array"),
    "moving": (lambda: [ExponentialMovingStandardizer(eps=1e-9)], "array"),
    "montage": (lambda: [CommonMontage(["C3", "Cz", "C4"])], "epochs"),
    "filter bank": (lambda: [FilterBankCSP(nfilter=2)], "bands"),
    "two": (lambda: [GroupAlignment("riemann"), mne.decoding.Scaler(scalings="mean")], "array"),
}


@pytest.mark.parametrize("name", [*STEPS, "pyRiemann's Xdawn"])
def test_a_pipeline_comes_back_and_predicts_the_same_bits(name, tmp_path):
    from pyriemann.spatialfilters import Xdawn

    steps, kind = STEPS.get(name, (lambda: [Xdawn(nfilter=2)], "array"))
    X, y = trials_in(kind)
    pipeline = make_pipeline(*steps(), make(sfreq=None)).fit(X, y)
    eegsep.save(pipeline, tmp_path / "model.eegsep", metadata={"a": 1})
    loaded = eegsep.load(tmp_path / "model.eegsep")
    assert [step for step, _ in loaded.steps] == [step for step, _ in pipeline.steps]
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
    assert_same(pipeline[-1], loaded[-1])
    assert read_metadata(tmp_path / "model.eegsep") == {"a": 1}


def test_a_pipeline_may_end_in_another_classifier(tmp_path):
    from pyriemann.estimation import Covariances
    from pyriemann.tangentspace import TangentSpace

    X, y = make_trials(24)
    pipeline = make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression())
    with pytest.raises(NotFittedError):
        eegsep.save(pipeline, tmp_path / "model.eegsep")
    eegsep.save(pipeline.fit(X, y), tmp_path / "model.eegsep")
    loaded = eegsep.load(tmp_path / "model.eegsep")
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))


def test_trees_whose_numbers_nothing_checks_need_trust(tmp_path):
    X, y = make_trials(24)
    pipeline = make_pipeline(DecisionTreeClassifier()).fit(X[:, :, 0], y)
    with pytest.warns(UserWarning, match="Tree"):
        eegsep.save(pipeline, tmp_path / "model.eegsep")
    with pytest.raises(ModelFileError, match=r"sklearn.tree._tree.Tree"):
        eegsep.load(tmp_path / "model.eegsep")
    loaded = eegsep.load(tmp_path / "model.eegsep", trusted=["sklearn.tree._tree.Tree"])
    assert_same(loaded.predict(X[:, :, 0]), y)


def test_skops_alone_keeps_a_pipeline():
    X, y = make_trials(24)
    pipeline = make_pipeline(GroupAlignment(), make()).fit(X, y)
    whole = skops.io.dumps(pipeline)
    untrusted = skops.io.get_untrusted_types(data=whole)
    assert untrusted == [TYPE, "eegsep.preprocessing.alignment.GroupAlignment"]
    loaded = skops.io.loads(whole, trusted=untrusted)
    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))


def test_a_step_that_is_not_known_is_loaded_only_where_it_is_trusted(tmp_path):
    X, y = make_trials(24)
    pipeline, file = make_pipeline(Doubled(), make()).fit(X, y), tmp_path / "model.eegsep"
    with pytest.warns(UserWarning, match=r"trusted=\['tests.estimator.test_saved.Doubled'\]"):
        eegsep.save(pipeline, file)
    with pytest.raises(ModelFileError, match=r"model.eegsep .*Doubled.*trusted="):
        eegsep.load(file)
    for trusted in (["tests.estimator.test_saved.Doubled"], [Doubled]):
        loaded = eegsep.load(file, trusted=trusted)
        np.testing.assert_array_equal(loaded.predict(X), pipeline.predict(X))


def test_a_step_whose_package_is_not_installed_is_named(tmp_path, monkeypatch):
    X, y = make_trials(24)
    file = tmp_path / "model.eegsep"
    with pytest.warns(UserWarning, match="Doubled"):
        eegsep.save(make_pipeline(Doubled(), make()).fit(X, y), file)
    monkeypatch.setitem(sys.modules, Doubled.__module__, None)
    with pytest.raises(ImportError, match=r"model.eegsep .*tests.estimator.test_saved.*install"):
        eegsep.load(file, trusted=[Doubled])


def test_what_a_pipeline_cannot_keep_is_refused_when_it_is_saved(tmp_path):
    epochs, y = make_epochs(24)
    X = epochs.get_data(copy=True)
    with_info = make_pipeline(mne.decoding.Scaler(epochs.info), make()).fit(X, y)
    with_memory = make_pipeline(PCA(2), make(), memory=str(tmp_path / "memory"))
    with_memory.fit(X[:, :, 0], y)
    (tmp_path / "files").mkdir()
    for pipeline, what in ((with_info, "skops cannot keep"), (with_memory, "Set memory=None")):
        with pytest.raises(ValueError, match=what):
            eegsep.save(pipeline, tmp_path / "files" / "model.eegsep")
    assert list((tmp_path / "files").iterdir()) == []


def test_without_skops_a_pipeline_names_the_extra_and_a_classifier_needs_none(tmp_path):
    X, y = make_trials(24)
    pipeline = make_pipeline(GroupAlignment(), make()).fit(X, y)
    eegsep.save(pipeline, tmp_path / "model.eegsep")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "skops", None)
        with pytest.raises(ImportError, match=r"eegsep\[skops\]"):
            eegsep.load(tmp_path / "model.eegsep")
        with pytest.raises(ImportError, match=r"eegsep\[skops\]"):
            eegsep.save(pipeline, io.BytesIO())
        assert_same(pipeline[-1], by_file(pipeline[-1], tmp_path))
