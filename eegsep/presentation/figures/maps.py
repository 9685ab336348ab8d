"""Scalp maps of what networks learned, with the frequencies and the relevance of each component.

A row a temporal filter, a component, or a cluster of components of several fits.
"""

import matplotlib as mpl
import mne
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from eegsep.inspection.poles import say_poles

from .style import BLACK, BLUE, GREY, ORANGE, WIDTH, color_and_marker

# Centre and radius, in m, of the head that maps are drawn on. In MNE's coordinates the middle of a
# head lies before the line between the ears: on MNE's own sphere frontal electrodes fall outside.
_HEAD = (0.0, 0.015, 0.0, 0.1)
_MAP_COLORS = "RdBu_r"
# Electrodes are drawn where they are few enough to be told apart on a small map.
_MOST_DOTS = 32
_NO_POSITIONS = (
    "maps need electrode positions: fit on Epochs that have a montage "
    '(raw.set_montage("standard_1005") before the trials are cut)'
)


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

    Examples
    --------
    >>> import mne
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier
    >>> from eegsep.presentation.figures import plot_maps
    >>> info = mne.create_info(["C3", "Cz", "C4", "Pz"], sfreq=128, ch_types="eeg")
    >>> X, y = np.random.default_rng(0).normal(scale=1e-5, size=(24, 4, 64)), np.arange(24) % 2
    >>> epochs = mne.EpochsArray(X, info.set_montage("standard_1020"))
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> figure = plot_maps(clf.fit(epochs, y), clf.patterns_)
    """
    info = _located(classifier.info_)
    if classifier.spatial != "depthwise":
        raise ValueError("a row a temporal filter needs depthwise spatial filters")
    n_filters, depth = classifier.module_.F1, classifier.D
    filters = classifier.filters_.reshape(n_filters, depth, -1)
    columns = [("filter", filters)]
    if patterns is not None:
        patterns = patterns.reshape(filters.shape)
        # a component's sign is arbitrary, but its filter and its pattern share it
        filters = filters * np.sign((filters * patterns).sum(axis=-1, keepdims=True))
        columns = [("pattern", patterns), ("filter", filters)]

    n_maps = len(columns) * depth
    figure = Figure(figsize=(WIDTH, 0.75 + 0.95 * n_filters), layout="constrained")
    axes = figure.subplots(n_filters, n_maps + 1, squeeze=False, width_ratios=[1] * n_maps + [1.9])
    freqs, responses = _amplitude_responses(classifier, info["sfreq"])
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
    ax.fill_between(freqs[shown], response[shown], color=BLUE, alpha=0.3, lw=0)
    ax.plot(freqs[shown], response[shown], color=BLUE, linewidth=1)
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

    Examples
    --------
    >>> import mne
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, components
    >>> from eegsep.presentation.figures import plot_components
    >>> info = mne.create_info(["C3", "Cz", "C4", "Pz"], sfreq=128, ch_types="eeg")
    >>> X, y = np.random.default_rng(0).normal(scale=1e-5, size=(24, 4, 64)), np.arange(24) % 2
    >>> epochs = mne.EpochsArray(X, info.set_montage("standard_1020"))
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> figure = plot_components(components(clf.fit(epochs, y)), picks=[0, 1])
    """
    info = _located(components.info)
    worth = components.relevance
    if picks is None:
        picks = components.leading()
    columns = {"pattern": 1, "spatial filter": 1, "temporal filter": 1.5, "frequency pattern": 1.7}
    figure, axes = _rows_of_maps(len(picks), columns, worth is not None)
    last = len(picks) - 1
    starts = np.unique(components.starts)
    for i, (row, k) in enumerate(zip(axes, picks, strict=True)):
        _plot_map(row[0], components.patterns[k], info)
        _plot_map(row[1], components.filters[k], info)
        kernel = components.kernels[k]
        seconds = np.arange(len(kernel)) / info["sfreq"]
        row[2].axhline(0, color=GREY, linewidth=0.5)
        row[2].plot(1e3 * seconds, kernel, color=BLUE, linewidth=1)
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

    Examples
    --------
    >>> import mne
    >>> import numpy as np
    >>> from eegsep import EEGNetClassifier, consensus
    >>> from eegsep.inspection import cross_components
    >>> from eegsep.presentation.figures import plot_consensus
    >>> info = mne.create_info(["C3", "Cz", "C4", "Pz"], sfreq=128, ch_types="eeg")
    >>> X, y = np.random.default_rng(0).normal(scale=1e-5, size=(24, 4, 64)), np.arange(24) % 2
    >>> epochs = mne.EpochsArray(X, info.set_montage("standard_1020"))
    >>> clf = EEGNetClassifier(max_epochs=2, random_state=0)
    >>> fits = cross_components(clf, epochs, y, cv=2)
    >>> figure = plot_consensus(consensus(fits), n_clusters=2)
    """
    info = _located(consensus.info)
    clusters = consensus.clusters[:n_clusters]
    known = clusters[0].relevance is not None
    columns = {"pattern": 1, "± sd of pattern": 1, "spatial filter": 1, "frequency pattern": 1.9}
    figure, axes = _rows_of_maps(len(clusters), columns, known)
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
            color=ORANGE if cluster.single else BLACK,
        )
    _add_color_bar(axes[-1][:3])
    if known:
        relevances = np.stack([cluster.relevance for cluster in clusters])
        _plot_relevances([row[4] for row in axes], relevances, consensus.classes)
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
        raise ValueError(_NO_POSITIONS)
    return info


def _rows_of_maps(n_rows, columns, with_relevance):
    """Make a figure of rows under the names of columns, which are as wide as it is said."""
    columns = columns | ({"relevance (nats)": 1.4} if with_relevance else {})
    figure = Figure(figsize=(WIDTH, 0.8 + 0.95 * n_rows), layout="constrained")
    ratios = list(columns.values())
    axes = figure.subplots(n_rows, len(columns), squeeze=False, width_ratios=ratios)
    for ax, name in zip(axes[0], columns, strict=True):
        ax.set_title(name, fontsize=8)
    return figure, axes


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
        colors = [color_and_marker(k)[0] for k in range(1, len(classes) + 1)]
        ax.barh(np.arange(len(classes)), values, color=colors, height=0.7)
        ax.axvline(0, color=BLACK, linewidth=0.6)
        ax.set_xlim(low - margin, high + margin)
        ax.set_ylim(len(classes) - 0.4, -0.6)
        ax.set_yticks(np.arange(len(classes)), [str(label) for label in classes], fontsize=7)
        ax.yaxis.tick_right()
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_locator(MaxNLocator(3))
        ax.tick_params(axis="x", labelsize=7, labelbottom=ax is axes[-1])
        ax.spines[["top", "right", "left"]].set_visible(False)
