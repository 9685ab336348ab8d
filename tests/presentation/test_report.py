"""The commands that write a page, and a browser that opens it."""

import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from moabb.paradigms import LeftRightImagery

from eegsep.datasets import SimulatedMotorImagery
from eegsep.presentation.page import report
from eegsep.statistics import subject_table
from tests.presentation.conftest import SECTIONS, Page, make_result, read, run

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)


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


def test_toy_trials_are_those_of_the_dataset(toy):

    y = LeftRightImagery().get_data(SimulatedMotorImagery(), [1])[1]
    scores = pd.read_csv(toy[0] / "scores.csv")
    assert set(subject_table(scores)["n_trials"]) == {len(y)}


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


def open_in_browser(page, profile, script="", budget=5000):
    """Open a page in Chromium: its document once loaded, and what it says on its console.

    ``script`` runs once the page is loaded, whose policy would refuse it and is taken out;
    ``budget`` is the time that it is given, in ms that pass as fast as the browser can, or None for
    the clock's own and no more than loading takes.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install it to test the page in a browser")
    if script:
        text = page.read_text(encoding="utf-8")
        page = profile / "with_script.html"
        text = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
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
