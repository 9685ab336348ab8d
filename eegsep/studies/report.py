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
from pathlib import Path

import matplotlib as mpl
import mne
import numpy as np
import pandas as pd
from scipy import stats

from eegsep import plots
from eegsep.datasets.recordings import RequestError

from .ablation import where_it_pays
from .benchmark import BenchmarkResult

_LEVEL = 0.95
# Of MOABB's within-session evaluation; the others test each session once.
_N_FOLDS = {"WithinSession": 5}
_EVALUATIONS = {
    "WithinSession": "five stratified folds in each session",
    "CrossSession": "trained on the subject's other sessions, tested on one",
    "CrossSubject": "trained on all other subjects, tested on one",
}
_METRICS = {"roc_auc": "ROC-AUC", "accuracy": "accuracy"}
_STYLE = """
.eegsep td, .eegsep th { padding: 0.15rem 0.4rem; text-align: right; white-space: nowrap; }
.eegsep td:first-child, .eegsep th:first-child { text-align: left; padding-left: 0; }
.eegsep th { max-width: 7rem; white-space: normal; overflow-wrap: break-word; }
.eegsep.words td { text-align: left; white-space: normal; }
.eegsep.words td:first-child { white-space: nowrap; vertical-align: top; }
.eegsep { width: auto; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
#content pre code { white-space: pre-wrap; }
.eegsep-note { max-width: 50rem; color: #555; }
"""


# -- statistics ----------------------------------------------------------------------------------


def chance_interval(metric, n_trials, n_classes=2, *, n_folds=1, level=_LEVEL):
    r"""Interval that the scores of a classifier which knows nothing keep within.

    Accuracy is binomial over all trials, with probability 1 / ``n_classes`` (Combrisson & Jerbi
    2015). ROC-AUC is the mean over sessions, and over folds of each, of Mann and Whitney's
    U / (n₁ n₂), whose variance for exchangeable scores is (n₁ + n₂ + 1) / (12 n₁ n₂). With classes
    of equal size a session of n trials in k folds has (n + k) / (3 n²); the mean is taken as
    normal. Classes of unequal size, and seeds that are averaged, make other intervals.

    Parameters
    ----------
    metric : str
        ``"accuracy"`` or ``"roc_auc"``.
    n_trials : int | array-like of int, shape (n_sessions,)
        Trials that were tested in each session whose scores are averaged.
    n_classes : int
        Number of classes.
    n_folds : int
        Folds in each session.
    level : float
        Share of such scores within.

    Returns
    -------
    interval : tuple of float
        Lowest and highest score; NaN for another metric.

    Raises
    ------
    ValueError
        If there is no trial.

    References
    ----------
    Combrisson, E., & Jerbi, K. (2015). Exceeding chance level by chance. Journal of Neuroscience
    Methods, 250, 126-136.

    Mann, H. B., & Whitney, D. R. (1947). On a test of whether one of two random variables is
    stochastically larger than the other. The Annals of Mathematical Statistics, 18(1), 50-60.
    """
    n = np.atleast_1d(n_trials).astype(float)
    if not n.size or n.min() < 1:
        raise ValueError("chance needs one trial or more in each session")
    if metric == "accuracy":
        total = round(n.sum())
        low, high = stats.binom.interval(level, total, 1 / n_classes)
        return low / total, high / total
    if metric == "roc_auc":
        sd = np.sqrt(((n + n_folds) / (3 * n**2)).sum()) / n.size
        reach = stats.norm.ppf((1 + level) / 2) * sd
        return max(0.0, 0.5 - reach), min(1.0, 0.5 + reach)
    return np.nan, np.nan


def mean_interval(values, level=_LEVEL):
    """Confidence interval of a mean over subjects, by Student's t.

    Parameters
    ----------
    values : array-like, shape (n_subjects,)
        A value a subject.
    level : float
        Confidence.

    Returns
    -------
    interval : tuple of float
        NaN for a single subject.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return np.nan, np.nan
    reach = stats.t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return values.mean() - reach, values.mean() + reach


def subject_table(scores, level=_LEVEL):
    """Average each subject's scores over sessions and seeds, and set chance beside them.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :attr:`eegsep.studies.benchmark.BenchmarkResult.scores`.
    level : float
        Of the interval of chance.

    Returns
    -------
    table : pandas.DataFrame
        For each ``dataset, pipeline, subject``: ``score``, ``n_trials`` (tested, in all sessions),
        and ``chance_low`` and ``chance_high`` of :func:`chance_interval`.
    """
    rows = []
    for (dataset, subject), part in scores.groupby(["dataset", "subject"], sort=False):
        first, sessions = part.iloc[0], part.drop_duplicates("session")
        n_folds = _N_FOLDS.get(first["evaluation"], 1)
        # MOABB's samples are those of training and test, which folds within a session all test
        n_trials = sessions["samples" if n_folds > 1 else "samples_test"]
        interval = chance_interval(
            first["metric"], n_trials, first["n_classes"], n_folds=n_folds, level=level
        )
        rows.append((dataset, subject, n_trials.sum(), *interval))
    columns = ["dataset", "subject", "n_trials", "chance_low", "chance_high"]
    by_subject = ["dataset", "pipeline", "subject"]
    table = scores.groupby(by_subject, sort=False)["score"].mean().reset_index()
    return table.merge(pd.DataFrame(rows, columns=columns), on=["dataset", "subject"], how="left")


# -- the page ------------------------------------------------------------------------------------


def report(source, output=None, *, maps=None, costs=None):
    """Write a benchmark or an ablation as an HTML page that needs nothing else and opens offline.

    Parameters
    ----------
    source : BenchmarkResult | path-like
        Results of a benchmark, or the output folder of ``eegsep benchmark`` or ``eegsep ablate``.
    output : path-like | None
        The page; None for ``report.html`` in the folder.
    maps : matplotlib.figure.Figure | path-like | None
        Scalp maps, or a picture of them; None for the folder's ``maps.png``, where there is one.
    costs : pandas.DataFrame | None
        Of :func:`eegsep.cost.network_table`; None for the folder's ``cost.csv``, where there is
        one.

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
        run, scores, table = _read(folder)
        output = folder / "report.html" if output is None else output
        if maps is None and (folder / "maps.png").exists():
            maps = folder / "maps.png"
        if costs is None and (folder / "cost.csv").exists():
            costs = pd.read_csv(folder / "cost.csv")
    elif not isinstance(source, BenchmarkResult):
        raise TypeError(
            "report takes a BenchmarkResult or a folder with results, not a "
            f"{type(source).__name__}: save it to a folder, and give that"
        )
    elif output is None:
        raise RequestError("results are in no folder: say which file the page is to be.")
    else:
        run, scores, table = source.run, source.scores, source.summary
    output = Path(output)
    kind = "ablation" if _is_ablation(run) else "benchmark"
    # whatever the user's matplotlibrc says, figures look the same
    with mne.use_log_level("error"), mpl.rc_context({"savefig.bbox": None}):
        page = mne.Report(title=f"eegsep {kind}: {', '.join(run['datasets'])}")
        page.add_custom_css(_STYLE)
        _add_data(page, scores, run)
        if kind == "ablation":
            _add_ablation(page, scores, table, run, folder)
        else:
            _add_scores(page, scores, table)
            _add_maps(page, maps)
            _add_costs(page, table, costs)
        _add_origin(page, run)
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            page.save(output, overwrite=True, open_browser=False)
        except OSError as error:
            raise RequestError(f"cannot write the page {output} ({error}).") from error
    return output


def _is_ablation(run):
    return "variants" in run


def _read(folder):
    """Read a study's ``run.json``, its scores, and its table of means."""
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        name = "ablation" if _is_ablation(run) else "summary"
        return run, *(pd.read_csv(folder / f"{file}.csv") for file in ("scores", name))
    except FileNotFoundError as error:
        raise RequestError(
            f"no {Path(error.filename).name} in {folder}: give the output folder of a finished "
            "`eegsep benchmark` or `eegsep ablate`."
        ) from error
    except ValueError as error:
        why = " ".join(str(error).split())
        raise RequestError(f"cannot read the results in {folder} ({why}).") from error


def _add_data(page, scores, run):
    rows = []
    # a variant of the network is a pipeline too
    scores = scores.rename(columns={"variant": "pipeline"})
    for dataset, part in scores.groupby("dataset", sort=False):
        n_trials = subject_table(part).drop_duplicates("subject")["n_trials"]
        rows.append(
            [
                dataset,
                _join_ranges(run["datasets"][dataset]),
                _span(part.groupby("subject")["session"].nunique()),
                _span(n_trials),
                f"{part['n_classes'].iloc[0]:.0f}",
                _span(part["channels"]),
            ]
        )
    headings = ["dataset", "subjects", "sessions", "trials tested", "classes", "channels"]
    note = "Sessions and trials of a subject."
    where = {"tags": "data", "section": "Data"}
    page.add_html(_table(headings, rows) + _note(note), "Recordings", **where)
    bands = ["–".join("" if x is None else f"{x:g}" for x in band) for band in run["bands_hz"]]
    end = "the end of the dataset's own trial" if run["tmax_s"] is None else f"{run['tmax_s']:g} s"
    rate = "as recorded" if run["resample_hz"] is None else f"{run['resample_hz']:g} Hz"
    start = 0 if run["tmin_s"] is None else run["tmin_s"]
    rows = [
        ("paradigm", run["paradigm"]),
        ("pass band", f"{', '.join(bands)} Hz"),
        ("window", f"{start:g} s to {end}"),
        ("sampling rate", rate),
        ("evaluation", f"{run['evaluation']}: {_EVALUATIONS.get(run['evaluation'], '')}"),
    ]
    page.add_html(_table(None, rows), "Preprocessing", **where)


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
        row = [name, f"{record['n_seeds']}", f"{record['mean']:.3f}"]
        row += [_number(record["sd"], ".3f"), _interval(mean_interval(table[name]), ".3f")]
        row.append(above[name])
        if name == reference:
            strong |= {(len(rows), column) for column in range(len(row))}
            row += ["", "", ""]
        else:
            interval = mean_interval(table[name] - table[reference])
            row += [f"{record['difference']:+.3f}", _interval(interval, "+.3f")]
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
        return f"Chance is {summary['chance'].iloc[0]:.3g}."
    kinds = {"accuracy": "the binomial distribution", "roc_auc": "Mann and Whitney's distribution"}
    return (
        f"Chance is {summary['chance'].iloc[0]:.3g}: with {subjects['n_trials'].median():.0f} "
        f"trials, 95 % of the scores of a classifier that knows nothing are between {low:.3f} and "
        f"{high:.3f} ({kinds[summary['metric'].iloc[0]]}, for classes of equal size and "
        "independent trials). Above chance are subjects above their own such interval; by luck "
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
        row = [f"{subject}", *(_number(value, ".3f") for value in values)]
        rows.append(row + [f"{chance.loc[subject, 'n_trials']:.0f}", _interval((low, high), ".3f")])
    note = "Bold: above the interval of chance. Sessions and seeds are averaged."
    return _table(["subject", *names, "trials", "95 % of chance"], rows, strong) + _note(note)


def _add_maps(page, maps):
    where = {"tags": "maps", "section": "Maps"}
    if maps is None:
        text = "No maps: they need a network with electrode positions, fitted by the benchmark."
        page.add_html(_note(text), "Scalp maps", **where)
        return
    caption = (
        "A network on all trials of the subject that it served best. A row a temporal filter: "
        "patterns, which show where the weighed activity is on the head; spatial filters, which "
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
    if costs is None:
        return
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
    note = "The network of the maps, for one trial in the published order, time before electrodes."
    page.add_html(_table(headings, rows, strong) + _note(note), "Network", **where)


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
            difference = f" ({record['difference']:+.3f})" if compared else ""
            row.append(f"{record['mean']:.3f}{difference}")
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
        row = [name, f"{record['mean']:.3f}", _number(record["sd"], ".3f")]
        row.append(above[name])
        if name == record["reference"]:
            strong |= {(len(rows), column) for column in range(len(row))}
            row += [""] * 4
        else:
            interval = record["ci_low"], record["ci_high"]
            row += [f"{record['difference']:+.3f}", _interval(interval, "+.3f")]
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


def _add_origin(page, run):
    where = {"tags": "origin", "section": "Origin"}
    command = f'<pre><code class="language-bash">{html.escape(study_command(run))}</code></pre>'
    note = _note("Gives these scores again. Where recordings are on disk, --data-dir says where.")
    page.add_html(command + note, "Command", **where)
    if _is_ablation(run):
        seeds = dict.fromkeys(run["variants"], run["seeds"])
        codes = {"Variants": "\n".join(f"{k}: {v}" for k, v in run["variants"].items())}
    else:
        seeds = {name: each["seeds"] for name, each in run["pipelines"].items()}
        codes = {f"Pipeline {k}": _wrap(each["steps"]) for k, each in run["pipelines"].items()}
    rows = [("folds", f"{run['seed']}")]
    rows += [(name, ", ".join(map(str, own))) for name, own in seeds.items()]
    page.add_html(_table(None, rows), "Seeds", **where)
    for title, code in codes.items():
        page.add_code(code, title, **where)
    page.add_html(_table(None, list(run["versions"].items())), "Versions", **where)
    rows = [
        ("started", run["started"]),
        ("seconds", f"{run['seconds']:g}"),
        ("processes", f"{run['n_jobs']}"),
        ("evaluations", f"{run['evaluated']} computed, {run['found_on_disk']} found on disk"),
    ]
    page.add_html(_table(None, rows), "Run", **where)
    if run["warnings"]:
        rows = [(f"{n} ×", text) for text, n in run["warnings"].items()]
        page.add_html(_table(None, rows), "Warnings", **where)


def study_command(run):
    """Write the command line that a study's results come from.

    Parameters
    ----------
    run : dict
        As :attr:`eegsep.studies.benchmark.BenchmarkResult.run`, or
        :attr:`eegsep.studies.ablation.AblationResult.run`.

    Returns
    -------
    command : str
        ``eegsep benchmark`` or ``eegsep ablate`` with its options, but for folders and the number
        of processes, which change no score. Pipelines, variants and paradigms that were given as
        objects or files are only named.
    """
    ablation = _is_ablation(run)
    words = ["eegsep", "ablate" if ablation else "benchmark", *run["datasets"]]
    words += ["--paradigm", run["paradigm"], "--evaluation", run["evaluation"]]
    chosen = list(run["datasets"].values())
    if all(subjects == chosen[0] for subjects in chosen):
        words += ["--subjects", _join_ranges(chosen[0])]
    if ablation:
        n_seeds = len(run["seeds"])
        words += ["--variants", ",".join(run["variants"])]
        words += ["--lr", ",".join(f"{rate:g}" for rate in run["learning_rates"])]
        if run["learning_curve"]:
            words += ["--learning-curve", ",".join(f"{part:g}" for part in run["learning_curve"])]
        if not run["separability"]:
            words.append("--no-separability")
    else:
        n_seeds = max(len(pipeline["seeds"]) for pipeline in run["pipelines"].values())
        words += ["--pipelines", ",".join(run["pipelines"])]
    low, high = run["bands_hz"][0] if len(run["bands_hz"]) == 1 else (None, None)
    options = {"fmin": low, "fmax": high, "tmin": run["tmin_s"], "tmax": run["tmax_s"]}
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", f"{value:g}"]
    words += ["--resample", f"{run['resample_hz'] or 0:g}", "--seed", f"{run['seed']}"]
    words += ["--seeds", f"{n_seeds}"]
    if run["max_epochs"] is not None:
        words += ["--max-epochs", f"{run['max_epochs']}"]
    return shlex.join(words)


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
    return "" if value != value else format(value, form)


def _interval(interval, form):
    return "" if interval[0] != interval[0] else " to ".join(format(x, form) for x in interval)


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


def _join_ranges(numbers):
    """Write numbers as ``1-3,7``."""
    parts, numbers = [], list(numbers)
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)


def _wrap(code):
    return textwrap.fill(
        code, 96, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
