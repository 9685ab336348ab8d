"""The lesson's numbers, in its tables and behind its sliders, are those that are counted."""

import json
import re
import shutil
import subprocess

import pytest

from benchmarks import lesson
from eegsep.network.cost import formula, reduction, worked_example

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
TEXT = lesson.PAGE.read_text(encoding="utf-8")
LAYERS = json.loads(lesson.DATA.search(TEXT)[2])


def rows(heading):
    """Cells of the first table under a heading, a list for each row, without the header."""
    table = TEXT.split(f"## {heading}\n", 1)[1]
    lines = re.search(r"(?:^\|.*\n)+", table, re.M)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def number(cell):
    return int(cell.replace(",", ""))


@pytest.mark.parametrize("n_outputs", lesson.OUTPUTS)
@pytest.mark.parametrize("kernel", lesson.KERNELS)
def test_sliders_show_the_counts_of_the_formulas(n_outputs, kernel):
    size, C = (lesson.SIZE, lesson.SIZE), lesson.CHANNELS
    for groups in lesson.GROUPS:
        grouped, mixed = LAYERS[f"{n_outputs},{kernel},{groups}"]
        options = {"padding": "same", "groups": groups}
        assert grouped[:2] == list(formula("grouped", C, n_outputs, kernel, size, **options))
        parts = (
            formula("grouped", C, C, kernel, size, **options),
            formula("pointwise", C, n_outputs, 1, size),
        )
        assert mixed[:2] == [sum(numbers) for numbers in zip(*parts, strict=True)]
        assert grouped[2] > 0
        assert mixed[2] > 0


def test_worked_example_has_the_counts_of_the_layers():
    steps = worked_example(out_channels=256, in_channels=3, input_size=(12, 12), kernel_size=5)
    shown = [[number(cell) for cell in row[-2:]] for row in rows("A worked example")]
    counted = steps[["parameters", "multiply_adds"]].to_numpy().tolist()
    assert shown[:3] == counted
    assert shown[3] == steps[["parameters", "multiply_adds"]].iloc[1:].sum().tolist()
    assert shown[3][1] / shown[0][1] == pytest.approx(reduction(256, 5).total)


def test_family_has_the_counts_of_the_formulas():
    kinds = {
        "standard": {},
        "grouped, g = 4": {"groups": 4},
        "depthwise": {},
        "pointwise": {},
        "depthwise separable": {},
        "extreme Inception": {},
        "Inception, 4 towers": {"n_towers": 4},
        "shuffle, g = 4": {"groups": 4},
        "spatially separable": {},
    }
    names = {"extreme Inception": "extreme_inception", "spatially separable": "spatially_separable"}
    for name, _, shown, _ in rows("The family"):
        kind = names.get(name, name.split(",")[0].lower().replace(" ", "_"))
        kernel = 1 if kind == "pointwise" else 3
        counted = formula(kind, 64, 64, kernel, (28, 28), padding="same", **kinds.pop(name))
        assert number(shown) == counted.parameters
    assert not kinds


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_sliders_work_in_a_browser(tmp_path):
    html = re.search(r"```\{raw\} html\n(.*?)\n```", TEXT, re.DOTALL)[1]
    moved = "<script>const k = document.getElementById('k'); k.value = 2; "
    moved += "k.dispatchEvent(new Event('input', {bubbles: true}));</script>"
    page = tmp_path / "lesson.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{html}{moved}", encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    command = [CHROMIUM, *options, "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    weights, multiply_adds, _ = LAYERS["64,5,1"][0]
    assert f"{weights:,} parameters" in shown
    assert f"{multiply_adds:,} multiply-adds" in shown
    assert f"{LAYERS['64,5,64'][1][1]:,} multiply-adds" in shown
