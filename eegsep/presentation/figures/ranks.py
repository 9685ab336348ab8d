"""Mean ranks of pipelines on a line, with the critical difference.

Pipelines that a bar joins do not differ by more.
"""

import numpy as np
from matplotlib.figure import Figure

from .style import BLACK, BLUE, WIDTH

_STEP = 0.22  # inches between lines


def plot_ranks(ranking, *, ax=None):
    """Draw a critical-difference diagram.

    Parameters
    ----------
    ranking : eegsep.statistics.Ranking
    ax : matplotlib.axes.Axes | None
        None makes a figure.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.presentation.figures import plot_ranks
    >>> from eegsep.statistics import rank
    >>> rows = [(name, subject, 0.6 + gain + 0.02 * subject) for subject in range(1, 13)
    ...         for name, gain in {"EEGNet": 0.1, "TS+LR": 0.05, "CSP+LDA": 0.0}.items()]
    >>> scores = pd.DataFrame(rows, columns=["pipeline", "subject", "score"])
    >>> scores = scores.assign(dataset="d", metric="roc_auc", seed=0, time=1.0, samples_test=40,
    ...                        n_classes=2)
    >>> figure = plot_ranks(rank(scores))
    """
    ranks, k = ranking.ranks, len(ranking.ranks)
    n_left, n_groups = (k + 1) // 2, len(ranking.groups)
    depth = 1.2 + n_groups + n_left  # lines below the axis
    if ax is None:
        figure = Figure(figsize=(WIDTH, 0.75 + _STEP * depth), layout="constrained")
        ax = figure.subplots()
    line = {"color": BLACK, "linewidth": 1, "clip_on": False}
    ax.hlines(0, 1, k, **line)
    for tick in range(1, k + 1):
        ax.vlines(tick, 0, 0.35, **line)
        ax.text(tick, 0.45, str(tick), ha="center", va="bottom", fontsize=8)
    end = 1 + ranking.difference
    ax.hlines(1.9, 1, end, color=BLUE, linewidth=2, clip_on=False)
    label = f"critical difference {ranking.difference:.2f}"
    ax.text(1, 2.1, label, va="bottom", fontsize=8, color=BLUE)
    for level, group in enumerate(ranking.groups, 1):
        ends = ranks[group].min() - 0.03, ranks[group].max() + 0.03
        ax.hlines(-level, *ends, color=BLUE, linewidth=3.5, clip_on=False)
    for i, (name, rank) in enumerate(ranks.items()):
        left = i < n_left
        y = -(n_groups + 1.2 + (i if left else k - 1 - i))
        x = 0.85 if left else k + 0.15
        ax.plot([rank, rank, x], [0, y, y], **line)
        words = f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}"
        ax.text(
            x + (-0.05 if left else 0.05),
            y,
            words,
            ha="right" if left else "left",
            va="center",
            fontsize=8,
        )
    room = 0.045 * (k - 1) * max(len(str(name)) for name in ranks.index) * 0.62
    ax.set_xlim(0.85 - np.maximum(room, 0.4), k + 0.15 + np.maximum(room, 0.4))
    ax.set_ylim(-depth - 0.3, 3.2)
    ax.axis("off")
    return ax.figure
