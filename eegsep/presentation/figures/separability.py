"""The separability index: of each subject, and beside what other convolutions gain on it.

Open where classes do not differ, and the index says nothing.
"""

import textwrap

import numpy as np
from matplotlib.figure import Figure

from eegsep._utils.columns import say_metric

from .style import BLACK, BLUE, GREY, ORANGE, PERCENT, WIDTH, trim


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

    Examples
    --------
    >>> from eegsep.presentation.figures import plot_separability
    >>> from eegsep.separability import Separability
    >>> data = {1: Separability(0.9, 1.0, 0.1, 0.05, 0.01), 2: Separability(0.5, 0, 0, 0.05, 0.6)}
    >>> figure = plot_separability({}, data)
    """
    if data is not None and networks and set(data) != set(networks):
        raise ValueError("networks and data must be of the same subjects")
    subjects = list(networks or data or ())
    if not subjects:
        raise ValueError("there is no subject to draw")
    series = []
    if networks:
        kinds = (
            ("trained on shuffled labels", "x", ORANGE, lambda network: network.shuffled),
            ("random kernels", "s", "#666666", lambda network: (network.untrained,)),
            ("trained kernels", "o", BLUE, lambda network: (network.trained,)),
        )
        for label, marker, color, pick in kinds:
            series.append((label, marker, color, {k: pick(v) for k, v in networks.items()}))
    if data:
        series.append(("data", "D", BLACK, {k: (v,) for k, v in data.items()}))
    decisive = {k: v.trained for k, v in networks.items()} or data
    subjects.sort(key=lambda subject: decisive[subject].index)

    if ax is None:
        figure = Figure(figsize=(WIDTH, 1.4 + 0.2 * len(subjects)), layout="constrained")
        ax = figure.subplots()
    ax.axvline(0.5, color=GREY, linestyle="--", linewidth=1, zorder=0)
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

    Examples
    --------
    >>> import pandas as pd
    >>> from eegsep.presentation.figures import plot_separability_scores
    >>> pairs = pd.DataFrame({"dataset": "d", "metric": "roc_auc", "variant": "joint",
    ...                       "subject": [1, 2, 3], "index": [0.5, 0.7, 0.9], "p_value": 0.01,
    ...                       "lead": [-0.1, 0.0, 0.1]})
    >>> correlation = pd.DataFrame([{"dataset": "d", "variant": "joint", "n_subjects": 3,
    ...                              "rho": 1.0, "p": 0.33}])
    >>> figure = plot_separability_scores(pairs, correlation)
    """
    if pairs.empty:
        raise ValueError("no variant was run that the separability index can be set against")
    datasets, variants = (list(dict.fromkeys(pairs[name])) for name in ("dataset", "variant"))
    own_figure = axes is None
    if own_figure:
        lines = textwrap.wrap(caption or "", 115)
        height = 3.2 * len(datasets) + 0.13 * len(lines)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        shape = len(datasets), len(variants)
        axes = figure.subplots(*shape, squeeze=False, sharex=True, sharey="row")
        figure.supxlabel("\n".join(lines), fontsize=7, x=0.02, ha="left")
    found = correlation.set_index(["dataset", "variant"])
    for row, dataset in zip(np.reshape(axes, (-1, len(variants))), datasets, strict=True):
        for ax, variant in zip(row, variants, strict=True):
            part = pairs[(pairs["dataset"] == dataset) & (pairs["variant"] == variant)]
            ax.axhline(0, color=GREY, linestyle="--", linewidth=1, zorder=0)
            ax.axvline(0.5, color=GREY, linestyle="--", linewidth=1, zorder=0)
            faces = [BLUE if p <= 0.05 else "white" for p in part["p_value"]]
            look = {"facecolors": faces, "edgecolors": BLUE, "s": 30, "linewidths": 1.1}
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
            ax.yaxis.set_major_formatter(PERCENT)
            ax.set_title(_say_correlation(dataset, found.loc[(dataset, variant)]), fontsize=8)
            ax.set_ylabel(f"{say_metric(part)}: published − {variant}", fontsize=8)
            ax.set_xlabel("separability index (1: separable)", fontsize=8)
            trim(ax)
    return ax.figure


def _say_correlation(dataset, found):
    n = f"n = {found['n_subjects']:.0f}"
    if np.isnan(found["rho"]):
        return f"{dataset}\nno rank correlation ({n})"
    return f"{dataset}\nSpearman's ρ = {found['rho']:+.2f}, p = {found['p']:.2g}, {n}"
