"""What a page shows of an inspection: scores and chance, maps and controls, training, cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from eegsep.statistics import fold_interval, mean_interval
from eegsep.studies.inspected import N_LEADING, DatasetInspection

from . import figures
from .html import (
    ALONE,
    METRICS,
    add_figure,
    make_note,
    make_table,
    say_interval,
    say_number,
    say_score,
)
from .scores import network_table, preprocessing

_DIPOLE = ["dipole under", "explains, %", "at x, y, z, mm", "eccentricity"]


def chance_of(inspection):
    """Interval of chance of an inspection, by permutations.

    As :func:`eegsep.studies.verdicts.chance_of_shuffled` finds it.

    Parameters
    ----------
    inspection : eegsep.studies.inspected.Inspection
        Of one recording.

    Returns
    -------
    interval : tuple of float
    """
    return inspection.run["chance"]["low"], inspection.run["chance"]["high"]


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
    rows, strong, means = [], set(), []
    for name, each in subjects.items():
        by_seed = each.scores.groupby("seed")["score"].mean()
        means.append(by_seed.mean())
        chance = chance_of(each)
        if means[-1] > chance[1]:
            strong.add((len(rows), 1))
        row = [f"{name}", say_score(means[-1]), say_interval(fold_interval(each.scores))]
        seeds = say_interval((by_seed.min(), by_seed.max())) if len(by_seed) > 1 else ""
        row += [seeds, say_interval(chance)]
        rows.append([*row, f"{sum(each.run['n_trials'].values())}"])
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
        interval = np.clip(mean_interval(means), 0, 1)
        rows.append(["mean", say_score(np.mean(means)), say_interval(interval)])
        rows[-1] += ["", "", ""]
        note += " The interval of the mean is Student's over subjects."
    headings = [_who(subjects), metric, "95 % interval", "seeds", "95 % of chance", "trials"]
    return make_table(headings, rows, strong) + make_note(note)


def _reliability_table(table):
    rows = []
    for record in table.to_dict("records"):
        trained, *controls = (
            say_number(record.get(k), ".2f") for k in ("trained", "untrained", "shuffled")
        )
        low, high = record["trained_low"], record["trained_high"]
        interval = "" if low != low else f"{low:.2f} to {high:.2f}"
        verdict = _say_verdict(record["verdict"])
        rows.append([f"{record['subject']}", trained, interval, *controls, verdict])
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
    headings = [
        _who(table["subject"].values),
        "trained",
        "95 % interval",
        "untrained",
        "shuffled labels",
        "what was learned",
    ]
    return make_table(headings, rows) + make_note(note)


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
    for record in shared.head(N_LEADING).to_dict("records"):
        row = [f"{record['cluster']}", f"{record['n_fits']} of {consensus.n_fits}"]
        row += [f"{record['n_subjects']}"] if "n_subjects" in record else []
        row += [f"{record['peak_freq']:.1f}", f"{record['band_low']:.1f}–{record['band_high']:.1f}"]
        row += [f"{record['similarity']:.2f}"]
        row += [record["largest"]] if "largest" in record else []
        if len(dipoles):
            row += _dipole(record)
        row += [f"{record[f'relevance_{label}']:+.2g}" for label in consensus.classes]
        rows.append(row)
    headings = ["cluster", "fits", *(["subjects"] if "n_subjects" in table else []), "peak, Hz"]
    headings += ["band, Hz", "similarity", *(["largest at"] if "largest" in table else [])]
    headings += _DIPOLE if len(dipoles) else []
    headings += [f"relevance, {label}" for label in consensus.classes]
    text = (
        make_table(headings, rows) if rows else make_note("No component is in more than one fit.")
    )
    page.add_html(text, f"Clusters{title.removeprefix('Consensus')}", **where)


def _dipole(record):
    """Return the cells of a cluster's dipole; a flat map has none."""
    if record["x"] != record["x"]:
        return [""] * len(_DIPOLE)
    place = ", ".join(f"{record[axis]:.0f}" for axis in "xyz")
    named = record["nearest"] or f"no single place: {record['no_place']}"
    cells = [named, f"{100 * record['goodness_of_fit']:.0f}", place]
    return [*cells, f"{record['eccentricity']:.2f}"]


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
        [f"{name}", f"{each.scores['seconds'].median():.3g}", f"{each.run['seconds']:g}"]
        for name, each in subjects.items()
    ]
    table = make_table([_who(subjects), "seconds a fit", "seconds in all"], rows)
    note = make_note(
        "Median of the fits, on the machine of the inspection with what it did besides."
    )
    page.add_html(table + note, "Time", **where)
    note = make_note("For one trial in the published order, time before electrodes.")
    page.add_html(network_table(next(iter(subjects.values())).costs) + note, "Network", **where)
