"""What there is beside means: chance by permutation, all datasets together, seeds and subjects.

Tables for pages and LaTeX, and the ranks of pipelines as a picture.
"""

from __future__ import annotations

from eegsep._utils.columns import say_metric
from eegsep.statistics import LEVEL, compare_datasets, rank, variance_components

from . import figures
from .html import add_figure, show
from .tables import Table

_NULL = ("95 % of permuted", "{null_low} to {null_high}")
_PERMUTED = ["pipeline", "score", "p_permutation", "null_mean", _NULL]
_DATASETS = ["pipeline", "n_datasets", "n_subjects", "effect", "p", "p_holm"]
_SEEDS = ["pipeline", "n_subjects", "n_seeds", "sd_subjects", "sd_seeds", "share_of_subjects"]


def tables(scores, permutations=None):
    """Make the tables that there are data for, of a benchmark's scores and permutations."""
    made = []
    for dataset, part in scores.groupby("dataset", sort=False):
        if permutations is not None:
            own = permutations[permutations["dataset"] == dataset]
            made += _permuted(dataset, say_metric(part), own)
    together = compare_datasets(scores)
    if len(together):
        reference = together["reference"].iloc[0]
        note = (
            f"Each pipeline against {reference}: MOABB's paired tests of the datasets by "
            "Stouffer's method, and their standardised mean differences, weighted by the roots of "
            "the numbers of subjects; p two-sided, and by Holm for the number of pipelines."
        )
        rows = together.to_dict("records")
        made.append(Table(f"All datasets, against {reference}", _DATASETS, rows, note))
    for dataset, part in variance_components(scores).groupby("dataset", sort=False):
        note = (
            "Standard deviations of scores between subjects, and between the seeds of a subject, "
            "as variance components of one-way random effects; last, the part of their variances' "
            "sum that is between subjects."
        )
        title = f"{dataset}: spread of subjects and of seeds"
        made.append(Table(title, _SEEDS, part.to_dict("records"), note))
    return made


def _permuted(dataset, metric, table):
    """Make the table of means, that of subjects, and that of sessions where there are several."""
    if table.empty:
        return []
    n = table["n_permutations"].iloc[0]
    note = (
        f"{n} cross-validations with labels that change places among the trials of a session that "
        "are tested together: p is the part of these and the true one, (1 + b) / (1 + n), that "
        "score as much as it or more, one-sided."
    )
    levels = dict(list(table.groupby("level")))
    title = f"{dataset}: {metric} beside that of permuted labels"
    made = [Table(title, _PERMUTED, levels["mean"].to_dict("records"), note)]
    if len(levels["session"]) > len(levels["subject"]):
        names = "subject", "session"
    elif len(levels["subject"]) > len(levels["mean"]):
        names = ("subject",)
    else:
        return made
    for level in names:
        title = f"{dataset}: {metric} of {level}s, with p by permutation"
        columns, rows = _by_pipeline(levels[level], names[: names.index(level) + 1])
        made.append(Table(title, columns, rows, "Not corrected for their number."))
    return made


def _by_pipeline(table, units):
    """Lay pipelines side by side: columns, and a row for each subject, or subject and session."""
    names = list(dict.fromkeys(table["pipeline"]))
    rows = []
    for key, part in table.groupby(list(units), sort=False):
        row = dict(zip(units, key, strict=True))
        row["subject"] = f"{row['subject']:.0f}"
        for k, name in enumerate(names):
            for one in part[part["pipeline"] == name].to_dict("records"):
                row |= {f"score {k}": one["score"], f"p {k}": one["p_permutation"]}
        rows.append(row)
    cells = [(name, f"{{score {k}!c:.1f}} ({{p {k}:.2g}})") for k, name in enumerate(names)]
    return [*units, *cells], rows


def add_evidence(page, scores, permutations=None):
    """Add the tables, and the picture of ranks of each dataset that has enough subjects."""
    where = {"tags": "statistics", "section": "Statistics"}
    for table in tables(scores, permutations):
        page.add_html(show(table), table.title, **where)
    parts = list(scores.groupby("dataset", sort=False))
    if len(parts) > 1:
        parts.append(("all datasets", scores))
    for name, part in parts:
        ranking = rank(part)
        if ranking is not None:
            blocks = "datasets" if part["dataset"].nunique() > 1 else "subjects"
            caption = (
                f"Mean ranks over {ranking.n_blocks} {blocks}, 1 is the best. Friedman's test that "
                f"all are alike: p = {ranking.p:.2g}. Pipelines that a bar joins differ by less "
                f"than Nemenyi's critical difference at {1 - LEVEL:.0%}."
            )
            add_figure(
                page, figures.plot_ranks(ranking), f"Ranks, {name}", caption=caption, **where
            )
