"""What figures share: colours, markers, width, words, and how they are drawn and saved.

Nothing is shown, and matplotlib's global state is left alone.
"""

import textwrap

import matplotlib as mpl
from matplotlib.ticker import FuncFormatter

from eegsep._utils.columns import count_subjects
from eegsep._utils.tables import written_aside

# Okabe & Ito's colours, which colour-blind readers tell apart.
BLUE, ORANGE, BLACK = "#0072B2", "#D55E00", "#000000"
GREY = "#999999"
# What tells variants of a network apart: colour and marker, in black and white too.
COLORS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "osD^vPX<>*p"
WIDTH = 7.0  # inches: the text width of a paper's page
# Scores are kept from 0 to 1 and read × 100, as in tables.
PERCENT = FuncFormatter(lambda value, _: f"{100 * value:g}")


def color_and_marker(k):
    """Return the looks of the k-th variant or class."""
    return COLORS[k % len(COLORS)], _MARKERS[k % len(_MARKERS)]


def say_dataset(dataset, n_subjects, width):
    """Name a dataset and its number of subjects, in lines: codes of changed datasets are long."""
    subjects = f"({count_subjects(n_subjects)})"
    if len(f"{dataset} {subjects}") <= width:
        return f"{dataset} {subjects}"
    return "\n".join([*textwrap.wrap(dataset, width), subjects])


def trim(ax):
    """Give an axes small labels, and no lines above and at the right."""
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)


def settings():
    """Have figures look the same whatever the user's matplotlibrc says, and names be no formulae.

    Returns
    -------
    context : context manager
        Figures are to be drawn and saved in it.

    Examples
    --------
    >>> from eegsep.presentation.figures import plot_confusion, settings
    >>> with settings():
    ...     figure = plot_confusion([[18, 2], [5, 15]], ["left hand", "right hand"])
    ...     figure.savefig("confusion.svg")
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

    Examples
    --------
    >>> from eegsep.presentation.figures import plot_confusion, save
    >>> save(plot_confusion([[18, 2], [5, 15]], ["left hand", "right hand"]), "confusion.pdf")
    """
    with settings(), written_aside(file) as aside:
        figure.savefig(aside, dpi=200, facecolor="white")
