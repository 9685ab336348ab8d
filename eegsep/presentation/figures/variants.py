"""Variants of the network: what each gains or loses, what it costs, and how many trials it needs.

All with the intervals of paired differences to the published network.
"""

from itertools import compress

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

from eegsep._utils.columns import COLUMNS, METRICS, in_words, say_metric

from .style import COLORS, GREY, PERCENT, WIDTH, color_and_marker, say_dataset, trim

# What plot_ablation sets scores over.
_COSTS = ("parameters", "multiply_adds", "memory")


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

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.presentation.figures import plot_ablation
    >>> from eegsep.studies.ablation import compare
    >>> rows = [(variant, subject, 0.7 + 0.02 * subject - 0.05 * (variant == "standard spatial"))
    ...         for variant in ("published", "standard spatial") for subject in (1, 2, 3)]
    >>> scores = pd.DataFrame(rows, columns=["variant", "subject", "score"])
    >>> scores = scores.assign(dataset="d", metric="roc_auc", session="0", seed=0, fraction=1.0,
    ...                        time=1.0, samples_test=20, n_classes=2)
    >>> table = compare(scores).assign(parameters=[2484, 4948], multiply_adds=[1e6, 2e6],
    ...                                memory=[5e6, 9e6])
    >>> figure = plot_ablation(scores, table)
    """
    datasets = list(dict.fromkeys(table["dataset"]))
    if axes is None:
        n_rows = table["variant"].nunique()
        height = (1.0 + 0.24 * n_rows) * len(datasets)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
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
        heading = say_dataset(dataset, part["n_subjects"].iloc[0], 31)
        row[0].set_title(heading, fontsize=9, loc="left")
        for ax, cost in zip(row[1:], _COSTS, strict=True):
            _plot_cost(ax, part, cost, COLUMNS[cost].unit)
            ax.set_xlabel(in_words(cost), fontsize=8)
        row[1].set_ylabel(say_metric(part), fontsize=9)
        row[1].set_title("means; bars: intervals of the difference", fontsize=8, loc="left")
    return row[0].figure


def _plot_differences(ax, by_subject, table):
    reference = table["reference"].iloc[0]
    ax.axvline(0, color=GREY, linestyle="--", linewidth=1, zorder=0)
    dots = by_subject[table["variant"]].sub(by_subject[reference], axis=0)
    limits = _limits(table, "difference", dots.to_numpy())
    for row, record in enumerate(table.to_dict("records")):
        color, marker = color_and_marker(row)
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
    ax.xaxis.set_major_formatter(PERCENT)
    ax.set_xlabel(f"{say_metric(table)} − {reference}", fontsize=9)
    trim(ax)


def _plot_cost(ax, table, cost, unit):
    low, high = _limits(table, "mean")
    for row, record in enumerate(table.to_dict("records")):
        color, marker = color_and_marker(row)
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
    ax.yaxis.set_major_formatter(PERCENT)
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
    trim(ax)


def plot_learning_curves(learning_curve, *, axes=None):
    """Draw scores over the number of training trials, and differences to what is compared with.

    Parameters
    ----------
    learning_curve : pandas.DataFrame
        With ``dataset, metric, variant, n_subjects, n_trials, mean, reference, difference,
        difference_sd, ci_low, ci_high, p_holm``, as
        :class:`eegsep.studies.ablation.AblationResult` has it, or with ``pipeline`` for
        ``variant``, as :class:`eegsep.studies.benchmark.BenchmarkResult`.
    axes : array-like of matplotlib.axes.Axes, shape (n_datasets, 2) | None
        None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A row a dataset: mean scores, then mean paired differences, both with the confidence
        intervals of the differences; filled where p, corrected among the variants at one number of
        trials, is 0.05 or less. Arrowheads as in :func:`plot_ablation`.

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.presentation.figures import plot_learning_curves
    >>> from eegsep.studies.learning_curve import learning_curve
    >>> rows = [(name, subject, n, 0.5 + 0.002 * n + 0.01 * subject + 0.05 * (name == "EEGNet"))
    ...         for name in ("EEGNet", "CSP+LDA") for subject in (1, 2, 3) for n in (10, 40)]
    >>> scores = pd.DataFrame(rows, columns=["pipeline", "subject", "n_train", "score"])
    >>> scores = scores.assign(dataset="d", metric="roc_auc", session="0", seed=0, time=1.0,
    ...                        samples_test=20, n_classes=2)
    >>> figure = plot_learning_curves(learning_curve(scores))
    """
    datasets = list(dict.fromkeys(learning_curve["dataset"]))
    which = "variant" if "variant" in learning_curve else "pipeline"
    n_variants = learning_curve[which].nunique()
    own_figure = axes is None
    if own_figure:
        height = 2.8 * len(datasets) + 0.2 * np.ceil(n_variants / 4)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots(len(datasets), 2, squeeze=False)
    for row, dataset in zip(np.atleast_2d(axes), datasets, strict=True):
        part = learning_curve[learning_curve["dataset"] == dataset]
        reference = part["reference"].iloc[0]
        names = list(dict.fromkeys(part[which]))
        both_limits = _limits(part, "mean"), _limits(part, "difference")
        for k, name in enumerate(names):
            color, marker = color_and_marker(k)
            own = part[part[which] == name]
            line = "-" if k < len(COLORS) else "--"
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
        heading = say_dataset(dataset, part["n_subjects"].iloc[0], 45)
        row[0].set_title(heading, fontsize=9, loc="left")
        said = "bars: intervals of the difference; filled: p ≤ 0.05"
        row[1].set_title(said, fontsize=8, loc="left")
        for ax, limits in zip(row, both_limits, strict=True):
            ax.set_ylim(limits)
            ax.yaxis.set_major_formatter(PERCENT)
            ax.set_xscale("log")
            sizes = sorted(part["n_trials"].unique())
            ax.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
            ax.xaxis.set_minor_locator(NullLocator())
            ax.set_xlabel("training trials", fontsize=9)
            trim(ax)
    handles = row[0].get_legend_handles_labels()
    if own_figure:
        figure.legend(*handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    else:
        row[0].legend(*handles, fontsize=7)
    return row[0].figure


def _reach(record):
    """Half the width of the confidence interval of the difference, which is symmetric."""
    return (record["ci_high"] - record["ci_low"]) / 2


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
