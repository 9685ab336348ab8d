"""A study's page: chance and intervals by independent sources, and all that was found."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eegsep._utils.errors import RequestError
from eegsep.presentation.page import report
from eegsep.presentation.tables import write_latex
from eegsep.statistics import chance_interval, subject_table, summarise
from eegsep.studies.benchmark import BenchmarkResult
from tests.presentation.conftest import SECTIONS, make_ablation, make_result, read


def test_sessions_and_seeds_of_a_subject_are_averaged():
    parts = [
        make_result({"EEGNet": [score]}, session=session, seed=seed).scores
        for score, session, seed in ((0.5, "0", 1), (0.6, "0", 2), (0.7, "1", 1), (0.8, "1", 2))
    ]
    table = subject_table(pd.concat(parts))
    assert table["score"].tolist() == [pytest.approx(0.65)]


def test_trials_within_sessions_are_all_tested_once():
    parts = [
        make_result({"EEGNet": [0.5]}, session=s, seed=7 + k).scores for k in (0, 1) for s in "ab"
    ]
    row = subject_table(pd.concat(parts)).iloc[0]
    assert row["n_trials"] == 2 * 45
    expected = chance_interval("roc_auc", [45, 45], n_folds=5)
    assert (row["chance_low"], row["chance_high"]) == expected


@pytest.mark.parametrize("evaluation", ["CrossSession", "CrossSubject"])
def test_trials_across_sessions_are_those_of_the_test(evaluation):
    scores = make_result(evaluation=evaluation, samples=90, samples_test=30).scores
    assert set(subject_table(scores)["n_trials"]) == {30}


def test_folder_gives_the_same_page_as_results(tmp_path):
    result = make_result()
    result.save(tmp_path)
    pages = report(tmp_path), report(result, tmp_path / "other.html")
    assert pages[0] == tmp_path / "report.html"
    assert read(pages[0]).rows == read(pages[1]).rows


def test_sections_are_in_the_navigation(tmp_path):
    page = read(report(make_result(), tmp_path / "page.html"))
    assert [link[1:] for link in page.links if link[1:] in SECTIONS][: len(SECTIONS)] == SECTIONS


def test_means_have_the_intervals_of_scipy(tmp_path):
    a, b = [0.6, 0.9, 0.7], [0.5, 0.8, 0.75]
    page = read(report(make_result({"EEGNet": a, "other": b}), tmp_path / "page.html"))

    def interval(values, form):
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        return f"{100 * low:{form}} to {100 * high:{form}}"

    cells = page.row("other")[0]
    assert cells[1] == "68.3"
    low, _ = stats.ttest_1samp(b, 0).confidence_interval(0.95)
    assert cells[3] == f"{100 * low:.1f} to 100.0"  # the upper end would be 108.3
    assert cells[5] == "-5.0"
    assert cells[6] == interval(np.subtract(b, a), "+.1f")


def test_subjects_above_chance_are_counted(tmp_path):
    # 45 trials in five folds: above 0.68
    result = make_result({"EEGNet": [0.67, 0.69, 0.9, 0.1]})
    page = read(report(result, tmp_path / "page.html"))
    assert page.row("EEGNet")[0][4] == "2 of 4"


def test_subjects_have_a_row_each_with_chance(tmp_path):
    page = read(report(make_result(), tmp_path / "page.html"))
    low, high = chance_interval("roc_auc", 45, n_folds=5)
    assert page.row("2") == [["90.0", "80.0", "45", f"{100 * low:.1f} to {100 * high:.1f}"]]


def test_several_datasets_have_their_own_tables(tmp_path):
    scores = pd.concat(
        [make_result().scores, make_result(dataset="4 classes", metric="accuracy").scores]
    )
    run = make_result().run
    run["datasets"]["4 classes"] = [1, 2, 3]
    result = BenchmarkResult(scores, summarise(scores), run)
    page = read(report(result, tmp_path / "page.html"))
    assert len(page.row("EEGNet")) == 2 * 2 + 1  # means and time of each, seeds
    assert {"Scores-Means__Made-up", "Scores-Means__4_classes"} <= page.ids


def test_metric_without_chance_has_a_page(tmp_path):
    page = read(report(make_result(metric="f1"), tmp_path / "page.html"))
    assert page.row("EEGNet")[0][4] == ""


def test_maps_come_with_their_controls_and_the_verdict(inspection, tmp_path):
    page = read(report(make_result(), tmp_path / "page.html", inspection=inspection))
    assert [picture["alt"] for picture in page.pictures].count("Consensus") == 1
    cells = next(row for row in page.row("2") if inspection.verdict in " ".join(row))
    kinds = "trained", "untrained", "shuffled"
    expected = [f"{inspection.reliability[kind]:.2f}" for kind in kinds]
    assert [cells[0], *cells[2:4]] == expected
    assert cells[4].startswith(inspection.verdict)
    assert page.row("all")[0][1] == f"{inspection.costs['parameters'].sum():,}"


def test_page_without_maps_says_where_they_are(tmp_path):
    page = read(report(make_result(), tmp_path / "page.html"))
    assert "eegsep inspect draws those" in "".join(page.text)


def test_latex_has_the_cells_of_the_page(tmp_path):
    result = make_result({"EEGNet": [0.6, 0.9, 0.7], "a_b & c": [0.5, 0.8, 0.75]})
    file = write_latex(tmp_path, result.summary, result.scores, result.run)
    rows = [line for line in file.read_text(encoding="utf-8").splitlines() if " & " in line]
    cells = read(report(result, tmp_path / "page.html")).row("a_b & c")[0]
    assert rows[2] == " & ".join([r"a\_b \& c", *cells]) + r" \\"
    assert rows[1].startswith(r"\textbf{EEGNet} & \textbf{1} & \textbf{73.3}")
    assert rows[0].count("&") == len(cells)
    assert r"ROC-AUC $\times$ 100" in file.read_text(encoding="utf-8")


def test_names_are_not_taken_as_html(tmp_path):
    result = make_result({"<i>net</i>": [0.6, 0.7]})
    result.run["warnings"] = {"UserWarning: <script>x</script>": 2}
    text = report(result, tmp_path / "page.html").read_text()
    assert "<i>net" not in text
    assert "<script>x" not in text


def test_ablation_has_the_intervals_of_scipy(tmp_path):
    make_ablation(tmp_path)
    page = read(report(tmp_path))
    low, high = stats.ttest_1samp([-0.1, -0.1, 0.05], 0).confidence_interval(0.95)
    assert page.row("joint")[0][3:5] == ["-5.0", f"{100 * low:+.1f} to {100 * high:+.1f}"]


def test_ablation_has_costs_of_variants(tmp_path):
    make_ablation(tmp_path)
    assert ["2,484", "6,013,952", "1", "1", "20.4"] in read(report(tmp_path)).row("joint")


def test_ablation_has_scores_over_the_number_of_training_trials(tmp_path):
    def curve(table):
        few = table.assign(fraction=0.5, n_trials=18.0, p_holm=0.04)
        return pd.concat([few, table.assign(fraction=1.0, n_trials=36.0, p_holm=0.06)])

    make_ablation(tmp_path, curve)
    page = read(report(tmp_path))
    assert page.row("variant")[1] == ["18 trials", "36 trials"]
    assert ["68.3 (-5.0*)", "68.3 (-5.0)"] in page.row("joint")
    text = "".join(page.text)
    assert "against joint: is ahead at 18; no difference detected at 36 training trials." in text


def test_ablation_without_learning_curves_shows_none_of_an_earlier_run(tmp_path):
    make_ablation(tmp_path, lambda table: table.assign(fraction=0.5, n_trials=18.0))
    file = tmp_path / "run.json"
    run = json.loads(file.read_text()) | {"learning_curve": []}
    file.write_text(json.dumps(run))
    assert "18 trials" not in "".join(read(report(tmp_path)).text)


def test_results_of_another_kind_are_refused(tmp_path):
    with pytest.raises(TypeError, match="not a DataFrame"):
        report(make_result().scores, tmp_path / "page.html")


def test_folder_without_a_benchmark_is_refused(tmp_path):
    with pytest.raises(RequestError, match=r"no run\.json in .*: give the output folder"):
        report(tmp_path)
    file = tmp_path / "scores.csv"
    file.touch()
    with pytest.raises(
        RequestError, match=r"no run\.json in .*scores\.csv: give the output folder"
    ):
        report(file)


def test_results_need_a_file_for_the_page():
    with pytest.raises(RequestError, match="which file"):
        report(make_result())


def test_a_window_is_said_after_the_marker(tmp_path):
    for tmin, tmax, said in ((None, None, "0.5 to 3.5"), (1.0, 2.0, "1.5 to 2.5")):
        result = make_result()
        result.run.update({"tmin_s": tmin, "tmax_s": tmax, "trials_s": {"Made-up": [0.5, 3.5]}})
        page = read(report(result, tmp_path / "page.html"))
        assert page.row("window") == [[f"{said} s after the marker"]]
