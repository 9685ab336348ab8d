"""Each shipped pipeline loads, fits and predicts, and MOABB's own benchmark runs each folder."""

import warnings

import mne
import numpy as np
import pytest
import yaml
from moabb import benchmark as moabb_benchmark
from moabb.datasets.fake import FakeDataset
from moabb.pipelines.classification import SSVEP_CCA, SSVEP_TRCA
from sklearn.base import clone

import eegsep
from eegsep.studies.pipelines import load_pipelines, make_variants, shipped_pipelines

FILES = {file.stem: file for file in sorted(shipped_pipelines().rglob("*.yml"))}
SFREQ, N_CHANS = 128, 4
# Seconds of a trial, bands, and classes.
TRIALS = {
    "LeftRightImagery": (3, 1, ["left_hand", "right_hand"]),
    "MotorImagery": (3, 1, ["feet", "left_hand", "right_hand", "tongue"]),
    "FilterBankLeftRightImagery": (3, 6, ["left_hand", "right_hand"]),
    "FilterBankMotorImagery": (3, 6, ["feet", "left_hand", "right_hand", "tongue"]),
    "P300": (0.8, 1, ["NonTarget", "Target"]),
    "SSVEP": (3, 1, ["13", "17", "21"]),
    "FilterBankSSVEP": (3, 3, ["13", "17", "21"]),
    "RestingStateToP300Adapter": (5, 1, ["closed", "open"]),
}
PAIRS = [
    (name, paradigm)
    for name, file in FILES.items()
    for paradigm in yaml.safe_load(file.read_text())["paradigms"]
]


def trials_of(paradigm, n_per_class=6):
    """Noise in microvolts, of which each class has its own rhythm at its own electrode."""
    seconds, n_bands, classes = TRIALS[paradigm]
    rng, times = np.random.default_rng(0), np.arange(int(seconds * SFREQ)) / SFREQ
    y = np.tile(classes, n_per_class)
    X = 10 * rng.normal(size=(len(y), N_CHANS, len(times)))
    for k, name in enumerate(classes):
        freq = float(name) if name.isdigit() else 10 + 3 * k
        X[y == name, k] += 20 * np.sin(2 * np.pi * freq * times)
    return (X if n_bands == 1 else np.stack([X] * n_bands, axis=-1)), y


def as_epochs(X, y):
    classes, codes = np.unique(y, return_inverse=True)
    info = mne.create_info(["O1", "O2", "Pz", "Oz"], SFREQ, "eeg")
    events = np.column_stack([np.arange(len(y)), np.zeros_like(codes), codes + 1])
    event_id = {name: k for k, name in enumerate(classes.tolist(), 1)}
    return mne.EpochsArray(1e-6 * X, info, events, event_id=event_id, verbose=False)


@pytest.mark.parametrize("paradigm", TRIALS)
def test_there_are_pipelines_for(paradigm):
    assert "EEGNet" in load_pipelines(None, paradigm) or paradigm.startswith("FilterBank")


@pytest.mark.parametrize(("name", "paradigm"), PAIRS)
def test_a_pipeline_fits_and_predicts_the_trials_of_its_paradigm(name, paradigm):
    (variant,) = make_variants(load_pipelines(name, paradigm), seed=0, max_epochs=1)
    X, y = trials_of(paradigm)
    if isinstance(variant.estimator[-1], (SSVEP_CCA, SSVEP_TRCA)):
        X = as_epochs(X, y)
    codes = np.unique(y, return_inverse=True)[1]
    pipeline = clone(variant.estimator).fit(X, codes)
    predicted = np.asarray(pipeline.predict(X))
    assert set(predicted) <= set(codes)
    if "max_epochs" not in str(pipeline.get_params()):  # an epoch teaches a network nothing
        assert np.mean(predicted == codes) > 0.6


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("braindecode")])
@pytest.mark.filterwarnings("ignore:.*shrink")
def test_a_fitted_pipeline_comes_back_from_a_file_that_needs_no_trust(name, tmp_path):
    [paradigm, *_] = (each for known, each in PAIRS if known == name)
    (variant,) = make_variants(load_pipelines(name, paradigm), seed=0, max_epochs=1)
    X, y = trials_of(paradigm)
    if isinstance(variant.estimator[-1], (SSVEP_CCA, SSVEP_TRCA)):
        X = as_epochs(X, y)
    pipeline = clone(variant.estimator).fit(X, np.unique(y, return_inverse=True)[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of types that need trust
        eegsep.save(pipeline, tmp_path / "model.eegsep")
    loaded = eegsep.load(tmp_path / "model.eegsep")
    of_classes = "predict_proba" if hasattr(pipeline, "predict_proba") else "decision_function"
    expected, again = (getattr(each, of_classes)(X) for each in (pipeline, loaded))
    np.testing.assert_array_equal(again, expected)


# -- MOABB's own benchmark -------------------------------------------------------------------------


def fake(paradigm, classes, *, n_events, duration=60, interval=None):
    dataset = FakeDataset(
        classes,
        n_sessions=1,
        n_runs=1,
        n_subjects=1,
        paradigm=paradigm,
        channels=("C3", "Cz", "C4", "Oz"),
        seed=0,
        n_events=n_events,
        duration=duration,
    )
    dataset.interval = interval or dataset.interval
    return dataset


def quickened(folder, target):
    """Copy a folder, with one epoch a network; MOABB leaves lock files beside what it reads."""
    for file in folder.glob("*.yml"):
        config = yaml.safe_load(file.read_text())
        for step in config["pipeline"]:
            if "max_epochs" in step.get("parameters", {}):
                step["parameters"]["max_epochs"] = 1
        (target / file.name).write_text(yaml.safe_dump(config))
    return str(target)


SETS = {
    "LeftRightImagery": fake("imagery", ["left_hand", "right_hand"], n_events=10),
    "MotorImagery": fake("imagery", ["feet", "left_hand", "right_hand"], n_events=15),
    "FilterBankLeftRightImagery": fake("imagery", ["left_hand", "right_hand"], n_events=20),
    "P300": fake("p300", ["Target", "NonTarget"], n_events=20, interval=[0, 1]),
    "SSVEP": fake("ssvep", ["13", "17"], n_events=10),
    "FilterBankSSVEP": fake("ssvep", ["13", "17"], n_events=10),
    "RestingStateToP300Adapter": fake(
        "rstate", ["closed", "open"], n_events=10, duration=600, interval=[0, 55]
    ),
}


@pytest.mark.parametrize(
    ("folder", "paradigm"),
    [(".", paradigm) for paradigm in SETS] + [("networks", "LeftRightImagery")],
)
def test_moabbs_benchmark_runs_each_folder(folder, paradigm, tmp_path):
    folder = shipped_pipelines() / folder
    results = moabb_benchmark(
        pipelines=quickened(folder, tmp_path),
        evaluations=["WithinSession"],
        paradigms=[paradigm],
        include_datasets=[SETS[paradigm]],
        results=str(tmp_path / "results"),
        output=str(tmp_path / "output"),
        n_jobs=1,
    )
    assert set(results["pipeline"]) == set(load_pipelines(folder, paradigm))
    assert results["score"].between(0, 1).all()
