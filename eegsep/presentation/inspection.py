"""What a page shows of an inspection: scores and chance, maps and controls, training, cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from eegsep._utils.columns import METRICS
from eegsep.statistics import fold_interval, mean_interval
from eegsep.studies.inspected import N_LEADING, DatasetInspection

from . import figures
from .html import (
    ALONE,
    add_figure,
    make_note,
    make_table,
    show,
    table_of,
)
from .scores import preprocessing
from .tables import layers

_DIPOLE = [("dipole under", "{place}"), "goodness_of_fit", ("at x, y, z, mm", "{x}, {y}, {z}")]
_DIPOLE.append("eccentricity")


def add_inspection(page, source):
    """Add all but the origin: what is of all subjects first, then each subject's own."""
    if isinstance(source, DatasetInspection):
        subjects, joint, reliability = source.subjects, source.consensus, source.reliability
        table = source.to_frame()
    else:
        subjects, joint, reliability = {ALONE: source}, None, {}
        table = pd.DataFrame([{"subject": ALONE, **source.summary()}])
    if joint is not None:
        # a subject's own fits are among those that a fit is compared with: no verdict on all
        together = {"subject": "all", **reliability, "stable": None, "verdict": ""}
        table = pd.concat([pd.DataFrame([together]), table], ignore_index=True)
    _add_recordings(page, subjects, source.run)
    page.add_html(_inspected_scores(subjects), "Scores", tags="scores", section="Scores")
    where = {"tags": "maps", "section": "Maps"}
    page.add_html(_reliability_table(table), "Are they to be believed?", **where)
    caption = "Filled: stable. Open: not, or nothing to be said."
    add_figure(page, figures.plot_reliability(table), "Reliability", caption=caption, **where)
    if joint is not None:
        _add_consensus(page, source, "", "Consensus, all subjects")
    for name, each in subjects.items():
        title = _of_subject("Consensus", name, subjects)
        verdict = f"What was learned is {_say_verdict(each.verdict)}. "
        _add_consensus(page, each, verdict, title)
        _add_components(page, each.components, _of_subject("The fit on all trials", name, subjects))
    _add_training(page, subjects)
    _add_inspected_costs(page, subjects)


def add_maps(page, inspection):
    """Add a benchmark's maps with their controls, or why there are none."""
    where = {"tags": "maps", "section": "Maps"}
    if inspection is None:
        text = (
            "No maps: they need a network that is a pipeline alone, and electrode positions. "
            "eegsep inspect draws those of other subjects and pipelines."
        )
        page.add_html(make_note(text), "Scalp maps", **where)
        return
    run = inspection.run
    whose = f"{run['pipeline']} on {run['dataset']}, subject {run['subject']}, {run['folds']}. "
    table = pd.DataFrame([{"subject": run["subject"], **inspection.summary()}])
    text = make_note(f"{whose}Unless another was asked for, it is the subject served best.")
    page.add_html(_reliability_table(table) + text, "Are they to be believed?", **where)
    verdict = f"{whose}What was learned is {_say_verdict(inspection.verdict)}. "
    _add_consensus(page, inspection, verdict, "Consensus")


def _who(names):
    return "" if ALONE in names else "subject"


def _of_subject(title, name, subjects):
    return title if len(subjects) == 1 else f"{title}, subject {name}"


def _add_recordings(page, subjects, run):
    where = {"tags": "data", "section": "Data"}
    rows = []
    for name, each in subjects.items():
        own = each.run
        rate, band = own["sfreq_hz"], own["band_hz"]
        row = [f"{name}", ", ".join(f"{n} {label}" for label, n in own["n_trials"].items())]
        row += [f"{own['n_chans']}", f"{own['n_times']}", "" if rate is None else f"{rate:g} Hz"]
        rows.append([*row, "" if band is None else f"{band[0]:g}–{band[1]:g} Hz"])
    headings = [_who(subjects), "trials", "electrodes", "samples", "sampling rate", "pass band"]
    page.add_html(make_table(headings, rows), "Recordings", **where)
    rows = preprocessing(run) if "paradigm" in run else []
    for words in dict.fromkeys(each.run["folds"] for each in subjects.values()):
        who = [str(name) for name, each in subjects.items() if each.run["folds"] == words]
        whose = "" if len(who) == len(subjects) else f" (subject {', '.join(who)})"
        rows.append(("evaluation", words + whose))
    for name, each in subjects.items():
        for session, why in each.run.get("left_out", {}).items():
            rows.append((f"session {session} of {_who(subjects)} {name} left out", why))
    rows += [("fits on each fold", f"{run['n_seeds']}")]
    page.add_html(make_table(None, rows), "Preprocessing and folds", **where)


def _inspected_scores(subjects):
    rows = []
    for name, each in subjects.items():
        row = {"who": name, **each.summary()}
        row["low"], row["high"] = fold_interval(each.scores)
        by_seed = each.scores.groupby("seed")["score"].mean()
        if len(by_seed) > 1:
            row |= {"least": by_seed.min(), "most": by_seed.max()}
        rows.append(row)
    strong = {(k, 1) for k, row in enumerate(rows) if row["score"] > row["chance_high"]}
    run = each.run
    metric = METRICS[run["metric"]]
    level = 0.5 if run["metric"] == "roc_auc" else 1 / len(run["n_trials"])
    note = (
        f"{metric} on trials that were not trained on, mean over {run['n_folds']} folds, seeds "
        "averaged first. Its interval is Student's over folds, widened for the training trials "
        f"that they share (Nadeau & Bengio 2003). Chance is {100 * level:.3g}: of the same "
        "predictions and shuffled labels 95 % score within its interval (a permutation test, Ojala "
        "& Garriga 2010). Bold: above it. Seeds: lowest and highest mean of one. No interval where "
        "all folds score the same."
    )
    if len(subjects) > 1:
        scores = [row["score"] for row in rows]
        low, high = np.clip(mean_interval(scores), 0, 1)
        rows.append({"who": "mean", "score": np.mean(scores), "low": low, "high": high})
        note += " The interval of the mean is Student's over subjects."
    columns = [(_who(subjects), "{who}"), (metric, "{score}")]
    columns += [("95 % interval", "{low!c:.1f} to {high!c:.1f}")]
    columns += [("seeds", "{least!c:.1f} to {most!c:.1f}")]
    columns += [("95 % of chance", "{chance_low} to {chance_high}"), "n_trials"]
    return table_of(columns, rows, strong) + make_note(note)


def _reliability_table(table):
    rows = [row | {"verdict": _say_verdict(row["verdict"])} for row in table.to_dict("records")]
    note = (
        "Reliability is near 1 where the components that decide on held-out trials recur in every "
        "fit, and around 0 where nothing does. Its interval is the jackknife's over folds (Efron & "
        "Stein 1981), which takes three of them. Controls are as many networks that never learned, "
        "and as many trained on shuffled labels. What was learned is stable where the score is "
        "above the interval of chance, and the interval of the reliability above 0 and both "
        "controls. Even then maps may show eyes, muscles or attention."
    )
    if len(rows) > 1:
        note += (
            " All: the fits of all subjects, each compared with the others of its own subject too; "
            "what subjects share is in the table of the clusters."
        )
    interval = ("95 % interval", "{trained_low} to {trained_high}")
    who = (_who(table["subject"].values), "{subject}")
    columns = [who, "trained", interval, "untrained", "shuffled", "verdict"]
    return table_of(columns, rows) + make_note(note)


def _say_verdict(verdict):
    return f"{verdict}: do not read the maps" if verdict.startswith("not stable") else verdict


def _add_consensus(page, source, verdict, title):
    where = {"tags": "maps", "section": "Maps"}
    consensus, table, dipoles = source.consensus, source.clusters(), source.dipoles
    shared = table[~table["single"]]
    try:
        # what one fit alone has is drawn where there is nothing else
        figure = figures.plot_consensus(
            consensus, n_clusters=min(N_LEADING, len(shared)) or 3, dipoles=dipoles
        )
    except ValueError as error:
        page.add_html(make_note(f"No maps: {error}."), title, **where)
    else:
        caption = (
            "A row a cluster of components that are alike in place and frequency, the most "
            "relevant first, counted from 0: mean pattern, where its activity is on the head, and "
            "how it scatters, in the pattern's colours; mean spatial filter, what is weighed; mean "
            "frequency pattern; and by how much the loss on held-out trials rises without it. "
            "Under a pattern: where it is largest, of either sign where it has two poles."
        )
        if len(dipoles):
            caption += (
                " Below that, the electrode that the one dipole which explains it best lies under, "
                "and how much of it that explains; no single place where dipole and map do not "
                "agree, as the table says. Two sources of opposite sign look much like one along "
                "the scalp between them, and where it lies is certain to about an electrode's "
                "distance, its depth hardly."
            )
        add_figure(page, figure, title, caption=verdict + caption, **where)
    rows = []
    for row in shared.head(N_LEADING).to_dict("records"):
        if len(dipoles) and row["x"] == row["x"]:  # a flat map has none
            row["place"] = row["nearest"] or f"no single place: {row['no_place']}"
        relevances = (row.get(f"relevance_{label}") for label in consensus.classes)
        rows.append(row | {f"relevance {k}": value for k, value in enumerate(relevances)})
    columns = ["cluster", ("fits", f"{{n_fits}} of {consensus.n_fits}")]
    columns += ["n_subjects"] if "n_subjects" in table else []
    columns += ["peak_freq", ("band, Hz", "{band_low}–{band_high}"), "similarity"]
    columns += ["largest"] if "largest" in table else []
    columns += _DIPOLE if len(dipoles) else []
    for k, label in enumerate(consensus.classes):
        columns.append((f"relevance, {label}", f"{{relevance {k}:+.2g}}"))
    text = table_of(columns, rows) if rows else make_note("No component is in more than one fit.")
    page.add_html(text, f"Clusters{title.removeprefix('Consensus')}", **where)


def _add_components(page, components, title):
    try:
        figure = figures.plot_components(components)
    except ValueError:
        return  # the consensus has said why
    caption = (
        "Components of one network on all trials, the most relevant first, with their numbers from "
        "0 on. Relevance is that on "
        "the trials it was trained on: what this network relies on, whether or not it holds "
        "elsewhere."
    )
    add_figure(page, figure, title, caption=caption, tags="maps", section="Maps")


def _add_training(page, subjects):
    where = {"tags": "training", "section": "Training"}

    def confusion(ax, each):
        figures.plot_confusion(each.confusion, each.components.classes, ax=ax)

    caption = "Held-out trials of all folds and seeds: share of the true class, and number."
    add_figure(page, _side_by_side(subjects, confusion), "Confusion", caption=caption, **where)
    caption = "Of the fit on all trials."
    figure = _side_by_side(subjects, lambda ax, each: figures.plot_history(each.history, ax=ax))
    add_figure(page, figure, "Loss", caption=caption, **where)


def _side_by_side(subjects, draw):
    """Draw a small picture for each subject."""
    n_columns = min(3, len(subjects))
    n_rows = -(-len(subjects) // n_columns)
    size = (2.4 * n_columns, 2.3 * n_rows) if n_columns > 1 else (3.2, 2.6)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).flat
    # in this order, for zip takes one more of the first than it uses
    for (name, each), ax in zip(subjects.items(), axes, strict=False):
        draw(ax, each)
        if len(subjects) > 1:
            ax.set_title(f"subject {name}", fontsize=8)
    for ax in axes:
        ax.set_axis_off()
    return figure


def _add_inspected_costs(page, subjects):
    where = {"tags": "cost", "section": "Cost"}
    rows = [
        {"who": name, "time": each.scores["seconds"].median(), "all": each.run["seconds"]}
        for name, each in subjects.items()
    ]
    columns = [(_who(subjects), "{who}"), "time", ("seconds in all", "{all:g}")]
    table = table_of(columns, rows)
    note = make_note("Median of the fits, on the machine of the inspection whatever else it did.")
    page.add_html(table + note, "Time", **where)
    note = "For one trial in the published order, time before electrodes."
    table = layers(next(iter(subjects.values())).costs, note=note)
    page.add_html(show(table), "Network", **where)
