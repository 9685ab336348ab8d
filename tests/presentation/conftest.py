"""Results of studies that were not run, and pages as they are read."""

from html.parser import HTMLParser

import pandas as pd
import pytest
from typer.testing import CliRunner

from eegsep import EEGNetClassifier
from eegsep.cli import app
from eegsep.statistics import summarise
from eegsep.studies.ablation import AblationResult, compare
from eegsep.studies.benchmark import BenchmarkResult
from eegsep.studies.inspect import inspect
from tests.conftest import make_epochs

SECTIONS = ["Data", "Scores", "Subjects", "Maps", "Cost", "Origin"]


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


@pytest.fixture(scope="module")
def inspection():
    """Inspection of a network that the benchmark of :func:`make_result` might end with."""
    epochs, y = make_epochs()
    network = EEGNetClassifier(max_epochs=1, random_state=0)
    result = inspect(network, epochs, y, cv=3, n_seeds=1)
    result.run.update(pipeline="EEGNet", dataset="Made-up", subject=2)
    return result


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
