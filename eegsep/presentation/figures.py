"""Figures from results: scores by subject, scalp maps of what a network learned, its controls.

Functions return figures; nothing is shown, and matplotlib's global state is left alone.
"""

import textwrap
from itertools import compress

import matplotlib as mpl
import mne
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from eegsep._utils.columns import COLUMNS, METRICS, count_subjects, in_words, say_metric
from eegsep._utils.tables import written_aside
from eegsep.inspection.poles import say_poles

# Okabe & Ito's colours, which colour-blind readers tell apart.
_BLUE, _ORANGE, _BLACK = "#0072B2", "#D55E00", "#000000"
_GREY = "#999999"
# What tells variants of a network apart: colour and marker, in black and white too.
_COLORS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "osD^vPX<>*p"
_WIDTH = 7.0  # inches: the text width of a paper's page
# Centre and radius, in m, of the head that maps are drawn on. In MNE's coordinates the middle of a
# head lies before the line between the ears: on MNE's own sphere frontal electrodes fall outside.
_HEAD = (0.0, 0.015, 0.0, 0.1)
_MAP_COLORS = "RdBu_r"
# Electrodes are drawn where they are few enough to be told apart on a small map.
_MOST_DOTS = 32
# What plot_ablation sets scores over.
_COSTS = ("parameters", "multiply_adds", "memory")
# Scores are kept from 0 to 1 and read × 100, as in tables.
_PERCENT = FuncFormatter(lambda value, _: f"{100 * value:g}")


def plot_scores(scores, summary, *, axes=None):
    """Draw each subject's scores, joined across pipelines, with means and chance level.

    Parameters
    ----------
    scores : pandas.DataFrame
        Rows with ``dataset, pipeline, subject, score``; a subject's rows (sessions, seeds) are
        averaged.
    summary : pandas.DataFrame
        With ``dataset, metric, pipeline, mean, sd, reference, chance``, as
        :func:`eegsep.statistics.summarise` makes it.
    axes : sequence of matplotlib.axes.Axes | None
        An Axes for each dataset; None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    datasets = list(dict.fromkeys(summary["dataset"]))
    if axes is None:
        n_rows = summary["pipeline"].nunique()
        figure = Figure(figsize=(_WIDTH, 0.9 + 0.42 * n_rows), layout="constrained")
        axes = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    for ax, dataset in zip(axes, datasets, strict=True):
        part = summary[summary["dataset"] == dataset]
        _plot_dataset_scores(ax, scores[scores["dataset"] == dataset], part)
        n_subjects = scores.loc[scores["dataset"] == dataset, "subject"].nunique()
        ax.set_title(_heading(dataset, n_subjects, 80 // len(datasets)), fontsize=9)
        ax.set_xlabel(say_metric(part), fontsize=9)
    return axes[0].figure


def _plot_dataset_scores(ax, scores, summary):
    names = list(summary["pipeline"])
    rows = np.arange(len(names))
    table = scores.groupby(["subject", "pipeline"])["score"].mean().unstack()[names]
    chance = summary["chance"].iloc[0]
    ax.axvline(chance, color=_GREY, linestyle="--", linewidth=1, zorder=0)
    ax.annotate(
        "chance",
        (chance, 1),
        xycoords=("data", "axes fraction"),
        xytext=(2, -2),
        textcoords="offset points",
        va="top",
        fontsize=7,
        color="#666666",
    )
    for values in table.to_numpy():
        ax.plot(values, rows, color=_GREY, linewidth=0.6, alpha=0.6, zorder=1)
    for row, record in zip(rows, summary.to_dict("records"), strict=True):
        color = _ORANGE if record["pipeline"] == record["reference"] else _BLUE
        values = table[record["pipeline"]]
        ax.scatter(values, np.full(len(values), row), s=16, color=color, alpha=0.7, zorder=2, lw=0)
        ax.scatter(record["mean"], row, s=60, marker="|", color=_BLACK, linewidth=2.5, zorder=3)
        sd = "" if np.isnan(record["sd"]) else f" ± {100 * record['sd']:.1f}"
        ax.annotate(
            f"{100 * record['mean']:.1f}{sd}",
            (record["mean"], row),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            zorder=4,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5},
        )
    ax.set_yticks(rows, names, fontsize=8)
    ax.set_ylim(len(names) - 0.5, -0.75)
    ax.xaxis.set_major_formatter(_PERCENT)
    ax.tick_params(axis="x", labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def plot_ablation(scores, table, *, axes=None):
    """Draw what each variant of the network gains or loses, and what it costs.

    Parameters
    ----------
    scores : pandas.DataFrame
        Rows with ``dataset, variant, fraction, subject, score``; a subject's rows (sessions, seeds)
        at fraction 1 are averaged.
    table : pandas.DataFrame
        With ``dataset, metric, variant, n_subjects, mean, reference, difference, difference_sd,
        ci_low, ci_high, parameters, multiply_adds, memory``, as
        :class:`eegsep.studies.ablation.AblationResult` has it.
    axes : array-like of matplotlib.axes.Axes, shape (n_datasets, 4) | None
        None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A row a dataset: paired differences to the published network, a faint dot a subject, with
        the confidence interval of the mean; then the mean score over the trainable parameters, the
        multiply-adds of a trial and the peak memory of a fit, with the same intervals. Colour and
        marker are those of the variant throughout. An arrowhead at the edge stands for the rest
        of an interval that goes beyond the metric's range, or is of two subjects and too wide.
    """
    datasets = list(dict.fromkeys(table["dataset"]))
    if axes is None:
        n_rows = table["variant"].nunique()
        height = (1.0 + 0.24 * n_rows) * len(datasets)
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.subplots(len(datasets), 4, squeeze=False, width_ratios=[1.6, 1, 1, 1])
        for row in axes:
            for ax in row[2:]:
                ax.sharey(row[1])
                ax.tick_params(labelleft=False)
    for row, dataset in zip(np.atleast_2d(axes), datasets, strict=True):
        part = table[table["dataset"] == dataset]
        own = scores[(scores["dataset"] == dataset) & (scores["fraction"] == 1)]
        by_subject = own.groupby(["subject", "variant"])["score"].mean().unstack()
        _plot_differences(row[0], by_subject, part)
        heading = _heading(dataset, part["n_subjects"].iloc[0], 31)
        row[0].set_title(heading, fontsize=9, loc="left")
        for ax, cost in zip(row[1:], _COSTS, strict=True):
            _plot_cost(ax, part, cost, COLUMNS[cost].unit)
            ax.set_xlabel(in_words(cost), fontsize=8)
        row[1].set_ylabel(say_metric(part), fontsize=9)
        row[1].set_title("means; bars: intervals of the difference", fontsize=8, loc="left")
    return row[0].figure


def _plot_differences(ax, by_subject, table):
    reference = table["reference"].iloc[0]
    ax.axvline(0, color=_GREY, linestyle="--", linewidth=1, zorder=0)
    dots = by_subject[table["variant"]].sub(by_subject[reference], axis=0)
    limits = _limits(table, "difference", dots.to_numpy())
    for row, record in enumerate(table.to_dict("records")):
        color, marker = _look(row)
        name = record["variant"]
        if name != reference:
            below = np.full(len(dots), row + 0.28)
            ax.scatter(dots[name], below, s=9, color=color, alpha=0.5, lw=0)
        ax.errorbar(
            record["difference"], row, xerr=_reach(record), color=color, marker=marker, ms=5, lw=1.5
        )
        for edge in _cut(record["ci_low"], record["ci_high"], limits):
            _mark_cut(ax, (edge, row), "<" if edge == limits[0] else ">", color)
    ax.set_xlim(limits)
    ax.set_yticks(range(len(table)), table["variant"], fontsize=8)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(_PERCENT)
    ax.set_xlabel(f"{say_metric(table)} − {reference}", fontsize=9)
    _trim(ax)


def _plot_cost(ax, table, cost, unit):
    low, high = _limits(table, "mean")
    for row, record in enumerate(table.to_dict("records")):
        color, marker = _look(row)
        ax.errorbar(
            record[cost],
            record["mean"],
            yerr=_reach(record),
            color=color,
            marker=marker,
            ms=5,
            lw=1,
        )
        reach = _reach(record)
        for edge in _cut(record["mean"] - reach, record["mean"] + reach, (low, high)):
            _mark_cut(ax, (record[cost], edge), "v" if edge == low else "^", color)
    ax.set_ylim(low, high)
    ax.yaxis.set_major_formatter(_PERCENT)
    low, high = table[cost].min(), table[cost].max()
    # at least two ticks, and no more than their labels have room for
    if high < 3 * low:
        margin = 0.15 * (high - low) or 0.1 * low
        ax.set_xlim(low - margin, high + margin)
        ax.xaxis.set_major_locator(MaxNLocator(2, min_n_ticks=2))
    else:
        ax.set_xscale("log")
        ax.set_xlim(low / 1.4, high * 1.4)
        subs = (1, 2, 5) if high < 12 * low else (1, 3) if high < 300 * low else (1,)
        ax.xaxis.set_major_locator(LogLocator(subs=subs))
    ax.xaxis.set_major_formatter(EngFormatter(unit, sep=""))
    ax.xaxis.set_minor_locator(NullLocator())
    _trim(ax)


def plot_learning_curves(learning_curve, *, axes=None):
    """Draw scores over the number of training trials, and differences to the published network.

    Parameters
    ----------
    learning_curve : pandas.DataFrame
        With ``dataset, metric, variant, n_subjects, n_trials, mean, reference, difference,
        difference_sd, ci_low, ci_high, p_holm``, as
        :class:`eegsep.studies.ablation.AblationResult` has it.
    axes : array-like of matplotlib.axes.Axes, shape (n_datasets, 2) | None
        None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A row a dataset: mean scores, then mean paired differences, both with the confidence
        intervals of the differences; filled where p, corrected among the variants at one number of
        trials, is 0.05 or less. Arrowheads as in :func:`plot_ablation`.
    """
    datasets = list(dict.fromkeys(learning_curve["dataset"]))
    n_variants = learning_curve["variant"].nunique()
    own_figure = axes is None
    if own_figure:
        height = 2.8 * len(datasets) + 0.2 * np.ceil(n_variants / 4)
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.subplots(len(datasets), 2, squeeze=False)
    for row, dataset in zip(np.atleast_2d(axes), datasets, strict=True):
        part = learning_curve[learning_curve["dataset"] == dataset]
        reference = part["reference"].iloc[0]
        names = list(dict.fromkeys(part["variant"]))
        both_limits = _limits(part, "mean"), _limits(part, "difference")
        for k, name in enumerate(names):
            color, marker = _look(k)
            own = part[part["variant"] == name]
            line = "-" if k < len(_COLORS) else "--"
            look = {"color": color, "marker": marker, "linestyle": line, "ms": 4, "lw": 1.2}
            if name == reference:
                row[0].plot(own["n_trials"], own["mean"], label=name, **look)
                row[1].axhline(0, color=color, linestyle="--", linewidth=1, zorder=0)
                continue
            # intervals side by side rather than over each other
            x = own["n_trials"] * 1.02 ** (k - len(names) / 2)
            for ax, column, limits in zip(row, ("mean", "difference"), both_limits, strict=True):
                y, reach = own[column], _reach(own)
                label = name if ax is row[0] else None
                ax.errorbar(x, y, yerr=reach, elinewidth=0.8, mfc="white", label=label, **look)
                clear = own["p_holm"] <= 0.05
                ax.plot(x[clear], y[clear], color=color, marker=marker, ms=4, lw=0, zorder=3)
                for at, low, high in zip(x, y - reach, y + reach, strict=True):
                    for edge in _cut(low, high, limits):
                        _mark_cut(ax, (at, edge), "v" if edge == limits[0] else "^", color)
        row[0].set_ylabel(say_metric(part), fontsize=9)
        row[1].set_ylabel(f"{say_metric(part)} − {reference}", fontsize=9)
        heading = _heading(dataset, part["n_subjects"].iloc[0], 45)
        row[0].set_title(heading, fontsize=9, loc="left")
        said = "bars: intervals of the difference; filled: p ≤ 0.05"
        row[1].set_title(said, fontsize=8, loc="left")
        for ax, limits in zip(row, both_limits, strict=True):
            ax.set_ylim(limits)
            ax.yaxis.set_major_formatter(_PERCENT)
            ax.set_xscale("log")
            sizes = sorted(part["n_trials"].unique())
            ax.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
            ax.xaxis.set_minor_locator(NullLocator())
            ax.set_xlabel("training trials", fontsize=9)
            _trim(ax)
    handles = row[0].get_legend_handles_labels()
    if own_figure:
        figure.legend(*handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    else:
        row[0].legend(*handles, fontsize=7)
    return row[0].figure


def plot_separability_scores(pairs, correlation, *, caption=None, axes=None):
    """Draw over subjects how far the published network is ahead against the separability index.

    Parameters
    ----------
    pairs : pandas.DataFrame
        Rows with ``dataset, metric, variant, subject, index, p_value, lead``, as
        :func:`eegsep.studies.separability_index.pair_with_index` makes it.
    correlation : pandas.DataFrame
        With ``dataset, variant, n_subjects, rho, p``, as
        :func:`eegsep.studies.separability_index.correlate` makes it.
    caption : str | None
        Written below, where no ``axes`` are given.
    axes : array-like of matplotlib.axes.Axes, shape (n_datasets, n_variants) | None
        None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A row a dataset, a column a variant, a circle a subject with its number; open where its
        classes do not differ (p > 0.05), and the index says nothing. The title has Spearman's rank
        correlation, its p-value and the number of subjects.

    Raises
    ------
    ValueError
        If there is nothing to draw.
    """
    if pairs.empty:
        raise ValueError("no variant was run that the separability index can be set against")
    datasets, variants = (list(dict.fromkeys(pairs[name])) for name in ("dataset", "variant"))
    own_figure = axes is None
    if own_figure:
        lines = textwrap.wrap(caption or "", 115)
        height = 3.2 * len(datasets) + 0.13 * len(lines)
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        shape = len(datasets), len(variants)
        axes = figure.subplots(*shape, squeeze=False, sharex=True, sharey="row")
        figure.supxlabel("\n".join(lines), fontsize=7, x=0.02, ha="left")
    found = correlation.set_index(["dataset", "variant"])
    for row, dataset in zip(np.reshape(axes, (-1, len(variants))), datasets, strict=True):
        for ax, variant in zip(row, variants, strict=True):
            part = pairs[(pairs["dataset"] == dataset) & (pairs["variant"] == variant)]
            ax.axhline(0, color=_GREY, linestyle="--", linewidth=1, zorder=0)
            ax.axvline(0.5, color=_GREY, linestyle="--", linewidth=1, zorder=0)
            faces = [_BLUE if p <= 0.05 else "white" for p in part["p_value"]]
            look = {"facecolors": faces, "edgecolors": _BLUE, "s": 30, "linewidths": 1.1}
            ax.scatter(part["index"], part["lead"], **look)
            for record in part.to_dict("records"):
                ax.annotate(
                    str(record["subject"]),
                    (record["index"], record["lead"]),
                    xytext=(4, 4),
                    textcoords="offset points",
                    fontsize=6,
                )
            ax.set_xlim(-0.02, 1.02)
            ax.margins(y=0.15)
            ax.yaxis.set_major_formatter(_PERCENT)
            ax.set_title(_say_correlation(dataset, found.loc[(dataset, variant)]), fontsize=8)
            ax.set_ylabel(f"{say_metric(part)}: published − {variant}", fontsize=8)
            ax.set_xlabel("separability index (1: separable)", fontsize=8)
            _trim(ax)
    return ax.figure


def _say_correlation(dataset, found):
    n = f"n = {found['n_subjects']:.0f}"
    if np.isnan(found["rho"]):
        return f"{dataset}\nno rank correlation ({n})"
    return f"{dataset}\nSpearman's ρ = {found['rho']:+.2f}, p = {found['p']:.2g}, {n}"


def _look(k):
    return _COLORS[k % len(_COLORS)], _MARKERS[k % len(_MARKERS)]


def _reach(record):
    """Half the width of the confidence interval of the difference, which is symmetric."""
    return (record["ci_high"] - record["ci_low"]) / 2


def _heading(dataset, n_subjects, width):
    """Name a dataset and its number of subjects, in lines: codes of changed datasets are long."""
    subjects = f"({count_subjects(n_subjects)})"
    if len(f"{dataset} {subjects}") <= width:
        return f"{dataset} {subjects}"
    return "\n".join([*textwrap.wrap(dataset, width), subjects])


def _limits(table, column, points=None):
    """Choose the ends of an axis: all points, and the intervals about a column of the table.

    These end 2.5 standard deviations of the differences beyond the points. Only intervals of two
    subjects, of 9, are wider: whole, they would leave no room for what they are about.
    """
    points = table[column] if points is None else points
    least, most = np.nanmin(points), np.nanmax(points)
    reach, furthest = _reach(table), 2.5 * table["difference_sd"].max()
    if furthest > 0:
        least = max(np.nanmin([least, *(table[column] - reach)]), least - furthest)
        most = min(np.nanmax([most, *(table[column] + reach)]), most + furthest)
    margin = 0.08 * (most - least) or 0.01
    least, most = least - margin, most + margin
    if column == "mean" and table["metric"].iloc[0] in METRICS:  # which go from 0 to 1
        return max(least, -0.02), min(most, 1.02)
    return least, most


def _cut(low, high, limits):
    """Return the ends of the axis that an interval goes beyond (none where it is unknown)."""
    return list(compress(limits, (low < limits[0], high > limits[1])))


def _mark_cut(ax, point, marker, color):
    ax.plot(*point, marker=marker, color=color, ms=5, clip_on=False, zorder=3, label="_cut")


def _trim(ax):
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def plot_maps(classifier, patterns=None, *, title=None):
    """Draw the spatial filters of each temporal filter as scalp maps, a row each.

    Parameters
    ----------
    classifier : EEGNetClassifier
        Fitted on Epochs whose channels have positions, with depthwise spatial convolution.
    patterns : ndarray, shape (n_components, n_chans) | None
        Patterns that belong to the filters, in the order of ``filters_``; drawn first, since a map
        of a filter is not a map of a source.
    title : str | None
        Written on top.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Each row: the numbers of its components, in the order of ``filters_`` from 0 on; their
        patterns, their spatial filters beside them, and the temporal filter's amplitude response,
        with grey over frequencies that the recording's own filter took away. Each map has
        its own scale, from minus to plus its largest value.

    Raises
    ------
    ValueError
        If the classifier knows no electrode positions, or its spatial convolution is not
        depthwise, so that filters belong to no single temporal filter.
    """
    if classifier.info_ is None or classifier.info_.get_montage() is None:
        raise ValueError("maps need electrode positions: fit on Epochs that have a montage")
    if classifier.spatial != "depthwise":
        raise ValueError("a row a temporal filter needs depthwise spatial filters")
    n_filters, depth = classifier.module_.F1, classifier.D
    info, sfreq = classifier.info_, classifier.info_["sfreq"]
    filters = classifier.filters_.reshape(n_filters, depth, -1)
    columns = [("filter", filters)]
    if patterns is not None:
        patterns = patterns.reshape(filters.shape)
        # a component's sign is arbitrary, but its filter and its pattern share it
        filters = filters * np.sign((filters * patterns).sum(axis=-1, keepdims=True))
        columns = [("pattern", patterns), ("filter", filters)]

    n_maps = len(columns) * depth
    figure = Figure(figsize=(_WIDTH, 0.75 + 0.95 * n_filters), layout="constrained")
    axes = figure.subplots(n_filters, n_maps + 1, squeeze=False, width_ratios=[1] * n_maps + [1.9])
    freqs, responses = _amplitude_responses(classifier, sfreq)
    for row in range(n_filters):
        for column, (kind, maps) in enumerate(columns):
            for d in range(depth):
                ax = axes[row, column * depth + d]
                _plot_map(ax, maps[row, d], info)
                if row == 0:
                    ax.set_title(kind, fontsize=8)
        numbers = dict.fromkeys((row * depth, (row + 1) * depth - 1))
        label = "–".join(map(str, numbers))
        axes[row, 0].set_ylabel(label, fontsize=8, rotation=0, labelpad=12, va="center")
        band = info["highpass"], info["lowpass"]
        _plot_response(axes[row, -1], freqs, responses[row], band, last=row == n_filters - 1)
    axes[0, -1].set_title("temporal filter", fontsize=8)
    _add_color_bar(axes[-1, :n_maps])
    if title:
        figure.suptitle(title, fontsize=9)
    return figure


def _amplitude_responses(classifier, sfreq):
    """Frequencies (n_freqs,) in Hz and amplitude responses (F1, n_freqs), each of maximum 1."""
    kernels = classifier.module_.temporal.weight.detach().cpu().numpy()
    kernels = kernels.reshape(classifier.module_.F1, -1)
    n = max(512, kernels.shape[1])
    responses = np.abs(np.fft.rfft(kernels, n, axis=1))
    responses /= np.maximum(responses.max(axis=1, keepdims=True), np.finfo(float).tiny)
    return np.fft.rfftfreq(n, 1 / sfreq), responses


def _plot_response(ax, freqs, response, band, *, last):
    # outside the recording's own band a response says nothing: there was no signal to learn from
    for low, high in ((0, band[0]), (band[1], freqs[-1])):
        ax.axvspan(low, high, color="#E6E6E6", lw=0)
    shown = freqs <= min(45.0, freqs[-1])
    ax.fill_between(freqs[shown], response[shown], color=_BLUE, alpha=0.3, lw=0)
    ax.plot(freqs[shown], response[shown], color=_BLUE, linewidth=1)
    ax.set_xlim(0, freqs[shown][-1])
    ax.set_ylim(0, 1.05)
    ax.set_yticks([])
    ax.set_xticks(np.arange(0, freqs[shown][-1] + 1, 10))
    ax.tick_params(axis="x", labelsize=7, labelbottom=last)
    ax.grid(axis="x", linewidth=0.4, color="#DDDDDD")
    ax.spines[["top", "right", "left"]].set_visible(False)
    if last:
        ax.set_xlabel("Hz", fontsize=7)


def plot_components(components, picks=None, *, title=None):
    """Draw components of one fit, a row each: where, at which frequencies, and what for.

    Parameters
    ----------
    components : eegsep.inspection.Components
        Of a fit on Epochs whose channels have positions.
    picks : sequence of int | None
        Components to draw. None for the eight that
        :meth:`eegsep.inspection.Components.leading` gives.
    title : str | None
        Written on top.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Each row: pattern, spatial filter, temporal filter, frequency pattern with its peak and its
        -3 dB band, and the relevance for each class if known. Where two networks stand side by
        side, each row says which initial weights its component began with. A map has its own
        scale, from minus to plus its largest value; the relevances share theirs.

    Raises
    ------
    ValueError
        If the electrodes' positions are not known.
    """
    info = _located(components.info)
    worth = components.relevance
    if picks is None:
        picks = components.leading()
    n_columns = 4 + (worth is not None)
    figure, axes = _rows_of_maps(len(picks), [1, 1, 1.5, 1.7, 1.4][:n_columns])
    last = len(picks) - 1
    starts = np.unique(components.starts)
    for i, (row, k) in enumerate(zip(axes, picks, strict=True)):
        _plot_map(row[0], components.patterns[k], info)
        _plot_map(row[1], components.filters[k], info)
        kernel = components.kernels[k]
        seconds = np.arange(len(kernel)) / info["sfreq"]
        row[2].axhline(0, color=_GREY, linewidth=0.5)
        row[2].plot(1e3 * seconds, kernel, color=_BLUE, linewidth=1)
        row[2].set_yticks([])
        row[2].tick_params(axis="x", labelsize=7, labelbottom=i == last)
        row[2].spines[["top", "right", "left"]].set_visible(False)
        _plot_spectrum(
            row[3],
            components.freqs,
            components.spectra[k],
            (components.peak_freqs[k], *components.bands[k]),
            info,
            last=i == last,
        )
        label = f"{k}" if len(starts) < 2 else f"{k}\n{components.starts[k]}"
        row[0].set_ylabel(label, fontsize=8, rotation=0, labelpad=8 * len(starts), va="center")
    axes[-1][2].set_xlabel("ms", fontsize=7)
    _add_color_bar(axes[-1][:2])
    if worth is not None:
        _plot_relevances([row[4] for row in axes], worth[picks], components.classes)
    names = [
        "pattern",
        "spatial filter",
        "temporal filter",
        "frequency pattern",
        "relevance (nats)",
    ]
    for ax, name in zip(axes[0], names, strict=False):
        ax.set_title(name, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=9)
    return figure


def plot_consensus(consensus, *, n_clusters=8, title=None, dipoles=None):
    """Draw what several fits have in common, a row a cluster of components.

    Parameters
    ----------
    consensus : eegsep.inspection.Consensus
        Of fits on Epochs whose channels have positions.
    n_clusters : int, default=8
        Most clusters to draw, in their order.
    title : str | None
        Written before the reliability.
    dipoles : pandas.DataFrame | None
        As :func:`eegsep.studies.inspected.leading_dipoles` returns them, by the number of the
        cluster: under the pattern it is said which electrode each lies under, if map and dipole
        agree on one, and how much of the pattern it explains.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Each row: in how many fits the cluster is found (orange where no repetition has it in two,
        so that it may be chance), its mean pattern and where that is largest, how the members
        scatter about it (on the same scale), its mean spatial filter, its frequency pattern with
        peak and -3 dB band, and the relevance for each class if known, on one scale for all rows.

    Raises
    ------
    ValueError
        If the electrodes' positions are not known.
    """
    info = _located(consensus.info)
    clusters = consensus.clusters[:n_clusters]
    known = clusters[0].relevance is not None
    figure, axes = _rows_of_maps(len(clusters), [1, 1, 1, 1.9, 1.4][: 4 + known])
    for i, (row, cluster) in enumerate(zip(axes, clusters, strict=True)):
        limit = np.abs(cluster.pattern).max()
        _plot_map(row[0], cluster.pattern, info, limit)
        _plot_map(row[1], cluster.spread, info, limit)
        _plot_map(row[2], cluster.filter, info)
        _plot_spectrum(
            row[3],
            consensus.freqs,
            cluster.spectrum,
            (cluster.peak_freq, *cluster.band),
            info,
            last=i == len(clusters) - 1,
        )
        # a line each: wider than the map, they would be cut off
        largest = say_poles(cluster.pattern, info["ch_names"]).replace(", ", ",\n")
        places = [f"largest at {largest}"]
        if dipoles is not None and i in dipoles.index:
            places.append(_say_dipole(dipoles.loc[i]))
        row[0].set_xlabel("\n".join(places), fontsize=6)
        row[0].set_ylabel(
            f"{i}: one fit\nalone"
            if cluster.n_fits == 1
            else f"{i}: {cluster.n_fits} of\n{consensus.n_fits} fits",
            fontsize=7,
            rotation=0,
            labelpad=18,
            va="center",
            color=_ORANGE if cluster.single else _BLACK,
        )
    _add_color_bar(axes[-1][:3])
    if known:
        relevances = np.stack([cluster.relevance for cluster in clusters])
        _plot_relevances([row[4] for row in axes], relevances, consensus.classes)
    names = [
        "pattern",
        "± sd of pattern",
        "spatial filter",
        "frequency pattern",
        "relevance (nats)",
    ]
    for ax, name in zip(axes[0], names, strict=False):
        ax.set_title(name, fontsize=8)
    left_out = len(consensus.clusters) - len(clusters)
    said = [
        *([title] if title else []),
        f"{consensus.n_fits} fits, reliability {consensus.reliability:.2f}",
        *([f"{left_out} more clusters"] if left_out else []),
    ]
    figure.suptitle("; ".join(said), fontsize=9)
    return figure


def _say_dipole(dipole):
    if not dipole["nearest"]:
        return "no single place"
    return f"under {dipole['nearest']} ({100 * dipole['goodness_of_fit']:.0f} %)"


def _located(info):
    if info is None or info.get_montage() is None:
        raise ValueError("maps need electrode positions: fit on Epochs that have a montage")
    return info


def _rows_of_maps(n_rows, widths):
    figure = Figure(figsize=(_WIDTH, 0.8 + 0.95 * n_rows), layout="constrained")
    return figure, figure.subplots(n_rows, len(widths), squeeze=False, width_ratios=widths)


def _plot_map(ax, values, info, limit=None):
    limit = limit or np.abs(values).max() or 1.0
    mne.viz.plot_topomap(
        values,
        info,
        axes=ax,
        vlim=(-limit, limit),
        cmap=_MAP_COLORS,
        sensors=len(values) <= _MOST_DOTS and "k,",
        contours=4,
        sphere=_HEAD,
        extrapolate="local",  # nothing is known far from the electrodes
        show=False,
    )


def _add_color_bar(axes):
    """Say below the maps what their colours stand for: each has a scale of its own."""
    colors = mpl.cm.ScalarMappable(mpl.colors.Normalize(-1, 1), _MAP_COLORS)
    bar = axes[0].figure.colorbar(
        colors, ax=list(axes), location="bottom", ticks=[-1, 0, 1], aspect=30, pad=0.05
    )
    bar.ax.set_xticklabels(["−", "0", "+ largest"])
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_linewidth(0.4)


def _plot_spectrum(ax, freqs, spectrum, peak_and_band, info, *, last):
    peak, low, high = peak_and_band
    own = spectrum / (spectrum.max() or 1.0)
    _plot_response(ax, freqs, own, (info["highpass"], info["lowpass"]), last=last)
    ax.annotate(
        f"{peak:.1f} Hz\n({low:.1f}–{high:.1f})",
        (1, 1),
        xycoords="axes fraction",
        ha="right",
        va="top",
        fontsize=7,
    )


def _plot_relevances(axes, relevances, classes):
    """Draw bars for each class, on the same scale in each of the axes."""
    low, high = min(0.0, np.nanmin(relevances)), max(0.0, np.nanmax(relevances))
    margin = 0.05 * (high - low) or 1.0
    for ax, values in zip(axes, relevances, strict=True):
        colors = [_look(k)[0] for k in range(1, len(classes) + 1)]
        ax.barh(np.arange(len(classes)), values, color=colors, height=0.7)
        ax.axvline(0, color=_BLACK, linewidth=0.6)
        ax.set_xlim(low - margin, high + margin)
        ax.set_ylim(len(classes) - 0.4, -0.6)
        ax.set_yticks(np.arange(len(classes)), [str(label) for label in classes], fontsize=7)
        ax.yaxis.tick_right()
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_locator(MaxNLocator(3))
        ax.tick_params(axis="x", labelsize=7, labelbottom=ax is axes[-1])
        ax.spines[["top", "right", "left"]].set_visible(False)


def settings():
    """Have figures look the same whatever the user's matplotlibrc says, and names be no formulae.

    Returns
    -------
    context : context manager
        Figures are to be drawn and saved in it.
    """
    return mpl.rc_context({"savefig.bbox": None, "text.parse_math": False})


def save(figure, file):
    """Write a figure as a picture.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    file : path-like
        Where to; the suffix tells the format.
    """
    with settings(), written_aside(file) as aside:
        figure.savefig(aside, dpi=200, facecolor="white")


def plot_separability(networks, data=None, *, ax=None):
    """Draw the separability index of each subject, with what it is compared with beside it.

    Parameters
    ----------
    networks : dict of NetworkSeparability
        By subject, from :func:`eegsep.separability.separability_index`. Empty for data alone.
    data : dict of Separability | None
        By subject, from :func:`eegsep.separability.data_separability`.
    ax : matplotlib.axes.Axes | None
        None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A row a subject, the least separable on top. The index of the data, of the trained kernels,
        of random ones, and of kernels trained on shuffled labels; open where classes do not differ
        (p > 0.05), and the index says nothing. A dashed line at 1/2, where it then tends to be.

    Raises
    ------
    ValueError
        If there is no subject, or the two are of different subjects.
    """
    if data is not None and networks and set(data) != set(networks):
        raise ValueError("networks and data must be of the same subjects")
    subjects = list(networks or data or ())
    if not subjects:
        raise ValueError("there is no subject to draw")
    series = []
    if networks:
        kinds = (
            ("trained on shuffled labels", "x", _ORANGE, lambda network: network.shuffled),
            ("random kernels", "s", "#666666", lambda network: (network.untrained,)),
            ("trained kernels", "o", _BLUE, lambda network: (network.trained,)),
        )
        for label, marker, color, pick in kinds:
            series.append((label, marker, color, {k: pick(v) for k, v in networks.items()}))
    if data:
        series.append(("data", "D", _BLACK, {k: (v,) for k, v in data.items()}))
    decisive = {k: v.trained for k, v in networks.items()} or data
    subjects.sort(key=lambda subject: decisive[subject].index)

    if ax is None:
        figure = Figure(figsize=(_WIDTH, 1.4 + 0.2 * len(subjects)), layout="constrained")
        ax = figure.subplots()
    ax.axvline(0.5, color=_GREY, linestyle="--", linewidth=1, zorder=0)
    for row in range(len(subjects)):
        ax.axhline(row, color="#DDDDDD", linewidth=0.5, zorder=0)
    for order, (label, marker, color, values) in enumerate(series):
        points = [(v.index, row, v.p_value) for row, s in enumerate(subjects) for v in values[s]]
        if not points:
            continue
        x, rows, p_values = np.array(points).T
        style = {"marker": marker, "s": 26, "linewidths": 1.1, "zorder": 2 + order}
        if marker == "x":
            ax.scatter(x, rows, color=color, label=label, **style)
            continue
        faces = [color if p <= 0.05 else "white" for p in p_values]
        ax.scatter(x, rows, facecolors=faces, edgecolors=color, **style)
        ax.scatter([], [], color=color, label=label, marker=marker, s=26)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(len(subjects) - 0.5, -0.5)
    ax.set_yticks(range(len(subjects)), [str(subject) for subject in subjects], fontsize=7)
    ax.set_ylabel("subject", fontsize=9)
    ax.set_xlabel("separability index (0: needs joint kernels, 1: separable)", fontsize=9)
    ax.tick_params(axis="x", labelsize=8)
    ax.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, frameon=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax.figure


def plot_reliability(table, *, ax=None):
    """Draw how reliable each subject's trained networks are, with the controls beside them.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows with ``subject, trained, untrained, shuffled, stable`` and perhaps ``trained_low,
        trained_high``, as :meth:`eegsep.studies.inspected.DatasetInspection.to_frame` makes it;
        controls may be None.
    ax : matplotlib.axes.Axes | None
        None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A row a subject, in the table's order. Trained networks, with their interval where it is
        known, are filled where they are stable, and open where they are not or there is no telling.
        A dashed line at 0, where networks that learned nothing are on average.
    """
    if ax is None:
        figure = Figure(figsize=(_WIDTH, 1.1 + 0.2 * len(table)), layout="constrained")
        ax = figure.subplots()
    rows = np.arange(len(table))
    ax.axvline(0, color=_GREY, linestyle="--", linewidth=1, zorder=0)
    for row in rows:
        ax.axhline(row, color="#DDDDDD", linewidth=0.5, zorder=0)
    for kind, label, marker, color in (
        ("shuffled", "trained on shuffled labels", "x", _ORANGE),
        ("untrained", "untrained", "s", "#666666"),
        ("trained", "trained", "o", _BLUE),
    ):
        values = table[kind].astype(float)
        if values.isna().all():
            continue
        look = {"color": color, "marker": marker, "s": 26, "linewidths": 1.1, "zorder": 2}
        if kind == "trained":
            if "trained_low" in table:
                ends = table["trained_low"], table["trained_high"]
                ax.hlines(rows, *ends, color=color, linewidth=1)
            faces = [color if stable else "white" for stable in table["stable"]]
            ax.scatter(values, rows, **look | {"facecolors": faces, "s": 36})
            values = rows = []  # for the legend alone, where it is filled
        ax.scatter(values, rows, label=label, **look)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_yticks(range(len(table)), [str(subject) for subject in table["subject"]], fontsize=7)
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.1), max(high, 1.02))
    ax.set_ylabel("subject" if len(table) > 1 else "", fontsize=9)
    ax.set_xlabel("reliability (0: nothing recurs, 1: all that decides recurs)", fontsize=9)
    ax.tick_params(axis="x", labelsize=8)
    ax.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax.figure


def plot_confusion(matrix, classes, *, ax=None):
    """Draw which classes are taken for which.

    Parameters
    ----------
    matrix : array-like of int, shape (n_classes, n_classes)
        Numbers of trials by true (rows) and predicted class.
    classes : sequence of str
        Their names.
    ax : matplotlib.axes.Axes | None
        None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Each cell with its share of the true class, which is its shade too, and the number of
        trials.
    """
    matrix, names = np.asarray(matrix), [str(label) for label in classes]
    if ax is None:
        side = 1.3 + 0.6 * len(names)
        ax = Figure(figsize=(side + 0.3, side), layout="constrained").subplots()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        color = "white" if share > 0.6 else _BLACK
        text = f"{share:.0%}\n{matrix[row, column]}"
        ax.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
    ticks = range(len(names))
    ax.set_xticks(ticks, names, fontsize=7, rotation=30, ha="right", rotation_mode="anchor")
    ax.set_yticks(ticks, names, fontsize=7)
    ax.tick_params(length=0)
    ax.set_xlabel("predicted", fontsize=8)
    ax.set_ylabel("true", fontsize=8)
    ax.spines[:].set_visible(False)
    return ax.figure


def plot_history(history, *, ax=None):
    """Draw the loss over the epochs of a fit.

    Parameters
    ----------
    history : pandas.DataFrame or list of dict
        A classifier's ``history_``: ``epoch, train_loss`` and perhaps ``valid_loss, valid_best``.
    ax : matplotlib.axes.Axes | None
        None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Training loss and, where there is one, validation loss, with a dot at the last epoch that
        was its best: there early stopping takes the weights.
    """
    history = pd.DataFrame(history)
    if ax is None:
        ax = Figure(figsize=(0.5 * _WIDTH, 2.3), layout="constrained").subplots()
    ax.plot(history["epoch"], history["train_loss"], color=_BLUE, linewidth=1.2, label="training")
    if "valid_loss" in history:
        look = {"color": _ORANGE, "linewidth": 1.2, "linestyle": "--"}
        ax.plot(history["epoch"], history["valid_loss"], label="validation", **look)
        best = history[history["valid_best"].astype(bool)].tail(1)
        ax.plot(best["epoch"], best["valid_loss"], "o", color=_ORANGE, markersize=4)
        ax.legend(fontsize=7, frameon=False)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.set_xlabel("epoch", fontsize=8)
    ax.set_ylabel("loss (nats)", fontsize=8)
    _trim(ax)
    return ax.figure
