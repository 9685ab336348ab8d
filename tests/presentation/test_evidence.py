"""Statistics beside means: on the page, in LaTeX, and from a folder."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from eegsep.presentation.evidence import tables
from eegsep.presentation.page import report
from eegsep.presentation.tables import write_latex
from eegsep.statistics import permutation_table, summarise
from tests.presentation.conftest import make_result, read

PIPELINES = {"EEGNet": [0.6, 0.9, 0.7], "CSP+LDA": [0.5, 0.8, 0.75]}


@pytest.fixture
def permuted():
    """A benchmark whose 9 permutations all score 0.55 with EEGNet, and 0.76 with CSP+LDA."""
    result = make_result(PIPELINES)
    null = result.scores.loc[result.scores.index.repeat(9)].reset_index(drop=True)
    null["permutation"] = np.tile(np.arange(1, 10), len(result.scores))
    null["score"] = np.where(null["pipeline"] == "EEGNet", 0.55, 0.76)
    table = permutation_table(result.scores, null)
    means = table.loc[table["level"] == "mean", ["dataset", "pipeline", "p_permutation"]]
    summary = result.summary.merge(means, on=["dataset", "pipeline"])
    run = result.run | {"permutations": 9}
    return replace(result, permutations=table, summary=summary, run=run)


def test_p_of_subjects_and_of_the_mean_are_on_the_page(permuted, tmp_path):
    page = read(report(permuted, tmp_path / "page.html"))
    assert ["60.0 (0.1)", "50.0 (1)"] in page.row("1")
    assert ["90.0 (0.1)", "80.0 (0.1)"] in page.row("2")
    assert ["68.3", "1", "76.0", "76.0 to 76.0"] in page.row("CSP+LDA")
    assert page.row("EEGNet")[0][5] == "0.1"
    assert "Statistics" in page.ids
    assert "--permutations 9" in "".join(page.text)


def test_p_values_come_from_the_folder_too(permuted, tmp_path):
    permuted.save(tmp_path)
    page, direct = read(report(tmp_path)), read(report(permuted, tmp_path / "other.html"))
    assert page.row("1") == direct.row("1")


def test_without_permutations_there_is_no_p_of_chance(tmp_path):
    result = make_result(PIPELINES)
    assert tables(result.scores) == []
    assert "p (chance)" not in "".join(read(report(result, tmp_path / "page.html")).text)


def test_latex_has_the_statistics_too(permuted, tmp_path):
    more = tables(permuted.scores, permuted.permutations)
    file = write_latex(tmp_path, permuted.summary, permuted.scores, permuted.run, more)
    text = file.read_text(encoding="utf-8")
    assert text.count(r"\begin{table}") == 3
    assert "EEGNet & 73.3 & 0.1 & 55.0 & 55.0 to 55.0" in text


def test_seeds_have_a_table_of_their_spread():
    scores = pd.concat([make_result(PIPELINES, seed=seed).scores for seed in (42, 43)])
    (table,) = tables(scores)
    assert table.cells[0][:3] == ["EEGNet", "3", "2"]
    assert table.cells[0][-2:] == ["0.0", "100%"]


def test_datasets_are_put_together():
    scores = pd.concat([make_result(PIPELINES, dataset=name).scores for name in "ab"])
    (table,) = tables(scores)
    assert table.cells[0][:3] == ["CSP+LDA", "2", "6"]
    assert summarise(scores)["dataset"].nunique() == 2


@pytest.mark.parametrize(("n_subjects", "expected"), [(10, 1), (9, 0)])
def test_ranks_are_drawn_where_subjects_are_enough(n_subjects, expected, tmp_path):
    rng = np.random.default_rng(0)
    names = ("EEGNet", "CSP+LDA", "TS+LR")
    result = make_result({name: rng.uniform(0.5, 1, n_subjects) for name in names})
    page = read(report(result, tmp_path / "page.html"))
    shown = [picture["alt"] for picture in page.pictures]
    assert shown.count("Ranks, Made-up") == expected
