"""Benchmarks of other paradigms than imagery, from recordings to the page."""

import pytest
from moabb.datasets.fake import FakeDataset

from eegsep.datasets import Recordings, SimulatedP300, SimulatedSSVEP
from eegsep.presentation.page import report
from eegsep.studies.benchmark import benchmark

ONE = {"n_subjects": 1, "n_sessions": 1, "n_runs": 1}
CASES = {
    "P300": (SimulatedP300(**ONE, n_trials_per_class=10, amplitude=5e-5), "roc_auc"),
    "SSVEP": (SimulatedSSVEP(**ONE, n_trials_per_class=6, amplitude=1e-5), "accuracy"),
    "FilterBankSSVEP": (SimulatedSSVEP(**ONE, n_trials_per_class=6, amplitude=1e-5), "accuracy"),
}


@pytest.mark.parametrize("paradigm", CASES)
def test_a_benchmark_goes_from_recordings_to_the_page(paradigm, tmp_path):
    dataset, metric = CASES[paradigm]
    result = benchmark(dataset, output=tmp_path, paradigm=paradigm)
    assert result.run["failed"] == []
    assert set(result.scores["metric"]) == {metric}
    assert set(result.scores["n_classes"]) == {len(dataset.event_id)}
    assert result.scores["score"].median() > 0.7  # sources this strong are decoded
    result.save(tmp_path)
    if "EEGNet" in set(result.scores["pipeline"]):
        inspection = result.inspect(n_seeds=1)
        inspection.save(tmp_path / "maps")
    page = report(tmp_path).read_text(encoding="utf-8")
    assert paradigm in page


def test_resting_states_of_more_than_two_classes_are_scored_by_accuracy(tmp_path):
    dataset = FakeDataset(
        ["open", "closed", "asleep"],
        n_subjects=1,
        n_sessions=1,
        n_runs=1,
        paradigm="rstate",
        seed=0,
        n_events=15,
        duration=200,
    )
    dataset.interval = [0, 10]
    recordings = Recordings(dataset, paradigm="RestingStateToP300Adapter", tmin=0, tmax=5)
    result = benchmark(recordings, output=tmp_path, pipelines=["TS+LR", "FgMDM"])
    assert set(result.scores["metric"]) == {"accuracy"}


def test_a_filter_bank_has_a_band_for_each_flicker():
    (selection,) = Recordings(CASES["SSVEP"][0], paradigm="FilterBankSSVEP").select()
    assert selection.paradigm.filters == [[12.5, 13.5], [16.5, 17.5], [20.5, 21.5]]
