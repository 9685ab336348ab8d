"""What a page shows of a benchmark or an ablation: data, scores beside chance, maps, cost."""

from __future__ import annotations

import os
import re

import numpy as np
import pandas as pd

from eegsep._utils.logs import join_ranges
from eegsep.datasets.selection import Recordings, say_bands, say_reference
from eegsep.statistics import mean_interval, subject_table
from eegsep.studies.ablation import where_it_pays

from . import figures
from .columns import against_reference
from .html import (
    add_figure,
    count_subjects,
    make_note,
    make_table,
    say_above,
    say_interval,
    say_metric,
    say_score,
    say_span,
    table_of,
    title_of,
    typical_chance,
)

_EVALUATIONS = {
    "WithinSession": "five stratified folds in each session",
    "CrossSession": "trained on the subject's other sessions, tested on one",
    "CrossSubject": "trained on all other subjects, tested on one",
}


def add_data(page, scores, run):
    """Add which recordings were read, and how they became trials."""
    rows = []
    # a variant of the network is a pipeline too
    scores = scores.rename(columns={"variant": "pipeline"})
    for dataset, part in scores.groupby("dataset", sort=False):
        n_trials = subject_table(part).drop_duplicates("subject")["n_trials"]
        rows.append(
            [
                dataset,
                join_ranges(run["datasets"][dataset]),
                say_span(part.groupby("subject")["session"].nunique()),
                say_span(n_trials),
                f"{part['n_classes'].iloc[0]:.0f}",
                say_span(part["channels"]),
            ]
        )
    headings = ["dataset", "subjects", "sessions", "trials tested", "classes", "channels"]
    note = f"{Recordings.of_run(run)}. Sessions and trials of a subject."
    where = {"tags": "data", "section": "Data"}
    page.add_html(make_table(headings, rows) + make_note(note), "Recordings", **where)
    rows = preprocessing(run)
    rows.append(("evaluation", f"{run['evaluation']}: {_EVALUATIONS.get(run['evaluation'], '')}"))
    page.add_html(make_table(None, rows), "Preprocessing", **where)


def preprocessing(run):
    """List what a paradigm did to the recordings."""
    end = "the end of the dataset's own trial" if run["tmax_s"] is None else f"{run['tmax_s']:g} s"
    rate = "as recorded" if run["resample_hz"] is None else f"{run['resample_hz']:g} Hz"
    # a folder of an older version has no record of these two
    channels, reference = run.get("channels"), run.get("eeg_reference")
    missing = run.get("missing_channels", "error")
    start = 0 if run["tmin_s"] is None else run["tmin_s"]
    return [
        ("paradigm", run["paradigm"]),
        ("pass band", say_bands(run["bands_hz"])),
        ("window", f"{start:g} s to {end}"),
        ("sampling rate", rate),
        *([("channels", ", ".join(channels))] if channels else []),
        *([("missing channels", missing)] if missing != "error" else []),
        *([("folds", "one for each run")] if run.get("groups") else []),
        *([("reference", say_reference(reference))] if reference else []),
    ]


def add_scores(page, scores, summary):
    """Add means, pictures and scores of subjects."""
    subjects = subject_table(scores)
    for dataset, part in summary.groupby("dataset", sort=False):
        own = subjects[subjects["dataset"] == dataset]
        title = title_of("Means", dataset, summary)
        page.add_html(_summary_table(part, own), title, tags="scores", section="Scores")
    figure = figures.plot_scores(scores, summary)
    for ax, dataset in zip(figure.axes, dict.fromkeys(summary["dataset"]), strict=True):
        low, high = typical_chance(subjects[subjects["dataset"] == dataset])
        if low == low:
            ax.axvspan(low, high, color="#999999", alpha=0.15, lw=0, zorder=-1)
    add_figure(
        page,
        figure,
        "Each subject's scores",
        caption="A dot a subject, joined across pipelines; bars are means. Grey: 95 % of the "
        "scores that a subject would have by chance, at the median number of trials.",
        tags="scores",
        section="Scores",
    )
    _add_subjects(page, subjects)


def _add_subjects(page, subjects):
    for dataset, part in subjects.groupby("dataset", sort=False):
        title = title_of("Scores of subjects", dataset, subjects)
        page.add_html(_subject_rows(part), title, tags="subjects", section="Subjects")


def _summary_table(summary, subjects):
    reference = summary["reference"].iloc[0]
    table = subjects.pivot(index="subject", columns="pipeline", values="score")
    above = say_above(subjects)
    rows, strong = [], set()
    for row in against_reference(summary.to_dict("records"), "pipeline"):
        name = row["pipeline"]
        row["low"], row["high"] = np.clip(mean_interval(table[name]), 0, 1)
        row["above"] = above[name]
        if name == reference:
            strong |= {(len(rows), column) for column in range(6)}
        else:
            row["lead_low"], row["lead_high"] = mean_interval(table[name] - table[reference])
        rows.append(row)
    columns = [
        ("pipeline", "{pipeline}"),
        ("seeds", "{n_seeds}"),
        ("mean", "{mean!c:.1f}"),
        ("sd", "{sd!c:.1f}"),
        ("95 % interval", "{low!c:.1f} to {high!c:.1f}"),
        ("above chance", "{above}"),
        (f"− {reference}", "{difference!c:+.1f}"),
        ("95 % interval", "{lead_low!c:+.1f} to {lead_high!c:+.1f}"),
        ("p", "{p:.2g}"),
    ]
    note = (
        f"{say_metric(summary)} over {count_subjects(len(table))}, sessions and seeds averaged "
        "first; intervals of means by Student's t. Differences are paired over subjects, p by "
        "MOABB's paired test, two-sided, not corrected for the number of pipelines. "
    )
    return table_of(columns, rows, strong) + make_note(note + _say_chance(summary, subjects))


def _say_chance(summary, subjects):
    low, high = typical_chance(subjects)
    if low != low:
        return f"Chance is {100 * summary['chance'].iloc[0]:.3g}."
    kinds = {"accuracy": "the binomial distribution", "roc_auc": "Mann and Whitney's distribution"}
    return (
        f"Chance is {say_score(summary['chance'].iloc[0], '.3g')}: with "
        f"{subjects['n_trials'].median():.0f} trials, 95 % of the scores of a classifier that "
        f"knows nothing are between {say_score(low)} and {say_score(high)} "
        f"({kinds[summary['metric'].iloc[0]]}, for classes of equal size and independent trials). "
        "Above chance are subjects above their own such interval; by luck "
        "alone 1 in 40 would be."
    )


def _subject_rows(subjects):
    names = list(dict.fromkeys(subjects["pipeline"]))
    table = subjects.pivot(index="subject", columns="pipeline", values="score")[names]
    chance = subjects.drop_duplicates("subject").set_index("subject")
    rows, strong = [], set()
    for subject, values in table.iterrows():
        low, high = chance.loc[subject, ["chance_low", "chance_high"]]
        strong |= {(len(rows), k + 1) for k, value in enumerate(values) if value > high}
        row = [f"{subject}", *map(say_score, values)]
        rows.append(row + [f"{chance.loc[subject, 'n_trials']:.0f}", say_interval((low, high))])
    note = "Scores × 100. Bold: above the interval of chance. Sessions and seeds are averaged."
    return make_table(["subject", *names, "trials", "95 % of chance"], rows, strong) + make_note(
        note
    )


def add_maps(page, maps):
    """Add scalp maps, or why there are none."""
    where = {"tags": "maps", "section": "Maps"}
    if maps is None:
        text = "No maps: they need a network with electrode positions, fitted by the benchmark."
        page.add_html(make_note(text), "Scalp maps", **where)
        return
    caption = (
        "A network on all trials of the subject that it served best. A row per temporal filter, "
        "with the numbers of its components from 0 on: patterns, which show where the weighed "
        "activity is on the head; spatial filters, which "
        "show what is weighed; and what the temporal filter lets through."
    )
    if isinstance(maps, (str, os.PathLike)):
        page.add_image(maps, "Scalp maps", caption=caption, **where)
    else:
        add_figure(page, maps, "Scalp maps", caption=caption, **where)


def add_costs(page, summary, costs):
    """Add times of fits, and the cost of the network of the maps."""
    where = {"tags": "cost", "section": "Cost"}
    for dataset, part in summary.groupby("dataset", sort=False):
        columns = [("pipeline", "{pipeline}"), ("seconds a fit", "{time:.3g}")]
        table = table_of(columns, part.to_dict("records"))
        title = title_of("Time", dataset, summary)
        note = make_note(
            "Mean over folds, on the machine of the benchmark with what it did besides."
        )
        page.add_html(table + note, title, **where)
    if costs is not None:
        note = "The network of the maps, for one trial in the published order, time before "
        page.add_html(network_table(costs) + make_note(note + "electrodes."), "Network", **where)


def network_table(costs):
    """Make a table of a network's layers."""
    total = costs[["parameters", "multiply_adds"]].sum().to_dict() | {"layer": "all"}
    costs = costs.assign(
        # of a table that was read from a file too
        output=[" × ".join(re.findall(r"\d+", str(shape))) for shape in costs["output"]],
        share=costs["multiply_adds"] / total["multiply_adds"],
    )
    columns = [
        ("layer", "{layer}"),
        ("output", "{output}"),
        ("parameters", "{parameters:,}"),
        ("multiply-adds", "{multiply_adds:,}"),
        ("share", "{share:.1%}"),
    ]
    strong = {(len(costs), column) for column in range(4)}
    return table_of(columns, [*costs.to_dict("records"), total], strong)


def add_ablation(page, scores, table, run, folder):
    """Add what each variant gains or loses, and what it costs."""
    scores = scores[scores["fraction"] == 1].rename(columns={"variant": "pipeline"})
    subjects = subject_table(scores)
    # an earlier run's pictures may lie in the folder too
    pictures = {"ablation": "What each variant gains or loses, and what it costs"}
    if run["learning_curve"]:
        pictures["learning_curve"] = "Scores over the number of training trials"
    if run["separability"]:
        pictures["separability"] = "Scores and the separability of the trials"
    for dataset, part in table.groupby("dataset", sort=False):
        own = subjects[subjects["dataset"] == dataset]
        title = title_of("Means", dataset, table)
        page.add_html(_ablation_table(part, own), title, tags="scores", section="Scores")
    for name, title in pictures.items():
        if (folder / f"{name}.png").exists():
            page.add_image(folder / f"{name}.png", title, tags="scores", section="Scores")
    if run["learning_curve"] and (folder / "learning_curve.csv").exists():
        curve = pd.read_csv(folder / "learning_curve.csv")
        for dataset, part in curve.groupby("dataset", sort=False):
            title = title_of("Learning curves", dataset, curve)
            page.add_html(_curve_table(part), title, tags="scores", section="Scores")
    _add_subjects(page, subjects)
    for dataset, part in table.groupby("dataset", sort=False):
        columns = [
            ("variant", "{variant}"),
            ("parameters", "{parameters:,}"),
            ("multiply-adds", "{multiply_adds:,}"),
            ("seconds a fit", "{time:.3g}"),
            ("ms a trial", "{latency!k:.3g}"),
            ("MB a fit", "{memory!M:.3g}"),
        ]
        note = make_note(
            "Multiply-adds of a trial in the published order, time before electrodes; times on the "
            "machine of the study, as eegsep evaluates the network; memory of a fit at its peak, "
            "above the trials."
        )
        title = title_of("Variants", dataset, table)
        costs = table_of(columns, part.to_dict("records"))
        page.add_html(costs + note, title, tags="cost", section="Cost")


def _curve_table(curve):
    sizes = curve.drop_duplicates("fraction").sort_values("fraction")["n_trials"]
    rows, strong = [], set()
    for name, part in curve.groupby("variant", sort=False):
        row = [name]
        for record in part.sort_values("fraction").to_dict("records"):
            if record["p_holm"] <= 0.05:
                strong.add((len(rows), len(row)))
            compared = name != record["reference"]
            difference = f" ({say_score(record['difference'], '+.1f')})" if compared else ""
            row.append(f"{say_score(record['mean'])}{difference}")
        rows.append(row)
    note = (
        f"{say_metric(curve)}, in brackets the mean difference to {curve['reference'].iloc[0]}, "
        "paired over subjects; bold: p ≤ 0.05, by Holm among the variants at one number of trials. "
    )
    table = make_table(["variant", *(f"{size:.0f} trials" for size in sizes)], rows, strong)
    return table + make_note(note + " ".join(where_it_pays(curve)))


def _ablation_table(table, subjects):
    above = say_above(subjects)
    rows = against_reference(table.to_dict("records"), "variant")
    rows = [row | {"above": above[row["variant"]]} for row in rows]
    strong = {
        (k, column)
        for k, row in enumerate(rows)
        for column in range(4)
        if row["variant"] == row["reference"]
    }
    columns = [
        ("variant", "{variant}"),
        ("mean", "{mean!c:.1f}"),
        ("sd", "{sd!c:.1f}"),
        ("above chance", "{above}"),
        (f"− {table['reference'].iloc[0]}", "{difference!c:+.1f}"),
        ("95 % interval", "{ci_low!c:+.1f} to {ci_high!c:+.1f}"),
        ("d", "{effect:+.2f}"),
        ("p (Holm)", "{p_holm:.2g}"),
    ]
    note = (
        f"{say_metric(table)} over {count_subjects(table['n_subjects'].iloc[0])}, sessions and "
        "seeds averaged first. Differences are paired over subjects, with their interval by "
        "Student's t; d is the mean difference over its sd; p by MOABB's paired test, two-sided, "
        "by Holm for the number of variants. "
    )
    return table_of(columns, rows, strong) + make_note(note + _say_chance(table, subjects))
