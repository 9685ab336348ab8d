"""Names from files are text wherever they are shown: pages, figures, LaTeX, CSV and terminals.

The page is opened in a browser; what a name would do there, were it a program, is seen.
"""

import io
import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from eegsep import EEGNetClassifier
from eegsep.presentation import figures
from eegsep.presentation.page import report
from eegsep.presentation.tables import Table, write_latex
from eegsep.presentation.terminal import make_console, print_run, print_table
from eegsep.statistics import summarise
from eegsep.studies.inspect import inspect
from tests.conftest import make_epochs
from tests.presentation.conftest import make_result
from tests.presentation.test_report import open_in_browser

# Names so long leave a figure no room.
pytestmark = pytest.mark.filterwarnings("ignore:constrained_layout not applied")

# Each way out of a text, an attribute or a title would run one of these.
ATTACKS = (
    "<script>window.ran=1</script>",
    "</title><script>window.ran=2</script>",
    '"onload="window.ran=3"x="',
    "'><img src=x onerror=window.ran=4>",
    "<svg/onload=window.ran=5>",
    "javascript:window.ran=6",
    "</code></pre><iframe srcdoc='<script>parent.ran=7</script>'>",
    "{{7*7}}$\\frac{&lt;",
)
HOSTILE = "".join(ATTACKS)


def whose(field):
    return f"{field} {HOSTILE}"


@pytest.fixture(scope="module")
def result():
    scores = {whose("pipeline"): [0.6, 0.9, 0.7], whose("other"): [0.5, 0.8, 0.75]}
    result = make_result(scores, dataset=whose("dataset"), session=whose("session"))
    run = result.run
    run["datasets"] = {whose("dataset"): [1, 2, 3]}
    run["pipelines"] = {
        name: {"seeds": [42], "steps": whose("steps"), "file": whose("file")} for name in scores
    }
    run["paradigm"], run["channels"] = whose("paradigm"), [whose("channel")]
    run["warnings"] = {whose("warning"): 2}
    run["versions"] |= {whose("package"): whose("version")}
    missing = {"dataset": whose("dataset"), "subject": 4, "session": whose("lost session")}
    run["failed"] = [missing | {"pipeline": whose("lost pipeline"), "reason": whose("reason")}]
    return result


@pytest.fixture(scope="module")
def maps():
    """Inspection whose channels and classes are called so."""
    epochs, y = make_epochs()
    epochs.rename_channels({name: whose(name) for name in epochs.ch_names})
    labels = np.array([whose(label) for label in y])
    network = EEGNetClassifier(max_epochs=1, random_state=0)
    inspection = inspect(network, epochs, labels, cv=3, n_seeds=1)
    names = ("pipeline", "dataset", "subject")
    inspection.run.update({name: whose(f"{name} of the maps") for name in names})
    return inspection


@pytest.fixture(scope="module")
def page(result, maps, tmp_path_factory):
    return report(result, tmp_path_factory.mktemp("page") / "report.html", inspection=maps)


def test_a_page_runs_no_name_even_without_its_policy(page, tmp_path):
    # open_in_browser takes the policy out where it puts a script of its own in
    script = "document.documentElement.dataset.ran = window.ran || 'nothing'"
    document, _ = open_in_browser(page, tmp_path, script)
    assert document.attributes["data-ran"] == "nothing"
    assert not [link for link in document.links if not link.startswith(("#", "https://mne.tools"))]
    text = " ".join("".join(document.text).split())
    for field in ("pipeline", "other", "dataset", "steps", "paradigm", "channel", "warning"):
        assert whose(field) in text
    for field in ("package", "version", "lost session", "lost pipeline", "reason"):
        assert whose(field) in text
    for field in ("pipeline of the maps", "relevance, left_hand", "relevance, right_hand"):
        assert whose(field) in text


def test_a_browser_refuses_scripts_that_are_not_the_pages_own(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    before, end, after = text.rpartition("</body>")
    attack = "<script>document.documentElement.dataset.ran = 1</script><img src=http://a.invalid/>"
    file = tmp_path / "attacked.html"
    file.write_text(before + attack + end + after, encoding="utf-8")
    document, console = open_in_browser(file, tmp_path)
    assert "data-ran" not in document.attributes
    assert sum("Content Security Policy" in line for line in console) == 2


def test_a_figure_as_svg_has_names_as_text(result, tmp_path):
    figures.save(figures.plot_scores(result.scores, result.summary), tmp_path / "scores.svg")
    root = ElementTree.parse(tmp_path / "scores.svg").getroot()
    assert not [each for each in root.iter() if each.tag.endswith("script")]
    assert not [key for each in root.iter() for key in each.attrib if key.startswith("on")]


def test_files_have_names_of_ours_alone_and_give_names_back(tmp_path):
    names = ["../../out", "/abs", "NUL", "x" * 300, "\u0430", "a", "=cmd|' /C calc'!A0", 'q",\n"r']
    result = make_result({name: [0.6, 0.7] for name in names}, session="../..")
    files = result.save(tmp_path / "in" / "here")
    assert {file.parent for file in files.values()} == {tmp_path / "in" / "here"}
    assert {file.name for file in tmp_path.rglob("*.*")} == {file.name for file in files.values()}
    assert {file.name for file in files.values()} <= {
        *("scores.csv", "summary.csv", "columns.json", "run.json", "scores.png", "scores.tex")
    }
    table = pd.read_csv(files["scores"])
    assert list(dict.fromkeys(table["pipeline"])) == names
    assert list(json.loads(files["run"].read_text())["pipelines"]) == names


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        (r"\\[9cm]", r"\textbackslash{}\textbackslash{}{[}9cm]"),
        ("[1] *", "{[}1] {*}"),
        ("a%b#c_d&e$f~g^h", r"a\%b\#c\_d\&e\$f\textasciitilde{}g\textasciicircum{}h"),
        ("a\n\nb <c|d>", r"a b \textless{}c\textbar{}d\textgreater{}"),
    ],
)
def test_latex_of_a_name_is_text(name, latex, tmp_path):
    assert Table("t", ["pipeline"], [{"pipeline": name}]).to_latex().count(latex) == 1
    result = make_result({name: [0.6, 0.9, 0.7], "b": [0.5, 0.8, 0.75]})
    text = write_latex(tmp_path, result.summary, result.scores, result.run).read_text("utf-8")
    # nothing is left to read as a command but what was put there
    commands = set(re.findall(r"\\([a-zA-Z]+)", text))
    assert commands <= {
        *("begin", "end", "caption", "toprule", "midrule", "bottomrule", "textbf", "times", "pm"),
        *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater"),
        "textbar",
    }


def test_a_terminal_shows_markup_and_codes_as_they_are(result):
    names = ["[red]a[/red]", ":smile:", "\x1b]0;owned\x07\x1b[2J", "left\u202eright"]
    run = result.run | {"warnings": dict.fromkeys(names, 1), "failed": []}
    stream = io.StringIO()
    console = make_console(file=stream, force_terminal=True, width=200)
    scores = make_result({name: [0.6, 0.7] for name in names}).scores
    rows = summarise(scores).to_dict("records")
    print_table(console, Table("[b]t[/b]", ["pipeline"], rows))
    print_run(console, run, {})
    text = stream.getvalue()
    for name in ("[b]t[/b]", "[red]a[/red]", ":smile:", r"\x1b]0;owned\x07", r"left\u202eright"):
        assert name in text
    # what remains are colours, of rich
    assert set(re.findall(r"\x1b\[[0-9;]*(.)", text)) <= {"m"}
    assert not re.search("\x1b[^\\[]|[\x07\u202e]", text)
