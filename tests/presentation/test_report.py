"""The report: chance and intervals by independent sources, and a page that a browser opens."""

import contextlib
import json
import re
import shlex
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from moabb.paradigms import LeftRightImagery
from scipy import stats
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import KFold
from typer.testing import CliRunner

from eegsep import EEGNetClassifier
from eegsep._utils.errors import RequestError
from eegsep.cli import app
from eegsep.datasets import SimulatedMotorImagery
from eegsep.presentation.origin import study_call, study_command
from eegsep.presentation.page import report
from eegsep.presentation.tables import write_latex
from eegsep.statistics import chance_interval, subject_table, summarise
from eegsep.studies.ablation import AblationResult, compare
from eegsep.studies.benchmark import BenchmarkResult, benchmark
from eegsep.studies.inspect import inspect, inspect_dataset
from tests.conftest import make_epochs

SECTIONS = ["Data", "Scores", "Subjects", "Maps", "Cost", "Origin"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)


def make_result(values=None, **columns):
    """Return a benchmark of ``{pipeline: [score of each subject]}``, without running one."""
    values = values or {"EEGNet": [0.6, 0.9, 0.7], "CSP+LDA": [0.5, 0.8, 0.75]}
    rows = [
        {"pipeline": name, "subject": subject, "score": score}
        for name, scores in values.items()
        for subject, score in enumerate(scores, 1)
    ]
    defaults = {"dataset": "Made-up", "evaluation": "WithinSession", "paradigm": "LeftRightImagery"}
    defaults |= {"metric": "roc_auc", "seed": 42, "session": "0", "time": 1.0, "samples": 45}
    defaults |= {"samples_test": 9, "n_classes": 2, "channels": 64}
    scores = pd.DataFrame(rows).assign(**(defaults | columns))
    run = {
        "datasets": {"Made-up": sorted(set(scores["subject"]))},
        "evaluation": scores["evaluation"].iloc[0],
        "paradigm": "LeftRightImagery",
        "bands_hz": [[8, 32]],
        "tmin_s": 0.0,
        "tmax_s": None,
        "resample_hz": 128.0,
        "seed": 42,
        "pipelines": {
            name: {"seeds": [42], "steps": "Pipeline(steps=[('a', A())])"} for name in values
        },
        "max_epochs": None,
        "evaluated": 6,
        "found_on_disk": 0,
        "n_jobs": 1,
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 1.5,
        "versions": {"eegsep": "0.1.0", "mne": "1.11.0"},
        "warnings": {},
        "deprecations": {},
    }
    return BenchmarkResult(scores, summarise(scores), run)


class Page(HTMLParser):
    """What a page has: ids, links, pictures, texts of table cells and of everything.

    And what scripts have written on its root element.
    """

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.pictures, self.rows, self.text = set(), [], [], [], []
        self.external, self.attributes = [], {}
        self._skipped = self._cell = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "html":
            self.attributes = attributes
        self._skipped = tag in ("script", "style")
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "a":
            self.links.append(attributes.get("href", ""))
        if tag == "img":
            self.pictures.append(attributes)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self._cell = tag in ("td", "th", "b")
        # what a browser would go and get
        source = attributes.get("src", attributes.get("href", "") if tag == "link" else "")
        if source and not source.startswith("data:"):
            self.external.append(source)

    def handle_endtag(self, tag):
        self._skipped = self._cell = False

    def handle_data(self, data):
        if not self._skipped:
            self.text.append(data)
            if self._cell:
                self.rows[-1][-1] += data

    def row(self, name):
        """Cells of each row that begins with a name."""
        return [row[1:] for row in self.rows if row[0] == name]


def read(path):
    return Page(path.read_text(encoding="utf-8"))


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Run `eegsep benchmark` on a simulated subject, an epoch a fit: folder and what it printed."""
    folder = tmp_path_factory.mktemp("toy")
    arguments = ["--subjects", 1, "--pipelines", "EEGNet,CSP+LDA", "--max-epochs", 1]
    result = run("benchmark", *arguments, "--n-jobs", 1, "--output", folder)
    assert result.exit_code == 0, result.output
    return folder, result


@pytest.fixture(scope="module")
def page(toy):
    return read(toy[0] / "report.html")


# -- subjects ------------------------------------------------------------------------------------


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


def test_toy_trials_are_those_of_the_dataset(toy):
    from moabb.paradigms import LeftRightImagery

    from eegsep.datasets import SimulatedMotorImagery

    y = LeftRightImagery().get_data(SimulatedMotorImagery(), [1])[1]
    scores = pd.read_csv(toy[0] / "scores.csv")
    assert set(subject_table(scores)["n_trials"]) == {len(y)}


# -- the page ------------------------------------------------------------------------------------


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


@pytest.fixture(scope="module")
def inspection():
    """Inspection of a network that the benchmark of :func:`make_result` might end with."""
    epochs, y = make_epochs()
    network = EEGNetClassifier(max_epochs=1, random_state=0)
    result = inspect(network, epochs, y, cv=3, n_seeds=1)
    result.run.update(pipeline="EEGNet", dataset="Made-up", subject=2)
    return result


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


def make_ablation(folder, curve=None):
    """Write an ablation of three subjects without running one; return its run."""
    result = make_result({"published": [0.6, 0.9, 0.7], "joint": [0.5, 0.8, 0.75]})
    scores = result.scores.rename(columns={"pipeline": "variant"}).assign(fraction=1.0)
    costs = {"parameters": 2484, "multiply_adds": 6_013_952, "time": 1.0, "latency": 1e-3}
    costs["memory"] = 20_400_000
    run = {key: value for key, value in result.run.items() if key != "pipelines"}
    run |= {"variants": {"published": {}, "joint": {"spatial": "joint"}}, "seeds": [42, 43]}
    run |= {"learning_rates": [0.01, 0.1], "learning_curve": [0.5], "separability": False}
    none = pd.DataFrame()
    table = compare(scores).assign(**costs)
    curve = none if curve is None else curve(table)
    AblationResult(scores, table, curve, none, none, run).save(folder)
    return run


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


# -- the commands --------------------------------------------------------------------------------


def test_benchmark_ends_with_the_page(toy):
    folder, result = toy
    assert result.stdout.splitlines()[-1] == str(folder / "report.html")


def test_benchmark_can_do_without(toy, tmp_path):
    shutil.copytree(toy[0], tmp_path / "copy")
    (tmp_path / "copy" / "report.html").unlink()
    arguments = ["--subjects", 1, "--pipelines", "CSP+LDA", "--output", tmp_path / "copy"]
    assert run("benchmark", *arguments, "--no-report").exit_code == 0
    assert not (tmp_path / "copy" / "report.html").exists()
    # nor are maps kept that are of other pipelines
    assert not (tmp_path / "copy" / "maps.png").exists()
    assert not (tmp_path / "copy" / "maps").exists()


def test_report_prints_the_page_and_nothing_else(toy, tmp_path):
    result = run("report", toy[0], "--output", tmp_path / "page.html")
    assert result.stdout == f"{tmp_path / 'page.html'}\n"
    assert read(tmp_path / "page.html").rows == read(toy[0] / "report.html").rows


def test_report_of_nothing_gives_one_line_and_exit_code_2(tmp_path):
    result = run("report", tmp_path / "nowhere")
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def test_toy_page_has_scores_and_maps(page):
    pictures = [picture["alt"] for picture in page.pictures][1:]
    assert pictures == ["Each subject's scores", "Consensus"]


def test_toy_page_has_the_cost_of_its_network(toy, page):
    run_ = json.loads((toy[0] / "run.json").read_text())
    assert run_["pipelines"].keys() == {"EEGNet", "CSP+LDA"}
    costs = pd.read_csv(toy[0] / "maps" / "cost.csv")
    assert page.row("all")[0][1] == f"{costs['parameters'].sum():,}"


def test_every_anchor_of_the_page_has_its_place(page):
    anchors = {link[1:] for link in page.links if link.startswith("#") and link != "#"}
    assert len(anchors) > len(SECTIONS)
    assert anchors <= page.ids


def test_page_needs_nothing_else(page):
    assert page.external == []


def test_page_is_small(toy):
    assert (toy[0] / "report.html").stat().st_size < 4e6


# -- a browser -----------------------------------------------------------------------------------


def open_in_browser(page, profile, script="", budget=5000):
    """Open a page in Chromium: its document once loaded, and what it says on its console.

    ``script`` runs once the page is loaded; ``budget`` is the time that it is given, in ms that
    pass as fast as the browser can, or None for the clock's own and no more than loading takes.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install it to test the page in a browser")
    if script:
        text = page.read_text(encoding="utf-8")
        page = profile / "with_script.html"
        added = f'<script>addEventListener("load", () => {{ {script} }})</script>'
        before, end, after = text.rpartition("</body>")  # jQuery has one in a string
        page.write_text(before + added + end + after, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", "--no-first-run"]
    options += [f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0", "--dump-dom"]
    options += [] if budget is None else [f"--virtual-time-budget={budget}"]
    done = subprocess.run(
        [CHROMIUM, *options, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Page(done.stdout), [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.fixture(scope="module")
def browser(toy, tmp_path_factory):
    return open_in_browser(toy[0] / "report.html", tmp_path_factory.mktemp("profile"))


def test_browser_has_nothing_to_complain_about(browser):
    assert browser[1] == []


def test_browser_shows_sections_and_pictures(browser):
    document, _ = browser
    assert set(SECTIONS) <= document.ids
    assert len(document.pictures) == 3


def test_browser_finds_every_anchor(browser):
    document, _ = browser
    anchors = {link[1:] for link in document.links if re.match("#.", link)}
    assert anchors <= document.ids


def test_page_of_twelve_subjects_is_light(inspection, tmp_path):
    rng = np.random.default_rng(0)
    names = ["EEGNet", "EEGNet-standard", "CSP+LDA", "TS+LR", "FgMDM"]
    result = make_result({name: rng.uniform(0.4, 1, 12) for name in names})
    file = report(result, tmp_path / "page.html", inspection=inspection)
    assert file.stat().st_size < 15e6
    script = "document.documentElement.dataset.loaded = performance.now()"
    document, console = open_in_browser(file, tmp_path, script, budget=None)
    milliseconds = float(document.attributes["data-loaded"])
    print(f"{file.stat().st_size / 1e6:.1f} MB, opened in {milliseconds:.0f} ms")
    assert console == []
