"""Simulated recordings under MOABB's paradigms, evaluations and benchmark."""

import warnings

import mne
import moabb
import pytest
from moabb.evaluations import (
    CrossSessionEvaluation,
    CrossSubjectEvaluation,
    WithinSessionEvaluation,
)
from moabb.paradigms import (
    FilterBankLeftRightImagery,
    FilterBankMotorImagery,
    LeftRightImagery,
    MotorImagery,
)

from eegsep.datasets import SimulatedMotorImagery
from tests.datasets.signals import ALL_CLASSES, SMALL, TINY, csp_lda


def test_left_right_imagery_gets_balanced_trials():
    dataset = SimulatedMotorImagery(**SMALL)
    X, y, meta = LeftRightImagery().get_data(dataset)
    assert X.shape == (2 * 2 * 30, 22, 3 * 128 + 1)
    assert sorted(set(y)) == ["left_hand", "right_hand"]
    counts = meta.assign(y=y).groupby(["subject", "session", "run", "y"]).size()
    assert counts.index.get_level_values("session").unique().tolist() == ["0", "1"]
    assert (counts == 15).all()


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_motor_imagery_gets_every_class(n_classes):
    dataset = SimulatedMotorImagery(**TINY, n_classes=n_classes)
    events = ALL_CLASSES[:n_classes]
    X, y, _ = MotorImagery(n_classes=n_classes, events=events).get_data(dataset)
    assert len(X) == 3 * n_classes
    assert sorted(y) == sorted(3 * events)


def test_left_right_imagery_takes_two_of_four_classes():
    X, _, _ = LeftRightImagery().get_data(SimulatedMotorImagery(**TINY, n_classes=4))
    assert len(X) == 6


@pytest.mark.parametrize(
    "paradigm",
    [
        FilterBankLeftRightImagery(filters=([8, 12], [12, 30])),
        FilterBankMotorImagery(
            n_classes=2, events=["left_hand", "right_hand"], filters=([8, 12], [12, 30])
        ),
    ],
    ids=lambda paradigm: type(paradigm).__name__,
)
def test_filter_banks_add_an_axis(paradigm):
    X, _, _ = paradigm.get_data(SimulatedMotorImagery(**TINY))
    assert X.shape == (6, 22, 385, 2)


def test_paradigm_resamples():
    X, _, _ = LeftRightImagery(resample=100).get_data(SimulatedMotorImagery(**TINY, sfreq=200))
    assert X.shape[2] in (300, 301)


@pytest.mark.parametrize(
    "evaluation", [WithinSessionEvaluation, CrossSessionEvaluation, CrossSubjectEvaluation]
)
def test_evaluations_score_in_a_plausible_range(evaluation, tmp_path):
    dataset = SimulatedMotorImagery(**SMALL, snr=0.5)
    results = evaluation(
        paradigm=LeftRightImagery(),
        datasets=[dataset],
        random_state=42,
        hdf5_path=str(tmp_path),
        overwrite=True,
    ).process({"CSP+LDA": csp_lda()})
    assert len(results) == 4
    assert results.dataset.unique().tolist() == [dataset.code]
    assert 0.65 < results.score.mean() < 1


def test_benchmark_takes_the_dataset(tmp_path):
    level = mne.set_log_level(return_old_level=True)
    try:
        results = moabb.benchmark(
            pipelines=[
                {"name": "CSP+LDA", "paradigms": ["LeftRightImagery"], "pipeline": csp_lda()}
            ],
            evaluations=["WithinSession"],
            include_datasets=[SimulatedMotorImagery(**SMALL)],
            results=str(tmp_path / "results"),
            output=str(tmp_path / "output"),
            n_jobs=1,
        )
    finally:
        mne.set_log_level(level)
    assert len(results) == 4


def test_ordinary_use_is_silent(capfd, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = SimulatedMotorImagery(**TINY)
        LeftRightImagery().get_data(dataset)
        dataset.sources(1)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_download_needs_nothing(capfd):
    dataset = SimulatedMotorImagery(**TINY)
    dataset.download()
    assert dataset.data_path(1) == []
    assert capfd.readouterr() == ("", "")


def test_default_code_is_the_name_and_every_setting_changes_it():
    settings = {
        "n_subjects": 3,
        "n_sessions": 3,
        "n_runs": 3,
        "n_trials_per_class": 3,
        "n_classes": 3,
        "channels": ["C3", "C4"],
        "sfreq": 250,
        "snr": 0.3,
        "random_state": 3,
    }
    codes = [SimulatedMotorImagery(**{name: value}).code for name, value in settings.items()]
    assert SimulatedMotorImagery().code == SimulatedMotorImagery(sfreq=128).code
    assert SimulatedMotorImagery().code == "SimulatedMotorImagery"
    assert len({"SimulatedMotorImagery", *codes}) == len(settings) + 1
