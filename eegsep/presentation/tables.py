"""A result's tables, whatever shows them: their columns, rows, and what there is to say of them.

Intervals and numbers above chance are computed here, by ``statistics.py``.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from eegsep._utils.columns import count_subjects, headings, say_metric, write
from eegsep._utils.tables import written_aside
from eegsep.statistics import mean_interval, subject_table
from eegsep.studies.learning_curve import at_largest_size

_LEAD_INTERVAL = ("95 % interval", "{ci_low} to {ci_high}")
_ABOVE = ("above chance", "{above}")
_INTERVAL = ("95 % interval", "{low!c:.1f} to {high!c:.1f}")
# Of means: for pages and papers, and where 80 columns are all there is.
_FULL = {
    "pipeline": ["pipeline", "n_seeds", "mean", "sd", _INTERVAL, _ABOVE, "p_permutation"]
    + ["difference", _LEAD_INTERVAL, "p"],
    "variant": ["variant", "mean", "sd", _ABOVE, "difference", _LEAD_INTERVAL, "effect", "p_holm"],
}
_SCORE = ("score", "{mean}", " ± {sd}")
_NARROW = {
    "pipeline": ["pipeline", "n_seeds", _SCORE, "p_permutation"]
    + [("difference", "{difference}", " ± {difference_sd}"), "p", "time"],
    "variant": ["variant", _SCORE, "difference", ("95 %", "{ci_low} to {ci_high}"), "effect"]
    + [("p", "{p_holm}")],
}
_COSTS = ["variant", "parameters", "multiply_adds", "time", "latency", "memory"]
_LAYERS = ["layer", "output", "parameters", "multiply_adds", "share"]

_NOTES = {
    "pipeline": "Means and standard deviations over subjects, sessions and seeds averaged first; "
    "intervals of means by Student's t. Differences are paired over subjects, p by MOABB's paired "
    "test, two-sided, not corrected for the number of pipelines. ",
    "variant": "Means and standard deviations over subjects, sessions and seeds averaged first. "
    "Differences are paired over subjects, with their interval by Student's t; d is the mean "
    "difference over its standard deviation; p by MOABB's paired test, two-sided, by Holm for the "
    "number of variants ({n_compared}). ",
}


class Table:
    """Rows under columns, for terminals, pages and LaTeX.

    Columns are as :func:`eegsep._utils.columns.write` takes them, ``note`` is what there is to say
    of the table, and ``strong`` the name in the first column of a row in bold.
    """

    def __init__(self, title, columns, rows, note="", *, strong=None):
        reference = rows[0].get("reference", "") if rows else ""
        self.title, self.note, self.strong = title, note, strong
        self.headings = headings(columns, reference=reference)
        self.cells = write(rows, columns)

    def to_latex(self):
        """Write it in LaTeX, for the package booktabs (str)."""

        def escape(text):
            # a blank line would end a paragraph, which no cell may
            return " ".join(text.split()).translate(_IN_LATEX)

        cells = [
            [
                rf"\textbf{{{escape(cell)}}}" if row[0] == self.strong and cell else escape(cell)
                for cell in row
            ]
            for row in self.cells
        ]
        style = pd.DataFrame(cells).style.hide(axis="index")
        # pandas takes headings for templates
        templates = [re.sub("([{}])", r"\1\1", escape(each)) for each in self.headings]
        style = style.relabel_index(templates, axis="columns")
        caption = escape(f"{self.title}. {self.note}")
        return style.to_latex(
            column_format="l" + "r" * (len(self.headings) - 1),
            hrules=True,
            position="tbp",
            caption=caption,
        )


# The star and the bracket would belong to the line break before them.
_PLAIN_AND_LATEX = {each: f"\\{each}" for each in "&%$#_{}"} | {"[": "{[}", "*": "{*}"}
_PLAIN_AND_LATEX |= {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_PLAIN_AND_LATEX |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
_PLAIN_AND_LATEX |= {"−": "$-$", "±": r"$\pm$", "×": r"$\times$", "≤": r"$\leq$"}
_IN_LATEX = str.maketrans(_PLAIN_AND_LATEX | {"ρ": r"$\rho$", "µ": r"$\mu$"})


def subjects_of(scores):
    """Average each subject's scores, of a curve those of the largest number of training trials.

    A variant that has all training trials is a pipeline too. The table is that of
    :func:`eegsep.statistics.subject_table`.
    """
    if "variant" in scores:
        scores = scores[scores["fraction"] == 1].rename(columns={"variant": "pipeline"})
    return subject_table(at_largest_size(scores))


def means(table, subjects, run, *, narrow=False):
    """Make the tables of means of a benchmark or an ablation (dict of Table by dataset).

    ``table`` is of :func:`eegsep.statistics.summarise` or :func:`eegsep.studies.ablation.compare`,
    ``subjects`` of :func:`subjects_of`; ``narrow`` is for the 80 columns of a terminal.
    """
    name = "variant" if "variant" in table else "pipeline"
    tables = {}
    for dataset, part in table.groupby("dataset", sort=False):
        own = subjects[subjects["dataset"] == dataset]
        scores = own.pivot(index="subject", columns="pipeline", values="score")
        above, known = own["score"] > own["chance_high"], own["chance_high"].notna().any()
        n_above = above.groupby(own["pipeline"]).sum()
        rows = _rows(part, name)
        reference = rows[0]["reference"]
        for row in rows:
            values = scores[row[name]]
            row["low"], row["high"] = np.clip(mean_interval(values), 0, 1)
            row["above"] = f"{n_above[row[name]]} of {values.notna().sum()}" if known else ""
            if "ci_low" not in row and row[name] != reference:
                row["ci_low"], row["ci_high"] = mean_interval(values - scores[reference])
        columns = list((_NARROW if narrow else _FULL)[name])
        note = _NOTES[name].format(n_compared=len(rows) - 1)
        if run.get("permutations"):
            note += f"p (chance): of the mean, one-sided, by {run['permutations']} permutations of "
            note += "the labels. "
        else:
            columns = [column for column in columns if column != "p_permutation"]
        if "transfer" in part:
            columns.insert(1, "transfer")
        n = count_subjects(rows[0]["n_subjects"])
        title = f"{dataset}: {say_metric(part)}, {say_evaluation(run)}, {n}"
        tables[dataset] = Table(
            title,
            columns,
            rows,
            note + _say_chance(part, own, narrow),
            strong=reference,
        )
    return tables


def say_evaluation(run):
    """Name a study's evaluation, with the numbers of trials that are its own (str)."""
    name = run["evaluation"]
    if run.get("target_trials"):
        name += f" with {run['target_trials']} trials of the target"
    if run.get("train_sizes"):
        name += f" at {max(run['train_sizes'])} training trials"
    return f"{name} ({run['cs_mode']})" if run.get("cs_mode") else name


def _rows(table, name):
    """Take the rows of a table of means; the reference has no difference to itself."""
    nothing = {"difference": None, "difference_sd": None}
    rows = table.to_dict("records")
    return [row | nothing if row[name] == row["reference"] else row for row in rows]


def typical_chance(subjects):
    """Interval of chance of the subject with the median number of trials."""
    order = subjects.sort_values("n_trials")
    return tuple(order[["chance_low", "chance_high"]].iloc[len(order) // 2])


def _say_chance(part, subjects, narrow):
    low, high = (f"{100 * value:.1f}" for value in typical_chance(subjects))
    chance = f"{100 * part['chance'].iloc[0]:.3g}"
    if narrow or low == "nan":
        return f"Chance is {chance}."
    kinds = {"accuracy": "the binomial distribution", "roc_auc": "Mann and Whitney's distribution"}
    return (
        f"Chance is {chance}: with {subjects['n_trials'].median():.0f} trials, 95 % of the scores "
        f"of a classifier that knows nothing are between {low} and {high} "
        f"({kinds[part['metric'].iloc[0]]}, for classes of equal size and independent trials). "
        "Above chance are subjects above their own such interval; by luck alone 1 in 40 would be."
    )


def write_latex(folder, table, scores, run, more=()):
    """Write the tables of :func:`means`, and more, as ``scores.tex`` for LaTeX's ``input``."""
    file = Path(folder) / "scores.tex"
    with written_aside(file) as aside:
        tables = [*means(table, subjects_of(scores), run).values(), *more]
        aside.write_text("\n".join(each.to_latex() for each in tables), encoding="utf-8")
    return file


def variant_costs(table):
    """Make the table of what the variants of an ablation on one dataset cost."""
    note = (
        "Multiply-adds of a trial in the published order, time before electrodes (but low-rank); "
        "times on the machine of the study, of a fit and of predict_proba of a trial, and a fit's "
        "peak memory above the trials, as eegsep evaluates the network."
    )
    rows = table.to_dict("records")
    return Table("What a variant costs", _COSTS, rows, note, strong=rows[0]["reference"])


def learning_curve(curve, where):
    """Make the table of scores over the number of training trials of one dataset.

    Parameters
    ----------
    curve : pandas.DataFrame
        As :attr:`eegsep.studies.ablation.AblationResult.learning_curve`, or that of a
        :class:`eegsep.studies.benchmark.BenchmarkResult`.
    where : list of str
        Sentences of :func:`eegsep.studies.ablation.where_it_pays`, if any.

    Returns
    -------
    table : Table
    """
    name, size = ("variant", "fraction") if "variant" in curve else ("pipeline", "n_trials")
    sizes = curve.drop_duplicates(size).sort_values(size)["n_trials"]
    reference, rows = curve["reference"].iloc[0], []
    for each, part in curve.groupby(name, sort=False):
        records = _rows(part.sort_values(size), name)
        records = [row | {"star": "*" if row["p_holm"] <= 0.05 else ""} for row in records]
        cells = write(records, [("", "{mean}", " ({difference}{star})")])
        rows.append({name: each} | {f"at {k}": cell for k, (cell,) in enumerate(cells)})
    note = (
        f"{say_metric(curve)}, in brackets the mean difference to {reference}, paired over "
        f"subjects; *: p ≤ 0.05, by Holm among the {name}s at one number of trials. "
    )
    columns = [name, *((f"{n:.0f} trials", f"{{at {k}}}") for k, n in enumerate(sizes))]
    title = "Scores over the number of training trials"
    return Table(title, columns, rows, note + " ".join(where), strong=reference)


def layers(costs, *more, title="Network", note=""):
    """Make the table of a network's layers, and of all of them.

    Costs are of :func:`eegsep.network.cost.network_table`, or of the file that it was written to;
    ``more`` are more columns.
    """
    sums = [name for name in ("parameters", "multiply_adds", "trial") if name in costs]
    total = {"layer": "all", **costs[sums].sum().to_dict()}
    rows = [*costs.to_dict("records"), total]
    return Table(title, [*_LAYERS, *more], rows, note, strong="all")
