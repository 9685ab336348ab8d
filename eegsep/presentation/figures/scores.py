"""Scores of pipelines, a dot a subject.

Means, deviations and the level of chance beside them.
"""

import numpy as np
from matplotlib.figure import Figure

from eegsep._utils.columns import say_metric

from .style import BLACK, BLUE, GREY, ORANGE, PERCENT, WIDTH, say_dataset


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

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.presentation.figures import plot_scores
    >>> from eegsep.statistics import summarise
    >>> rows = [(name, subject, 0.6 + gain + 0.02 * subject) for subject in range(1, 13)
    ...         for name, gain in {"EEGNet": 0.1, "TS+LR": 0.05, "CSP+LDA": 0.0}.items()]
    >>> scores = pd.DataFrame(rows, columns=["pipeline", "subject", "score"])
    >>> scores = scores.assign(dataset="d", metric="roc_auc", seed=0, time=1.0, samples_test=40,
    ...                        n_classes=2)
    >>> figure = plot_scores(scores, summarise(scores))
    """
    datasets = list(dict.fromkeys(summary["dataset"]))
    if axes is None:
        n_rows = summary["pipeline"].nunique()
        figure = Figure(figsize=(WIDTH, 0.9 + 0.42 * n_rows), layout="constrained")
        axes = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
    for ax, dataset in zip(axes, datasets, strict=True):
        part = summary[summary["dataset"] == dataset]
        _plot_dataset_scores(ax, scores[scores["dataset"] == dataset], part)
        n_subjects = scores.loc[scores["dataset"] == dataset, "subject"].nunique()
        ax.set_title(say_dataset(dataset, n_subjects, 80 // len(datasets)), fontsize=9)
        ax.set_xlabel(say_metric(part), fontsize=9)
    return axes[0].figure


def _plot_dataset_scores(ax, scores, summary):
    names = list(summary["pipeline"])
    rows = np.arange(len(names))
    table = scores.groupby(["subject", "pipeline"])["score"].mean().unstack()[names]
    chance = summary["chance"].iloc[0]
    ax.axvline(chance, color=GREY, linestyle="--", linewidth=1, zorder=0)
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
        ax.plot(values, rows, color=GREY, linewidth=0.6, alpha=0.6, zorder=1)
    for row, record in zip(rows, summary.to_dict("records"), strict=True):
        color = ORANGE if record["pipeline"] == record["reference"] else BLUE
        values = table[record["pipeline"]]
        ax.scatter(values, np.full(len(values), row), s=16, color=color, alpha=0.7, zorder=2, lw=0)
        ax.scatter(record["mean"], row, s=60, marker="|", color=BLACK, linewidth=2.5, zorder=3)
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
    ax.xaxis.set_major_formatter(PERCENT)
    ax.tick_params(axis="x", labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
