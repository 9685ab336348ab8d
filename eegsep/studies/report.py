"""A study as one HTML page that opens offline: data, scores beside chance, maps, cost, origin.

Made by mne.Report out of results, or out of the folder that a command wrote.
"""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import textwrap
import warnings
from contextlib import contextmanager
from pathlib import Path

import mne
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from eegsep import plots, statistics
from eegsep.datasets.recordings import Failure, RequestError, group_failures
from eegsep.datasets.selection import (
    OF_THE_PARADIGM,
    Recordings,
    command_options,
    say_bands,
    say_reference,
)
from eegsep.logs import join_ranges
from eegsep.statistics import fold_interval, mean_interval, subject_table
from eegsep.tables import written_aside

from .ablation import where_it_pays
from .benchmark import BenchmarkResult
from .inspect import N_LEADING, DatasetInspection, Inspection
from .inspect import load as load_inspection

_EVALUATIONS = {
    "WithinSession": "five stratified folds in each session",
    "CrossSession": "trained on the subject's other sessions, tested on one",
    "CrossSubject": "trained on all other subjects, tested on one",
}
_METRICS = {"roc_auc": "ROC-AUC × 100", "accuracy": "accuracy × 100"}
_DIPOLE = ["dipole under", "explains, %", "at x, y, z, mm", "eccentricity"]
_VERBS = {"benchmark": "benchmark", "ablation": "ablate", "inspection": "inspect"}
# Options without a value, which are as they are here unless they are given.
_SWITCHES = {"controls": True, "separability": True, "trust": False}
_ALONE = "recording"  # what an inspection of arrays or Epochs is of
_STYLE = """
.eegsep td, .eegsep th { padding: 0.15rem 0.4rem; text-align: right; white-space: nowrap; }
.eegsep td:first-child, .eegsep th:first-child { text-align: left; padding-left: 0; }
.eegsep th { max-width: 7rem; white-space: normal; overflow-wrap: break-word; }
.eegsep.words td { text-align: left; white-space: normal; }
.eegsep.words td:first-child { white-space: nowrap; vertical-align: top; }
/* on a phone the contents are a line on top, rather than a column of syllables */
@media (max-width: 700px) {
  #toc { position: static !important; width: 100%; height: auto !important; padding: 0 !important; }
  #toc h5 { display: none; }
  #toc-navbar { flex-direction: row !important; flex-wrap: wrap; }
  #toc-navbar a { width: auto; padding: 0.2rem 0.5rem; word-break: normal !important; }
  #content { width: 100%; margin: 0.5rem 0 0; padding: 0; }
  #content .accordion-body { padding: 0.4rem; }
  .navbar-brand { white-space: normal; font-size: 1rem; overflow-wrap: anywhere; }
}
.eegsep { width: auto; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
#content pre code { white-space: pre-wrap; }
.eegsep-note { max-width: 50rem; color: #555; }
"""


def __getattr__(name):
    if name == "chance_interval":
        text = "chance_interval is in eegsep.statistics now"
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return statistics.chance_interval
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def chance_of(inspection):
    """Interval of chance of an inspection, by permutations.

    As :func:`eegsep.studies.inspect.chance_of_shuffled` finds it.

    Parameters
    ----------
    inspection : eegsep.studies.inspect.Inspection
        Of one recording.

    Returns
    -------
    interval : tuple of float
    """
    return inspection.run["chance"]["low"], inspection.run["chance"]["high"]


# -- the page ------------------------------------------------------------------------------------


def report(source, output=None, *, maps=None, costs=None):
    """Write a study as an HTML page that needs nothing else and opens offline.

    Parameters
    ----------
    source : BenchmarkResult | Inspection | DatasetInspection | path-like
        Results of a benchmark or an inspection, or the output folder of ``eegsep benchmark``,
        ``eegsep ablate`` or ``eegsep inspect``.
    output : path-like | None
        The page; None for ``report.html`` in the folder.
    maps : matplotlib.figure.Figure | path-like | None
        A benchmark's scalp maps, or a picture of them; None for the folder's ``maps.png``, where
        there is one.
    costs : pandas.DataFrame | None
        A benchmark's, of :func:`eegsep.cost.network_table`; None for the folder's ``cost.csv``,
        where there is one.

    Returns
    -------
    file : pathlib.Path
        The page.

    Raises
    ------
    RequestError
        If the folder has no study in it, results come without ``output``, or the page cannot be
        written.
    TypeError
        If ``source`` is something else.
    """
    if isinstance(source, (str, os.PathLike)):
        folder = Path(source)
        output = folder / "report.html" if output is None else output
        run = _read_run(folder)
        if _kind(run) == "inspection":
            source = load_inspection(folder)
        else:
            scores, table = _read_tables(folder, run)
            if maps is None and (folder / "maps.png").exists():
                maps = folder / "maps.png"
            if costs is None and (folder / "cost.csv").exists():
                costs = pd.read_csv(folder / "cost.csv")
    elif not isinstance(source, (BenchmarkResult, Inspection, DatasetInspection)):
        raise TypeError(
            "report takes a BenchmarkResult, an inspection or a folder with results, not a "
            f"{type(source).__name__}: save it to a folder, and give that"
        )
    elif output is None:
        raise RequestError("results are in no folder: say which file the page is to be.")
    else:
        run = source.run
        if isinstance(source, BenchmarkResult):
            scores, table = source.scores, source.summary
    output, kind = Path(output), _kind(run)
    with mne.use_log_level("error"), plots.settings():
        what = ", ".join(run.get("datasets", ["a recording"]))
        page = mne.Report(title=f"eegsep {kind}: {what}")
        page.add_custom_css(_STYLE)
        _add_failures(page, run)
        if kind == "inspection":
            _add_inspection(page, source)
        elif kind == "ablation":
            _add_data(page, scores, run)
            _add_ablation(page, scores, table, run, folder)
        else:
            _add_data(page, scores, run)
            _add_scores(page, scores, table)
            _add_maps(page, maps)
            _add_costs(page, table, costs)
        _add_origin(page, run)
        with written_aside(output) as file:
            page.save(file, overwrite=True, open_browser=False)
    return output


def _kind(run):
    return run.get("study") or ("ablation" if "variants" in run else "benchmark")


def _read_run(folder):
    with _reading(folder):
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def _read_tables(folder, run):
    """Read a study's scores, and its table of means."""
    names = "scores", "ablation" if _kind(run) == "ablation" else "summary"
    with _reading(folder):
        scores, table = (pd.read_csv(folder / f"{name}.csv") for name in names)
        if _kind(run) == "ablation" and "memory" not in table:
            raise ValueError(
                "ablation.csv is of a version that measured no memory: run `eegsep ablate` again, "
                "it keeps the scores"
            )
        return scores, table


@contextmanager
def _reading(folder):
    """Say in a line what a study's folder lacks."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RequestError(
            f"no {Path(error.filename).name} in {folder}: give the output folder of a finished "
            "`eegsep benchmark`, `eegsep ablate` or `eegsep inspect`."
        ) from error
    except ValueError as error:
        why = " ".join(str(error).split())
        raise RequestError(f"cannot read the results in {folder} ({why}).") from error


def _add_failures(page, run):
    """Say first what is missing from all that follows."""
    failures = [Failure(**each) for each in run.get("failed", ())]
    if failures:
        note = "Where no session or pipeline is named, it is all of them."
        where = {"tags": "missing", "section": "What is missing"}
        page.add_html(
            _table(None, group_failures(failures)) + _note(note), "Left out, and why", **where
        )


def _add_data(page, scores, run):
    rows = []
    # a variant of the network is a pipeline too
    scores = scores.rename(columns={"variant": "pipeline"})
    for dataset, part in scores.groupby("dataset", sort=False):
        n_trials = subject_table(part).drop_duplicates("subject")["n_trials"]
        rows.append(
            [
                dataset,
                join_ranges(run["datasets"][dataset]),
                _span(part.groupby("subject")["session"].nunique()),
                _span(n_trials),
                f"{part['n_classes'].iloc[0]:.0f}",
                _span(part["channels"]),
            ]
        )
    headings = ["dataset", "subjects", "sessions", "trials tested", "classes", "channels"]
    note = f"{Recordings.of_run(run)}. Sessions and trials of a subject."
    where = {"tags": "data", "section": "Data"}
    page.add_html(_table(headings, rows) + _note(note), "Recordings", **where)
    rows = _preprocessing(run)
    rows.append(("evaluation", f"{run['evaluation']}: {_EVALUATIONS.get(run['evaluation'], '')}"))
    page.add_html(_table(None, rows), "Preprocessing", **where)


def _preprocessing(run):
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


def _add_scores(page, scores, summary):
    subjects = subject_table(scores)
    for dataset, part in summary.groupby("dataset", sort=False):
        own = subjects[subjects["dataset"] == dataset]
        title = _of("Means", dataset, summary)
        page.add_html(_summary_table(part, own), title, tags="scores", section="Scores")
    figure = plots.plot_scores(scores, summary)
    for ax, dataset in zip(figure.axes, dict.fromkeys(summary["dataset"]), strict=True):
        low, high = _typical_chance(subjects[subjects["dataset"] == dataset])
        if low == low:
            ax.axvspan(low, high, color="#999999", alpha=0.15, lw=0, zorder=-1)
    _add_figure(
        page,
        figure,
        "Each subject's scores",
        caption="A dot a subject, joined across pipelines; bars are means. Grey: 95 % of the "
        "scores that a subject would have by chance, at the median number of trials.",
        tags="scores",
        section="Scores",
    )
    _add_subjects(page, subjects)


def _add_figure(page, figure, title, **where):
    dpi = figure.get_dpi()
    figure.set_dpi(150)
    page.add_figure(figure, title, **where)
    figure.set_dpi(dpi)


def _add_subjects(page, subjects):
    for dataset, part in subjects.groupby("dataset", sort=False):
        title = _of("Scores of subjects", dataset, subjects)
        page.add_html(_subject_rows(part), title, tags="subjects", section="Subjects")


def _summary_table(summary, subjects):
    reference = summary["reference"].iloc[0]
    table = subjects.pivot(index="subject", columns="pipeline", values="score")
    above = _say_above(subjects)
    rows, strong = [], set()
    for record in summary.to_dict("records"):
        name = record["pipeline"]
        row = [name, f"{record['n_seeds']}", _score(record["mean"])]
        interval = np.clip(mean_interval(table[name]), 0, 1)
        row += [_score(record["sd"]), _interval(interval)]
        row.append(above[name])
        if name == reference:
            strong |= {(len(rows), column) for column in range(len(row))}
            row += ["", "", ""]
        else:
            interval = mean_interval(table[name] - table[reference])
            row += [_score(record["difference"], "+.1f"), _interval(interval, "+.1f")]
            row.append(_number(record["p"], ".2g"))
        rows.append(row)
    headings = ["pipeline", "seeds", "mean", "sd", "95 % interval", "above chance"]
    headings += [f"− {reference}", "95 % interval", "p"]
    note = (
        f"{_metric(summary)} over {_subjects(len(table))}, sessions and seeds averaged first; "
        "intervals of means by Student's t. Differences are paired over subjects, p by MOABB's "
        "paired test, two-sided, not corrected for the number of pipelines. "
    )
    return _table(headings, rows, strong) + _note(note + _say_chance(summary, subjects))


def _say_chance(summary, subjects):
    low, high = _typical_chance(subjects)
    if low != low:
        return f"Chance is {100 * summary['chance'].iloc[0]:.3g}."
    kinds = {"accuracy": "the binomial distribution", "roc_auc": "Mann and Whitney's distribution"}
    return (
        f"Chance is {_score(summary['chance'].iloc[0], '.3g')}: with "
        f"{subjects['n_trials'].median():.0f} trials, 95 % of the scores of a classifier that "
        f"knows nothing are between {_score(low)} and {_score(high)} "
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
        row = [f"{subject}", *map(_score, values)]
        rows.append(row + [f"{chance.loc[subject, 'n_trials']:.0f}", _interval((low, high))])
    note = "Scores × 100. Bold: above the interval of chance. Sessions and seeds are averaged."
    return _table(["subject", *names, "trials", "95 % of chance"], rows, strong) + _note(note)


def _add_maps(page, maps):
    where = {"tags": "maps", "section": "Maps"}
    if maps is None:
        text = "No maps: they need a network with electrode positions, fitted by the benchmark."
        page.add_html(_note(text), "Scalp maps", **where)
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
        _add_figure(page, maps, "Scalp maps", caption=caption, **where)


def _add_costs(page, summary, costs):
    where = {"tags": "cost", "section": "Cost"}
    for dataset, part in summary.groupby("dataset", sort=False):
        rows = [[row["pipeline"], f"{row['time']:.3g}"] for row in part.to_dict("records")]
        table = _table(["pipeline", "seconds a fit"], rows)
        title = _of("Time", dataset, summary)
        note = _note("Mean over folds, on the machine of the benchmark with what it did besides.")
        page.add_html(table + note, title, **where)
    if costs is not None:
        note = "The network of the maps, for one trial in the published order, time before "
        page.add_html(_network_table(costs) + _note(note + "electrodes."), "Network", **where)


def _network_table(costs):
    total = costs["multiply_adds"].sum()
    rows = []
    for record in costs.to_dict("records"):
        shape = " × ".join(re.findall(r"\d+", str(record["output"])))
        row = [record["layer"], shape, f"{record['parameters']:,}"]
        row += [f"{record['multiply_adds']:,}", f"{record['multiply_adds'] / total:.1%}"]
        rows.append(row)
    strong = {(len(rows), column) for column in range(4)}
    rows.append(["all", "", f"{costs['parameters'].sum():,}", f"{total:,}", ""])
    headings = ["layer", "output", "parameters", "multiply-adds", "share"]
    return _table(headings, rows, strong)


def _add_ablation(page, scores, table, run, folder):
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
        title = _of("Means", dataset, table)
        page.add_html(_ablation_table(part, own), title, tags="scores", section="Scores")
    for name, title in pictures.items():
        if (folder / f"{name}.png").exists():
            page.add_image(folder / f"{name}.png", title, tags="scores", section="Scores")
    if run["learning_curve"] and (folder / "learning_curve.csv").exists():
        curve = pd.read_csv(folder / "learning_curve.csv")
        for dataset, part in curve.groupby("dataset", sort=False):
            title = _of("Learning curves", dataset, curve)
            page.add_html(_curve_table(part), title, tags="scores", section="Scores")
    _add_subjects(page, subjects)
    for dataset, part in table.groupby("dataset", sort=False):
        rows = [
            [
                row["variant"],
                f"{row['parameters']:,}",
                f"{row['multiply_adds']:,}",
                f"{row['time']:.3g}",
                f"{1e3 * row['latency']:.3g}",
                f"{row['memory'] / 1e6:.3g}",
            ]
            for row in part.to_dict("records")
        ]
        headings = ["variant", "parameters", "multiply-adds", "seconds a fit", "ms a trial"]
        headings.append("MB a fit")
        note = _note(
            "Multiply-adds of a trial in the published order, time before electrodes; times on the "
            "machine of the study, as eegsep evaluates the network; memory of a fit at its peak, "
            "above the trials."
        )
        title = _of("Variants", dataset, table)
        page.add_html(_table(headings, rows) + note, title, tags="cost", section="Cost")


def _curve_table(curve):
    sizes = curve.drop_duplicates("fraction").sort_values("fraction")["n_trials"]
    rows, strong = [], set()
    for name, part in curve.groupby("variant", sort=False):
        row = [name]
        for record in part.sort_values("fraction").to_dict("records"):
            if record["p_holm"] <= 0.05:
                strong.add((len(rows), len(row)))
            compared = name != record["reference"]
            difference = f" ({_score(record['difference'], '+.1f')})" if compared else ""
            row.append(f"{_score(record['mean'])}{difference}")
        rows.append(row)
    note = (
        f"{_metric(curve)}, in brackets the mean difference to {curve['reference'].iloc[0]}, "
        "paired over subjects; bold: p ≤ 0.05, by Holm among the variants at one number of trials. "
    )
    table = _table(["variant", *(f"{size:.0f} trials" for size in sizes)], rows, strong)
    return table + _note(note + " ".join(where_it_pays(curve)))


def _ablation_table(table, subjects):
    rows, strong = [], set()
    above = _say_above(subjects)
    for record in table.to_dict("records"):
        name = record["variant"]
        row = [name, _score(record["mean"]), _score(record["sd"])]
        row.append(above[name])
        if name == record["reference"]:
            strong |= {(len(rows), column) for column in range(len(row))}
            row += [""] * 4
        else:
            interval = record["ci_low"], record["ci_high"]
            row += [_score(record["difference"], "+.1f"), _interval(interval, "+.1f")]
            row += [_number(record["effect"], "+.2f"), _number(record["p_holm"], ".2g")]
        rows.append(row)
    headings = ["variant", "mean", "sd", "above chance", f"− {table['reference'].iloc[0]}"]
    headings += ["95 % interval", "d", "p (Holm)"]
    note = (
        f"{_metric(table)} over {_subjects(table['n_subjects'].iloc[0])}, sessions and seeds "
        "averaged first. Differences are paired over subjects, with their interval by Student's t; "
        "d is the mean difference over its sd; p by MOABB's paired test, two-sided, by Holm for "
        "the number of variants. "
    )
    return _table(headings, rows, strong) + _note(note + _say_chance(table, subjects))


# -- the page of an inspection --------------------------------------------------------------------


def _add_inspection(page, source):
    """Add all but the origin: what is of all subjects first, then each subject's own."""
    if isinstance(source, DatasetInspection):
        subjects, joint, reliability = source.subjects, source.consensus, source.reliability
        table = source.to_frame()
    else:
        subjects, joint, reliability = {_ALONE: source}, None, {}
        table = pd.DataFrame([{"subject": _ALONE, **source.summary()}])
    if joint is not None:
        # a subject's own fits are among those that a fit is compared with: no verdict on all
        together = {"subject": "all", **reliability, "stable": None, "verdict": ""}
        table = pd.concat([pd.DataFrame([together]), table], ignore_index=True)
    _add_recordings(page, subjects, source.run)
    page.add_html(_inspected_scores(subjects), "Scores", tags="scores", section="Scores")
    where = {"tags": "maps", "section": "Maps"}
    page.add_html(_reliability_table(table), "Are they to be believed?", **where)
    caption = "Filled: stable. Open: not, or nothing to be said."
    _add_figure(page, plots.plot_reliability(table), "Reliability", caption=caption, **where)
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
    return "" if _ALONE in names else "subject"


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
    page.add_html(_table(headings, rows), "Recordings", **where)
    rows = _preprocessing(run) if "paradigm" in run else []
    for words in dict.fromkeys(each.run["folds"] for each in subjects.values()):
        who = [str(name) for name, each in subjects.items() if each.run["folds"] == words]
        whose = "" if len(who) == len(subjects) else f" (subject {', '.join(who)})"
        rows.append(("evaluation", words + whose))
    for name, each in subjects.items():
        for session, why in each.run.get("left_out", {}).items():
            rows.append((f"session {session} of {_who(subjects)} {name} left out", why))
    rows += [("fits on each fold", f"{run['n_seeds']}")]
    page.add_html(_table(None, rows), "Preprocessing and folds", **where)


def _inspected_scores(subjects):
    rows, strong, means = [], set(), []
    for name, each in subjects.items():
        by_seed = each.scores.groupby("seed")["score"].mean()
        means.append(by_seed.mean())
        chance = chance_of(each)
        if means[-1] > chance[1]:
            strong.add((len(rows), 1))
        row = [f"{name}", _score(means[-1]), _interval(fold_interval(each.scores))]
        seeds = _interval((by_seed.min(), by_seed.max())) if len(by_seed) > 1 else ""
        row += [seeds, _interval(chance)]
        rows.append([*row, f"{sum(each.run['n_trials'].values())}"])
    run = each.run
    metric = _METRICS[run["metric"]]
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
        rows.append(["mean", _score(np.mean(means)), _interval(interval)])
        rows[-1] += ["", "", ""]
        note += " The interval of the mean is Student's over subjects."
    headings = [_who(subjects), metric, "95 % interval", "seeds", "95 % of chance", "trials"]
    return _table(headings, rows, strong) + _note(note)


def _reliability_table(table):
    rows = []
    for record in table.to_dict("records"):
        trained, *controls = (
            _number(record.get(k), ".2f") for k in ("trained", "untrained", "shuffled")
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
    return _table(headings, rows) + _note(note)


def _say_verdict(verdict):
    return f"{verdict}: do not read the maps" if verdict.startswith("not stable") else verdict


def _add_consensus(page, source, verdict, title):
    where = {"tags": "maps", "section": "Maps"}
    consensus, table, dipoles = source.consensus, source.clusters(), source.dipoles
    shared = table[~table["single"]]
    try:
        # what one fit alone has is drawn where there is nothing else
        figure = plots.plot_consensus(
            consensus, n_clusters=min(N_LEADING, len(shared)) or 3, dipoles=dipoles
        )
    except ValueError as error:
        page.add_html(_note(f"No maps: {error}."), title, **where)
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
        _add_figure(page, figure, title, caption=verdict + caption, **where)
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
    text = _table(headings, rows) if rows else _note("No component is in more than one fit.")
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
        figure = plots.plot_components(components)
    except ValueError:
        return  # the consensus has said why
    caption = (
        "Components of one network on all trials, the most relevant first, with their numbers from "
        "0 on. Relevance is that on "
        "the trials it was trained on: what this network relies on, whether or not it holds "
        "elsewhere."
    )
    _add_figure(page, figure, title, caption=caption, tags="maps", section="Maps")


def _add_training(page, subjects):
    where = {"tags": "training", "section": "Training"}

    def confusion(ax, each):
        plots.plot_confusion(each.confusion, each.components.classes, ax=ax)

    caption = "Held-out trials of all folds and seeds: share of the true class, and number."
    _add_figure(page, _side_by_side(subjects, confusion), "Confusion", caption=caption, **where)
    caption = "Of the fit on all trials."
    figure = _side_by_side(subjects, lambda ax, each: plots.plot_history(each.history, ax=ax))
    _add_figure(page, figure, "Loss", caption=caption, **where)


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
    table = _table([_who(subjects), "seconds a fit", "seconds in all"], rows)
    note = _note("Median of the fits, on the machine of the inspection with what it did besides.")
    page.add_html(table + note, "Time", **where)
    note = _note("For one trial in the published order, time before electrodes.")
    page.add_html(_network_table(next(iter(subjects.values())).costs) + note, "Network", **where)


# -- origin --------------------------------------------------------------------------------------


def _add_origin(page, run):
    where = {"tags": "origin", "section": "Origin"}
    code, note = _say_how_again(run)
    language = "bash" if code.startswith("eegsep ") else "python"
    command = f'<pre><code class="language-{language}">{html.escape(code)}</code></pre>'
    page.add_html(command + _note(note), "Command", **where)
    seeds = [("folds", f"{run['seed']}")]
    if _kind(run) == "inspection":
        seeds = [("of the fits' seeds", f"{run['seed']}")]
        codes = {
            f"Pipeline {run['pipeline']}" if "pipeline" in run else "Estimator": run["estimator"]
        }
        codes = {title: _wrap(code) for title, code in codes.items()}
    elif _kind(run) == "ablation":
        seeds += [(name, _join(run["seeds"])) for name in run["variants"]]
        codes = {"Variants": "\n".join(f"{k}: {v}" for k, v in run["variants"].items())}
    else:
        seeds += [(name, _join(each["seeds"])) for name, each in run["pipelines"].items()]
        codes = {f"Pipeline {k}": _wrap(each["steps"]) for k, each in run["pipelines"].items()}
    page.add_html(_table(None, seeds), "Seeds", **where)
    for title, code in codes.items():
        page.add_code(code, title, **where)
    page.add_html(_table(None, list(run["versions"].items())), "Versions", **where)
    rows = [("started", run["started"]), ("seconds", f"{run['seconds']:g}")]
    rows.append(("processes", f"{run['n_jobs'] or 1}"))
    if "evaluated" in run:
        found = f"{run['evaluated']} computed, {run['found_on_disk']} found on disk"
        rows.append(("evaluations", found))
    page.add_html(_table(None, rows), "Run", **where)
    if run.get("warnings"):
        rows = [(f"{n} ×", text) for text, n in run["warnings"].items()]
        page.add_html(_table(None, rows), "Warnings", **where)


def _say_how_again(run):
    """Return what gives a study's scores again, and what there is to be said of it."""
    if "datasets" not in run:
        options = {"cv": run["cv"], "n_seeds": run["n_seeds"], "controls": run["controls"]}
        options |= {"min_similarity": run["min_similarity"], "random_state": run["seed"]}
        options = {"groups": "groups"} | options if run["n_groups"] else options
        code = f"inspect(estimator, X, y, {', '.join(f'{k}={v}' for k, v in options.items())})"
        note = "Gives these scores again, with the same trials and the estimator below."
        return code, f"{note} From eegsep.studies.inspect."
    where = "Where recordings are on disk, {} says where."
    if not run.get("objects"):
        note = f"Gives these scores again. {where.format('--data-dir')}"
        files = [file for _, file in _sources(run) if file is not None]
        if files:
            note += f" What {', '.join(files)} said is below: it may have changed since."
        return study_command(run), note
    what = " and ".join(run["objects"])
    note = (
        f"No command gives these scores again: {what} came from Python, as objects. With the same "
        f"objects in their place this call does. {where.format('data_dir')}"
    )
    return study_call(run), note


def _sources(run):
    """List the pipelines of a benchmark or an inspection: name, and file if it is not shipped."""
    if "pipelines" in run:
        return [(name, each.get("file")) for name, each in run["pipelines"].items()]
    return [(run["pipeline"], run.get("pipeline_file"))] if "pipeline" in run else []


def _options(run):
    """Read a study's options off its run, but for those of its recordings."""
    kind, options = _kind(run), {"evaluation": run["evaluation"]}
    if kind == "inspection":
        ((name, file),) = _sources(run)
        options |= {"pipeline": file or name, "cv": run["cv"], "controls": run["controls"]}
        options["min_similarity"] = run["min_similarity"]
        n_seeds = run["n_seeds"]
    elif kind == "ablation":
        options |= {"variants": list(run["variants"]), "lr": run["learning_rates"]}
        options |= {"learning_curve": run["learning_curve"], "separability": run["separability"]}
        n_seeds = len(run["seeds"])
    else:
        options["pipelines"] = [file or name for name, file in _sources(run)]
        n_seeds = max(len(pipeline["seeds"]) for pipeline in run["pipelines"].values())
    if run.get("groups"):
        options["groups"] = run["groups"]
    options |= {"seed": run["seed"], "n_seeds": n_seeds, "max_epochs": run["max_epochs"]}
    return options | {"trust": run.get("trust", False)}


def study_command(run):
    """Write the command line that a study's results come from.

    Parameters
    ----------
    run : dict
        As :attr:`eegsep.studies.benchmark.BenchmarkResult.run`,
        :attr:`eegsep.studies.ablation.AblationResult.run`, or
        :attr:`eegsep.studies.inspect.DatasetInspection.run`, where all was given by name or file:
        with ``objects`` there is no such command, see :func:`study_call`.

    Returns
    -------
    command : str
        ``eegsep benchmark``, ``ablate`` or ``inspect`` with its options, but for folders and the
        number of processes, which change no score.
    """
    names = {"n_seeds": "seeds", "cv": "folds"}
    options = {
        names.get(name, name): value
        for name, value in _options(run).items()
        if name not in _SWITCHES or value != _SWITCHES[name]
    }
    words = shlex.join(command_options(options))
    return f"eegsep {_VERBS[_kind(run)]} {Recordings.of_run(run).to_command()} {words}"


def study_call(run):
    """Write the call in Python that a study's results come from.

    Parameters
    ----------
    run : dict
        As in :func:`study_command`.

    Returns
    -------
    code : str
        What was given as objects is a name without a value.
    """
    kind, objects = _kind(run), run.get("objects", ())
    function = {"inspection": "inspect_dataset", "ablation": "ablate"}.get(kind, kind)
    datasets = "datasets" if "datasets" in objects else repr(list(run["datasets"]))
    if kind == "inspection":
        datasets = "dataset" if "datasets" in objects else repr(next(iter(run["datasets"])))
    options = Recordings.of_run(run).options() | _options(run)
    if "paradigm" in objects:
        options = {name: value for name, value in options.items() if name not in OF_THE_PARADIGM}
    words = [
        f"{name}={name if name in objects else repr(value)}"
        for name, value in options.items()
        if value is not None or name == "resample"
    ]
    call = f"{function}({', '.join([datasets, 'output=folder', *words])})"
    module = "inspect" if kind == "inspection" else kind
    return f"from eegsep.studies.{module} import {function}\n\n{call}"


# -- pieces of HTML ------------------------------------------------------------------------------


def _table(headings, rows, strong=()):
    """Make a table of texts, the first column of names; ``strong`` has cells (row, column)."""
    kind = "table table-sm eegsep" + ("" if headings else " words")
    lines = [f'<div class="table-responsive"><table class="{kind}">']
    if headings:
        cells = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in headings)
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    lines.append("<tbody>")
    for k, row in enumerate(rows):
        cells = [html.escape(text) for text in row]
        cells = [f"<b>{c}</b>" if (k, j) in strong else c for j, c in enumerate(cells)]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def _note(text):
    return f'<p class="eegsep-note">{html.escape(text)}</p>'


def _of(title, dataset, table):
    return title if table["dataset"].nunique() == 1 else f"{title}, {dataset}"


def _metric(table):
    metric = table["metric"].iloc[0]
    return _METRICS.get(metric, metric)


def _subjects(n):
    return f"{n} subject{'' if n == 1 else 's'}"


def _number(value, form):
    return "" if value is None or value != value else format(value, form)


def _score(value, form=".1f"):
    """Write a score, or a difference of two, × 100."""
    return _number(100 * value, form)


def _interval(interval, form=".1f"):
    """Write an interval of scores, or of differences, × 100."""
    return "" if interval[0] != interval[0] else " to ".join(_score(x, form) for x in interval)


def _say_above(subjects):
    """Tell for each pipeline how many subjects are above chance, where chance is known."""
    above = (subjects["score"] > subjects["chance_high"]).groupby(subjects["pipeline"])
    known = subjects["chance_high"].notna().any()
    return {name: f"{part.sum()} of {len(part)}" if known else "" for name, part in above}


def _typical_chance(subjects):
    """Interval of chance of the subject with the median number of trials."""
    order = subjects.sort_values("n_trials")
    return tuple(order[["chance_low", "chance_high"]].iloc[len(order) // 2])


def _span(values):
    low, high = min(values), max(values)
    return f"{low:.0f}" if low == high else f"{low:.0f}–{high:.0f}"


def _join(values):
    return ", ".join(map(str, values))


def _wrap(code):
    return textwrap.fill(
        code, 96, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
