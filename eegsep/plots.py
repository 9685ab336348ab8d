"""Figures from results: scores by subject, and scalp maps of what a network learned.

Functions return figures; nothing is shown, and matplotlib's global state is left alone.
"""

import matplotlib as mpl
import mne
import numpy as np
from matplotlib.figure import Figure

# Okabe & Ito's colours, which colour-blind readers tell apart.
_BLUE, _ORANGE, _BLACK = "#0072B2", "#D55E00", "#000000"
_GREY = "#999999"
_WIDTH = 7.0  # inches: the text width of a paper's page
# Centre and radius, in m, of the head that maps are drawn on. In MNE's coordinates the middle of a
# head lies before the line between the ears: on MNE's own sphere frontal electrodes fall outside.
_HEAD = (0.0, 0.015, 0.0, 0.1)
_METRICS = {"roc_auc": "ROC-AUC", "accuracy": "accuracy"}


def plot_scores(scores, summary, *, axes=None):
    """Draw each subject's scores, joined across pipelines, with means and chance level.

    Parameters
    ----------
    scores : pandas.DataFrame
        Rows with ``dataset, pipeline, subject, score``; a subject's rows (sessions, seeds) are
        averaged.
    summary : pandas.DataFrame
        With ``dataset, metric, pipeline, mean, sd, reference, chance``, as
        :func:`eegsep.studies.benchmark.summarise` makes it.
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
        plural = "" if n_subjects == 1 else "s"
        ax.set_title(f"{dataset} ({n_subjects} subject{plural})", fontsize=9)
        metric = part["metric"].iloc[0]
        ax.set_xlabel(_METRICS.get(metric, metric), fontsize=9)
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
        sd = "" if np.isnan(record["sd"]) else f" ± {record['sd']:.2f}"
        ax.annotate(
            f"{record['mean']:.2f}{sd}",
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
    ax.tick_params(axis="x", labelsize=8)
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
        Each row: the patterns, the spatial filters beside them, and the temporal filter's
        amplitude response, with grey over frequencies that the recording's own filter took away.
        Each map has its own scale, from minus to plus its largest value.

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
    n_filters, depth = classifier.F1, classifier.D
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
                limit = np.abs(maps[row, d]).max() or 1.0
                mne.viz.plot_topomap(
                    maps[row, d],
                    info,
                    axes=ax,
                    vlim=(-limit, limit),
                    cmap="RdBu_r",
                    sensors=False,
                    contours=4,
                    sphere=_HEAD,
                    extrapolate="local",  # nothing is known far from the electrodes
                    show=False,
                )
                if row == 0:
                    ax.set_title(f"{kind} {d + 1}", fontsize=8)
        axes[row, 0].set_ylabel(f"{row + 1}", fontsize=8, rotation=0, labelpad=8, va="center")
        band = info["highpass"], info["lowpass"]
        _plot_response(axes[row, -1], freqs, responses[row], band, last=row == n_filters - 1)
    axes[0, -1].set_title("temporal filter", fontsize=8)
    if title:
        figure.suptitle(title, fontsize=9)
    return figure


def _amplitude_responses(classifier, sfreq):
    """Frequencies (n_freqs,) in Hz and amplitude responses (F1, n_freqs), each of maximum 1."""
    kernels = classifier.module_.temporal.weight.detach().cpu().numpy()
    kernels = kernels.reshape(classifier.F1, -1)
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


def save(figure, file):
    """Write a figure as a picture.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    file : path-like
        Where to; the suffix tells the format.
    """
    # whatever the user's matplotlibrc says, pictures of a study look the same
    with mpl.rc_context({"savefig.bbox": None}):
        figure.savefig(file, dpi=200, facecolor="white")
