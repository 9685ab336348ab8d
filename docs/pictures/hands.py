"""Draw the first picture of README: what recurs over ten fits to one person's imagined fists.

eegsep inspect PhysionetMI --subjects 7 --seeds 2 --eeg-reference average --output FOLDER
python docs/pictures/hands.py FOLDER
"""

import sys
from pathlib import Path

import matplotlib as mpl
import mne
import numpy as np
from matplotlib.figure import Figure

from eegsep.presentation.figures.style import BLUE, ORANGE
from eegsep.studies.inspected import load

HEAD = (0.0, 0.015, 0.0, 0.1)  # centre and radius of the head that is drawn, in m
PICTURE = Path(__file__).parent / "hands.png"


def draw(inspection):
    """Draw the two leading clusters side by side: pattern, frequencies, and what they are worth."""
    agreed, said = inspection.consensus, inspection.summary()
    figure = Figure(figsize=(9, 7.4), layout="constrained", dpi=110)
    axes = figure.subplots(3, 2, height_ratios=[3.2, 1.1, 0.6])
    # the left side of the head at the left
    leading = agreed.clusters[:2]
    xs = [each["loc"][0] for each in agreed.info["chs"]]
    leading = sorted(leading, key=lambda cluster: xs[np.abs(cluster.pattern).argmax()])
    most = max(cluster.relevance.max() for cluster in leading)
    for (top, middle, bottom), cluster in zip(axes.T, leading, strict=True):
        limit = np.abs(cluster.pattern).max()
        mne.viz.plot_topomap(
            cluster.pattern,
            agreed.info,
            axes=top,
            vlim=(-limit, limit),
            cmap="RdBu_r",
            contours=5,
            sphere=HEAD,
            sensors="k,",
            show=False,
        )
        largest = agreed.info["ch_names"][np.abs(cluster.pattern).argmax()]
        top.set_title(
            f"largest at {largest},\nin {cluster.n_fits} of {agreed.n_fits} fits",
            fontsize=19,
        )
        shown = agreed.freqs <= 40
        middle.fill_between(
            agreed.freqs[shown], cluster.spectrum[shown], color=BLUE, alpha=0.35, lw=0
        )
        middle.plot(agreed.freqs[shown], cluster.spectrum[shown], color=BLUE, lw=2)
        middle.set(xlim=(0, 40), yticks=[], xticks=[0, 10, 20, 30, 40])
        middle.set_ylim(0, None)
        middle.tick_params(labelsize=15)
        middle.text(
            0.98,
            0.9,
            f"{cluster.peak_freq:.1f} Hz",
            transform=middle.transAxes,
            ha="right",
            va="top",
            fontsize=19,
        )
        middle.set_xlabel("Hz", fontsize=15, labelpad=0)
        names = [str(name).replace("_", " ") for name in agreed.classes]
        bottom.barh(names, cluster.relevance, color=[ORANGE, BLUE], height=0.72)
        bottom.set_xlim(0, 1.05 * most)
        bottom.set_xticks([])
        bottom.invert_yaxis()
        bottom.tick_params(axis="y", labelsize=17, length=0)
        bottom.set_title("what decisions lose without it", fontsize=15, loc="left")
        for ax in (middle, bottom):
            ax.spines[["top", "right", "left"]].set_visible(False)
    axes[2, 1].set_yticklabels([])
    figure.suptitle(
        "Left or right fist? Imagined, read from 64 electrodes\n"
        f"left-out trials: ROC-AUC {said['score']:.2f}   "
        f"maps: reliability {said['trained']:.2f}",
        fontsize=20,
    )
    return figure


if __name__ == "__main__":
    mpl.use("agg")
    (inspected,) = load(sys.argv[1]).subjects.values()
    draw(inspected).savefig(PICTURE)
