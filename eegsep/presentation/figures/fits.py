"""How fits went: loss over epochs, classes taken for others, reliability beside the controls'.

Small figures, on axes of their own or on given ones.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import BLACK, BLUE, GREY, ORANGE, WIDTH, trim


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

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.presentation.figures import plot_reliability
    >>> table = pd.DataFrame({"subject": [1, 2], "trained": [0.8, 0.3], "untrained": [0.1, 0.0],
    ...                       "shuffled": [0.0, 0.2], "stable": [True, False]})
    >>> figure = plot_reliability(table)
    """
    if ax is None:
        figure = Figure(figsize=(WIDTH, 1.1 + 0.2 * len(table)), layout="constrained")
        ax = figure.subplots()
    rows = np.arange(len(table))
    ax.axvline(0, color=GREY, linestyle="--", linewidth=1, zorder=0)
    for row in rows:
        ax.axhline(row, color="#DDDDDD", linewidth=0.5, zorder=0)
    for kind, label, marker, color in (
        ("shuffled", "trained on shuffled labels", "x", ORANGE),
        ("untrained", "untrained", "s", "#666666"),
        ("trained", "trained", "o", BLUE),
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

    Examples
    --------
    >>> from eegsep.presentation.figures import plot_confusion
    >>> figure = plot_confusion([[18, 2], [5, 15]], ["left hand", "right hand"])
    """
    matrix, names = np.asarray(matrix), [str(label) for label in classes]
    if ax is None:
        side = 1.3 + 0.6 * len(names)
        ax = Figure(figsize=(side + 0.3, side), layout="constrained").subplots()
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        color = "white" if share > 0.6 else BLACK
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
        was its best: there early stopping takes the weights. Words where there was no epoch.

    Examples
    --------
    >>> from eegsep.presentation.figures import plot_history
    >>> history = [{"epoch": 1, "train_loss": 0.7}, {"epoch": 2, "train_loss": 0.5}]
    >>> figure = plot_history(history)
    """
    history = pd.DataFrame(history)
    if ax is None:
        ax = Figure(figsize=(0.5 * WIDTH, 2.3), layout="constrained").subplots()
    if len(history):
        look = {"color": BLUE, "linewidth": 1.2}
        ax.plot(history["epoch"], history["train_loss"], label="training", **look)
    else:
        ax.text(0.5, 0.5, "the start, untrained", transform=ax.transAxes, ha="center", fontsize=8)
    if "valid_loss" in history:
        look = {"color": ORANGE, "linewidth": 1.2, "linestyle": "--"}
        ax.plot(history["epoch"], history["valid_loss"], label="validation", **look)
        best = history[history["valid_best"].astype(bool)].tail(1)
        ax.plot(best["epoch"], best["valid_loss"], "o", color=ORANGE, markersize=4)
        ax.legend(fontsize=7, frameon=False)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.set_xlabel("epoch", fontsize=8)
    ax.set_ylabel("loss (nats)", fontsize=8)
    trim(ax)
    return ax.figure
